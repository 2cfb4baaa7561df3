"""Bells: waking those who wait, on the loop on which they wait."""

import asyncio

import pytest

from asyncsdk.outside import Bell


async def test_a_ring_wakes_everybody_who_waits_now() -> None:
    """Two waiters, one ring."""
    bell = Bell()
    waits = [asyncio.create_task(bell.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    bell.ring()
    async with asyncio.timeout(5):
        await asyncio.gather(*waits)


async def test_a_ring_is_not_kept() -> None:
    """Who comes later waits for the next one."""
    bell = Bell()
    bell.ring()
    late = asyncio.create_task(bell.wait())
    await asyncio.sleep(0.01)
    assert not late.done()
    bell.ring()
    await late


async def test_a_wait_ends_by_itself_when_its_time_is_up() -> None:
    """Nobody has to ring."""
    bell = Bell()
    async with asyncio.timeout(5):
        await bell.wait(0.01)
    bell.ring()  # nobody waits any more


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """The next ring finds only those who still wait."""
    bell = Bell()
    gone = asyncio.create_task(bell.wait(60))
    stays = asyncio.create_task(bell.wait())
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    bell.ring()
    await stays


def test_a_bell_belongs_to_no_loop() -> None:
    """Who waited on a loop that was closed under it is forgotten."""
    bell = Bell()
    first = asyncio.new_event_loop()
    task = first.create_task(bell.wait())
    first.run_until_complete(asyncio.sleep(0))
    task.cancel()
    first.run_until_complete(asyncio.gather(task, return_exceptions=True))
    first.close()

    async def second() -> None:
        waits = asyncio.create_task(bell.wait())
        await asyncio.sleep(0)
        bell.ring()
        await waits

    asyncio.run(second())


async def test_who_waits_on_another_loop_is_woken_there() -> None:
    """At once, and not by touching that loop: one that is debugged raises if somebody does."""
    bell = Bell()
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def elsewhere() -> None:
        asyncio.get_running_loop().call_soon(loop.call_soon_threadsafe, ready.set)
        async with asyncio.timeout(5):
            await bell.wait()

    thread = asyncio.create_task(asyncio.to_thread(asyncio.run, elsewhere(), debug=True))
    await ready.wait()
    bell.ring()
    await thread


def test_a_ring_after_the_loop_was_closed_is_harmless() -> None:
    """A client whose loop ended may still be told things."""
    bell = Bell()
    loop = asyncio.new_event_loop()
    wait = bell.wait()
    task = loop.create_task(wait)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    bell.ring()
    assert not task.done()
    wait.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # left behind on purpose
