"""One bad event does not take the good ones with it, and a bad lane burns nothing."""

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncsdk.collector import Collector, Fault
from asyncsdk.receipts import State
from tests.street.walking import BLANK, adds_up, client, letters, numbers, track, until

pytestmark = pytest.mark.whole_way

REFUSES_ALL = Fault(kind="status", status=400, body="no")


async def send(collector: Collector, total: int, bad: set[int]) -> tuple[list[int], list[int], int]:
    """Send *total* events in one batch; return who arrived, who was rejected, and the requests."""
    collector.clear()
    analytics = client(collector, flush_at=total, flush_interval=0)
    for number in range(total):
        track(analytics, number, user=BLANK if number in bad else "u-1")
    result = await analytics.shutdown(timeout=20)
    rejected = [letter.event["properties"]["n"] for letter in await letters(analytics)]
    assert (result.pending, result.dropped) == (0, 0)
    assert adds_up(analytics.statistics())
    return numbers(collector.events), rejected, len(collector.requests)


def most_requests(total: int, bad: int) -> int:
    """Return how many requests a hunt for *bad* among *total* may cost: the tree's bound."""
    depth = max(total - 1, 1).bit_length()
    return min(2 * total - 1, 1 + 2 * bad * depth)


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, set[int]]:
    """Draw how many events there are, and up to four bad ones among them."""
    total = draw(st.integers(1, 40))
    bad = draw(st.sets(st.integers(0, total - 1), max_size=4))
    return total, bad - {0} if len(bad) == total > 1 else bad


@given(cases())
@settings(max_examples=25)
def test_exactly_the_guilty_are_rejected(case: tuple[int, set[int]]) -> None:
    """Wherever they stand: the good ones arrive in order, once, for a bounded number of requests."""
    total, bad = case

    async def go() -> tuple[list[int], list[int], int]:
        """Send them to a collector of their own."""
        async with Collector() as collector:
            return await send(collector, total, bad)

    arrived, rejected, requests = asyncio.run(go())
    assert arrived == [number for number in range(total) if number not in bad]
    assert sorted(rejected) == sorted(bad)
    assert requests <= most_requests(total, len(bad))


async def test_every_single_position_is_found(collector: Collector) -> None:
    """Of sixteen events each is the guilty one in turn, for nine requests at the most."""
    for guilty in range(16):
        arrived, rejected, requests = await send(collector, 16, {guilty})
        assert arrived == [number for number in range(16) if number != guilty]
        assert rejected == [guilty]
        assert requests <= 9


async def test_many_guilty_ones_in_a_large_batch(collector: Collector) -> None:
    """Five in a hundred of a thousand: all named, all others there."""
    bad = set(random.Random(3).sample(range(1_000), 50))
    arrived, rejected, requests = await send(collector, 1_000, bad)
    assert arrived == [number for number in range(1_000) if number not in bad]
    assert set(rejected) == bad
    assert requests <= most_requests(1_000, 50)


async def test_failures_on_the_way_do_not_confuse_the_hunt(collector: Collector) -> None:
    """503s, resets and lost answers between the halves."""
    collector.script(
        Fault(kind="status", status=503, share=0.2),
        Fault(kind="reset", share=0.1),
        Fault(kind="truncate", share=0.1),
    )
    bad = {3, 50, 51, 99}
    arrived, rejected, _ = await send(collector, 100, bad)
    assert list(dict.fromkeys(arrived)) == [number for number in range(100) if number not in bad]
    assert set(rejected) == bad


async def test_a_lone_event_that_is_refused_is_rejected_at_once(collector: Collector) -> None:
    """One request, no retry; the receipt raises what the server said."""
    analytics = client(collector)
    receipt = track(analytics, 1, user=BLANK)
    await analytics.flush()
    await analytics.shutdown()
    assert len(collector.requests) == 1
    outcome = receipt.outcomes["here"]
    assert (outcome.state, outcome.status) == (State.REJECTED, 400)
    assert outcome.error is not None
    assert outcome.error.code == "http_400"


async def test_a_body_that_is_too_large_is_halved(collector: Collector) -> None:
    """413: until the parts fit; every event arrives, in order."""
    collector.script(Fault(kind="max_body", bytes=2_000))
    arrived, rejected, _ = await send(collector, 64, set())
    assert (arrived, rejected) == (list(range(64)), [])


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_an_event_that_is_too_large_alone_is_rejected(
    collector: Collector, count: int
) -> None:
    """413 on one event is its own fault, also where all are too large; the lane goes on."""
    collector.script(Fault(kind="max_body", bytes=2_000))
    analytics = client(collector, flush_at=100)
    for number in range(count):
        analytics.track("Large", user_id="u", properties={"n": number, "text": "x" * 4_000})
    track(analytics, 99)
    result = await analytics.flush()
    await analytics.shutdown()
    assert (result.rejected, result.delivered, result.pending) == (count, 1, 0)
    assert {(letter.status, letter.among) for letter in await letters(analytics)} == {(413, 1)}


