"""Receipts over the whole way: waiting for one event, and awaiting a call."""

import asyncio
import gc

import pytest

from asyncsdk import (
    AsyncAnalytics,
    ConfigurationError,
    HTTPStatusError,
    Receipt,
    RequestTimeoutError,
    State,
    TransportError,
    ValidationError,
)
from asyncsdk.collector import Collector, Fault
from tests.client.conftest import MakeClient
from tests.client.street import NOWHERE, adds_up, rudder, until


async def test_delivered_returns_when_the_server_has_it(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Not before: the event is there, and the receipt says so."""
    receipt = client.track("E", user_id="u")
    assert receipt.state.value == "pending"
    outcome = await receipt.delivered(5)
    assert (outcome.state, outcome.status, outcome.error) == (State.DELIVERED, 200, None)
    assert receipt.state is State.DELIVERED
    assert collector.message_ids()[receipt.message_id] == 1
    assert await receipt.delivered(0) == outcome


async def test_delivered_does_not_sit_out_the_interval(
    make: MakeClient, collector: Collector
) -> None:
    """It seals the open chunk; without a timer nothing else would."""
    client = make(flush_interval=0, flush_at=1_000)
    await client.track("E", user_id="u").delivered(5)
    assert len(collector.events) == 1


async def test_delivered_waits_for_every_destination(
    make: MakeClient, collector: Collector
) -> None:
    """The outcomes say how each fared."""
    async with Collector() as slow:
        slow.script(Fault(kind="delay", seconds=0.05))
        client = make(rudder(collector), rudder(slow, name="slow"))
        receipt = client.track("E", user_id="u")
        await receipt.delivered(5)
        states = {name: outcome.state for name, outcome in receipt.outcomes.items()}
        assert states == {"rudder": State.DELIVERED, "slow": State.DELIVERED}
        assert len(slow.events) == 1


async def test_delivered_gives_up_in_time_and_the_event_stays(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """TimeoutError is about the waiting, not about the event."""
    collector.script(Fault(kind="delay", seconds=0.3))
    receipt = client.track("E", user_id="u")
    with pytest.raises(TimeoutError):
        await receipt.delivered(0.02)
    assert (receipt.state, client.pending) == (State.PENDING, 1)
    assert (await receipt.delivered(5)).state is State.DELIVERED


async def test_cancelling_the_wait_leaves_the_event_alone(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """The host may change its mind."""
    collector.script(Fault(kind="delay", seconds=0.1))
    receipt = client.track("E", user_id="u")
    waiting = asyncio.create_task(receipt.delivered())
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await receipt.delivered(5)).state is State.DELIVERED
    assert collector.message_ids()[receipt.message_id] == 1


async def test_many_may_wait_for_one_event(client: AsyncAnalytics) -> None:
    """All hear of it."""
    receipt = client.track("E", user_id="u")
    outcomes = await asyncio.gather(*(receipt.delivered(5) for _ in range(10)))
    assert {outcome.state for outcome in outcomes} == {State.DELIVERED}


async def test_a_refused_event_raises_what_the_server_said(client: AsyncAnalytics) -> None:
    """Status and words; the others of its batch are delivered."""
    good, bad = client.track("E", user_id="u"), client.track("E", user_id=" ")
    with pytest.raises(HTTPStatusError, match="neither has anonymousId nor userId") as caught:
        await bad.delivered(5)
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (
        400, "http_400", False,
    )  # fmt: skip
    assert (bad.state, good.state) == (State.REJECTED, State.DELIVERED)
    assert bad.outcomes["rudder"].status == 400


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (Fault(kind="status", status=503), HTTPStatusError, "http_503"),
        (Fault(kind="reset"), TransportError, "network_error"),
        (Fault(kind="hang"), RequestTimeoutError, "request_timeout"),
    ],
)
async def test_an_event_that_was_given_up_raises_the_last_trouble(
    make: MakeClient, collector: Collector, fault: Fault, error: type[Exception], code: str
) -> None:
    """It is dead, and what killed it is an attribute."""
    collector.script(fault)
    client = make(max_retries=1, retry_base=0.01, timeout=0.1)
    receipt = client.track("E", user_id="u")
    with pytest.raises(error) as caught:
        await receipt.delivered(5)
    assert getattr(caught.value, "code", None) == code
    assert (receipt.state, adds_up(client).dead) == (State.DEAD, 1)


async def test_an_event_is_dropped_under_somebody_who_waits(
    make: MakeClient, collector: Collector
) -> None:
    """A shutdown that runs out of time ends the waiting too."""
    collector.script(Fault(kind="hang"))
    client = make()
    receipt = client.track("E", user_id="u")
    waiting = asyncio.create_task(receipt.delivered())
    await until(lambda: collector.requests or client.statistics().requests)
    await client.shutdown(0.05)
    with pytest.raises(Exception, match="shutdown") as caught:
        await waiting
    assert getattr(caught.value, "code", None) == "dropped_shutdown"
    collector.script()


async def test_one_may_wait_while_the_client_ends(make: MakeClient, collector: Collector) -> None:
    """A task that begins to wait during the drain gets its answer as well."""
    collector.script(Fault(kind="delay", seconds=0.1))
    client = make()
    async with client:
        receipt = client.track("E", user_id="u")

        async def later() -> State:
            await asyncio.sleep(0.03)
            return (await receipt.delivered(5)).state

        waiting = asyncio.create_task(later())
    assert await waiting is State.DELIVERED


async def test_one_may_wait_for_an_event_of_the_next_run(
    make: MakeClient, collector: Collector
) -> None:
    """A call during the end is kept for the next run; waiting for it opens that one."""
    collector.script(Fault(kind="delay", seconds=0.1, times=1))
    client = make(flush_interval=0)
    client.track("first", user_id="u")
    ending = asyncio.create_task(client.shutdown())
    await until(lambda: client.statistics().requests)
    second = client.track("second", user_id="u")
    third = client.track("third", user_id="u")
    outcome, flushed = await asyncio.gather(second.delivered(5), client.flush(5))
    assert (outcome.state, flushed.pending) == (State.DELIVERED, 0)
    assert ((await ending).dropped, (await third.delivered(5)).state) == (0, State.DELIVERED)
    assert adds_up(client).dropped == 0


def test_waiting_on_another_loop_is_an_error() -> None:
    """With what to do instead; the event is not touched."""

    async def elsewhere(client: AsyncAnalytics) -> None:
        receipt = client.track("E", user_id="u")
        with pytest.raises(ConfigurationError, match="another event loop") as caught:
            await receipt.delivered(1)
        assert caught.value.code == "wrong_loop"
        assert await receipt is receipt

    async def main() -> None:
        async with Collector() as collector, AsyncAnalytics(rudder(collector)) as client:
            await asyncio.to_thread(asyncio.run, elsewhere(client))
            assert (await client.flush(5)).delivered == 1

    asyncio.run(main())


async def test_awaiting_a_call_does_not_wait_for_the_network(
    make: MakeClient, collector: Collector
) -> None:
    """The server hangs, the producer does not."""
    collector.script(Fault(kind="hang"))
    client = make(flush_at=5)
    async with asyncio.timeout(5):
        receipts = [await client.track("E", user_id="u") for _ in range(50)]
    assert {receipt.state for receipt in receipts} == {State.PENDING}
    collector.script()


async def test_awaiting_calls_lets_others_run(make: MakeClient) -> None:
    """Once per sealed chunk: a producer in a tight loop does not starve the program."""
    client = make(flush_at=10)
    ran = 0

    async def other() -> None:
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(100):
        await client.track("E", user_id="u")
    task.cancel()
    assert ran >= 10


async def test_awaiting_a_call_waits_while_the_queue_is_crowded(
    make: MakeClient, collector: Collector
) -> None:
    """Over three quarters; it goes on by itself when there is room."""
    collector.script(Fault(kind="delay", seconds=0.1, times=1))
    client = make(max_queue_events=8, flush_at=1)
    async with asyncio.timeout(5):
        for _ in range(6):
            await client.track("E", user_id="u")
        assert client.pending == 6
        await client.track("E", user_id="u")
    assert client.pending <= 6
    await client.flush(5)


async def test_awaiting_a_call_of_a_client_that_is_not_here_returns_at_once() -> None:
    """Disabled, or not started: there is nothing to wait for."""
    client = AsyncAnalytics(rudder(NOWHERE), enabled=False)
    receipt = await client.track("E", user_id="u")
    assert receipt.state is State.DROPPED


async def test_an_unused_receipt_costs_nothing_that_lasts(client: AsyncAnalytics) -> None:
    """The queue does not point at it."""
    receipt = client.track("E", user_id="u")
    before = sum(type(one) is Receipt for one in gc.get_objects())
    del receipt
    after = sum(type(one) is Receipt for one in gc.get_objects())
    assert (before - after, client.pending) == (1, 1)


async def test_disabled_sends_nothing_and_says_so(
    make: MakeClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls are checked all the same, so that tests of the application mean something."""
    told: list[str] = []
    client = make(enabled=False, on_drop=lambda reason, _count: told.append(reason))
    async with client:
        receipt = client.track("E", user_id="u")
        with pytest.raises(ValidationError):
            client.track("", user_id="u")
        outcome = await receipt.delivered(5)
    assert (outcome.state, outcome.reason, outcome.error) == (State.DROPPED, "disabled", None)
    assert adds_up(client).dropped_reasons == {"disabled": 1}
    assert (collector.requests, told, caplog.messages) == ([], [], [])


def test_disabled_needs_no_loop() -> None:
    """A script may leave its calls in place."""
    client = AsyncAnalytics(rudder(NOWHERE), enabled=False)
    assert client.track("E", user_id="u").state is State.DROPPED
    assert client.pending == 0
