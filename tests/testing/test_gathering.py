"""What happens to a lively application's small chunks? They share requests, unless somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from asyncsdk import AsyncAnalytics, Receipt
from asyncsdk.batching import GATHERING
from tests.testing.scripted import Act, Gateway, client, in_turn, track


async def lively(analytics: AsyncAnalytics, seconds: float, *, pause: float = 0.01) -> int:
    """Make a call now and then for some *seconds*; return how many."""
    count = round(seconds / pause)
    for number in range(count):
        track(analytics, number)
        await asyncio.sleep(pause)
    return count


async def test_a_lively_application_makes_five_requests_a_second() -> None:
    """Not a hundred: a request costs the loop as much as fifty events. The first goes at once."""
    gateway = Gateway()
    async with client(gateway, flush_at=1) as analytics:
        count = await lively(analytics, 10.0)
    assert gateway.kept["here"] == list(range(count))
    assert len(gateway.asked) == pytest.approx(10.0 / GATHERING, abs=2)
    assert gateway.asked[0].numbers == [0]
    assert gateway.times[1] - gateway.times[0] == pytest.approx(GATHERING, abs=0.001)


async def test_after_a_pause_events_go_at_once() -> None:
    """Gathering is for what comes behind a request, not for every event."""
    gateway = Gateway()
    async with client(gateway, flush_at=2) as analytics:
        for number in range(6):
            track(analytics, number)
            if number % 2:
                called = asyncio.get_running_loop().time()
                await asyncio.sleep(GATHERING)
                assert gateway.times[-1] == pytest.approx(called, abs=0.001)
    assert [asked.numbers for asked in gateway.asked] == [[0, 1], [2, 3], [4, 5]]


async def test_a_full_request_does_not_wait() -> None:
    """There is nothing to gather: a fast producer is not slowed down."""
    gateway = Gateway()
    began = asyncio.get_running_loop().time()
    async with client(gateway, flush_at=5, max_batch_events=10) as analytics:
        for number in range(1_000):
            track(analytics, number)
            await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert len(gateway.asked) >= 99
    assert gateway.times[-1] - began < GATHERING
    assert gateway.kept["here"] == list(range(1_000))


async def wait_for_receipt(_analytics: AsyncAnalytics, receipt: Receipt) -> None:
    """Wait as a handler does that must know."""
    await receipt.delivered()


async def wait_for_flush(analytics: AsyncAnalytics, _receipt: Receipt) -> None:
    """Wait as a job does between its parts."""
    await analytics.flush()


async def wait_for_shutdown(analytics: AsyncAnalytics, _receipt: Receipt) -> None:
    """Wait as a program does at its end."""
    await analytics.shutdown()


@pytest.mark.parametrize("wait", [wait_for_receipt, wait_for_flush, wait_for_shutdown])
@pytest.mark.parametrize("sealed", [False, True])
async def test_nobody_who_waits_sits_it_out(
    wait: Callable[[AsyncAnalytics, Receipt], Awaitable[None]], *, sealed: bool
) -> None:
    """Whether the event is in the open chunk still, or gathers already."""
    gateway = Gateway()
    loop = asyncio.get_running_loop()
    analytics = client(gateway, flush_at=2)
    await track(analytics, 0).delivered()
    track(analytics, 1)
    gathers = track(analytics, 2)
    await asyncio.sleep(0.01)
    receipt = gathers if sealed else track(analytics, 3)
    called = loop.time()
    await wait(analytics, receipt)
    assert loop.time() - called < 0.001
    assert receipt.state.value == "delivered"
    await analytics.shutdown()


async def test_one_who_waits_hastens_nobody_behind_him() -> None:
    """What comes later gathers again."""
    gateway = Gateway()
    async with client(gateway, flush_at=1) as analytics:
        await track(analytics, 0).delivered()
        await track(analytics, 1).delivered()
        await lively(analytics, 2 * GATHERING)
    assert len(gateway.asked) <= 5


async def test_a_queue_is_not_filled_by_gathering() -> None:
    """A quarter of it goes at once, so that a lively application loses nothing."""
    gateway = Gateway()
    async with client(gateway, flush_at=1, max_queue_events=20) as analytics:
        count = await lively(analytics, 1.0, pause=0.001)
        assert analytics.statistics().dropped == 0
    assert gateway.kept["here"] == list(range(count))


async def test_nothing_gathers_for_longer_than_it_may_wait_anyhow() -> None:
    """Whoever asks for a short `flush_interval` gets it here as well."""
    gateway = Gateway()
    async with client(gateway, flush_at=1, flush_interval=0.05) as analytics:
        await lively(analytics, 1.0)
    assert len(gateway.asked) == pytest.approx(20, abs=2)


async def test_a_slow_server_is_not_made_slower() -> None:
    """While it takes its time, events gather anyhow: the next request goes with its answer."""
    gateway = Gateway(in_turn(then=Act(after=1.0)))
    async with client(gateway, flush_at=1) as analytics:
        await lively(analytics, 5.0)
    gaps = [after - before for before, after in zip(gateway.times, gateway.times[1:], strict=False)]
    assert gaps == pytest.approx([1.0] * len(gaps), abs=0.001)