async def test_where_everything_is_refused_the_lane_stands_still_and_burns_nothing(
    collector: Collector,
) -> None:
    """It is the lane's fault: few requests, then probes; once it is mended all arrive."""
    collector.script(REFUSES_ALL)
    analytics = client(collector, probe_after=0.3, probe_cap=0.3, flush_at=20)
    receipts = [track(analytics, number) for number in range(20)]
    result = await analytics.flush(timeout=20)
    counts = analytics.statistics()
    assert (result.pending, counts.rejected, counts.dead) == (20, 0, 0)
    assert counts.stopped
    assert len(collector.requests) <= 2 * 20
    assert {receipt.state for receipt in receipts} == {State.PENDING}
    await asyncio.sleep(1.0)
    assert analytics.statistics().rejected == 0
    # Between two probes: in the middle of one, the events would be refused whose turn it just was.
    await silence(collector, 0.15)
    collector.script()
    await until(lambda: analytics.statistics().delivered == 20)
    await analytics.shutdown()
    assert sorted(numbers(collector.events)) == list(range(20))
    assert analytics.statistics().stopped == ""


async def silence(collector: Collector, seconds: float) -> None:
    """Wait until nobody has asked anything for some *seconds*."""
    for _ in range(100):
        heard = len(collector.requests)
        await asyncio.sleep(seconds)
        if len(collector.requests) == heard:
            return
    pytest.fail("it never was")


async def test_probes_of_a_refused_lane_grow_rarer(collector: Collector) -> None:
    """While everything is refused, the pauses double."""
    collector.script(REFUSES_ALL)
    analytics = client(collector, probe_after=0.2, probe_cap=0.8)
    for number in range(2):
        track(analytics, number)
    await asyncio.sleep(1.8)
    times = [request.time for request in collector.requests]
    await analytics.shutdown(timeout=0)
    gaps = [late - early for early, late in pairwise(times)]
    pauses = [gap for gap in gaps if gap > 0.1]
    assert pauses == pytest.approx([0.2, 0.4, 0.8], abs=0.15)


async def test_bad_events_alone_do_not_hold_up_a_lane_for_ever(collector: Collector) -> None:
    """Two bad ones and nothing else look like a bad lane; after `max_retries` probes they go."""
    analytics = client(collector, probe_after=0.02, probe_cap=0.02, max_retries=2, flush_at=2)
    for number in range(2):
        track(analytics, number, user=BLANK)
    await until(lambda: len(collector.requests) >= 3)
    track(analytics, 2)
    track(analytics, 3)
    await until(lambda: analytics.statistics().delivered == 2)
    assert analytics.statistics().rejected == 2
    await analytics.shutdown()


async def test_when_the_server_is_mended_only_the_guilty_are_rejected(
    collector: Collector,
) -> None:
    """A bad event among those that a bad lane held back does not take them with it."""
    collector.script(REFUSES_ALL)
    analytics = client(collector, probe_after=0.05, probe_cap=0.05, max_retries=10, flush_at=8)
    for number in range(8):
        track(analytics, number, user=BLANK if number == 2 else "u-1")
    await until(lambda: analytics.statistics().stopped)
    collector.script()
    await until(lambda: not analytics.pending)
    await analytics.shutdown()
    assert sorted(numbers(collector.events)) == [0, 1, 3, 4, 5, 6, 7]
    assert [letter.event["properties"]["n"] for letter in await letters(analytics)] == [2]


async def test_a_hunt_without_a_find_goes_on_at_the_pace_of_probes(collector: Collector) -> None:
    """Refusal after refusal and nothing delivered: it looks like the lane, so it slows down."""
    collector.script(REFUSES_ALL)
    analytics = client(collector, probe_after=30.0, flush_at=500)
    for number in range(500):
        track(analytics, number)
    await until(lambda: analytics.statistics().stopped)
    await asyncio.sleep(0.1)
    assert len(collector.requests) <= 30
    assert analytics.statistics().rejected == 0
    await analytics.shutdown(timeout=0)


async def test_the_key_is_withdrawn_in_the_middle_of_a_hunt(collector: Collector) -> None:
    """The suspects wait with the others; with a good key again, only the guilty are rejected."""
    collector.script(
        Fault(kind="status", status=400, times=2), Fault(kind="status", status=401, times=1)
    )
    analytics = client(collector, probe_after=0.05, flush_at=8)
    for number in range(8):
        track(analytics, number, user=BLANK if number == 0 else "u-1")
    await until(lambda: not analytics.pending)
    await analytics.shutdown()
    assert numbers(collector.events) == list(range(1, 8))
    assert analytics.statistics().rejected == 1


async def test_retries_spent_in_the_middle_of_a_hunt_bury_only_that_part(
    collector: Collector,
) -> None:
    """The other half has attempts of its own."""
    collector.script(
        Fault(kind="status", status=400, times=1), Fault(kind="status", status=503, times=5)
    )
    analytics = client(collector, max_retries=2, flush_at=8)
    for number in range(8):
        track(analytics, number)
    await analytics.flush()
    counts = analytics.statistics()
    await analytics.shutdown()
    assert (counts.dead, counts.delivered) == (4, 4)
    assert numbers(collector.events) == [4, 5, 6, 7]


async def test_a_requeue_in_the_middle_of_a_hunt_loses_nothing(collector: Collector) -> None:
    """Suspects and unsent halves all go back to the front."""
    collector.script(
        Fault(kind="status", status=400, times=3), Fault(kind="status", status=503, times=4)
    )
    analytics = client(collector, max_retries=1, exhausted="requeue", flush_at=4)
    for number in range(4):
        track(analytics, number, user=BLANK if number == 0 else "u-1")
    await until(lambda: not analytics.pending)
    await analytics.shutdown()
    assert numbers(collector.events) == [1, 2, 3]
    assert analytics.statistics().rejected == 1
