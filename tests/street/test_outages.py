"""What an outage costs the server, the application and the events."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics
from asyncsdk.collector import Collector, Fault
from asyncsdk.receipts import State
from tests.street.walking import (
    adds_up,
    client,
    first_arrivals,
    letters,
    numbers,
    track,
    until,
)
from tests.transports.lines import Peer, answer, free_port, hang, head, listening, raw

pytestmark = pytest.mark.whole_way

DOWN = Fault(kind="status", status=503)


async def requests_to_a_dead_server(events: int, together: asyncio.Barrier) -> int:
    """Queue *events* against a server that is down, and count what it gets in a while."""
    async with Collector(faults=[DOWN]) as collector:
        analytics = client(collector, retry_base=0.1, retry_cap=0.3, jitter=0.0, max_retries=10_000)
        for number in range(events):
            track(analytics, number)
        await together.wait()
        collector.clear()
        await asyncio.sleep(3.0)
        requests = len(collector.requests)
        await analytics.shutdown(timeout=0.0)
        return requests


async def test_ten_thousand_waiting_events_cost_a_dead_server_no_more_than_ten_do() -> None:
    """One pace a lane, not one timer a batch."""
    together = asyncio.Barrier(2)
    few, many = await asyncio.gather(
        requests_to_a_dead_server(10, together), requests_to_a_dead_server(10_000, together)
    )
    assert few > 3
    assert many <= few + 2


async def test_the_lane_widens_one_two_four_after_an_outage() -> None:
    """Many requests at once wait until a single one has got through."""
    active = most = 0
    widths: list[int] = []
    down = True

    async def act(peer: Peer) -> bool:
        """Answer after a moment, and note how many wait for an answer."""
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.03)
        widths.append(active)
        active -= 1
        await peer.say(head(503 if down else 200, length=0))
        return True

    async with listening(act) as line:
        analytics = client(line.url, concurrency=4, max_batch_events=5, flush_at=5)
        for number in range(200):
            track(analytics, number)
        await until(lambda: analytics.statistics().failures > 5)
        widths.clear()
        failing = widths.copy
        await until(lambda: len(widths) > 3)
        assert failing() == [1] * len(failing())
        down = False
        await asyncio.sleep(0.0)
        already, most = len(widths), 0
        await until(lambda: len(widths) > already + 12)
        assert (await analytics.shutdown()).pending == 0
    after = widths[already:]
    assert after[0] == 1
    assert most == 4


async def test_with_four_requests_at_once_nothing_is_lost(collector: Collector) -> None:
    """Order is given up for throughput, events are not."""
    collector.script(
        Fault(kind="status", status=503, share=0.2),
        Fault(kind="reset", share=0.1),
        Fault(kind="truncate", share=0.05),
    )
    analytics = client(collector, concurrency=4, max_batch_events=50, flush_at=50, max_retries=50)
    ids = {track(analytics, number).message_id for number in range(5_000)}
    result = await analytics.shutdown(timeout=60)
    assert (result.delivered, result.pending, result.dropped) == (5_000, 0, 0)
    assert collector.message_ids().keys() == ids


# Retry-After.


@pytest.mark.parametrize(("status", "form"), [(429, "seconds"), (503, "seconds"), (503, "date")])
async def test_retry_after_pauses_the_lane(status: int, form: str) -> None:
    """In seconds, or as a date against the answer's own clock, which may be wrong by a year."""
    now = datetime.now(UTC) - timedelta(days=365)
    asked = "1" if form == "seconds" else format_datetime(now + timedelta(seconds=1), usegmt=True)
    date = format_datetime(now, usegmt=True)
    wait = answer(status, b"wait", f"Retry-After: {asked}", f"Date: {date}")
    times: list[float] = []

    async def timed(peer: Peer) -> bool:
        """Note when it came; answer the first one otherwise."""
        times.append(time.monotonic())
        return await (wait if len(times) == 1 else answer())(peer)

    async with listening(timed) as line:
        analytics = client(line.url, concurrency=2, flush_at=1, max_batch_events=1)
        track(analytics, 1)
        await until(lambda: analytics.statistics().failures)
        track(analytics, 2)
        await asyncio.sleep(0.1)
        assert 0.5 < analytics.statistics().paused <= 1.0
        result = await analytics.flush()
        await analytics.shutdown()
    assert result.delivered == 2
    assert times[1] - times[0] >= 0.95


