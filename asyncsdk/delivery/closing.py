"""Closing: a verdict on events goes to the store, then into the books, whatever interrupts.

A store may suspend in the middle of a write and be cancelled there; nobody knows then whether it
wrote. So a verdict is kept here until store and books both have it, and whoever runs the lane next
writes it once more before anything else. That is right because a store takes the same settling and
the same letter twice for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from asyncsdk.delivery.parcels import Parcel, Part, without
from asyncsdk.errors import StoreError
from asyncsdk.receipts import Outcome
from asyncsdk.seams import DeadLetter, Lease

if TYPE_CHECKING:
    from asyncsdk.delivery.lane import Lane

T = TypeVar("T")

#: Seconds between attempts of a store that fails in the middle of settling.
STORE_PAUSE = 1.0
#: Batches of one parcel that are settled together.
_AT_ONCE = 50


class Closing(Struct, frozen=True, eq=False):
    """What one verdict says of events of one batch."""

    part: Part
    outcome: Outcome
    letters: Sequence[DeadLetter]


class Closer:
    """Settle events of one lane, first in the store, then in the books."""

    def __init__(self) -> None:
        self._open: dict[Closing, None] = {}  # this is all that changes

    async def close(
        self, lane: Lane, parcel: Parcel, outcome: Outcome, letters: Sequence[DeadLetter]
    ) -> None:
        """Settle the events of *parcel*; cancelling this leaves the rest to `finish`."""
        closings: list[Closing] = []
        for part in parcel.parts:
            count = part.stop - part.start
            closings.append(Closing(part, outcome, letters[:count]))
            letters = letters[count:]
        self._open.update(dict.fromkeys(closings))
        if not lane.durable:
            for closing in closings:
                await self._write(lane, closing)
            return
        # Together: a store that writes to a disk or a server then does it in one go.
        for first in range(0, len(closings), _AT_ONCE):
            await self._write_together(lane, closings[first : first + _AT_ONCE])

    async def _write_together(self, lane: Lane, closings: Sequence[Closing]) -> None:
        if len(closings) == 1:
            await self._write(lane, closings[0])
            return
        async with asyncio.TaskGroup() as group:
            for closing in closings:
                group.create_task(self._write(lane, closing), name=f"asyncsdk {lane.name} settle")

    async def finish(self, lane: Lane) -> None:
        """Write what was interrupted."""
        for closing in list(self._open):
            await self._write(lane, closing)

    def clear(self, lane: Lane) -> None:
        """Put what was interrupted into the books alone: the store had its time."""
        for closing in list(self._open):
            self._book(lane, closing)

    async def _write(self, lane: Lane, closing: Closing) -> None:
        part = closing.part
        lease = part.lease
        lease.progress.open = left = without(lease.progress.open, part.start, part.stop)
        if left:
            await insist(lane, partial(lane.store.note, lease, closing.letters))
        else:
            await insist(lane, partial(lane.store.settle, lease, closing.letters))
        self._book(lane, closing)
        if not left:
            lane.custody.forget(lease.batch.key)

    def _book(self, lane: Lane, closing: Closing) -> None:
        """Write the books, in one step without an await: they agree at every moment."""
        part = closing.part
        if closing in self._open:
            del self._open[closing]
            lane.custody.settle(part.lease.batch, part.start, part.stop, closing.outcome)
            lane.moved()


async def give_back(lane: Lane, leases: Sequence[Lease]) -> None:
    """Return *leases* to the front, in order."""
    await insist(lane, partial(lane.store.give_back, leases))
    lane.custody.give_back(leases)


async def insist(lane: Lane, write: Callable[[], Awaitable[T]]) -> T:
    """Write to the store until it works: the verdict is known and is not asked for again."""
    while True:
        try:
            return await write()
        except Exception as error:  # noqa: BLE001 - a store may fail in any way
            tell_failed(lane, error)
            await asyncio.sleep(STORE_PAUSE)


def tell_failed(lane: Lane, error: Exception) -> None:
    """Say that the store fails; in one line, whatever of it."""
    lane.reporter.say(
        f"store {lane.name}", f"{lane.name}: the store failed ({kind_of(error)}); trying again"
    )


def kind_of(error: Exception) -> str:
    """Return what may be told of *error*: a foreign one's text may say anything."""
    return str(error) if isinstance(error, StoreError) else type(error).__name__
