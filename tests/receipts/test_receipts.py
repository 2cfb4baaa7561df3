"""Receipts and the ledger: what became of an event, and counts that add up."""

import asyncio
import threading
from collections.abc import Generator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from asyncsdk.errors import DeliveryError
from asyncsdk.ledger import LaneStatistics, Ledger, Statistics, add_up
from asyncsdk.receipts import DELIVERED, PENDING, Fates, Outcome, Place, Receipt, State, dropped

REJECTED = Outcome(State.REJECTED, "HTTP 400", 400, DeliveryError("no"))
DEAD = Outcome(State.DEAD, "no answer", None, DeliveryError("gave up"))


class Nowhere:
    """A desk at which nothing is waited for."""

    async def wait_delivered(self, places: list[Place], timeout: float | None) -> None:
        """Return at once."""

    async def wait_stored(self, places: list[Place], timeout: float | None) -> None:
        """Return at once."""

    def breathe(self) -> Generator[object, None, None]:
        """Yield nothing."""
        yield from ()


def receipt(*outcomes: Outcome) -> Receipt:
    """Return the receipt of an event that fared so at one lane each."""
    places = [Place(f"lane-{at}", outcome=outcome) for at, outcome in enumerate(outcomes)]
    return Receipt("m-1", places, Nowhere())


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ((DELIVERED,), State.DELIVERED),
        ((DELIVERED, PENDING, REJECTED), State.PENDING),
        ((DELIVERED, REJECTED, DEAD), State.REJECTED),
        ((DELIVERED, DEAD, dropped("queue_full")), State.DEAD),
        ((DELIVERED, dropped("queue_full")), State.DROPPED),
        ((Outcome(State.STORED), DELIVERED), State.STORED),
        ((), State.DROPPED),
    ],
)
def test_a_receipt_is_as_good_as_its_worst_destination(
    outcomes: tuple[Outcome, ...], state: State
) -> None:
    """As long as one is pending, the event is pending."""
    made = receipt(*outcomes)
    assert made.state is state
    assert list(made.outcomes.values()) == list(outcomes)
    assert repr(made) == f"<Receipt m-1 {state.value}>"


async def test_awaiting_a_receipt_returns_it() -> None:
    """The same object, so that `receipt = await client.track(…)` reads well."""
    made = receipt(PENDING)
    assert await made is made


async def test_delivered_returns_the_worst_outcome_or_raises_its_error() -> None:
    """With several destinations one that refused speaks for all."""
    assert await receipt(DELIVERED, dropped("disabled")).delivered() == dropped("disabled")
    with pytest.raises(DeliveryError) as caught:
        await receipt(DELIVERED, REJECTED).delivered()
    assert caught.value is REJECTED.error


@pytest.mark.parametrize("reason", ["disabled", "before_send", "unsupported"])
def test_what_the_application_chose_is_no_error(reason: str) -> None:
    """Whoever switched sending off does not want exceptions for it."""
    outcome = dropped(reason)
    assert (outcome.state, outcome.reason, outcome.error) == (State.DROPPED, reason, None)


@pytest.mark.parametrize("reason", ["queue_full", "closed", "shutdown", "hook_failed", "invalid"])
def test_what_was_let_go_is_an_error_with_a_code(reason: str) -> None:
    """The code names the reason; all but broken calls may work later."""
    error = dropped(reason).error
    assert error is not None
    assert (error.code, error.retryable) == (f"dropped_{reason}", reason != "invalid")


def chunk(size: int) -> Fates:
    """Return the fates of a chunk of *size* events."""
    fates = Fates()
    fates.size = fates.open = size
    return fates


def test_a_chunk_that_fares_as_one_costs_one_object() -> None:
    """Which is nearly always."""
    fates = chunk(100)
    fates.settle(0, 100, DELIVERED)
    assert fates.apart is None
    assert (fates.of(0), fates.of(99), fates.open) == (DELIVERED, DELIVERED, 0)


def test_events_of_a_chunk_may_fare_apart() -> None:
    """The rest stays as it was."""
    fates = chunk(4)
    fates.settle(1, 2, REJECTED)
    assert [fates.of(at).state for at in range(4)] == ["pending", "rejected", "pending", "pending"]
    fates.end(dropped("shutdown"))
    states = [fates.of(at).state for at in range(4)]
    assert states == ["dropped", "rejected", "dropped", "dropped"]
    assert fates.open == 0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_every_event_keeps_the_outcome_it_was_given(sizes: list[int], chance: Random) -> None:
    """Whatever the ranges and their order."""
    fates = chunk(sum(sizes))
    outcomes = [DELIVERED, REJECTED, DEAD]
    expected: list[Outcome] = []
    ranges: list[tuple[int, int, Outcome]] = []
    for at, size in enumerate(sizes):
        ranges.append((len(expected), len(expected) + size, outcomes[at % 3]))
        expected += [outcomes[at % 3]] * size
    chance.shuffle(ranges)
    for start, stop, outcome in ranges:
        fates.settle(start, stop, outcome)
    assert [fates.of(at) for at in range(len(expected))] == expected
    assert fates.open == 0


