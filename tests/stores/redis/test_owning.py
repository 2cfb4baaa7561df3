"""Who delivers: one owner and stand-bys, or several, each batch once."""

import asyncio

import anyio
import pytest

from asyncsdk.seams import Batch
from asyncsdk.stores import RedisStore
from asyncsdk.stores.redis.processes import Process, this_process
from asyncsdk.stores.redis.spreading import shard_of, spread
from tests.delivery.making import batch
from tests.stores.redis.servers import Server
from tests.stores.redis.using import LANE, ONE, keys, live, new_queue, nothing, take

# Leases of 0.4 s run out on a crowded machine, whoever lives.
pytestmark = pytest.mark.alone


async def test_a_second_processor_stands_by_and_says_so(
    server_7: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes nothing while the first one lives, and all of it at once when that one ends."""
    queue = new_queue()
    first, second = (RedisStore(server_7.url, queue_name=queue) for _ in range(2))
    async with live(second):
        async with live(first):
            await first.append(LANE, batch("a"))
            (lease,) = await take(first)
            await second.append(LANE, batch("b"))
            assert await nothing(second)
            assert "standing by" in caplog.text
            assert await first.settle(lease, ())
        assert keys(await take(second, within=2.0)) == ["b"]


async def test_what_an_owner_left_in_hand_goes_first(server_7: Server) -> None:
    """After a lease has run out: a process of another machine cannot be looked up."""
    queue = new_queue()
    first = RedisStore(server_7.url, queue_name=queue, lease=0.4)
    for key in "ab":
        await first.append(LANE, batch(key))
    (lease,) = await take(first, ONE)  # without run() nobody renews: it might as well be dead
    async with live(RedisStore(server_7.url, queue_name=queue, lease=0.4)) as second:
        assert keys(await take(second)) == ["a", "b"]
        assert not await first.settle(lease, ())
    await first.close()


async def test_each_batch_goes_to_one_of_several(server: Server) -> None:
    """Three share a queue; nothing is taken twice."""
    queue = new_queue()
    stores = [RedisStore(server.url, queue_name=queue, multi_processor=True) for _ in range(3)]
    async with live(stores[0]), live(stores[1]), live(stores[2]):
        made = [f"{number:02d}" for number in range(30)]
        for key in made:
            await stores[0].append(LANE, batch(key))
        found = [key for _ in range(10) for store in stores for key in keys(await take(store, ONE))]
        assert sorted(found) == made


async def test_what_one_of_several_left_is_claimed(server_7: Server) -> None:
    """After a lease without renewal; while it renews, it is left alone."""
    queue = new_queue()
    silent, other = (
        RedisStore(server_7.url, queue_name=queue, multi_processor=True, lease=0.4)
        for _ in range(2)
    )
    await silent.append(LANE, batch("a"))
    (lease,) = await take(silent)
    async with live(other):
        assert keys(await take(other)) == ["a"]
        assert not await silent.settle(lease, ())
    await silent.close()


async def test_what_one_of_several_renews_is_left_alone(server_7: Server) -> None:
    """A slow request is no death."""
    queue = new_queue()
    slow, other = (
        RedisStore(server_7.url, queue_name=queue, multi_processor=True, lease=0.4)
        for _ in range(2)
    )
    async with live(slow), live(other):
        await slow.append(LANE, batch("a"))
        (lease,) = await take(slow)
        assert await nothing(other, seconds=1.2)
        assert await slow.settle(lease, ())


def users(count: int) -> Batch:
    """Make a batch with an event of each of some users."""
    events = [b'{"userId":"u%d"' % number for number in range(count)]
    return Batch(key="k", route="batch", events=events, size=sum(map(len, events)))


async def test_shards_are_shared_out(server_7: Server) -> None:
    """Two processes have two of four each; when one ends the other has all."""
    queue = new_queue()
    one, two = (
        RedisStore(server_7.url, queue_name=queue, multi_processor=True, shards=4, lease=0.5)
        for _ in range(2)
    )
    async with live(one):
        async with live(two):
            with anyio.fail_after(8.0):
                while (one.owned(LANE), two.owned(LANE)) != (2, 2):
                    await asyncio.sleep(0.05)
                    await nothing(one, seconds=0.1)
                    await nothing(two, seconds=0.1)
        await one.append(LANE, users(40))
        found = 0
        while found < 40:
            for lease in await take(one):
                found += len(lease.batch.events)
                assert await one.settle(lease, ())
        assert one.owned(LANE) == 4


def test_a_user_is_always_in_the_same_shard() -> None:
    """However a system spells it; what names nobody is together."""
    spelled = [b'{"userId":"u1"', b'{"user_id":"u1","anonymous_id":"a"', b'{"distinct_id":"u1"']
    assert len({shard_of(event, 16) for event in spelled}) == 1
    assert shard_of(b'{"x":1', 16) == shard_of(b'{"userId":null', 16)
    assert shard_of(b"broken", 16) == 0
    assert len({shard_of(b'{"userId":"u%d"' % n, 16) for n in range(200)}) == 16


def test_a_batch_is_cut_by_user_and_keeps_every_event() -> None:
    """In order, under keys that come from its own."""
    whole = users(50)
    parts = spread(whole, 4)
    assert {part.key for part in parts.values()} == {f"k.{number}" for number in parts}
    again = [event for part in parts.values() for event in part.events]
    assert sorted(again) == sorted(whole.events)
    assert all(
        list(part.events) == sorted(part.events, key=whole.events.index) for part in parts.values()
    )
    assert spread(whole, 1) == {0: whole}


def test_only_a_process_of_this_machine_is_known_to_be_dead() -> None:
    """Of another machine or container nothing is known, nor of what is no process."""
    me = this_process()
    gone = me._replace(pid=2**22 + 1, mark="other")
    assert me.knows_dead(gone.words)
    assert not me.knows_dead(me.words)
    assert not me.knows_dead(me._replace(mark="another client of this process").words)
    assert not me.knows_dead(gone._replace(place="elsewhere").words)
    assert not me.knows_dead("nobody")
    assert me.knows_dead(me._replace(started="1", mark="one that had our number").words)
    assert isinstance(me, Process)
