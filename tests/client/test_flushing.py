"""flush: what it waits for, what it does not, and what it says afterwards."""

import asyncio
import math
import time

import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError, FlushResult
from asyncsdk.collector import Collector, Fault
from tests.client.conftest import MakeClient
from tests.client.street import NOWHERE, adds_up, names, rudder, until


async def test_a_flush_waits_for_everything_before_it(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Sealed or not; the result says what came of it."""
    for number in range(45):
        client.track(f"e-{number}", user_id="u")
    result = await client.flush()
    assert names(collector) == [f"e-{number}" for number in range(45)]
    assert (result.delivered, result.pending, result.dropped, result.errors) == (45, 0, 0, ())
    assert 0.0 < result.duration < 10.0
    assert client.pending == 0


async def test_a_flush_of_nothing_is_nothing(client: AsyncAnalytics) -> None:
    """Before the first call, and when all has been delivered."""
    assert await client.flush() == FlushResult()
    client.track("E", user_id="u")
    await client.flush()
    result = await client.flush()
    assert (result.delivered, result.pending) == (0, 0)


def test_a_flush_without_a_run_starts_one() -> None:
    """What was called before there was a loop is delivered."""

    async def main(client: AsyncAnalytics, collector: Collector) -> None:
        async with collector:
            assert (await client.flush()).delivered == 2
            await client.shutdown()

    async def free_port() -> Collector:
        collector = Collector()
        async with collector:
            return collector

    collector = asyncio.run(free_port())
    client = AsyncAnalytics(rudder(collector))
    client.track("E", user_id="u")
    client.track("E", user_id="u")
    asyncio.run(main(client, collector))


async def test_a_flush_gives_a_result_when_its_time_is_up(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """What is left stays queued; the last error says why."""
    collector.script(Fault(kind="status", status=503, until=0.3))
    client.track("E", user_id="u")
    began = time.monotonic()
    result = await client.flush(0.1)
    assert time.monotonic() - began < 5.0
    assert (result.delivered, result.pending) == (0, 1)
    assert [error.code for error in result.errors] == ["http_503"]
    assert client.pending == 1
    assert (await client.flush(10)).delivered == 1


async def test_none_means_shutdown_timeout(make: MakeClient, collector: Collector) -> None:
    """A flush without a word does not wait for ever."""
    collector.script(Fault(kind="hang"))
    client = make(shutdown_timeout=0.05)
    client.track("E", user_id="u")
    async with asyncio.timeout(5):
        assert (await client.flush()).pending == 1
    collector.script()


async def test_infinity_means_for_ever(make: MakeClient, collector: Collector) -> None:
    """Longer than `shutdown_timeout`, until it is done."""
    collector.script(Fault(kind="delay", seconds=0.2, times=1))
    client = make(shutdown_timeout=0.01)
    client.track("E", user_id="u")
    assert (await client.flush(math.inf)).delivered == 1


async def test_flushes_share_the_work(client: AsyncAnalytics, collector: Collector) -> None:
    """Ten at once cost no more requests than one."""
    for _ in range(10):
        client.track("E", user_id="u")
    results = await asyncio.gather(*(client.flush() for _ in range(10)))
    assert {result.pending for result in results} == {0}
    assert len(collector.requests) == 1


async def test_later_events_do_not_starve_a_flush(make: MakeClient) -> None:
    """A producer that never stops does not keep it from ending."""
    client = make(flush_at=1)

    async def produce() -> None:
        while True:
            client.track("later", user_id="u")
            await asyncio.sleep(0.001)

    first = client.track("first", user_id="u")
    producer = asyncio.create_task(produce())
    async with asyncio.timeout(10):
        await client.flush(math.inf)
    assert first.state.value == "delivered"
    producer.cancel()
    await client.flush()


async def test_a_lane_that_stands_still_ends_the_wait_at_once(
    make: MakeClient, collector: Collector
) -> None:
    """With a wrong key nothing moves before somebody mends it; the events wait."""
    collector.write_keys = ["another"]
    client = make()
    client.track("E", user_id="u")
    async with asyncio.timeout(5):
        result = await client.flush(math.inf)
        again = await client.flush(math.inf)
    assert (result.pending, again.pending) == (1, 1)
    assert [error.code for error in result.errors] == ["http_401"]
    assert "401" in adds_up(client).stopped


async def test_a_lane_that_stands_still_does_not_end_the_wait_for_others(
    make: MakeClient, collector: Collector
) -> None:
    """Each lane is waited for by itself."""
    collector.script(Fault(kind="delay", seconds=0.1))
    async with Collector(write_keys=["another"]) as locked:
        client = make(rudder(collector), rudder(locked, name="locked"))
        client.track("E", user_id="u")
        result = await client.flush()
    assert (result.delivered, result.pending, len(result.errors)) == (1, 1, 1)


async def test_a_flush_ends_with_the_round_of_retries(
    make: MakeClient, collector: Collector
) -> None:
    """What goes back to the front is not waited for again."""
    collector.script(Fault(kind="status", status=503))
    client = make(exhausted="requeue", max_retries=1, retry_base=0.01, retry_cap=0.02)
    client.track("E", user_id="u")
    async with asyncio.timeout(5):
        assert (await client.flush(math.inf)).pending == 1
    collector.script()
    assert (await client.flush(5)).delivered == 1


async def test_a_flush_counts_what_was_refused_and_given_up(
    make: MakeClient, collector: Collector
) -> None:
    """Every end has its number."""
    client = make(max_retries=0)
    client.track("good", user_id="u")
    client.track("bad", user_id=" ")
    result = await client.flush()
    assert (result.delivered, result.rejected, result.dead) == (1, 1, 0)
    collector.script(Fault(kind="status", status=500))
    client.track("dead", user_id="u")
    result = await client.flush()
    assert (result.delivered, result.dead, [e.code for e in result.errors]) == (0, 1, ["http_500"])


async def test_cancelling_a_flush_changes_nothing(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """The event is delivered once, as if nobody had flushed."""
    collector.script(Fault(kind="delay", seconds=0.1))
    receipt = client.track("E", user_id="u")
    flushing = asyncio.create_task(client.flush())
    await until(lambda: client.statistics().requests)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    await receipt.delivered(5)
    assert collector.message_ids() == {receipt.message_id: 1}


async def test_a_flush_takes_what_other_threads_left(client: AsyncAnalytics) -> None:
    """Everything accepted before it, wherever it was called."""
    await client.start()
    await asyncio.to_thread(client.track, "E", user_id="u")
    assert (await client.flush()).delivered == 1


def test_flushing_on_another_loop_is_an_error() -> None:
    """A running client belongs to one loop; calls may come from anywhere."""

    async def elsewhere(client: AsyncAnalytics) -> None:
        with pytest.raises(ConfigurationError, match="another event loop"):
            await client.flush()
        with pytest.raises(ConfigurationError, match="another event loop"):
            await client.shutdown()
        with pytest.raises(ConfigurationError, match="another event loop"):
            await client.start()

    async def main() -> None:
        async with AsyncAnalytics(rudder(NOWHERE)) as client:
            await asyncio.to_thread(asyncio.run, elsewhere(client))

    asyncio.run(main())


async def test_the_counts_add_up_at_every_moment(make: MakeClient, collector: Collector) -> None:
    """With retries, losses, refusals and threads on the way."""
    collector.script(Fault(kind="status", status=503, share=0.2), Fault(kind="reset", share=0.1))
    client = make(
        flush_at=5, max_queue_events=300, retry_base=0.001, retry_cap=0.01, max_batch_events=10
    )
    stop = asyncio.Event()

    async def watch() -> int:
        looks = 0
        while not stop.is_set():
            adds_up(client, threads=True)
            looks += 1
            await asyncio.sleep(0)
        return looks

    def produce() -> None:
        for number in range(200):
            client.track("E", user_id=" " if number % 50 == 7 else "u")

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(asyncio.to_thread(produce) for _ in range(3)))
    while client.pending:
        await client.flush(10)
    stop.set()
    assert await watching > 100
    total = adds_up(client)
    assert total.accepted == 600
    assert total.delivered == len(collector.message_ids())
    # A connection that was reset before a byte is replaced at once, which is no request of its own.
    assert 0 < total.requests <= len(collector.requests)
