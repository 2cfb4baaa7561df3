"""What happens to events of different ages that travel together? Each dies of its own."""

from __future__ import annotations

import asyncio

import pytest

from asyncsdk.receipts import State
from tests.testing.scripted import DOWN, YES, Act, Asked, Gateway, client, track

#: The first three go one by one, so that what waits behind them becomes one batch.
AHEAD = 3
#: Seconds; what comes closer together is gathered.
SO_FAR_APART = 0.25


class Reopens:
    """Takes the first events from one moment on, and the others from another."""

    def __init__(self, first: float, others: float) -> None:
        self._first, self._others = first, others

    def __call__(self, asked: Asked) -> Act:
        """Answer."""
        ready = self._first if asked.numbers[0] < AHEAD else self._others
        return YES if asked.at >= ready else DOWN


async def test_in_one_batch_the_old_die_and_the_young_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At the attempt after `max_age`, with what the server said to it; the young arrive later."""
    began = asyncio.get_running_loop().time()
    gateway = Gateway(Reopens(began + 250, began + 450))
    analytics = client(gateway, flush_at=1, max_age=300.0, max_retries=1_000)
    for number in range(AHEAD):
        track(analytics, number)
        await asyncio.sleep(SO_FAR_APART)
    old = [track(analytics, number) for number in range(3, 6)]
    await asyncio.sleep(200)
    young = [track(analytics, number) for number in range(6, 8)]
    await asyncio.sleep(120)
    assert [receipt.state for receipt in (*old, *young)] == [State.DEAD] * 3 + [State.PENDING] * 2
    letters = [letter async for letter in analytics.dead_letters()]
    tries = [asked for asked in gateway.asked if asked.numbers[0] == 3]
    assert {tuple(asked.numbers) for asked in tries} == {(3, 4, 5, 6, 7)}
    assert [letter.event["properties"]["n"] for letter in letters] == [3, 4, 5]
    assert {(one.status, one.reason, one.attempts) for one in letters} == {
        (503, "HTTP 503", len(tries))
    }
    assert (await analytics.flush(300)).delivered == 2
    assert gateway.kept["here"] == [0, 1, 2, 6, 7]
    assert "crashed" not in caplog.text
    await analytics.shutdown()


async def test_in_a_hunt_the_old_die_where_they_stand(caplog: pytest.LogCaptureFixture) -> None:
    """Some parts are refused, one meets an outage: what is old in it dies, and the hunt goes on."""
    began = asyncio.get_running_loop().time()

    def act(asked: Asked) -> Act:
        """Refuse the batch and what has the sixth event, be away for what begins with the third."""
        if asked.numbers[0] < AHEAD:
            return YES if asked.at >= began + 250 else DOWN
        if len(asked.numbers) == 6:
            return Act(status=400)
        return DOWN if 3 in asked.numbers and asked.at < began + 400 else YES

    gateway = Gateway(act)
    analytics = client(gateway, flush_at=1, max_age=300.0, max_retries=1_000)
    for number in range(AHEAD):
        track(analytics, number)
        await asyncio.sleep(SO_FAR_APART)
    for number in range(3, 5):
        track(analytics, number)
    await asyncio.sleep(200)
    for number in range(5, 9):
        track(analytics, number, bad=number == 8)
    await asyncio.sleep(500)
    counts = analytics.statistics()
    assert (counts.dead, counts.rejected, counts.pending) == (2, 1, 0)
    assert gateway.kept["here"] == [0, 1, 2, 5, 6, 7]
    assert "crashed" not in caplog.text
    await analytics.shutdown()


async def test_a_whole_batch_that_is_old_says_how_often_it_was_tried() -> None:
    """The letters of one that never arrived, for whoever reads them a day later."""
    gateway = Gateway(lambda _: DOWN)
    analytics = client(gateway, flush_at=3, max_age=100.0, max_retries=1_000)
    for number in range(3):
        track(analytics, number)
    await asyncio.sleep(200)
    letters = [letter async for letter in analytics.dead_letters()]
    assert {(one.attempts, one.among, one.status) for one in letters} == {
        (len(gateway.asked), 3, 503)
    }
    await analytics.shutdown()
