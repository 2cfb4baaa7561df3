"""What was refused or given up can be read, replayed and forgotten."""

import pytest

from asyncsdk import MemoryStore
from asyncsdk.collector import Collector, Fault
from asyncsdk.receipts import State
from tests.street.walking import BLANK, adds_up, client, letters, numbers, to, track, until

pytestmark = pytest.mark.whole_way

BROKEN = Fault(kind="status", status=500, body="broken")


async def test_a_letter_says_what_when_why_and_after_how_much(collector: Collector) -> None:
    """All its fields, for a refused event and for one that was given up."""
    collector.script(Fault(kind="status", status=500, body="broken", times=2))
    analytics = client(collector, max_retries=1, flush_at=2)
    first, second = track(analytics, 1), track(analytics, 2)
    await analytics.flush()
    third = track(analytics, 3, user=BLANK)
    await analytics.shutdown()
    dead, also, rejected = await letters(analytics)
    assert [dead.message_id, also.message_id, rejected.message_id] == [
        first.message_id,
        second.message_id,
        third.message_id,
    ]
    assert (dead.state, dead.status, dead.reason) == ("dead", 500, "HTTP 500: broken")
    assert (dead.attempts, dead.among, dead.key) == (2, 2, also.key)
    assert (rejected.state, rejected.status, rejected.attempts) == ("rejected", 400, 1)
    assert (rejected.destination, rejected.route, rejected.among) == ("here", "batch", 1)
    assert rejected.event["userId"] == BLANK
    assert rejected.event["properties"]["n"] == 3
    assert rejected.first_at == rejected.event["originalTimestamp"] <= rejected.died_at
    assert "sentAt" not in rejected.event
    assert "userId" not in repr(dead)
    assert "Step" not in repr(dead)


async def test_replay_keeps_the_ids_and_delivers(collector: Collector) -> None:
    """At the end of the queue, as new attempts; each counts as accepted once more."""
    collector.script(BROKEN)
    analytics = client(collector, max_retries=0, flush_at=3)
    ids = [track(analytics, number).message_id for number in range(3)]
    await analytics.flush()
    key = (await letters(analytics))[0].key
    collector.script(Fault(kind="status", status=503, times=0))
    track(analytics, 9)
    assert await analytics.replay() == 3
    assert await letters(analytics) == []
    await analytics.flush()
    counts = analytics.statistics()
    assert numbers(collector.events) == [9, 0, 1, 2]
    assert [event.message_id for event in collector.events][1:] == ids
    assert (counts.accepted, counts.replayed, counts.dead, counts.delivered) == (7, 3, 3, 4)
    assert adds_up(counts)
    assert key
    await analytics.shutdown()


async def test_what_dies_again_is_a_letter_again_under_its_key(collector: Collector) -> None:
    """A replay of all that died together keeps the key; of a part it gets one of its own."""
    collector.script(BROKEN)
    analytics = client(collector, max_retries=0, flush_at=3)
    receipts = [track(analytics, number) for number in range(3)]
    await analytics.flush()
    before = {letter.key for letter in await letters(analytics)}
    await analytics.replay()
    await analytics.flush()
    again = {letter.key for letter in await letters(analytics)}
    await analytics.replay(receipts[1].message_id)
    await analytics.flush()
    keys = {letter.message_id: letter.key for letter in await letters(analytics)}
    await analytics.shutdown()
    assert before == again
    assert keys[receipts[1].message_id] not in before
    assert {receipt.state for receipt in receipts} == {State.DEAD}


async def test_replay_and_purge_choose_by_id_and_destination(collector: Collector) -> None:
    """What is not named stays."""
    from asyncsdk import AsyncAnalytics

    collector.script(BROKEN)
    analytics = AsyncAnalytics(
        to(collector, name="one"), to(collector, name="two"), max_retries=0, retry_base=0.01
    )
    first, second = track(analytics, 1), track(analytics, 2)
    await analytics.flush()
    assert len(await letters(analytics)) == 4
    assert await analytics.purge(first.message_id, destination="one") == 1
    assert await analytics.purge("nobody") == 0
    collector.script()
    assert await analytics.replay(second.message_id) == 2
    await analytics.flush()
    assert [(letter.destination, letter.message_id) for letter in await letters(analytics)] == [
        ("two", first.message_id)
    ]
    assert await analytics.purge() == 1
    assert await letters(analytics) == []
    assert numbers(collector.events) == [2, 2]
    await analytics.shutdown()


async def test_letters_can_be_read_for_one_destination(collector: Collector) -> None:
    """By its name."""
    analytics = client(collector)
    track(analytics, 1, user=BLANK)
    await analytics.shutdown()
    found = [letter.destination async for letter in analytics.dead_letters("here")]
    nothing = [letter async for letter in analytics.dead_letters("there")]
    assert (found, nothing) == (["here"], [])


async def test_letters_are_bounded(collector: Collector) -> None:
    """The oldest go; the counts stay."""
    collector.script(BROKEN)
    analytics = client(collector, max_retries=0, store=MemoryStore(max_letters=5), flush_at=10)
    for number in range(30):
        track(analytics, number)
    await analytics.flush()
    await analytics.shutdown()
    assert [letter.event["properties"]["n"] for letter in await letters(analytics)] == list(
        range(25, 30)
    )
    assert analytics.statistics().dead == 30


async def test_letters_outlive_the_run(collector: Collector) -> None:
    """A client that opens again can replay what died before; the first call is enough."""
    collector.script(BROKEN)
    analytics = client(collector, max_retries=0)
    receipt = track(analytics, 1)
    await analytics.shutdown()
    collector.script()
    assert await analytics.replay() == 1
    await until(lambda: collector.events)
    await analytics.shutdown()
    assert collector.events[0].message_id == receipt.message_id


async def test_a_replay_larger_than_one_request_is_sent_in_several(collector: Collector) -> None:
    """Letters that died together under wider bounds than those of now, and much of it."""
    collector.script(BROKEN)
    analytics = client(collector, max_retries=0, flush_at=1_000)
    for number in range(3_000):
        track(analytics, number)
    await analytics.flush()
    assert len(await letters(analytics)) == 3_000
    collector.script()
    collector.clear()
    assert await analytics.replay() == 3_000
    await analytics.shutdown()
    assert numbers(collector.events) == list(range(3_000))
    assert all(request.decoded_bytes <= 460_800 for request in collector.requests)


async def test_what_a_full_queue_cannot_take_back_stays_a_letter(collector: Collector) -> None:
    """A replay keeps the bounds of the queue, and says how many it put back."""
    collector.script(BROKEN)
    analytics = client(
        collector, max_retries=0, flush_at=4, max_batch_events=4, max_queue_events=10
    )
    for number in range(8):
        track(analytics, number)
    await analytics.flush()
    collector.script(Fault(kind="hang"))
    for number in range(8, 13):
        track(analytics, number)
    assert await analytics.replay() == 4
    assert analytics.pending <= 10
    assert [letter.event["properties"]["n"] for letter in await letters(analytics)] == [4, 5, 6, 7]
    collector.script()
    await analytics.shutdown(timeout=10)
    assert adds_up(analytics.statistics())
