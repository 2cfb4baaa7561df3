"""What RedisStore does about a server that is away, full, strange, or that must not be trusted."""

import asyncio
import logging
from collections.abc import Iterator

import anyio
import pytest

from asyncsdk.errors import ConfigurationError, StoreAwayError, StoreFullError
from asyncsdk.stores import RedisStore
from tests.delivery.making import batch, letter
from tests.stores.redis.servers import DURABLE, Server, free_port, running
from tests.stores.redis.using import (
    LANE,
    ONE,
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


@pytest.fixture(scope="module", params=["6.2", "7"])
def own(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Return a server that tests of this module may spoil."""
    with running(request.param, *DURABLE) as server:
        yield server


async def test_scripts_that_the_server_forgot_are_sent_again(own: Server) -> None:
    """SCRIPT FLUSH, or a restart: nobody notices."""
    async with live(RedisStore(own.url, queue_name=new_queue())) as store:
        await store.append(LANE, batch("a"))
        own.ask("SCRIPT", "FLUSH")
        (lease,) = await take(store)
        own.ask("SCRIPT", "FLUSH")
        assert await store.settle(lease, ())


async def test_a_queue_that_was_wiped_goes_on(own: Server) -> None:
    """FLUSHALL takes the consumer group along; what is leased is lost then, what comes is not."""
    async with live(RedisStore(own.url, queue_name=new_queue(), lease=0.5)) as store:
        await store.append(LANE, batch("a"))
        (lease,) = await take(store)
        own.ask("FLUSHALL")
        assert not await store.settle(lease, ())
        await store.append(LANE, batch("b"))
        assert keys(await take(store, within=10.0)) == ["b"]


async def test_a_restart_of_the_server_loses_nothing(own: Server) -> None:
    """Killed and started again, with appendonly: leased, waiting and letters are all there."""
    async with live(RedisStore(own.url, queue_name=new_queue(), lease=1.0)) as store:
        for key in "abc":
            await store.append(LANE, batch(key))
        (lease,) = await take(store, ONE)
        await store.bury([letter("m-1")])
        await own.restart()
        assert await store.settle(lease, ())
        found: list[str] = []
        while len(found) < 2:
            found += keys(await take(store))
        assert found == ["b", "c"]
        assert [one.message_id async for one in store.dead_letters()] == ["m-1"]


async def test_a_full_server_is_said_to_be_full(own: Server) -> None:
    """At maxmemory an append is refused, and all else goes on; then there is room again."""
    async with live(RedisStore(own.url, queue_name=new_queue())) as store:
        await store.append(LANE, batch("a"))
        own.ask("CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(StoreFullError):
                await store.append(LANE, batch("b"))
            (lease,) = await take(store)
            assert await store.settle(lease, ())
        finally:
            own.ask("CONFIG", "SET", "maxmemory", "0")
        await store.append(LANE, batch("b"))
        (lease,) = await take(store)
        assert await store.settle(lease, ())
        assert store.stock()[LANE].bytes == 0


async def test_the_bounds_are_kept_in_redis(own: Server) -> None:
    """By number and by bytes; a batch larger than all of it has room alone."""
    queue = new_queue()
    one = RedisStore(own.url, queue_name=queue, max_batches=2)
    other = RedisStore(own.url, queue_name=queue, max_bytes=50)
    async with live(one), live(other):
        await one.append(LANE, batch("a"))
        await other.append(LANE, batch("a"))  # it knows the key
        with pytest.raises(StoreFullError):
            await other.append(LANE, batch("b", 3))
        await one.append(LANE, batch("b"))
        with pytest.raises(StoreFullError):
            await one.append(LANE, batch("c"))


async def test_a_read_only_server_is_away() -> None:
    """A replica, after a failover: nothing is lost, and it goes on when there is a master."""
    with running("7") as own:
        store = RedisStore(own.url, queue_name=new_queue(), strict_order=True, lease=0.5)
        async with live(store):
            own.ask("REPLICAOF", "127.0.0.1", "1")
            try:
                with pytest.raises(StoreAwayError, match=r"READONLY|read only"):
                    await store.append(LANE, batch("a"))
            finally:
                own.ask("REPLICAOF", "NO", "ONE")
            await until_here(store)
            await store.append(LANE, batch("a"))
            assert keys(await take(store)) == ["a"]


async def test_what_makes_a_server_unsafe_is_said_once(
    own: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """No persistence, or an eviction policy: one line each, however often it connects."""
    own.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    own.ask("CONFIG", "SET", "appendonly", "no")
    try:
        async with live(RedisStore(own.url, queue_name=new_queue())) as store:
            own.ask("CLIENT", "KILL", "TYPE", "normal")
            await store.append(LANE, batch("a"))
    finally:
        own.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        own.ask("CONFIG", "SET", "appendonly", "yes")
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "appendonly" in line]) == 1
    assert len([line for line in said if "allkeys-lru" in line]) == 1


async def test_a_safe_server_is_not_complained_of(
    server_7: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is said where nothing is wrong."""
    async with live(RedisStore(server_7.url, queue_name=new_queue())) as store:
        await store.append(LANE, batch("a"))
    assert not caplog.records


async def test_redis_may_be_away_at_the_start() -> None:
    """The start neither fails nor waits; when Redis comes it is used."""
    with running("7", *DURABLE) as server:
        server.kill()
        async with live(RedisStore(server.url, queue_name=new_queue(), lease=0.5)) as store:
            assert store.away
            with anyio.fail_after(0.5), pytest.raises(StoreAwayError):
                await store.append(LANE, batch("a"))
            (lease,) = await take(store)
            assert (lease.batch.key, lease.kept) == ("a", False)
            await asyncio.to_thread(server.start)
            await until_here(store)
            await store.append(LANE, batch("b"))
            assert server.ask("XLEN", f"{{rudder}}:{store.queue_name}:{LANE}:s") == ":1\r\n"


async def test_one_warning_says_that_redis_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """However many appends meet it; and where it is, without the password."""
    url = f"redis://someone:planted-secret@127.0.0.1:{free_port()}/0"
    async with live(RedisStore(url, queue_name=new_queue())) as store:
        for key in "abc":
            with pytest.raises(StoreAwayError):
                await store.append(LANE, batch(key))
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "Redis is away" in line.getMessage()
    assert "planted-secret" not in caplog.text + repr(store)


async def test_a_wrong_password_is_named_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The kind of trouble is said; the password is not."""
    with running("7", "--requirepass", "right") as server:
        url = server.url.replace("//", "//:planted-secret@")
        store = RedisStore(url, queue_name=new_queue(), strict_order=True)
        async with live(store):
            with pytest.raises(StoreAwayError, match="Authentication") as caught:
                await store.append(LANE, batch("a"))
    assert "planted-secret" not in caplog.text + str(caught.value)


async def test_what_another_version_wrote_is_set_aside(
    server_7: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """It is neither sent nor lost, and it holds nothing up."""
    store = RedisStore(server_7.url, queue_name=new_queue(), lease=0.5)
    stream = f"{{rudder}}:{store.queue_name}:{LANE}:s"
    async with live(store), asking(server_7.url) as redis:
        entry = ("k", "x", "d", b"\x63what", "n", 2, "b", 4, "r", "batch", "a", 0, "t", "")
        await command(redis, "XADD", stream, "*", *entry)
        await store.append(LANE, batch("a"))
        found: list[str] = []
        while not found:
            found = keys(await take(store))
        assert found == ["a"]
        assert await redis.xrange(stream.removesuffix("s") + "aside") != []
        assert await redis.xlen(stream) == 1
        with anyio.fail_after(5.0):
            while store.stock()[LANE].aside != 1:  # noqa: ASYNC110 - counted now and then
                await asyncio.sleep(0.05)
    assert "set aside" in caplog.text


async def test_no_key_and_no_pickle_is_in_redis(server: Server) -> None:
    """What is stored is the events, as they go on the wire, and numbers."""
    store = RedisStore(server.url, queue_name=new_queue())
    async with live(store), asking(server.url) as redis:
        await store.append(LANE, batch("a"))
        stream = f"{{rudder}}:{store.queue_name}:{LANE}:s"
        ((_, fields),) = await command(redis, "XRANGE", stream, "-", "+")
        assert set(fields) == {b"k", b"d", b"n", b"b", b"r", b"a", b"t"}
        assert fields[b"d"].endswith(b"".join(batch("a").events))


async def test_an_unsettled_lease_is_ours_while_it_is_held(server_7: Server) -> None:
    """The renewals outlive the lease."""
    async with live(RedisStore(server_7.url, queue_name=new_queue(), lease=0.4)) as store:
        await store.append(LANE, batch("a"))
        (lease,) = await take(store)
        await asyncio.sleep(0.9)
        assert await store.settle(lease, ())
        assert await nothing(store, seconds=0.3)


async def test_it_knows_when_redis_goes() -> None:
    """Without an append: whoever takes should know."""
    with running("7") as server:
        async with live(RedisStore(server.url, queue_name=new_queue())) as store:
            server.kill()
            await until_away(store)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("must begin with redis://", {"url": "http://localhost"}),
        ("no number", {"url": "redis://localhost:port/0"}),
        ("bracket is open", {"url": "redis://:planted@[::1/0"}),
        ("from 1 to 65,535", {"url": "redis://localhost:99999/0"}),
        ("number of a database", {"url": "redis://localhost/orders"}),
        ("socket_timeout", {"url": "redis://localhost/0?socket_timeout=soon"}),
        ("several hosts", {"url": "redis://a:1,b:2/0"}),
        ("exclude", {"cluster": True, "sentinel": "main"}),
        ("without braces", {"prefix": "{rudder}"}),
        ("without braces", {"queue_name": ""}),
        ("shards", {"shards": 0}),
        ("lease", {"lease": 0.0}),
        ("max_batches", {"max_batches": 0}),
        ("max_attempts", {"max_attempts": 0}),
        ("exclude", {"strict_order": True, "fallback": RedisStore()}),
    ],
)
def test_what_cannot_be_right_is_refused(words: str, options: dict[str, object]) -> None:
    """When it is made, not when it is needed."""
    make: type = RedisStore
    with pytest.raises(ConfigurationError, match=words):
        make(**options)
