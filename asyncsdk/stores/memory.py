"""The store that survives nothing: batches of this process, in order, and a bounded letter box.

`append` waits while a batch lies here that nobody has taken: what waits behind it stays unformed
and merges into larger batches.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import islice, takewhile

from asyncsdk.batching import count_fitting
from asyncsdk.outside import Bell
from asyncsdk.seams import Batch, DeadLetter, Durability, Lease, Progress, Room, Stock


class _Shelf:
    """The batches of one lane."""

    def __init__(self) -> None:
        # This is all that changes.
        self.waiting: deque[Lease] = deque()
        self.leased: dict[str, Lease] = {}  # by batch key, in the order of taking
        self.born: dict[str, float] = {}  # by batch key, on the loop's clock
        self.filled = Bell()
        self.emptied = Bell()

    def holds(self, key: str) -> bool:
        return key in self.born

    def stock(self, letters: int) -> Stock:
        every = (*self.leased.values(), *self.waiting)
        return Stock(
            batches=len(every),
            events=sum(stop - start for one in every for start, stop in one.progress.open),
            bytes=sum(one.batch.size for one in every),
            letters=letters,
        )


class MemoryStore:
    """Keep batches and dead letters in memory.

    Args:
        max_letters: Most dead letters kept; beyond it the oldest go.
        max_letter_bytes: The same in bytes of their events.
    """

    shared = False
    durability: Durability = "memory"

    def __init__(
        self, *, max_letters: int = 10_000, max_letter_bytes: int = 16 * 1024 * 1024
    ) -> None:
        self._max_letters = max_letters
        self._max_letter_bytes = max_letter_bytes
        # This is all that changes.
        self._shelves: dict[str, _Shelf] = {}
        self._letters: OrderedDict[DeadLetter, None] = OrderedDict()
        self._letter_bytes = 0
        self._letters_of: Counter[str] = Counter()  # by lane
        self._exhumed: set[DeadLetter] = set()  # of these, in somebody's hands

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

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Keep *batch* once no other waits to be taken."""
        shelf = self._shelf(lane)
        while not shelf.holds(batch.key):
            if not shelf.waiting:
                whole = [(0, len(batch.events))]
                shelf.born[batch.key] = _now() - age
                shelf.waiting.append(Lease(lane, batch, Progress(open=whole)))
                shelf.filled.ring()
                break
            await shelf.emptied.wait()
        self._take_out(letters)

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
            lease.progress.age = _now() - shelf.born[lease.batch.key]
            shelf.leased[lease.batch.key] = lease
        shelf.emptied.ring()
        return taken

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return *leases* to the front."""
        for lease in reversed(leases):
            shelf = self._shelf(lease.lane)
            if shelf.leased.pop(lease.batch.key, None) is not None:
                shelf.waiting.appendleft(lease)
                shelf.filled.ring()

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:  # noqa: ARG002
        """Keep *letters*: the lease's progress is the one kept here."""
        await self.bury(letters)

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Forget the batch and keep *letters*."""
        shelf = self._shelf(lease.lane)
        mine = shelf.leased.pop(lease.batch.key, None) is not None
        if mine:
            shelf.born.pop(lease.batch.key, None)
            await self.bury(letters)
        return mine

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters*, each once, within the bounds."""
        self._exhumed.difference_update(letters)
        for letter in letters:
            if letter not in self._letters:
                self._letters[letter] = None
                self._letter_bytes += len(letter.data)
                self._letters_of[letter.destination] += 1
        while len(self._letters) > self._max_letters or self._letter_bytes > self._max_letter_bytes:
            self._take_out([next(iter(self._letters))])

    def stock(self) -> Mapping[str, Stock]:
        """Return what is kept, by lane."""
        counts = {lane: count for lane, count in self._letters_of.items() if count}
        return {
            lane: self._shelf(lane).stock(counts.get(lane, 0)) for lane in {*self._shelves, *counts}
        }

    def forget(self, lane: str) -> None:
        """Start empty in a forked child."""
        self._shelves.pop(lane, None)
        self._take_out([one for one in self._letters if one.destination == lane])

    async def retire(self, lane: str) -> None:
        """Forget the lane's batches: nothing here outlives the run."""
        self._shelves.pop(lane, None)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def dead_letters(self, lane: str | None = None) -> AsyncIterator[DeadLetter]:
        """Iterate over the letters as they are now, oldest first."""
        for letter in self._choose(lane, None):
            yield letter

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters into hand: those with these ids, or all."""
        out = self._choose(lane, message_ids)
        self._exhumed.update(out)
        return out

    async def purge(self, lane: str | None, message_ids: frozenset[str] | None) -> int:
        """Forget letters for good: those with these ids, or all."""
        gone = self._choose(lane, message_ids)
        self._take_out(gone)
        return len(gone)

    def _choose(self, lane: str | None, message_ids: frozenset[str] | None) -> list[DeadLetter]:
        return [
            letter
            for letter in self._letters
            if (lane is None or letter.destination == lane)
            and (message_ids is None or letter.message_id in message_ids)
            and letter not in self._exhumed
        ]

    def _take_out(self, letters: Sequence[DeadLetter]) -> None:
        self._exhumed.difference_update(letters)
        for letter in letters:
            if letter in self._letters:
                del self._letters[letter]
                self._letter_bytes -= len(letter.data)
                self._letters_of[letter.destination] -= 1

    def _shelf(self, lane: str) -> _Shelf:
        return self._shelves.setdefault(lane, _Shelf())


def _now() -> float:
    return asyncio.get_running_loop().time()
