"""The store that survives nothing: batches of this process, in order, and a bounded letter box.

`append` waits while a batch lies here that nobody has taken: what waits behind it stays unformed
and merges into larger batches.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice, takewhile

from asyncsdk.batching import count_fitting
from asyncsdk.outside import Bell
from asyncsdk.seams import Batch, DeadLetter, Lease, Progress, Room


class _Shelf:
    """The batches of one lane."""

    def __init__(self) -> None:
        # This is all that changes.
        self.waiting: deque[Lease] = deque()
        self.leased: dict[str, Lease] = {}  # by batch key, in the order of taking
        self.filled = Bell()
        self.emptied = Bell()

    def holds(self, key: str) -> bool:
        return key in self.leased or any(lease.batch.key == key for lease in self.waiting)


class MemoryStore:
    """Keep batches and dead letters in memory.

    Args:
        max_letters: Most dead letters kept; beyond it the oldest go.
        max_letter_bytes: The same in bytes of their events.
    """

    shared = False

    def __init__(
        self, *, max_letters: int = 10_000, max_letter_bytes: int = 16 * 1024 * 1024
    ) -> None:
        self._max_letters = max_letters
        self._max_letter_bytes = max_letter_bytes
        # This is all that changes.
        self._shelves: dict[str, _Shelf] = {}
        self._letters: OrderedDict[DeadLetter, None] = OrderedDict()
        self._letter_bytes = 0

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Be ready at once; there is nothing else to do."""
        ready()
        await asyncio.Event().wait()

    async def recover(self, lane: str) -> None:
        """Return unsettled leases to the front, in order."""
        shelf = self._shelf(lane)
        shelf.waiting.extendleft(reversed(shelf.leased.values()))
        shelf.leased.clear()
        shelf.filled.ring()

    async def append(self, lane: str, batch: Batch) -> None:
        """Keep *batch* once no other waits to be taken."""
        shelf = self._shelf(lane)
        while not shelf.holds(batch.key):
            if not shelf.waiting:
                whole = [(0, len(batch.events))]
                shelf.waiting.append(Lease(lane, batch, Progress(open=whole)))
                shelf.filled.ring()
                return
            await shelf.emptied.wait()

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease the oldest batches that fit *room*; wait for one."""
        shelf = self._shelf(lane)
        while not shelf.waiting:
            await shelf.filled.wait()
        route = shelf.waiting[0].batch.route
        same = takewhile(lambda lease: lease.batch.route == route, shelf.waiting)
        sizes = (
            (len(lease.batch.events), lease.batch.size) for lease in islice(same, room.batches)
        )
        taken = [shelf.waiting.popleft() for _ in range(count_fitting(sizes, room))]
        for lease in taken:
            shelf.leased[lease.batch.key] = lease
        shelf.emptied.ring()
        return taken

    async def give_back(self, lease: Lease) -> None:
        """Return *lease* to the front."""
        shelf = self._shelf(lease.lane)
        if shelf.leased.pop(lease.batch.key, None) is not None:
            shelf.waiting.appendleft(lease)
            shelf.filled.ring()

    async def note(self, lease: Lease) -> None:
        """Nothing to write: the lease's progress is the one kept here."""

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Forget the batch and keep *letters*."""
        mine = self._shelf(lease.lane).leased.pop(lease.batch.key, None) is not None
        if mine:
            await self.bury(letters)
        return mine

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters*, each once, within the bounds."""
        for letter in letters:
            if letter not in self._letters:
                self._letters[letter] = None
                self._letter_bytes += len(letter.data)
        while len(self._letters) > self._max_letters or self._letter_bytes > self._max_letter_bytes:
            letter, _ = self._letters.popitem(last=False)
            self._letter_bytes -= len(letter.data)

    def forget(self, lane: str) -> None:
        """Start empty in a forked child."""
        self._shelves.pop(lane, None)
        self._take_out([one for one in self._letters if one.destination == lane])

    async def retire(self, lane: str) -> bool:
        """Forget the lane's batches: nothing here outlives the run."""
        self._shelves.pop(lane, None)
        return False

    async def dead_letters(self, lane: str | None = None) -> AsyncIterator[DeadLetter]:
        """Iterate over the letters as they are now, oldest first."""
        for letter in tuple(self._letters):
            if lane is None or letter.destination == lane:
                yield letter

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters out: those with these ids, or all."""
        out = [
            letter
            for letter in self._letters
            if (lane is None or letter.destination == lane)
            and (message_ids is None or letter.message_id in message_ids)
        ]
        self._take_out(out)
        return out

    def _take_out(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            del self._letters[letter]
            self._letter_bytes -= len(letter.data)

    def _shelf(self, lane: str) -> _Shelf:
        return self._shelves.setdefault(lane, _Shelf())
