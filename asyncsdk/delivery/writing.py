"""The write loop of a lane: chunks become batches, and batches go to the store.

A store that is full is waited for, and meanwhile the door's own bound and policy hold; with
``overflow="drop_oldest"`` the oldest batch that is not in flight makes place. A store that is away
is waited for as well. What was formed and is not known to be stored is appended again under the
same key, by whoever runs the lane next.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING

from asyncsdk.backlog import Chunk
from asyncsdk.batching import count_fitting, gathering
from asyncsdk.delivery.closing import tell_failed
from asyncsdk.delivery.parcels import whole
from asyncsdk.errors import StoreAwayError, StoreFullError
from asyncsdk.receipts import STORED, dropped
from asyncsdk.seams import Batch, Lease, Room

if TYPE_CHECKING:
    from asyncsdk.delivery.lane import Lane

#: Seconds between attempts of a store that is full or away; what is settled meanwhile hastens it.
_PAUSE = 0.5
#: Seconds within which a full store gives its oldest batch, if not all are in flight.
_GIVES = 0.1
_OLDEST = Room(events=1, bytes=1)


class Writer:
    """Form batches of what waits at one lane's door."""

    def __init__(self) -> None:
        # This is all that changes.
        self._next: Chunk | None = None  # taken from the queue, did not fit into the last batch
        self._formed_at = -math.inf  # when the last batch was, on the loop's clock
        self._forming: Batch | None = None  # formed, not yet known to be in the store

    def clear(self) -> None:
        """Let go of what is in hand; the door settles it."""
        self._next = self._forming = None

    async def run(self, lane: Lane) -> None:
        """Form batches of what waits, and hand them to the store, until cancelled."""
        while True:
            if self._forming is None:
                if self._next is None:
                    self._next = await lane.door.queue.get()
                await self._gather(lane, self._next)
                await _unfold(lane, self._next)
                self._forming = self._form(lane)
            await self.finish(lane)

    async def finish(self, lane: Lane) -> None:
        """Append what is formed, unless it is known to be in the store, or settled."""
        batch = self._forming
        if batch is not None:
            if lane.custody.must_append(batch.key):
                await _append(lane, batch)
                _note(lane, batch)
            self._forming = None

    async def _gather(self, lane: Lane, first: Chunk) -> None:
        """Let more come after *first* if a batch was formed just now, and nobody is in a hurry.

        A request costs as much as fifty events do: of what comes in a fifth of a second, one is enough.
        """
        door, room = lane.door, lane.rooms[first.route]
        while not (lane.finishing or door.queue.urgent or door.is_plenty(room, also=first)):
            left = self._formed_at + gathering(lane.options) - lane.now
            if left <= 0:
                return
            await door.haste.wait(left)

    def _form(self, lane: Lane) -> Batch:
        """Form one batch of as many waiting chunks as fit together."""
        assert self._next is not None  # noqa: S101 - run has seen to it
        chunks = [self._next]
        self._next = None
        self._formed_at = lane.now
        queue = lane.door.queue
        room = lane.rooms[chunks[0].route]
        events, size = chunks[0].fates.size, chunks[0].size
        while not queue.empty() and not chunks[0].key:
            chunk = queue.get_nowait()
            events += chunk.fates.size
            size += chunk.size
            apart = chunk.route != chunks[0].route or bool(chunk.key)
            if apart or count_fitting(((0, 0), (events, size)), room) < 2:
                self._next = chunk
                break
            chunks.append(chunk)
        key = chunks[0].key or lane.outside.new_key()
        return lane.custody.form(chunks, key, formed=lane.outside.now())


async def _unfold(lane: Lane, first: Chunk) -> None:
    """Unfold what the next batch may hold, a stretch in each step of the loop.

    All of it stays where it is: whoever is cancelled here has nothing in hand.
    """
    for chunk in (first, *lane.door.queue.ahead(lane.room.bytes)):
        while chunk.unfold_last():  # noqa: ASYNC110 - it is work, not waiting
            await asyncio.sleep(0)


def _note(lane: Lane, batch: Batch) -> None:
    """Write into the books that the store has *batch*."""
    if not lane.delivers or lane.store.shared:
        lane.custody.settle(batch, 0, len(batch.events), STORED)
        lane.custody.forget(batch.key)
    elif lane.durable:
        lane.custody.keep(batch)
    lane.moved()


async def _append(lane: Lane, batch: Batch) -> None:
    custody, key = lane.custody, batch.key
    while custody.must_append(key):  # a store that is away may have lent it, and it is settled
        age, letters = custody.age_of(key, lane.now), custody.letters_of(key)
        try:
            await lane.store.append(lane.name, batch, age=age, letters=letters)
            return
        except StoreFullError as error:
            _tell_full(lane, error)
            if lane.options.overflow == "drop_oldest" and await _drop_oldest(lane):
                continue
        except StoreAwayError as error:
            tell_failed(lane, error)
        await lane.wait(_PAUSE)


def _tell_full(lane: Lane, error: StoreFullError) -> None:
    lane.reporter.say(
        f"store full {lane.name}",
        f"{lane.name}: the store is full ({error}); {lane.door.pending} events wait in memory",
    )


async def _drop_oldest(lane: Lane) -> bool:
    """Drop the oldest batch that is not in flight; return whether there was one."""
    stock = lane.store.stock().get(lane.name)
    if stock is None or stock.batches <= lane.custody.leased_batches:
        return False
    leases: list[Lease] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(_GIVES):
            leases = await lane.take(_OLDEST)
    if leases:
        parcel = whole(leases)
        await lane.closer.close(lane, parcel, dropped("queue_full"), ())
        lane.reporter.drop(lane.name, "queue_full", parcel.count)
    return bool(leases)
