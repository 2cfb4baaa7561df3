"""What RudderStack's documentation promises of a queue in Redis, over the whole way."""

import asyncio
import inspect
import time

import pytest

from asyncsdk import AsyncAnalytics, Delivery, RudderStack, State
from asyncsdk.collector import Collector, Fault
from asyncsdk.stores import RedisStore
from asyncsdk.stores.redis.keys import base_of
from tests.promises.children import numbers
from tests.stores.redis.servers import Server
from tests.stores.redis.using import LANE, new_queue

pytestmark = pytest.mark.whole_way

DEAD = "http://127.0.0.1:9"  # nobody listens


def talk(analytics: AsyncAnalytics, count: int) -> None:
    """Make some calls."""
    for number in range(count):
        analytics.track("E", user_id="u", properties={"n": number})


async def test_batches_are_in_redis_before_a_request_is_made(server: Server) -> None:
    """`flush_at` events make a batch, and so does `flush_interval`."""
    store = RedisStore(server.url, queue_name=new_queue())
    destination = RudderStack("planted-key", DEAD, name=LANE)
    async with AsyncAnalytics(
        destination, store=store, deliver=False, flush_at=5, flush_interval=0.2
    ) as analytics:
        began = time.monotonic()
        receipts = [analytics.track("E", user_id="u") for _ in range(5)]
        for receipt in receipts:
            await receipt.stored(timeout=5.0)
        await asyncio.sleep(0.1)
        late = analytics.track("E", user_id="u")
        while late.state is not State.STORED:
            assert time.monotonic() - began < 5.0
            await asyncio.sleep(0.01)
        assert store.stock()[LANE].batches == 2
        assert store.stock()[LANE].events == 6
        stream = f"{{rudder}}:{store.queue_name}:{LANE}:s"
        assert "planted-key" not in server.ask("XRANGE", stream, "-", "+")


def patient(url: str, redis: str, queue: str) -> AsyncAnalytics:
    """Make a client that tries four times, without much waiting."""
    return AsyncAnalytics(
        RudderStack("planted-key", url, name=LANE),
        store=RedisStore(redis, queue_name=queue, max_attempts=4),
        retry_base=0.01,
        retry_cap=0.01,
        flush_interval=0.01,
    )


async def test_attempts_are_counted_over_restarts_and_end_in_the_failed_set(
    server: Server,
) -> None:
    """Ten in all unless told otherwise; listed, tried again, purged."""
    queue = new_queue()
    async with Collector() as collector:
        collector.script(Fault(kind="status", status=503))
        first = patient(collector.url, server.url, queue)
        talk(first, 1)
        while len(collector.requests) < 2:  # noqa: ASYNC110 - the collector rings nowhere
            await asyncio.sleep(0.001)
        await first.shutdown(timeout=0.0)
        analytics = patient(collector.url, server.url, queue)
        await analytics.start()
        while not analytics.statistics().dead:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.001)
        assert len(collector.requests) <= 5  # one may have been cut off before it was counted
        (letter,) = [one async for one in analytics.dead_letters()]
        assert (letter.state, letter.status, letter.attempts) == ("dead", 503, 4)
        collector.script()
        assert await analytics.replay(letter.message_id) == 1
        await analytics.flush()
        assert len(collector.events) == 1
        assert await analytics.purge() == 0
        await analytics.shutdown()


async def test_the_attempts_are_ten_unless_told_otherwise(server: Server) -> None:
    """By the store, and above it by the client's own option."""
    for delivery, attempts in ((Delivery(), 10), (Delivery(max_retries=1), 2)):
        store = RedisStore(server.url, queue_name=new_queue())
        async with Collector() as collector:
            collector.script(Fault(kind="status", status=500))
            client = AsyncAnalytics(
                RudderStack("planted-key", collector.url, name=LANE, delivery=delivery),
                store=store,
                retry_base=0.001,
                retry_cap=0.001,
            )
            async with client as analytics:
                talk(analytics, 1)
                await analytics.flush()
                assert analytics.statistics().dead == 1
            assert len(collector.requests) == attempts


