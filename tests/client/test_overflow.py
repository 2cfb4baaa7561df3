"""Full queues: the three policies, bounds in events and bytes, one bound over all lanes."""

import asyncio
import threading
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, DeliveryError, QueueFullError, State
from asyncsdk.collector import Collector, Fault
from tests.client.conftest import MakeClient
from tests.client.street import NOWHERE, adds_up, names, rudder, until


def fill(client: AsyncAnalytics, count: int, **facts: Any) -> list[State]:
    """Make *count* calls; return the states of their receipts right after."""
    return [
        client.track(f"e-{number}", user_id="u", properties=facts or None).state
        for number in range(count)
    ]


async def test_drop_newest_keeps_what_waits(
    make: MakeClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage must not break requests: the call returns, the loss is counted and told."""
    told: list[tuple[str, int]] = []
    client = make(max_queue_events=3, on_drop=lambda *facts: told.append(facts))
    states = fill(client, 5)
    assert states == [State.PENDING] * 3 + [State.DROPPED] * 2
    assert adds_up(client).dropped_reasons == {"queue_full": 2}
    await client.flush(10)
    assert names(collector) == ["e-0", "e-1", "e-2"]
    assert told == [("queue_full", 1)] * 2
    assert len([line for line in caplog.messages if "the queue is full" in line]) == 1


async def test_a_dropped_event_raises_where_somebody_waits_for_it(make: MakeClient) -> None:
    """It may work later, and the code says what happened."""
    client = make(max_queue_events=1)
    client.track("kept", user_id="u")
    with pytest.raises(DeliveryError) as caught:
        await client.track("lost", user_id="u").delivered(5)
    assert (caught.value.code, caught.value.retryable) == ("dropped_queue_full", True)


async def test_drop_oldest_keeps_the_newest(make: MakeClient, collector: Collector) -> None:
    """Whole sealed chunks go, oldest first; never what is in flight."""
    collector.script(Fault(kind="hang"))
    told: list[tuple[str, int]] = []
    client = make(
        overflow="drop_oldest",
        max_queue_events=6,
        flush_at=2,
        concurrency=1,
        retry_base=0.01,
        on_drop=lambda *facts: told.append(facts),
    )
    fill(client, 2)
    await until(lambda: client.statistics().requests)  # e-0 and e-1 are in flight now
    receipts = [client.track(f"n-{number}", user_id="u") for number in range(10)]
    total = adds_up(client)
    assert total.pending <= 6
    assert total.dropped == sum(count for _, count in told) > 0
    collector.script()
    dropped = [at for at, receipt in enumerate(receipts) if receipt.state is State.DROPPED]
    assert dropped == list(range(dropped[0], dropped[0] + len(dropped)))
    assert receipts[-1].state is State.PENDING
    assert {next(iter(receipts[at].outcomes.values())).reason for at in dropped} == {"queue_full"}


async def test_drop_oldest_drops_the_newest_when_nothing_can_go(make: MakeClient) -> None:
    """What is open, formed or in flight is not taken back."""
    client = make(overflow="drop_oldest", max_queue_events=2, flush_at=100, flush_interval=0)
    assert fill(client, 3) == [State.PENDING, State.PENDING, State.DROPPED]


async def test_an_event_larger_than_the_queue_never_pushes_others_out(make: MakeClient) -> None:
    """It would not fit into an empty one."""
    client = make(overflow="drop_oldest", max_queue_bytes=2_000, flush_at=1)
    kept = client.track("kept", user_id="u")
    large = client.track("large", user_id="u", properties={"text": "x" * 3_000})
    assert (kept.state, large.state) == (State.PENDING, State.DROPPED)


def test_raise_tells_the_caller() -> None:
    """With what is full, its bounds, and when to come back; nothing was accepted."""
    client = AsyncAnalytics(rudder(NOWHERE), overflow="raise", max_queue_events=2, retry_base=1.5)
    fill(client, 2)
    with pytest.raises(
        QueueFullError, match=r"rudder: the queue is full .*2 of 2 events"
    ) as caught:
        fill(client, 1)
    error = caught.value
    assert (error.code, error.retryable, error.retry_after) == ("queue_overflow", True, 1.5)
    assert error.details == {"destination": "rudder", "pending": 2}
    total = adds_up(client)
    assert (total.accepted, total.refused, total.dropped) == (2, 1, 0)


def test_raise_takes_a_call_everywhere_or_nowhere() -> None:
    """One full lane of two refuses for both: a second try must not make a duplicate."""
    client = AsyncAnalytics(
        rudder(NOWHERE, name="wide"),
        rudder(NOWHERE, name="narrow", max_queue_events=1),
        overflow="raise",
    )
    fill(client, 1)
    with pytest.raises(QueueFullError, match=r"^narrow: "):
        fill(client, 1)
    total = adds_up(client)
    assert [lane.accepted for lane in total.destinations.values()] == [1, 1]
    assert total.destinations["narrow"].refused == 1


def test_each_lane_has_its_own_policy() -> None:
    """Where one drops, the other still takes."""
    client = AsyncAnalytics(
        rudder(NOWHERE, name="drops", max_queue_events=1), rudder(NOWHERE, name="takes")
    )
    fill(client, 2)
    receipt = client.track("E", user_id="u")
    assert [outcome.state for outcome in receipt.outcomes.values()] == [
        State.DROPPED,
        State.PENDING,
    ]
    assert receipt.state is State.PENDING
    adds_up(client)


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_bytes_are_bounded(overflow: Any) -> None:
    """Not the number of events alone: few large ones fill a memory as well."""
    client = AsyncAnalytics(rudder(NOWHERE), max_queue_bytes=20_000, flush_at=1, overflow=overflow)
    for _ in range(100):
        client.track("E", user_id="u", properties={"text": "x" * 1_000})
        assert client.statistics().queue_bytes <= 20_000
    assert adds_up(client).dropped > 0


def test_one_bound_holds_over_all_lanes() -> None:
    """Two lanes of an application together never hold more."""
    client = AsyncAnalytics(rudder(NOWHERE), rudder(NOWHERE, name="second"), max_total_bytes=20_000)
    for _ in range(100):
        client.track("E", user_id="u", properties={"text": "x" * 1_000})
        assert client.statistics().queue_bytes <= 20_000
    total = adds_up(client)
    assert total.dropped > 0
    assert min(lane.pending for lane in total.destinations.values()) > 0


async def test_what_is_in_flight_counts(make: MakeClient, collector: Collector) -> None:
    """A slow server cannot make a bounded queue unbounded."""
    collector.script(Fault(kind="hang"))
    client = make(max_queue_events=4, flush_at=2, concurrency=3, timeout=0)
    fill(client, 4)
    await until(lambda: client.statistics().requests)
    assert fill(client, 1) == [State.DROPPED]
    collector.script()
    assert adds_up(client).pending == 4


async def test_what_is_in_flight_counts_in_bytes_too(
    make: MakeClient, collector: Collector
) -> None:
    """Few large events are as many as many small ones."""
    collector.script(Fault(kind="hang"))
    client = make(max_queue_bytes=6_000, flush_at=1, concurrency=2, timeout=0)
    receipts = [client.track("E", user_id="u", properties={"text": "x" * 1_000}) for _ in range(4)]
    await until(lambda: client.statistics().requests)
    assert {receipt.state for receipt in receipts} == {State.PENDING}
    more = client.track("E", user_id="u", properties={"text": "x" * 1_000})
    assert more.state is State.DROPPED
    assert adds_up(client).queue_bytes <= 6_000


async def test_what_is_settled_makes_room(make: MakeClient) -> None:
    """The queue is full again only when it is."""
    client = make(max_queue_events=3)
    for _ in range(3):
        assert fill(client, 3) == [State.PENDING] * 3
        await client.flush(10)
    total = adds_up(client)
    assert (total.delivered, total.dropped, total.queue_bytes) == (9, 0, 0)


def test_calls_from_threads_keep_the_bounds_too() -> None:
    """Before anybody has admitted them."""
    client = AsyncAnalytics(rudder(NOWHERE), max_queue_events=100)
    threads = [threading.Thread(target=fill, args=(client, 50)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = adds_up(client)
    assert total.accepted == 400
    assert total.pending <= 100 + len(threads)  # each may be in the middle of its call


async def test_drop_oldest_from_threads_keeps_the_newest(
    make: MakeClient, collector: Collector
) -> None:
    """The owner makes room when it admits what they left."""
    client = make(overflow="drop_oldest", max_queue_events=4, flush_at=1, flush_interval=0)
    await client.start()
    collector.script(Fault(kind="hang"))
    await asyncio.to_thread(fill, client, 12)
    await asyncio.sleep(0.01)
    total = adds_up(client)
    assert (total.accepted, total.pending <= 4, total.dropped >= 8) == (12, True, True)
    collector.script()


@pytest.mark.parametrize(
    "bound", [{"max_queue_events": 8}, {"max_queue_bytes": 8_000}, {"max_total_bytes": 8_000}]
)
async def test_a_producer_that_awaits_cannot_overrun_the_queue(
    make: MakeClient, collector: Collector, bound: dict[str, Any]
) -> None:
    """Awaiting a call waits while the queue is over three quarters full."""
    client = make(flush_at=2, **bound)
    for number in range(60):
        await client.track(f"e-{number}", user_id="u", properties={"text": "x" * 500})
    await client.flush(10)
    assert adds_up(client).dropped == 0
    assert names(collector) == [f"e-{number}" for number in range(60)]
