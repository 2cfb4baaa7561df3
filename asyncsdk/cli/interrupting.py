"""Ctrl-C: asyncio.run cancels the main task once, and raises KeyboardInterrupt the second time."""

import asyncio
from collections.abc import Awaitable

#: The exit code that a shell expects of a program that Ctrl-C ended.
INTERRUPTED = 130


async def until_interrupted(work: Awaitable[None]) -> bool:
    """Await *work* in the main task and return whether Ctrl-C ended it.

    After that the task goes on as if nothing had been asked of it, to end things in order. A
    cancellation by a scope around this passes through.
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
