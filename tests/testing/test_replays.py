"""What happens to dead letters that are put back? They are as good as new, and within the bounds."""

from __future__ import annotations

import asyncio

from asyncsdk import AsyncAnalytics
from tests.testing.scripted import DOWN, YES, Act, Asked, Gateway, client, track
from tests.testing.test_keys import Register, each_content_has_one_key_of_its_own
from tests.testing.test_keys import client as keyed


class Switch:
    """A server that is down until somebody mends it."""

    def __init__(self) -> None:
        self.down = True

    def __call__(self, _: Asked) -> Act:
        """Answer."""
        return DOWN if self.down else YES


async def left(analytics: AsyncAnalytics) -> list[int]:
    """Return the events of all letters, by number."""
    return [letter.event["properties"]["n"] async for letter in analytics.dead_letters()]


async def test_what_is_put_back_has_a_whole_life_before_it() -> None:
    """Its age counts from there on, its attempts too."""
    switch = Switch()
    gateway = Gateway(switch)
    analytics = client(gateway, flush_at=1, max_age=300.0, max_retries=1_000)
    track(analytics, 1)
    await asyncio.sleep(1_000)
    assert analytics.statistics().dead == 1
    assert await analytics.replay() == 1
    await asyncio.sleep(299)
    assert (analytics.statistics().dead, analytics.pending) == (1, 1)
    await asyncio.sleep(32)
    assert (analytics.statistics().dead, analytics.pending) == (2, 0)
    assert await analytics.replay() == 1
    switch.down = False
    assert (await analytics.flush(60)).delivered == 1
    counts = analytics.statistics()
    assert (counts.accepted, counts.replayed, counts.delivered, counts.dead) == (3, 2, 1, 2)
    await analytics.shutdown()


async def test_what_is_put_back_counts_against_the_bounds_until_it_is_settled() -> None:
    """Beside what waits already; then its place is free again."""
    switch = Switch()
    analytics = client(Gateway(switch), flush_at=2, max_retries=0, max_queue_events=6)
    for number in range(4):
        track(analytics, number)
    await analytics.flush()
    bytes_of_four = sum([len(letter.data) async for letter in analytics.dead_letters()])
    track(analytics, 4)
    alone = analytics.statistics().queue_bytes
    assert await analytics.replay() == 4
    now = analytics.statistics()
    assert (now.pending, now.queue_bytes) == (5, alone + bytes_of_four)
    assert [track(analytics, 5).state.value, track(analytics, 6).state.value] == [
        "pending",
        "dropped",
    ]
    switch.down = False
    await analytics.flush()
    now = analytics.statistics()
    assert (now.pending, now.queue_bytes, now.delivered) == (0, 0, 6)
    for number in range(7, 13):
        track(analytics, number)
    assert analytics.statistics().dropped == 1
    await analytics.shutdown()


async def test_what_does_not_fit_stays_whatever_request_it_died_in() -> None:
    """Three requests, and no place for any of them: twelve letters are twelve letters."""
    analytics = client(
        Gateway(Switch()), flush_at=4, max_batch_events=4, max_retries=0, max_queue_events=12
    )
    for number in range(12):
        track(analytics, number)
    await analytics.flush()
    for number in range(12, 21):
        track(analytics, number)
    assert await analytics.replay() == 0
    assert sorted(await left(analytics)) == list(range(12))
    await analytics.shutdown(0)


async def test_a_part_of_what_died_together_has_a_key_of_its_own_that_stays() -> None:
    """Put back one by one, in pairs and one by one again: one key for one content."""
    switch = Switch()
    gateway = Register(switch)
    analytics = keyed(gateway, max_retries=0)
    ids = [track(analytics, number).message_id for number in range(4)]
    await analytics.flush()
    for chosen in ([0], [1], [2, 3], [0, 1], [0], [2], [3], [2, 3]):
        assert await analytics.replay(*[ids[number] for number in chosen]) == len(chosen)
        await analytics.flush(1_000)
    each_content_has_one_key_of_its_own(gateway)
    assert sorted(await left(analytics)) == [0, 1, 2, 3]
    await analytics.shutdown()
