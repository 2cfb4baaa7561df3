"""Ctrl-C as a cancellation: the first one ends the work in order, the second one at once."""

import asyncio
import signal
from collections.abc import Awaitable
from contextlib import suppress

#: The exit code that a shell expects of a program that Ctrl-C ended.
INTERRUPTED = 130


def interrupt_by_cancelling() -> None:
    """Let every Ctrl-C cancel the current task, and nothing else.

    asyncio.run does so for the first one; its second is a KeyboardInterrupt in whatever code runs
    at that moment. Where loops hear no signals, or Ctrl-C is ignored, all stays as it is.
    """
    task = asyncio.current_task()
    if task is None or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return
    with suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)


async def until_interrupted(work: Awaitable[None]) -> bool:
    """Await *work* in the main task and return whether Ctrl-C ended it.

    After that the task goes on as if nothing had been asked of it, to end things in order. A
    limit belongs inside *work*: a scope around this would look like Ctrl-C.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        await work
    except asyncio.CancelledError:
        if task is None or task.cancelling() <= before:
            raise
        task.uncancel()
        return True
    return False
