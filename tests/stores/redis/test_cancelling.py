"""What happens when a command to Redis is cancelled? No later one gets its answer."""

import asyncio
import random

import pytest

from asyncsdk.seams import Lease
from asyncsdk.stores import RedisStore
from tests.delivery.making import batch
from tests.stores.redis.servers import Server
from tests.stores.redis.using import LANE, ONE, live, new_queue, take


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
