"""The detour: another store, which is appended to and taken from while Redis is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio

from asyncsdk.errors import StoreAwayError
from asyncsdk.seams import Batch, DeadLetter, Lease, Room, Stock, Store
from asyncsdk.stores.redis.shelf import Shelf

#: Seconds for which a look into the fallback may take while Redis is here.
_GLANCE = 0.05
#: Seconds for which it is waited for while Redis is away, between looks whether it is back.
_LOOK = 0.2


class Detour:
    """Use *store* as the fallback; None if there is none."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._exhumed: set[DeadLetter] = set()  # of it, in hand; this is all that changes
        self.lasting: bool = store is not None and store.durability != "memory"

    @property
    def store(self) -> Store:
        """The fallback.

        Raises:
            StoreAwayError: There is none.
        """
        if self._store is None:
            raise StoreAwayError("Redis is away")
        return self._store

    @property
    def there(self) -> bool:
        """Whether there is one."""
        return self._store is not None

    async def run(self) -> None:
        """Let it do its work; ends by cancellation."""
        if self._store is not None:
            await self._store.run(ready=_nothing)

    async def recover(self, lane: str) -> None:
        """Return leases to its front."""
        if self._store is not None:
            await self._store.recover(lane)

    async def append(
        self, shelf: Shelf, batch: Batch, age: float, letters: Sequence[DeadLetter]
    ) -> None:
        """Keep *batch* in it."""
        mine = [letter for letter in letters if letter in self._exhumed]
        shelf.detour = True
        shelf.waiting += 1
        try:
            await self.store.append(shelf.lane, batch, age=age, letters=mine)
        finally:
            shelf.waiting -= 1
        self._exhumed.difference_update(mine)

    async def take(self, shelf: Shelf, room: Room, *, away: bool) -> list[Lease]:
        """Take from it what it has, if it has something soon."""
        if self._store is None or not shelf.detour:
            return []
        leases: list[Lease] = []
        with anyio.move_on_after(_LOOK if away else _GLANCE) as scope:
            leases = await self._store.take(shelf.lane, room)
        if scope.cancelled_caught and not leases:
            if not shelf.elsewhere:
                await self._store.recover(shelf.lane)  # what it may have leased and not returned
            shelf.detour = away or bool(shelf.waiting or shelf.elsewhere)
        shelf.elsewhere.update(lease.batch.key for lease in leases)
        return leases

    async def dead_letters(self, lane: str | None) -> list[DeadLetter]:
        """Return its letters, oldest first."""
        if self._store is None:
            return []
        return [letter async for letter in self._store.dead_letters(lane)]

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters into hand."""
        if self._store is None:
            return []
        letters = await self._store.exhume(lane, message_ids)
        self._exhumed.update(letters)
        return letters

    async def bury(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Put back those of *letters* that are from here; return the others."""
        mine = [letter for letter in letters if letter in self._exhumed]
        if mine:
            await self.store.bury(mine)
            self._exhumed.difference_update(mine)
        return [letter for letter in letters if letter not in mine]

    async def forget_letters(self, lane: str, letters: Sequence[DeadLetter]) -> None:
        """Forget those of *letters* that are from here: they are a batch in Redis now."""
        mine = frozenset(letter.message_id for letter in letters if letter in self._exhumed)
        if mine:
            await self.bury(letters)
            await self.store.purge(lane, mine)

    async def purge(self, lane: str | None, message_ids: frozenset[str] | None) -> int:
        """Forget letters for good; return how many."""
        return 0 if self._store is None else await self._store.purge(lane, message_ids)

    def stock(self) -> Mapping[str, Stock]:
        """Return what it keeps."""
        return {} if self._store is None else self._store.stock()

    def forget(self, lane: str) -> None:
        """Drop what is held in memory for *lane*."""
        if self._store is not None:
            self._store.forget(lane)

    async def retire(self, lane: str) -> None:
        """Note that the lane's run is over."""
        if self._store is not None:
            await self._store.retire(lane)

    async def close(self) -> None:
        """Let go of what it needs."""
        if self._store is not None:
            await self._store.close()


def _nothing() -> None:
    """Nobody waits for it to be ready."""
