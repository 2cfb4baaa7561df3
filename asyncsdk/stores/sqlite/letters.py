"""The letters of one spool file, in order, each once, and within bounds."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from asyncsdk.seams import DeadLetter
from asyncsdk.stores.codec import CODEC, pack_letter, unpack_letter
from asyncsdk.stores.sqlite.database import Database, Row

#: Letters that are read in one step.
_PAGE = 100


class Letters:
    """Keep the letters of one file.

    Args:
        database: The file.
        most: Most letters; beyond it the oldest go.
        most_bytes: The same in bytes.
    """

    def __init__(self, database: Database, *, most: int, most_bytes: int) -> None:
        self._run = database.run
        self._most = most
        self._most_bytes = most_bytes
        # This is all that changes.
        self.exhumed: set[bytes] = set()  # marks of those that are in somebody's hands
        self.counts: Counter[str] = Counter()  # by lane
        self.changed: set[str] = set()  # lanes of which letters came or went
        self._bytes = 0

    def load(self) -> None:
        """Count what is there."""
        self.changed.update(self.counts)
        self.counts.clear()
        self._bytes = 0
        for lane, count, size in self._run(
            "SELECT lane, COUNT(*), SUM(LENGTH(body)) FROM letter GROUP BY lane"
        ):
            self.counts[lane] = count
            self.changed.add(lane)
            self._bytes += size

    def keep(self, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters*; one that is there stays in its place."""
        for letter in letters:
            body = pack_letter(letter)
            mark = _mark(body)
            self.exhumed.discard(mark)
            self._run(
                "INSERT OR IGNORE INTO letter (lane, message_id, codec, mark, body) "
                "VALUES (?, ?, ?, ?, ?)",
                *(letter.destination, letter.message_id, CODEC, mark, body),
            )
            if self._run("SELECT changes()")[0][0]:
                self.counts[letter.destination] += 1
                self.changed.add(letter.destination)
                self._bytes += len(body)
        while self.counts.total() > self._most or self._bytes > self._most_bytes:
            self._drop(
                self._run("SELECT id, lane, mark, LENGTH(body) FROM letter ORDER BY id LIMIT 1")
            )

    def forget(self, letters: Sequence[DeadLetter]) -> None:
        """Forget *letters*, as far as they are there."""
        for letter in letters:
            mark = _mark(pack_letter(letter))
            self._drop(
                self._run("SELECT id, lane, mark, LENGTH(body) FROM letter WHERE mark = ?", mark)
            )

    def _drop(self, rows: Sequence[Row]) -> None:
        for number, lane, mark, size in rows:
            self._run("DELETE FROM letter WHERE id = ?", number)
            self.exhumed.discard(mark)
            self.counts[lane] -= 1
            self.changed.add(lane)
            self._bytes -= size

    def last(self) -> int:
        """Return the number of the youngest letter."""
        number: int = self._run("SELECT IFNULL(MAX(id), 0) FROM letter")[0][0]
        return number

    def page(self, lane: str | None, after: int, last: int) -> tuple[int, list[DeadLetter]]:
        """Return some letters *after* a number, up to the *last*, and the number to go on from."""
        found: list[DeadLetter] = []
        for number, mark, body in self._rows(lane, after, last):
            after = number
            if mark not in self.exhumed:
                found.append(unpack_letter(body))
            if len(found) == _PAGE:
                return after, found
        return last, found

    def choose(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> Iterator[tuple[bytes, DeadLetter]]:
        """Yield the marked letters of these ids, or all, that are in nobody's hands."""
        for _, mark, body in self._rows(lane, 0, self.last()):
            if mark not in self.exhumed:
                letter = unpack_letter(body)
                if message_ids is None or letter.message_id in message_ids:
                    yield mark, letter

    def _rows(self, lane: str | None, after: int, last: int) -> Iterator[Row]:
        while after < last:
            rows = self._run(
                "SELECT id, mark, body FROM letter WHERE id > ? AND id <= ? AND codec = ? "
                "AND (? IS NULL OR lane = ?) ORDER BY id LIMIT ?",
                *(after, last, CODEC, lane, lane, _PAGE),
            )
            if not rows:
                return
            yield from rows
            after = rows[-1][0]

    def exhume(self, lane: str | None, message_ids: frozenset[str] | None) -> list[DeadLetter]:
        """Take letters into hand."""
        chosen = list(self.choose(lane, message_ids))
        self.exhumed.update(mark for mark, _ in chosen)
        return [letter for _, letter in chosen]

    def purge(self, lane: str | None, message_ids: frozenset[str] | None) -> int:
        """Forget letters for good; return how many."""
        chosen = [letter for _, letter in self.choose(lane, message_ids)]
        self.forget(chosen)
        return len(chosen)


def _mark(body: bytes) -> bytes:
    """Return what tells a letter from every other one."""
    return hashlib.blake2b(body, digest_size=16).digest()
