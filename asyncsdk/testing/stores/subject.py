"""What is asked: a store on a place of its own, batches and letters to give it, patience."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from asyncsdk.seams import Batch, DeadLetter, Lease, Room, Stock, Store

T = TypeVar("T")

#: One promise, asked of a store on an empty place.
Check: TypeAlias = Callable[[Store], Awaitable[None]]

#: Seconds within which whatever must happen has happened.
PATIENCE = 10.0
#: Seconds after which what has not happened will not.
MOMENT = 0.05

LANE = "kit.lane-1"
OTHER = "kit.lane-2"
WIDE = Room(events=1_000, bytes=1_000_000, batches=1_000)
ONE = Room(events=1, bytes=1, batches=1)


class Subject:
    """A kind of store, and places for it that nobody has used."""

    def __init__(self, open_store: Callable[[str], Store]) -> None:
        self.open_store = open_store
        # This is all that changes.
        self._run = uuid.uuid4().hex[:8]  # of this call: a server may remember others
        self._places = 0

    def new_place(self) -> str:
        """Return the name of a place that is empty."""
        self._places += 1
        return f"kit-{self._run}-{self._places}"


@asynccontextmanager
async def opened(subject: Subject, place: str | None = None) -> AsyncIterator[Store]:
    """Make a store on *place*, or on a new one, and let it run meanwhile."""
    store = subject.open_store(place or subject.new_place())
    check_value(store)
    ready = asyncio.Event()
    running = asyncio.create_task(store.run(ready=ready.set))
    try:
        await within(_ready(running, ready), "run() did not call ready")
        yield store
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE)
        for lane in (LANE, OTHER):
            await within(store.retire(lane), "retire() did not return")
        await within(store.close(), "close() did not return")


async def _ready(running: asyncio.Task[None], ready: asyncio.Event) -> None:
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done() and not ready.is_set():
        running.result()
        raise AssertionError("run() ended; it goes on until it is cancelled")


def check_value(store: Store) -> None:
    """Check what the store says of itself."""
    expect(store, isinstance(store.shared, bool), "shared must be True or False")
    known = ("memory", "process", "power")
    expect(store, store.durability in known, f"durability must be one of {', '.join(known)}")


async def within(work: Coroutine[Any, Any, T], words: str) -> T:
    """Return what *work* returns; complain with *words* if it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        raise AssertionError(f"{words} within {PATIENCE:g} s") from None


async def waits(work: Coroutine[Any, Any, object]) -> bool:
    """Say whether *work* waits for something that does not come; it is cancelled then."""
    task = asyncio.ensure_future(work)
    await asyncio.wait([task], timeout=MOMENT)
    waiting = not task.done()
    task.cancel()
    await asyncio.wait([task])
    if not waiting:
        task.result()
    return waiting


async def append(store: Store, *batches: Batch, lane: str = LANE) -> None:
    """Append *batches*; each is leased before the next one, for a store may wait for that."""
    for one in batches:
        await within(store.append(lane, one), "append() did not return with nothing before it")
        await within(store.take(lane, ONE), "take() did not return what was appended")
    await within(store.recover(lane), "recover() did not return")


async def take(store: Store, room: Room = WIDE, *, lane: str = LANE) -> list[Lease]:
    """Take what fits *room*."""
    return await within(store.take(lane, room), "take() did not return what waits")


async def nothing_left(store: Store, words: str, *, lane: str = LANE) -> None:
    """Complain with *words* if something can be taken."""
    expect(store, await waits(store.take(lane, WIDE)), words)


async def listed(store: Store, lane: str | None = None) -> list[str]:
    """List the ids of the letters."""
    return [one.message_id async for one in store.dead_letters(lane)]


def stock(store: Store, lane: str = LANE) -> Stock:
    """Return what the store says it keeps."""
    return store.stock().get(lane, Stock())


def keys(leases: Sequence[Lease]) -> list[str]:
    """List the batches' keys."""
    return [lease.batch.key for lease in leases]


def expect(store: Store, holds: object, words: str) -> None:
    """Complain about *store* with *words* unless it *holds*."""
    if not holds:
        raise AssertionError(f"{type(store).__name__}: {words}")


def batch(key: str, count: int = 3, *, route: str = "batch") -> Batch:
    """Make a batch of *count* events, in which every byte there is occurs."""
    every = bytes(range(256))
    events = [b'{"n":"%s-%d","b":"%s"' % (key.encode(), at, every) for at in range(count)]
    size = sum(map(len, events))
    return Batch(
        key=key, route=route, events=events, size=size, first_at="2026-11-21T09:00:00.000Z"
    )


def letter(message_id: str, *, lane: str = LANE, reason: str = "HTTP 400: no") -> DeadLetter:
    """Make a letter."""
    return DeadLetter(
        destination=lane,
        message_id=message_id,
        state="rejected",
        reason=reason,
        status=400,
        attempts=2,
        first_at="2026-11-21T09:00:00.000Z",
        died_at="2026-11-21T09:00:01.000Z",
        key="key",
        among=3,
        route="batch",
        data=b'{"messageId":"%s"' % message_id.encode(),
    )
