"""Ctrl-C as a cancellation."""

import asyncio
import signal

import anyio
import pytest

from asyncsdk.cli.interrupting import interrupt_by_cancelling, until_interrupted


async def test_work_that_ends_was_not_interrupted() -> None:
    """The common case."""
    assert await until_interrupted(asyncio.sleep(0)) is False


async def test_a_cancelled_main_task_goes_on_once() -> None:
    """It can end things in order, and be cancelled again meanwhile."""

    async def main() -> str:
        """Be the main task."""
        assert await until_interrupted(asyncio.sleep(60))
        await asyncio.sleep(0.01)
        return "in order"

    task = asyncio.create_task(main())
    await asyncio.sleep(0.01)
    task.cancel()
    assert await task == "in order"


async def test_a_limit_within_the_work_is_no_interrupt() -> None:
    """Giving up for a reason of its own is an end of the work."""

    async def work() -> None:
        """Give up soon."""
        with anyio.move_on_after(0.01):
            await asyncio.sleep(60)

    assert await until_interrupted(work()) is False


async def test_a_cancellation_that_was_asked_for_by_the_work_passes() -> None:
    """Only one that is aimed at this task is Ctrl-C."""

    async def work() -> None:
        """End like somebody else's cancelled task."""
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await until_interrupted(work())


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="loops hear no signals there")
async def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """A program in the background is not to be ended by what is meant for another."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt_by_cancelling()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)
