"""The whole way under everything at once, and through a long outage with default options."""

import asyncio
import time
from collections import Counter

import pytest

from asyncsdk import AsyncAnalytics
from asyncsdk.collector import Collector, Fault
from asyncsdk.ledger import Statistics
from tests.street.walking import BLANK, adds_up, letters, to, track, until

EVENTS = 100_000
BAD = 50
BAD_ONES = set(range(1_000, EVENTS, (EVENTS - 1_000) // BAD)[:BAD])

pytestmark = pytest.mark.whole_way


async def sample(analytics: AsyncAnalytics, samples: list[Statistics]) -> None:
    """Read the counts again and again."""
    while True:
        samples.append(analytics.statistics())
        await asyncio.sleep(0.004)


@pytest.mark.repeats
async def test_a_hundred_thousand_events_through_a_bad_day() -> None:
    """503s, resets, cut answers, hangs and 50 bad events: the 50 are named, all others arrive."""
    faults = [
        Fault(kind="status", status=503, share=0.20),
        Fault(kind="reset", share=0.05),
        Fault(kind="truncate", share=0.02),
        Fault(kind="hang", share=0.01),
    ]
    samples: list[Statistics] = []
    bad: set[str] = set()
    good: set[str] = set()
    async with Collector(faults=faults) as collector:
        analytics = AsyncAnalytics(
            to(collector),
            max_retries=20,
            retry_base=0.01,
            retry_cap=0.1,
            timeout=0.5,
            max_queue_events=200_000,
        )
        async with analytics:
            watching = asyncio.ensure_future(sample(analytics, samples))
            for number in range(EVENTS):
                user = BLANK if number in BAD_ONES else f"u-{number % 1000}"
                receipt = await track(analytics, number, user=user)
                (bad if number in BAD_ONES else good).add(receipt.message_id)
                if number % 200 == 0:
                    samples.append(analytics.statistics())
            result = await analytics.flush(timeout=100)
            watching.cancel()
            dead = await letters(analytics)
        arrived = collector.message_ids()
        summary = collector.summary()
    assert len(samples) >= 1_000
    assert [one for one in samples if not adds_up(one)] == []
    assert len({one.delivered for one in samples}) > 50  # they were taken on the way
    assert (result.pending, result.dropped, result.dead) == (0, 0, 0)
    assert {letter.message_id for letter in dead} == bad
    assert {(letter.state, letter.status, letter.reason) for letter in dead} == {
        ("rejected", 400, "HTTP 400: request neither has anonymousId nor userId")
    }
    assert arrived.keys() == good
    assert {"503", "400", "none", "200"} <= summary.by_status.keys()


async def test_with_default_options_a_server_dead_for_twenty_seconds_loses_nothing() -> None:
    """It goes away in the middle of the stream and comes back at the same address."""
    collector = Collector()
    await collector.start()
    async with AsyncAnalytics(to(collector)) as analytics:
        ids = [track(analytics, number).message_id for number in range(100)]
        await until(lambda: collector.events)
        await collector.stop()
        for number in range(100, 300):
            ids += [track(analytics, number).message_id]
            await asyncio.sleep(0.1)
        await collector.start()
        ids += [track(analytics, number).message_id for number in range(300, 400)]
        began = time.monotonic()
        result = await analytics.flush(timeout=60)
        took = time.monotonic() - began
        counts = analytics.statistics()
    await collector.stop()
    assert (result.pending, counts.delivered, counts.dropped) == (0, 400, 0)
    assert collector.message_ids() == Counter(ids)
    assert counts.failures > 1
    assert took < 45.0  # the cap of the back-off, its jitter, and some air