@pytest.mark.parametrize("range_", [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)])
def test_a_part_of_a_chunk_says_nothing_of_the_rest(range_: tuple[int, int]) -> None:
    """Wherever it lies: the others are as open as they were."""
    fates = chunk(3)
    fates.settle(*range_, REJECTED)
    settled = [range_[0] <= at < range_[1] for at in range(3)]
    assert [fates.of(at) is REJECTED for at in range(3)] == settled
    assert [fates.of(at) is PENDING for at in range(3)] == [not one for one in settled]
    assert fates.open == 3 - sum(settled)


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    """A receipt that is asked a thousand times with a timeout costs what one costs."""
    fates = chunk(1)
    staying = asyncio.ensure_future(fates.moved())
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await fates.moved()
    assert fates.waiters is not None
    assert len(fates.waiters) == 1
    fates.settle(0, 1, DELIVERED)
    await asyncio.wait_for(staying, 5)


def test_who_waits_is_told_once() -> None:
    """At the next change, whatever it is; then they must ask again."""
    fates = chunk(2)
    heard: list[str] = []
    fates.listen(lambda: heard.append("a"))
    fates.listen(lambda: heard.append("b"))
    fates.new_round()
    fates.settle(0, 2, DELIVERED)
    assert (heard, fates.rounds) == (["a", "b"], 1)


def test_a_place_looks_at_its_chunk_once_it_is_in_one() -> None:
    """Before that, and for drops at the door, it has an outcome of its own."""
    place = Place("lane")
    assert place.look() is PENDING
    place.fates, place.index = chunk(1), 0
    place.fates.settle(0, 1, DELIVERED)
    assert place.look() is DELIVERED


def test_a_ledger_counts_every_end_once() -> None:
    """The sum holds by construction, with reasons for all that was dropped."""
    ledger = Ledger()
    ledger.accepted = 10
    for outcome, count in ((DELIVERED, 4), (REJECTED, 2), (DEAD, 1), (dropped("shutdown"), 3)):
        ledger.settle(outcome, count)
    ledger.turn_away("invalid")
    ledger.turn_away("shutdown")
    view = ledger.view(pending=0, queue_bytes=0, paused=0.0, stopped="")
    assert (view.delivered, view.rejected, view.dead, view.dropped) == (4, 2, 1, 5)
    assert view.dropped_reasons == {"invalid": 1, "shutdown": 4}
    assert view.accepted == 12 == view.delivered + view.rejected + view.dead + view.dropped


def test_drops_at_the_door_are_counted_from_any_thread() -> None:
    """None of eight thousand goes missing."""
    ledger = Ledger()

    def work() -> None:
        for _ in range(1_000):
            ledger.turn_away("closed")
            ledger.note("refused")
            ledger.note("coerced", 2)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    view = ledger.view(pending=0, queue_bytes=0, paused=0.0, stopped="")
    assert (view.dropped_reasons, view.refused, view.coerced) == ({"closed": 8_000}, 8_000, 16_000)


def test_statistics_are_the_sum_of_the_lanes() -> None:
    """Every counter is added, gauges show the worst lane, and the lanes stay visible."""
    first = LaneStatistics(
        accepted=3, delivered=1, dropped=2, dropped_reasons={"closed": 2}, paused=1.0, stopped="key"
    )
    second = LaneStatistics(
        accepted=5, pending=4, dropped=1, dropped_reasons={"closed": 1}, paused=2.0, queue_bytes=9
    )
    total = add_up({"a": first, "b": second})
    assert (total.accepted, total.delivered, total.pending, total.dropped) == (8, 1, 4, 3)
    assert (total.dropped_reasons, total.queue_bytes) == ({"closed": 3}, 9)
    assert (total.paused, total.stopped) == (2.0, "key")
    assert total.destinations == {"a": first, "b": second}
    assert add_up({}) == Statistics()


def test_no_counter_is_forgotten_in_the_sum() -> None:
    """A counter that is added to the lanes is added up."""
    counters = [f.name for f in structs.fields(LaneStatistics) if f.type is int]
    counts: dict[str, Any] = dict.fromkeys(counters, 2)
    lane = LaneStatistics(**counts)
    total = add_up({"a": lane, "b": lane})
    assert {name: getattr(total, name) for name in counters} == dict.fromkeys(counters, 4)
