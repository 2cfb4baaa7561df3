"""The loop whose clock jumps: exact, never ahead of threads, and without sockets."""

import asyncio
import threading
import time

import anyio
import pytest

from asyncsdk.testing import VirtualTimeLoop


def clock() -> float:
    """Return the seconds of the running loop."""
    return asyncio.get_running_loop().time()


async def test_hours_pass_in_a_moment_and_to_the_second() -> None:
    """Nothing but waiting moves the clock, and waiting moves it by what was asked."""
    began, here = time.monotonic(), clock()
    for _ in range(1_000):
        await asyncio.sleep(3_600)
    assert clock() - here == 3_600_000
    assert time.monotonic() - began < 5.0


async def test_timers_fire_in_their_order_and_at_their_times() -> None:
    """Whatever the order in which they were set."""
    here = clock()
    fired: list[tuple[str, float]] = []

    async def fire(name: str, after: float) -> None:
        """Note when it was its turn."""
        await asyncio.sleep(after)
        fired.append((name, round(clock() - here, 6)))

    async with asyncio.TaskGroup() as group:
        for name, after in (("day", 86_400.0), ("second", 1.0), ("hour", 3_600.0), ("now", 0.0)):
            group.create_task(fire(name, after))
    assert fired == [("now", 0.0), ("second", 1.0), ("hour", 3_600.0), ("day", 86_400.0)]


async def test_work_takes_no_time() -> None:
    """A task that computes, or yields again and again, does not move the clock."""
    here = clock()
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert clock() == here


async def test_deadlines_come_when_they_should() -> None:
    """asyncio's own and anyio's."""
    here = clock()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(600):
            await asyncio.Event().wait()
    with anyio.move_on_after(60) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert clock() - here == 660


async def test_a_thread_at_work_holds_the_clock() -> None:
    """Its result is there before the next timer, however short that is."""
    here = clock()
    async with asyncio.timeout(0.001):
        assert await asyncio.to_thread(_slowly, 7) == 7
    assert clock() == here


def _slowly(value: int) -> int:
    time.sleep(0.05)
    return value


async def test_a_wake_up_from_another_thread_is_heard() -> None:
    """A loop without timers waits for it, as every loop does."""
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()
    thread = threading.Timer(0.05, loop.call_soon_threadsafe, [woken.set])
    thread.start()
    await woken.wait()
    thread.join()


async def test_sockets_are_refused_in_words_that_say_what_to_do() -> None:
    """Else a connection would run into its timeout before its first byte."""
    with pytest.raises(RuntimeError, match="transport="):
        await asyncio.open_connection("127.0.0.1", 9)


def test_a_second_loop_goes_on_where_the_first_one_ended() -> None:
    """A client that moves from loop to loop sees one clock."""
    first = VirtualTimeLoop()
    first.run_until_complete(asyncio.sleep(5.0))
    first.close()
    second = VirtualTimeLoop(first.time())
    second.run_until_complete(asyncio.sleep(5.0))
    second.close()
    assert second.time() == 10.0


def test_it_serves_asyncio_and_anyio_alike() -> None:
    """As the factory of a runner, the executor's end included, and as an option of anyio."""

    async def main() -> float:
        """Use a thread, then wait."""
        await asyncio.to_thread(_slowly, 1)
        await anyio.sleep(100.0)
        return clock()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(main()) == 100.0
    assert anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop}) == 100.0