async def test_what_is_in_memory_is_bounded_while_redis_is_away() -> None:
    """By `max_queue_events`; beyond it events are not accepted, and that is counted."""
    store = RedisStore("redis://127.0.0.1:1/0", queue_name=new_queue(), strict_order=True)
    client = AsyncAnalytics(
        RudderStack("planted-key", DEAD, name=LANE), store=store, max_queue_events=50
    )
    async with client as analytics:
        talk(analytics, 80)
        now = analytics.statistics()
        assert (now.pending, now.dropped_reasons) == (50, {"queue_full": 30})
        await analytics.shutdown(timeout=0.1)


async def test_no_second_is_waited_before_a_batch(server: Server) -> None:
    """The Node SDK sends one batch a second; here twenty take less than that."""
    store = RedisStore(server.url, queue_name=new_queue())
    async with Collector() as collector:
        destination = RudderStack("planted-key", collector.url, name=LANE)
        async with AsyncAnalytics(destination, store=store, max_batch_events=5) as analytics:
            await analytics.track("E", user_id="u", properties={"n": -1}).delivered()
            began = time.monotonic()
            talk(analytics, 100)
            await analytics.flush()
            assert time.monotonic() - began < 5.0
        assert len(collector.requests) >= 20
        assert numbers(collector.events)[1:] == list(range(100))


async def test_after_success_nothing_is_left(server: Server) -> None:
    """No batch, no letter; what makes an append idempotent goes by itself."""
    store = RedisStore(server.url, queue_name=new_queue())
    async with Collector() as collector:
        destination = RudderStack("planted-key", collector.url, name=LANE)
        async with AsyncAnalytics(destination, store=store) as analytics:
            talk(analytics, 50)
            await analytics.flush()
        left = server.ask("KEYS", f"*{store.queue_name}*")
        assert f"{LANE}:s" in left
        assert server.ask("XLEN", f"{{rudder}}:{store.queue_name}:{LANE}:s") == ":0\r\n"
        for kind in ("p", "f", "fo", "o", "aside"):
            assert f"{LANE}:{kind}\r\n" not in left


async def test_several_processors_say_that_they_know_events_as_stored(server: Server) -> None:
    """Another one may deliver them: a receipt ends as stored, and flush does not wait for others."""
    store = RedisStore(server.url, queue_name=new_queue(), multi_processor=True)
    async with Collector() as collector:
        destination = RudderStack("planted-key", collector.url, name=LANE)
        async with AsyncAnalytics(destination, store=store, flush_interval=0.01) as analytics:
            receipt = analytics.track("E", user_id="u", properties={"n": 0})
            await receipt.stored()
            assert receipt.state is State.STORED
            while not analytics.statistics().delivered:  # noqa: ASYNC110 - nothing rings
                await asyncio.sleep(0.01)
            now = analytics.statistics()
            assert (now.accepted, now.stored, now.taken, now.delivered) == (1, 1, 1, 1)
        assert numbers(collector.events) == [0]


async def test_who_stands_by_need_not_wait_for_the_other(server: Server) -> None:
    """Its events are stored and the owner's to deliver: flush and shutdown end at once."""
    queue = new_queue()
    async with Collector() as collector:
        destination = RudderStack("planted-key", collector.url, name=LANE)
        owner, other = (
            AsyncAnalytics(destination, store=RedisStore(server.url, queue_name=queue))
            for _ in range(2)
        )
        async with owner:
            await owner.track("E", user_id="u", properties={"n": 0}).delivered()
            async with other:
                await asyncio.sleep(0.5)
                receipt = other.track("E", user_id="u", properties={"n": 1})
                await receipt.stored()
                began = time.monotonic()
                await other.shutdown(timeout=10.0)
                assert time.monotonic() - began < 2.0
                assert receipt.state is State.STORED
            while len(collector.events) < 2:  # noqa: ASYNC110 - the collector rings nowhere
                await asyncio.sleep(0.01)
        assert numbers(collector.events) == [0, 1]


def test_the_names_are_those_of_the_documentation() -> None:
    """Its defaults, and what a key begins with."""
    chosen = {name: one.default for name, one in inspect.signature(RedisStore).parameters.items()}
    assert chosen["url"] == "redis://localhost:6379/0"
    assert chosen["queue_name"] == "rudderEventsQueue"
    assert (chosen["multi_processor"], chosen["max_attempts"]) == (False, 10)
    assert base_of(chosen["prefix"], chosen["queue_name"], 0, 1) == "{rudder}:rudderEventsQueue"
    assert base_of("rudder", "q", 3, 16) == "{rudder:3}:q"
