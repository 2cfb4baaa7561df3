"""What happens when others write under our names? What cannot be read steps aside, the rest goes on."""

import asyncio
from collections.abc import Mapping

import anyio
import pytest

from asyncsdk.errors import StoreAwayError
from asyncsdk.stores import RedisStore
from asyncsdk.stores.codec import pack
from tests.delivery.making import batch, letter
from tests.stores.redis.servers import Server
from tests.stores.redis.using import (
    LANE,
    WIDE,
    asking,
    command,
    keys,
    live,
    new_queue,
    nothing,
    take,
    until_away,
    until_here,
)

_EVENT = b"\x01" + pack([b'{"a":1'])
_RIGHT: Mapping[str, bytes] = {
    "k": b"strange",
    "d": _EVENT,
    "n": b"1",
    "b": b"6",
    "r": b"main",
    "a": b"0",
    "t": b"",
}


def place(queue: str, name: str) -> str:
    """Return the key *name* of the lane."""
    return f"{{rudder}}:{queue}:{LANE}:{name}"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": b"many"},
        {"n": b"inf"},
        {"n": b"2"},
        {"n": b"0", "d": b"\x01" + pack([])},
        {"b": b"-7", "a": b"old"},
        {"k": b"\xff\xfe", "d": b"\x01zz"},
        {"r": b"\xff"},
        {"d": b""},
    ],
)
async def test_an_entry_that_is_no_batch_is_set_aside(
    server_7: Server, fields: Mapping[str, bytes]
) -> None:
    """It stood in front of all others, for ever; what it was is kept as it is."""
    queue = new_queue()
    words = {**_RIGHT, **fields} if fields else {"foo": b"bar"}
    async with asking(server_7.url) as redis:
        flat = [word for pair in words.items() for word in pair]
        await command(redis, "XADD", place(queue, "s"), "*", *flat)
        async with live(RedisStore(server_7.url, queue_name=queue)) as store:
            await store.append(LANE, batch("good"))
            (lease,) = await take(store)
            assert lease.batch.key == "good"
            assert await store.settle(lease, ())
            stock = store.stock()[LANE]
            assert (stock.batches, stock.events, stock.bytes, stock.aside) == (0, 0, 0, 1)
        ((_, kept),) = await command(redis, "XRANGE", place(queue, "aside"), "-", "+")
        assert kept == {name.encode(): word for name, word in words.items()}


@pytest.mark.parametrize(
    "progress", [b"junk", b"5:[[[0,1000]],2]", b"1:[[[1,0]],0]", b"0:[[],0]", b"1:[[[-1,1]],0]"]
)
async def test_progress_that_no_batch_can_have_sets_it_aside(
    server_7: Server, progress: bytes
) -> None:
    """Nothing is sent that was not written, and no count goes astray."""
    queue = new_queue()
    store = RedisStore(server_7.url, queue_name=queue)
    async with asking(server_7.url) as redis, live(store):
        await store.append(LANE, batch("spoilt"))
        await store.append(LANE, batch("good"))
        await command(redis, "HSET", place(queue, "p"), "spoilt", progress)
        (lease,) = await take(store)
        assert lease.batch.key == "good"
        assert await store.settle(lease, ())
        assert (store.stock()[LANE].aside, store.stock()[LANE].batches) == (1, 0)


@pytest.mark.parametrize("name", ["s", "p", "n", "o", "fo"])
async def test_a_key_of_another_type_is_named_and_no_storm_follows(
    server_7: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Until somebody takes it away; then all goes on, and what was appended is there once."""
    queue = new_queue()
    async with asking(server_7.url) as redis:
        await command(redis, *_of_another_type(place(queue, name)))
        async with live(
            RedisStore(server_7.url, queue_name=queue, strict_order=True, lease=0.2)
        ) as store:
            before = (await redis.info("stats"))["total_connections_received"]
            appending = asyncio.ensure_future(_insist(store))
            taking = asyncio.ensure_future(store.take(LANE, WIDE))
            await asyncio.sleep(0.2)
            after = (await redis.info("stats"))["total_connections_received"]
            assert after - before < 12
            assert "WRONGTYPE" in caplog.text
            await command(redis, "DEL", place(queue, name))
            await until_here(store)
            await appending
            with anyio.fail_after(5.0):
                assert keys(await taking) == ["a"]
            assert await command(redis, "XLEN", place(queue, "s")) == 1


def _of_another_type(key: str) -> tuple[str, ...]:
    return ("HSET", key, "a", "b") if key.endswith(":o") else ("SET", key, "x")


async def _insist(store: RedisStore) -> None:
    """Append as a lane does."""
    while True:
        try:
            return await store.append(LANE, batch("a"))
        except StoreAwayError:
            await asyncio.sleep(0.05)


async def test_letters_and_names_that_are_none_are_passed_over(server_7: Server) -> None:
    """Even in names that are no text."""
    queue = new_queue()
    async with asking(server_7.url) as redis:
        await command(redis, "ZADD", place(queue, "fo"), 1, b"\xff", 2, "junk", 3, "gone")
        await command(redis, "HSET", place(queue, "f"), b"\xff", b"\xc1", "junk", b"\x01\x02")
        await command(redis, "SADD", f"{{rudder}}:{queue}:lanes", b"\xff", LANE)
        async with live(RedisStore(server_7.url, queue_name=queue)) as store:
            await store.bury([letter("a")])
            assert [one.message_id async for one in store.dead_letters()] == ["a"]
            assert await store.purge(None, None) == 1


async def test_counters_that_are_no_numbers_leave_no_entry_for_each_attempt(
    server_7: Server,
) -> None:
    """An append that fails in its middle must not have written its batch before."""
    queue = new_queue()
    async with asking(server_7.url) as redis:
        await command(redis, "HSET", place(queue, "n"), "events", "many")
        async with live(RedisStore(server_7.url, queue_name=queue)) as store:
            with pytest.raises(StoreAwayError):
                await store.append(LANE, batch("a"))
            assert await command(redis, "XLEN", place(queue, "s")) == 0


async def test_what_came_with_what_cannot_be_read_is_not_lost_by_an_error(
    server_7: Server,
) -> None:
    """The connection dies between the taking and the setting aside: both are taken again."""
    queue = new_queue()
    store = RedisStore(server_7.url, queue_name=queue, lease=0.5)
    async with asking(server_7.url) as redis, live(store):
        await store.append(LANE, batch("good"))
        strange = {**_RIGHT, "d": b"of another version", "r": batch("good").route.encode()}
        flat = [word for pair in strange.items() for word in pair]
        await command(redis, "XADD", place(queue, "s"), "*", *flat)
        await command(redis, "SET", place(queue, "aside"), "of another type")
        assert await nothing(store, seconds=0.3)
        await until_away(store)
        await command(redis, "DEL", place(queue, "aside"))
        await until_here(store)
        assert keys(await take(store)) == ["good"]
