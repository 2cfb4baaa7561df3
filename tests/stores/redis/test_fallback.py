"""Where batches go while Redis is away: into the fallback, or out of memory; and back again."""

import asyncio
from pathlib import Path

import pytest

from asyncsdk import AsyncAnalytics, MemoryStore, RudderStack, SQLiteStore
from asyncsdk.collector import Collector
from asyncsdk.errors import StoreAwayError
from asyncsdk.stores import RedisStore
from tests.delivery.making import batch, letter
from tests.promises.children import numbers
from tests.stores.redis.servers import DURABLE, Server, running
from tests.stores.redis.using import (
    LANE,
    ONE,
    keys,
    live,
    new_queue,
    nothing,
    take,
    until_away,
    until_here,
)


@pytest.mark.whole_way
async def test_a_lasting_fallback_is_drained_first(tmp_path: Path) -> None:
    """What it kept is older than what comes then; letters of both are listed, replayed, purged."""
    with running("7", *DURABLE) as server:
        store = RedisStore(
            server.url, queue_name=new_queue(), fallback=SQLiteStore(tmp_path), lease=0.5
        )
        async with live(store):
            await store.append(LANE, batch("a"))
            (first,) = await take(store)
            await asyncio.to_thread(server.kill)
            await until_away(store)
            assert await store.settle(first, [letter("m-1")])  # owed, and paid later
            for key in "bc":
                await store.append(LANE, batch(key))
            (lease,) = await take(store, ONE)
            assert (lease.batch.key, lease.kept) == ("b", True)
            lease.progress.attempts = 1
            await store.note(lease)
            await store.give_back([lease])
            await asyncio.to_thread(server.start)
            await until_here(store)
            await store.append(LANE, batch("d"))
            found = [key for _ in range(3) for key in keys(await take(store, ONE))]
            assert found == ["b", "c", "d"]
            assert [one.message_id async for one in store.dead_letters()] == ["m-1"]


async def test_a_fallback_that_lasts_no_longer_is_none(server: Server) -> None:
    """A MemoryStore keeps nothing beyond the process: what is in it is not said to be stored."""
    store = RedisStore(server.url, queue_name=new_queue(), fallback=MemoryStore())
    async with live(store):
        await store.append(LANE, batch("a"))
        assert (await take(store))[0].kept


@pytest.mark.whole_way
async def test_while_redis_is_away_events_are_sent_and_count_as_not_stored() -> None:
    """The counts add up, before and after; then it is used again."""
    with running("7", *DURABLE) as server:
        async with Collector() as collector:
            store = RedisStore(server.url, queue_name=new_queue(), lease=0.2)
            destination = RudderStack("planted-key", collector.url, name="there")
            async with AsyncAnalytics(destination, store=store, flush_interval=0.01) as analytics:
                await asyncio.to_thread(server.kill)
                receipts = [
                    analytics.track("E", user_id="u", properties={"n": n}) for n in range(100)
                ]
                await receipts[-1].delivered(timeout=10.0)
                now = analytics.statistics()
                assert (now.delivered, now.stored, now.pending) == (100, 0, 0)
                await asyncio.to_thread(server.start)
                await until_here(store)
                receipt = analytics.track("E", user_id="u", properties={"n": 100})
                await receipt.stored(timeout=10.0)
                await receipt.delivered(timeout=10.0)
            assert numbers(collector.events) == list(range(101))


async def test_what_is_lent_from_memory_is_sent_once() -> None:
    """While it is being sent it is not appended; given back, it can be lent again."""
    store = RedisStore("redis://127.0.0.1:1/0", queue_name=new_queue())
    async with live(store):
        with pytest.raises(StoreAwayError):
            await store.append(LANE, batch("a"))
        (lease,) = await take(store)
        with pytest.raises(StoreAwayError, match="being sent"):
            await store.append(LANE, batch("a"))
        await store.give_back([lease])
        (lease,) = await take(store)
        await store.note(lease)
        assert await store.settle(lease, [letter("m-1")])
        assert not await store.settle(lease, ())
        with pytest.raises(StoreAwayError, match="was sent"):  # its lane may not know yet
            await store.append(LANE, batch("a"))
        assert await nothing(store, seconds=0.3)


async def test_letters_cannot_be_read_while_redis_is_away() -> None:
    """That is said: half of them would be worse."""
    store = RedisStore("redis://127.0.0.1:1/0", queue_name=new_queue())
    async with live(store):
        with pytest.raises(StoreAwayError):
            [one async for one in store.dead_letters()]
