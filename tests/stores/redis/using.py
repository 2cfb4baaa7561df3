"""Opens stores on a server, and asks Redis itself what is in it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from redis.asyncio import Redis

from asyncsdk.seams import Lease, Room
from asyncsdk.stores import RedisStore

LANE = "lane"
WIDE = Room(events=10_000, bytes=10_000_000, batches=1_000)
ONE = Room(events=1, bytes=1)


def new_queue() -> str:
    """Return a queue name that nobody uses."""
    return f"q-{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def live(store: RedisStore) -> AsyncIterator[RedisStore]:
    """Let *store* run as a client does, and end it as a client does."""
    ready = asyncio.Event()
    running = asyncio.create_task(store.run(ready=ready.set))
    try:
        with anyio.fail_after(10.0):
            await ready.wait()
        await store.recover(LANE)
        yield store
    finally:
        running.cancel()
        await asyncio.wait([running])
        await store.retire(LANE)
        await store.close()


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Redis]:
    """Talk to Redis itself."""
    client = Redis.from_url(url)
    try:
        yield client
    finally:
        await client.aclose()


async def command(redis: Redis, *words: str | bytes | int) -> Any:
    """Send a command as it is."""
    send: Callable[..., Awaitable[object]] = redis.execute_command
    return await send(*words)


async def take(store: RedisStore, room: Room = WIDE, *, within: float = 8.0) -> list[Lease]:
    """Take what is there, in time."""
    with anyio.fail_after(within):
        return await store.take(LANE, room)


async def nothing(store: RedisStore, *, seconds: float = 0.5) -> bool:
    """Say whether nothing can be taken for some time."""
    with anyio.move_on_after(seconds) as scope:
        await store.take(LANE, WIDE)
    return scope.cancelled_caught


async def until_away(store: RedisStore) -> None:
    """Wait until the store knows that Redis is away."""
    with anyio.fail_after(10.0):
        while not store.away:  # noqa: ASYNC110 - nothing rings for a test
            await asyncio.sleep(0.01)


async def until_here(store: RedisStore) -> None:
    """Wait until the store knows that Redis is here."""
    with anyio.fail_after(10.0):
        while store.away:  # noqa: ASYNC110 - nothing rings for a test
            await asyncio.sleep(0.01)


def keys(leases: Sequence[Lease]) -> list[str]:
    """List the batches' keys."""
    return [lease.batch.key for lease in leases]
