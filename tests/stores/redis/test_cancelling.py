"""What happens when a command to Redis is cancelled? No later one gets its answer."""

import asyncio
import random

import pytest

from asyncsdk.seams import Lease
from asyncsdk.stores import RedisStore
from tests.delivery.making import batch
from tests.stores.redis.servers import Server
from tests.stores.redis.using import LANE, ONE, live, new_queue, take

#: Steps of the loop that a command takes, and some more.
_STEPS = 25


@pytest.mark.timeout(60)
async def test_after_three_hundred_cancellations_no_answer_is_the_wrong_one(
    server_7: Server,
) -> None:
    """At random moments; every batch is there once, in order, with its own events."""
    random.seed(7)
    async with live(RedisStore(server_7.url, queue_name=new_queue())) as store:
        made = 0
        found: list[str] = []
        for number in range(150):
            await cancelled(store.append(LANE, batch(f"{number:03d}")))
            await store.append(LANE, batch(f"{number:03d}"))
            made += 1
            await cancelled(store.take(LANE, ONE))
            await store.recover(LANE)
            (lease,) = await take(store, ONE)
            assert list(lease.batch.events) == list(batch(lease.batch.key).events)
            found.append(await settled(store, lease))
        assert found == [f"{number:03d}" for number in range(made)]
        assert store.stock()[LANE].batches == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", ["append", "take", "note", "settle", "give_back", "letters"])
async def test_whatever_waits_for_redis_ends_when_it_is_cancelled(
    server_7: Server, what: str
) -> None:
    """At every step of the loop: redis-py loses a cancellation that comes as it has just written."""
    async with live(RedisStore(server_7.url, queue_name=new_queue())) as store:
        for step in range(2 * _STEPS):
            await store.append(LANE, batch(f"{step:03d}"))
            (lease,) = await take(store, ONE)
            task = asyncio.ensure_future(_again_and_again(store, what, lease))
            for _ in range(step % _STEPS):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=2.0)
            assert task.cancelled(), step
            await store.recover(LANE)
            for left in await take(store) if what != "settle" else ():
                await store.settle(left, ())


async def _again_and_again(store: RedisStore, what: str, lease: Lease) -> None:
    """Do what a lane does, and go on as long as nobody ends it."""
    while True:
        if what == "append":
            await store.append(LANE, lease.batch)
        elif what == "take":
            await store.take(LANE, ONE)
        elif what == "note":
            await store.note(lease, ())
        elif what == "settle":
            await store.settle(lease, ())
        elif what == "give_back":
            await store.give_back([lease])
        else:
            [letter async for letter in store.dead_letters(LANE)]
        await asyncio.sleep(0)


async def cancelled(work: object) -> None:
    """Begin *work* and cancel it a moment later."""
    assert asyncio.iscoroutine(work)
    task = asyncio.ensure_future(work)
    for _ in range(random.randrange(12)):
        await asyncio.sleep(0)
    if random.random() < 0.5:
        await asyncio.sleep(random.random() * 0.002)
    task.cancel()
    await asyncio.wait([task])


async def settled(store: RedisStore, lease: Lease) -> str:
    """Settle *lease*, half of the time after a settling that was cancelled."""
    if random.random() < 0.5:
        await cancelled(store.settle(lease, ()))
    await store.settle(lease, ())
    return lease.batch.key
