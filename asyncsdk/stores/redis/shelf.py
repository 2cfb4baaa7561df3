"""One destination's place: its shards in Redis, and what of it lies elsewhere while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from asyncsdk.outside import Bell
from asyncsdk.seams import Lease, Stock
from asyncsdk.stores.redis.shard import Held, Shard


class Shelf:
    """What this process knows of one destination's batches."""

    def __init__(self, lane: str, shards: Sequence[Shard], *, lasting: bool) -> None:
        self.lane: str = lane
        self._lasting = lasting  # the fallback may have batches of an earlier run
        self.shards: Sequence[Shard] = shards
        # This is all that changes.
        self.filled: Bell = Bell()  # something may be taken
        self.turn: asyncio.Lock = asyncio.Lock()  # one asks Redis at a time
        self.share: int = len(shards)  # shards that are ours to own
        self.doubtful: set[str] = set()  # batch keys: an answer to their append was lost
        self.spare: dict[str, Lease] = {}  # batches to be lent from memory, by their keys
        self.lent: set[str] = set()  # batch keys of such leases
        self.gone: set[str] = set()  # batch keys that were settled while their append went on
        self.elsewhere: set[str] = set()  # batch keys of leases from the fallback
        self.kept_twice: set[str] = set()  # batch keys that the fallback may have as well as Redis
        self.detour: bool = lasting  # the fallback may have batches
        self.waiting: int = 0  # appends that wait for the fallback
        self._next = 0

    def recover(self, owed: frozenset[str]) -> None:
        """Let go of everything that a lane held, but for what is *owed* to Redis."""
        self.turn = asyncio.Lock()
        self.detour = self.detour or self._lasting or bool(self.elsewhere)
        self.elsewhere.clear()
        self.spare.clear()  # who appends it knows that it is not kept
        self.lent.clear()
        self.gone.clear()
        for shard in self.shards:
            shard.held = {key: held for key, held in shard.held.items() if key in owed}
            shard.strays = True
            shard.next_try = 0.0
        self.filled.ring()

    def find(self, key: str) -> tuple[Shard, Held] | None:
        """Find a batch that is held here."""
        for shard in self.shards:
            if key in shard.held:
                return shard, shard.held[key]
        return None

    def lend(self) -> list[Lease]:
        """Lend a batch from memory, if there is one."""
        for key in list(self.spare):
            self.lent.add(key)
            return [self.spare.pop(key)]
        return []

    def around(self) -> Iterator[Shard]:
        """Go through the shards, each time beginning with the next one."""
        self._next = (self._next + 1) % len(self.shards)
        yield from self.shards[self._next :]
        yield from self.shards[: self._next]

    @property
    def owned(self) -> int:
        """How many shards are ours."""
        return sum(shard.owned for shard in self.shards)


def total(stocks: Sequence[Stock]) -> Stock:
    """Add up the stocks of a lane's shards."""
    return Stock(
        batches=sum(one.batches for one in stocks),
        events=sum(one.events for one in stocks),
        bytes=sum(one.bytes for one in stocks),
        letters=sum(one.letters for one in stocks),
        aside=sum(one.aside for one in stocks),
    )