async def test_shutdown_does_not_cut_the_servers_pause_short() -> None:
    """Within the time that is left it waits; nothing is sent before."""
    times: list[float] = []

    async def timed(peer: Peer) -> bool:
        """Note when it came; answer the first one otherwise."""
        times.append(time.monotonic())
        first = len(times) == 1
        return await (answer(503, b"", "Retry-After: 1") if first else answer())(peer)

    async with listening(timed) as line:
        analytics = client(line.url, flush_at=1)
        track(analytics, 1)
        await until(lambda: analytics.statistics().failures)
        result = await analytics.shutdown(timeout=5)
    assert (result.delivered, result.dropped) == (1, 0)
    assert times[1] - times[0] >= 0.95


async def test_shutdown_cuts_our_own_pause_short(collector: Collector) -> None:
    """One last attempt is made at once, and gets through."""
    collector.script(Fault(kind="status", times=1))
    analytics = client(collector, retry_base=30.0, retry_cap=30.0, flush_at=1)
    track(analytics, 1)
    await until(lambda: analytics.statistics().failures)
    began = time.monotonic()
    result = await analytics.shutdown(timeout=5)
    assert (result.delivered, result.dropped) == (1, 0)
    assert time.monotonic() - began < 2.0


# Shutdown in bounded time, in every state.


async def drip(peer: Peer) -> bool:
    """Answer, one byte every now and then."""
    return await raw(head(length=1_000), *([b"x"] * 200), pause=0.05)(peer)


