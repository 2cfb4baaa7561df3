"""The failed set: dead letters in Redis, read page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from asyncsdk.errors import StoreAwayError
from asyncsdk.seams import DeadLetter
from asyncsdk.stores.redis.codec import name_letter, read_letter
from asyncsdk.stores.redis.line import Line
from asyncsdk.stores.redis.link import Link
from asyncsdk.stores.redis.shard import Kept, Shard

#: Letters that are asked for at once.
_PAGE = 100

ShardsOf = Callable[[str], Sequence[Shard]]


class Letters:
    """Read, exhume and purge the letters of a queue."""

    def __init__(self, link: Link, shards_of: ShardsOf, bases: Sequence[str]) -> None:
        self._link = link
        self._shards_of = shards_of
        self._bases = bases
        self._exhumed: set[str] = set()  # names: in somebody's hands; this is all that changes

    async def read(
        self, lane: str | None, message_ids: frozenset[str] | None = None
    ) -> list[tuple[Shard, str, DeadLetter]]:
        """Return letters with their names, oldest first; those in hand are passed over.

        All at once: while somebody goes through them, some may go and others come.

        Raises:
            StoreAwayError: Redis is away.
        """
        line = await self._line()
        found: list[tuple[float, Shard, str, DeadLetter]] = []
        for one in [lane] if lane is not None else await self._lanes(line):
            for shard in self._shards_of(one):
                for kept in await self._all(shard, line):
                    letter = self._open(kept)
                    if letter and (message_ids is None or letter.message_id in message_ids):
                        found.append((kept.when, shard, kept.named.name, letter))
        found.sort(key=lambda one: one[0])
        return [(shard, name, letter) for _, shard, name, letter in found]

    async def _all(self, shard: Shard, line: Line) -> list[Kept]:
        found: list[Kept] = []
        while True:
            page = await shard.letters(line, len(found), _PAGE)
            found += page
            if len(page) < _PAGE:
                return [kept for kept in found if kept.named.name not in self._exhumed]

    def _open(self, kept: Kept) -> DeadLetter | None:
        try:
            return read_letter(kept.named.data)
        except ValueError:
            self._link.reporter.once(
                "letters", "Redis holds dead letters of another version; they stay there"
            )
            return None

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters into hand: they are passed over until they are forgotten or put back."""
        out = await self.read(lane, message_ids)
        self._exhumed.update(name for _, name, _ in out)
        return [letter for _, _, letter in out]

    async def purge(self, lane: str | None, message_ids: frozenset[str] | None) -> int:
        """Forget letters; return how many."""
        line = await self._line()
        names: dict[Shard, list[str]] = {}
        for shard, name, _ in await self.read(lane, message_ids):
            names.setdefault(shard, []).append(name)
        return sum([await shard.purge(line, some) for shard, some in names.items()])

    def in_hand(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """Return those of *letters* that were exhumed here."""
        return [letter for letter in letters if name_letter(letter).name in self._exhumed]

    def let_go(self, letters: Iterable[DeadLetter]) -> None:
        """Take *letters* out of hand."""
        self._exhumed.difference_update(name_letter(letter).name for letter in letters)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Put *letters* back, or keep new ones.

        Raises:
            StoreAwayError: Redis is away.
            StoreFullError: It has no memory left.
        """
        line = await self._line()
        # Neighbours of one destination together, so that all keep their order.
        for lane, some in groupby(letters, key=lambda letter: letter.destination):
            await self._shards_of(lane)[0].bury(line, list(some))
        self.let_go(letters)

    async def _line(self) -> Line:
        line = await self._link.line()
        if line is None:
            raise StoreAwayError(self._link.away or "Redis is away")
        return line

    async def _lanes(self, line: Line) -> list[str]:
        lanes: set[str] = set()
        for base in self._bases:
            lanes |= await line.members(f"{base}:lanes")
        return sorted(lanes)