STATES: dict[str, Any] = {
    "hanging": hang,
    "503 for ever": answer(503, b""),
    "asks for an hour": answer(503, b"", "Retry-After: 3600"),
    "slow drip": drip,
    "wrong key": answer(401, b"invalid write key"),
    "refused": None,
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("before", [0.0, 0.3], ids=["at once", "in the middle"])
async def test_shutdown_keeps_its_time_and_says_what_was_lost(state: str, before: float) -> None:
    """Whatever the server does; each drop has its reason, hook and count."""
    drops: list[tuple[str, int]] = []
    async with listening(STATES[state] or hang) as line:
        url = line.url if STATES[state] else f"http://127.0.0.1:{free_port()}"
        analytics = client(
            url, timeout=30.0, max_retries=10_000, on_drop=lambda *drop: drops.append(drop)
        )
        receipts = [track(analytics, number) for number in range(50)]
        await asyncio.sleep(before)
        began = time.monotonic()
        result = await analytics.shutdown(timeout=1.0)
        took = time.monotonic() - began
        counts = analytics.statistics()
    assert took < 1.5
    assert (result.dropped, result.pending, result.delivered) == (50, 0, 0)
    assert counts.dropped_reasons == {"shutdown": 50}
    assert adds_up(counts)
    assert drops == [("shutdown", 50)]
    assert {receipt.state for receipt in receipts} == {State.DROPPED}
    assert await analytics.shutdown() == result


# When retries are spent.


async def test_spent_retries_make_dead_letters(collector: Collector) -> None:
    """After the first attempt and `max_retries` more; what comes later is tried anew."""
    collector.script(Fault(kind="status", status=500, body="broken", times=3))
    analytics = client(collector, max_retries=2)
    receipt = track(analytics, 1)
    result = await analytics.flush()
    (letter,) = await letters(analytics)
    assert (result.dead, receipt.state) == (1, State.DEAD)
    assert len(collector.requests) == 3
    assert (letter.state, letter.status, letter.attempts, letter.among) == ("dead", 500, 3, 1)
    assert letter.reason == "HTTP 500: broken"
    assert result.errors[0].code == "http_500"
    track(analytics, 2)
    assert (await analytics.shutdown()).delivered == 1


async def test_a_requeued_batch_goes_to_the_front_with_its_ids(collector: Collector) -> None:
    """The round is spent: one error, the flush ends, the lane rests, then all in order."""
    errors: list[str] = []
    kinds: list[str] = []
    collector.script(Fault(kind="status", status=503, times=3))
    analytics = client(
        collector,
        exhausted="requeue",
        max_retries=2,
        retry_cap=0.4,
        on_error=lambda error: errors.append(error.code),
        on_event=lambda kind, _: kinds.append(kind),
    )
    ids = [track(analytics, number).message_id for number in range(30)]
    result = await analytics.flush(timeout=10)
    requests = len(collector.requests)
    ids += [track(analytics, number).message_id for number in range(30, 60)]
    assert (result.pending, result.dead, result.dropped) == (30, 0, 0)
    assert result.duration < 5
    assert (requests, errors, kinds.count("requeued")) == (3, ["http_503"], 1)
    assert analytics.statistics().paused > 0.1
    await until(lambda: len(collector.events) == 60)
    await analytics.shutdown()
    assert [event.message_id for event in collector.events] == ids
    assert numbers(collector.events) == list(range(60))


async def test_a_requeued_batch_dies_of_age(collector: Collector) -> None:
    """`max_age` ends the rounds."""
    collector.script(DOWN)
    analytics = client(
        collector, exhausted="requeue", max_retries=1, max_age=0.3, retry_base=0.02, retry_cap=0.05
    )
    track(analytics, 1)
    await until(lambda: analytics.statistics().dead)
    (letter,) = await letters(analytics)
    assert (letter.state, letter.status) == ("dead", 503)
    assert len(collector.requests) > 2
    await analytics.shutdown()


async def test_age_is_each_events_own(collector: Collector) -> None:
    """An event that just came does not die with the old ones it travels with."""
    collector.script(DOWN)
    analytics = client(collector, max_age=0.6, max_retries=10_000, flush_at=1)
    for number in range(10):
        track(analytics, number)
        await asyncio.sleep(0.1)
    await until(lambda: analytics.statistics().dead >= 3)
    collector.script()
    await analytics.shutdown()
    counts = analytics.statistics()
    dead = [letter.event["properties"]["n"] for letter in await letters(analytics)]
    assert counts.dead + counts.delivered == 10
    assert counts.delivered >= 3
    assert dead == list(range(len(dead)))


async def test_age_alone_ends_retries_too(collector: Collector) -> None:
    """With dead letters, long before `max_retries` is reached."""
    collector.script(DOWN)
    analytics = client(collector, max_age=0.2, max_retries=10_000)
    receipt = track(analytics, 1)
    await until(lambda: receipt.state is State.DEAD)
    await analytics.shutdown()


# What repeats, and what does not.


async def test_sent_at_is_fresh_on_each_attempt_and_nothing_else_changes(
    collector: Collector,
) -> None:
    """The server computes an event's time from it; ids and all other bytes stay."""
    collector.script(Fault(kind="truncate", times=3))
    analytics = client(collector, retry_base=0.02)
    for number in range(5):
        track(analytics, number)
    await analytics.shutdown()
    attempts: list[list[dict[str, Any]]] = [[], [], [], []]
    for event in collector.events:
        attempts[event.request - 1].append(dict(event.body))
    stamps = [{event.pop("sentAt") for event in attempt} for attempt in attempts]
    assert all(len(stamp) == 1 for stamp in stamps)
    assert len(set.union(*stamps)) == 4
    assert attempts[1:] == attempts[:1] * 3
    assert [event["properties"]["n"] for event in attempts[0]] == list(range(5))


async def test_only_lost_answers_make_duplicates(collector: Collector) -> None:
    """A refusal, a reset or a hang before the server's work repeats nothing."""
    collector.script(
        Fault(kind="status", times=3),
        Fault(kind="reset", times=3),
        Fault(kind="drop", times=3),
        Fault(kind="hang", times=1),
    )
    analytics = client(collector, timeout=0.2, max_retries=50)
    for number in range(1_000):
        track(analytics, number)
    await analytics.flush()
    assert collector.summary().duplicates == 0
    collector.clear()
    collector.script(Fault(kind="drop_after_head", times=1))
    track(analytics, 0)
    await analytics.shutdown()
    assert numbers(collector.events) == [0, 0]
    assert set(collector.message_ids().values()) == {2}


async def test_one_request_at_a_time_keeps_the_order_over_everything() -> None:
    """Failures, lost answers, splits, and a server that goes away and comes back."""
    faults = [
        Fault(kind="status", status=503, share=0.15),
        Fault(kind="reset", share=0.1),
        Fault(kind="truncate", share=0.05),
        Fault(kind="max_body", bytes=6_000, share=0.5),
    ]
    collector = Collector(faults=faults, seed=7)
    await collector.start()
    analytics = client(collector, max_retries=10_000, flush_at=10)
    for number in range(1_500):
        await track(analytics, number, user=" " if number % 301 == 300 else "u-1")
        if number == 700:
            await until(lambda: len(collector.events) > 100)
            await collector.stop()
            await asyncio.sleep(0.2)
            await collector.start()
    result = await analytics.flush(timeout=60)
    await analytics.shutdown()
    await collector.stop()
    good = [number for number in range(1_500) if number % 301 != 300]
    assert (result.pending, analytics.statistics().rejected) == (0, 4)
    assert first_arrivals(collector.events) == good


async def test_an_html_page_is_not_a_delivery() -> None:
    """A captive portal says 200 to everything."""
    page = answer(200, b"<html>log in</html>", "Content-Type: text/html")
    async with listening(page, page, answer()) as line:
        async with AsyncAnalytics(*client_destinations(line.url), retry_base=0.01) as analytics:
            receipt = track(analytics, 1)
            await receipt.delivered(timeout=10)
        assert len(line.asked) == 3


def client_destinations(url: str) -> tuple[Any, ...]:
    """Return the destination of a line."""
    from tests.street.walking import to

    return (to(url),)
