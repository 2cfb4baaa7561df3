"""One spool file: what a lane asks of its store, as steps of a transaction.

Used by one thread, for one process. A lease is in memory only: whoever opens the file anew finds
every batch waiting. The number of a row is its place, so what is given back is where it was.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from asyncsdk.batching import count_fitting
from asyncsdk.errors import StoreError, StoreFullError
from asyncsdk.seams import Batch, DeadLetter, Lease, Progress, Room, Stock
from asyncsdk.stores.codec import CODEC, check_open, pack, unpack
from asyncsdk.stores.sqlite.database import Database, Row, meaning_of
from asyncsdk.stores.sqlite.letters import Letters

T = TypeVar("T")

#: Rows that are looked at in one step while a lease is made up.
_PAGE = 64
#: What a row costs beside its events, in bytes, for the bound.
_ROW = 300
#: In the place of a codec: of a row whose events are not what was written.
DAMAGED = -1

_NOTHING = Stock()

_open_in = msgspec.json.Decoder(list[tuple[int, int]])

Step = Callable[["Spool"], T]


class Limits:
    """The bounds of a file."""

    def __init__(self, *, max_bytes: int, max_letters: int, max_letter_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.max_letters = max_letters
        self.max_letter_bytes = max_letter_bytes


class Tally:
    """What one lane has in a file."""

    __slots__ = ("aside", "batches", "events", "size")

    def __init__(self) -> None:
        self.batches: int = 0
        self.events: int = 0
        self.size: int = 0
        self.aside: int = 0  # batches that cannot be read


class Spool:
    """One open file.

    Args:
        path: Of the file, for errors.
        database: The file.
        limits: Its bounds.
        clock: Seconds on a clock that all processes share until the machine starts anew.
        boot: What names that time.
    """

    def __init__(
        self,
        path: Path,
        database: Database,
        limits: Limits,
        *,
        clock: Callable[[], float],
        boot: str,
    ) -> None:
        self.path = path
        self.database = database
        self._run = database.run
        self._limits = limits
        self._clock = clock
        self.letters: Letters = Letters(
            database, most=limits.max_letters, most_bytes=limits.max_letter_bytes
        )
        # This is all that changes.
        self._tallies: dict[str, Tally] = {}
        self._leased: dict[tuple[str, str], int] = {}  # lane and key, and the row's number
        self._changed: set[str] = set()  # lanes of which something was written
        self._front: dict[str, int] = {}  # all of a lane up to this number is leased, or gone
        self._undo: list[Callable[[], object]] = []  # of what the open transaction changed here
        self.dirty: bool = False  # whether anything was written since the last look
        self.damaged: int = 0  # batches that turned out to be, since the last look
        self._set_clock(boot)
        self._load()

    def _set_clock(self, boot: str) -> None:
        """Make ages go on; after a new start of the machine, from the youngest batch on."""
        known = self._run("SELECT value FROM meta WHERE name = 'boot'")
        if known != [(boot,)] or not boot:
            self._run(
                "UPDATE batch SET born = born + ? - (SELECT MAX(born) FROM batch)", self._clock()
            )
            self._run("INSERT OR REPLACE INTO meta VALUES ('boot', ?)", boot)

    def _load(self) -> None:
        """Count what is there."""
        self._changed.update(self._tallies)
        self._tallies.clear()
        for lane, codec, count, pending, size in self._run(
            "SELECT lane, codec, COUNT(*), SUM(pending), SUM(size) FROM batch GROUP BY lane, codec"
        ):
            tally = self._tally(lane)
            if codec == CODEC:
                tally.batches, tally.events = count, pending
            else:
                tally.aside += count
            tally.size += size + count * _ROW
        self.letters.load()

    def _tally(self, lane: str) -> Tally:
        self._changed.add(lane)
        return self._tallies.setdefault(lane, Tally())

    def tell_stock(self, known: dict[str, Stock]) -> None:
        """Write into *known*, by lane, what has changed since the last time."""
        changed, self._changed = self._changed, set()
        for lane in changed | self.letters.changed:
            tally = self._tally(lane)
            stock = Stock(
                batches=tally.batches,
                events=tally.events,
                bytes=tally.size,
                letters=self.letters.counts[lane],
                aside=tally.aside,
            )
            if stock == _NOTHING:
                known.pop(lane, None)
            else:
                known[lane] = stock
        self.letters.changed.clear()

    @property
    def in_hand(self) -> bool:
        """Whether there are leases or exhumed letters: of these only this process knows."""
        return bool(self._leased or self.letters.exhumed)

    @property
    def aside(self) -> int:
        """How many batches cannot be read by this version."""
        return sum(tally.aside for tally in self._tallies.values())

    # Transactions.

    def transact(self, steps: Sequence[Step[T]]) -> list[T | StoreError]:
        """Take *steps* in one transaction; return what each returns, or its error.

        Raises:
            StoreError: Nothing of it has happened.
        """
        try:
            self._run("BEGIN IMMEDIATE")
            results = [self._take(step) for step in steps]
            self._run("COMMIT")
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            self._roll_back()
            raise meaning_of(error, self.path) from None
        self._undo.clear()
        return results

    def _take(self, step: Step[T]) -> T | StoreError:
        try:
            return step(self)
        except StoreError as error:  # raised before anything was written
            return error

    def _roll_back(self) -> None:
        with suppress(Exception):  # SQLite may have done it by itself
            self._run("ROLLBACK")
        undo, self._undo = self._undo, []
        for one in reversed(undo):
            one()
        with suppress(Exception):  # the file is in trouble: the counts stay as they were
            self._load()

    def recount(self) -> None:
        """Count anew what is there, after rows were written by others."""
        self._load()

    def relieve(self) -> None:
        """Write the log back into the file, so that it is used anew without growing."""
        self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def tidy(self) -> None:
        """Write the log back, and give free pages back to the disk."""
        self._run("PRAGMA wal_checkpoint(PASSIVE)")
        self._run("PRAGMA incremental_vacuum(1000)")
        self.dirty = False

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    # Steps.

    def append(
        self, lane: str, batch: Batch, born: float, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Keep *batch*; forget the *letters* that it was."""
        if not self._run("SELECT 1 FROM batch WHERE lane = ? AND key = ?", lane, batch.key):
            used = sum(tally.size for tally in self._tallies.values())
            if used and used + batch.size + _ROW > self._limits.max_bytes:
                raise StoreFullError(f"{self.path}: max_bytes={self._limits.max_bytes} is met")
            body = pack(batch.events)
            count = len(batch.events)
            self._run(
                "INSERT INTO batch (lane, key, route, count, size, pending, attempts, born, "
                "first_at, codec, crc, body) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
                *(lane, batch.key, batch.route, count, batch.size, count, born, batch.first_at),
                *(CODEC, zlib.crc32(body), body),
            )
            self._count(lane, 1, count, batch.size + _ROW)
        self.letters.forget(letters)

    def _count(self, lane: str, batches: int, events: int, size: int) -> None:
        tally = self._tally(lane)
        tally.batches += batches
        tally.events += events
        tally.size += size
        self.dirty = True

    def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease the oldest batches that fit *room*; none if none waits."""
        while True:
            chosen = self._choose(lane, room)
            leases = [lease for row in chosen if (lease := self._lease(lane, row)) is not None]
            if leases or not chosen:
                return leases

    def _choose(self, lane: str, room: Room) -> list[Row]:
        looked_at: list[Row] = []

        def sizes() -> Iterator[tuple[int, int]]:
            for row in islice(self._waiting(lane), room.batches):
                if looked_at and row[1] != looked_at[0][1]:
                    return
                looked_at.append(row)
                yield row[2], row[3]

        return looked_at[: count_fitting(sizes(), room)]

    def _waiting(self, lane: str) -> Iterator[Row]:
        """Yield the lane's batches that are not leased, oldest first."""
        leased = set(self._leased.values())
        after = self._front.get(lane, 0)
        while True:
            rows = self._run(
                "SELECT id, route, count, size FROM batch WHERE lane = ? AND id > ? AND codec = ? "
                "ORDER BY id LIMIT ?",
                *(lane, after, CODEC, _PAGE),
            )
            yield from (row for row in rows if row[0] not in leased)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def _lease(self, lane: str, row: Row) -> Lease | None:
        """Lease the batch of *row*; None if its events are not what was written."""
        number, route, count, size = row
        ((key, ranges, attempts, born, first_at, crc, body),) = self._run(
            "SELECT key, ranges, attempts, born, first_at, crc, body FROM batch WHERE id = ?",
            number,
        )
        try:
            events = unpack(body) if zlib.crc32(body) == crc else []
            left = _read_open(ranges, count)
        except ValueError:
            events, left = [], []
        if not events or len(events) != count:
            self._set_aside(lane, number)
            return None
        self._undo.append(partial(self._leased.pop, (lane, key), None))
        self._undo.append(partial(self._front.__setitem__, lane, self._front.get(lane, 0)))
        self._leased[lane, key] = number
        self._front[lane] = max(self._front.get(lane, 0), number)
        batch = Batch(key=key, route=route, events=events, size=size, first_at=first_at)
        age = max(self._clock() - born, 0.0)
        return Lease(lane, batch, Progress(open=left, attempts=attempts, age=age))

    def _set_aside(self, lane: str, number: int) -> None:
        ((pending,),) = self._run("SELECT pending FROM batch WHERE id = ?", number)
        self._run("UPDATE batch SET codec = ? WHERE id = ?", DAMAGED, number)
        self._count(lane, -1, -pending, 0)
        self._tally(lane).aside += 1
        self.damaged += 1

    def give_back(self, leases: Sequence[Lease]) -> None:
        """Let *leases* wait again, with their progress."""
        for lease in leases:
            number = self._unlease(lease)
            if number is not None:
                self._write(number, lease)
                self._step_back(lease.lane, number)

    def _unlease(self, lease: Lease) -> int | None:
        where = (lease.lane, lease.batch.key)
        number = self._leased.pop(where, None)
        if number is not None:
            self._undo.append(partial(self._leased.__setitem__, where, number))
        return number

    def _step_back(self, lane: str, number: int) -> None:
        front = self._front.get(lane, 0)
        self._undo.append(partial(self._front.__setitem__, lane, front))
        self._front[lane] = min(front, number - 1)

    def recover(self, lane: str) -> None:
        """Let all leases of *lane* wait again."""
        for where, number in list(self._leased.items()):
            if where[0] == lane:
                del self._leased[where]
                self._undo.append(partial(self._leased.__setitem__, where, number))
        self._step_back(lane, 1)

    def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Write the progress of *lease*, and keep *letters*."""
        number = self._leased.get((lease.lane, lease.batch.key))
        if number is not None:
            self._write(number, lease)
        self.letters.keep(letters)

    def _write(self, number: int, lease: Lease) -> None:
        progress = lease.progress
        pending = sum(stop - start for start, stop in progress.open)
        ((before,),) = self._run("SELECT pending FROM batch WHERE id = ?", number)
        self._run(
            "UPDATE batch SET ranges = ?, pending = ?, attempts = ? WHERE id = ?",
            *(json.dumps(progress.open), pending, progress.attempts, number),
        )
        self._count(lease.lane, 0, pending - before, 0)

    def settle(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> bool:
        """Forget the batch and keep *letters*."""
        number = self._unlease(lease)
        if number is None:
            return False
        ((pending,),) = self._run("SELECT pending FROM batch WHERE id = ?", number)
        self._run("DELETE FROM batch WHERE id = ?", number)
        self._count(lease.lane, -1, -pending, -(lease.batch.size + _ROW))
        self.letters.keep(letters)
        return True

    def lease_again(self, leased: dict[tuple[str, str], int]) -> None:
        """Lease what was leased in another file, of which this one has the batches."""
        for lane, key in leased:
            for (number,) in self._run(
                "SELECT id FROM batch WHERE lane = ? AND key = ?", lane, key
            ):
                self._leased[lane, key] = number

    @property
    def leased(self) -> dict[tuple[str, str], int]:
        """What is leased now."""
        return self._leased


def _read_open(ranges: str | None, count: int) -> list[tuple[int, int]]:
    """Read what of a batch is open; a damaged disk may have changed it.

    Raises:
        ValueError: It is no such thing.
    """
    try:
        left = [(0, count)] if ranges is None else _open_in.decode(ranges)
    except msgspec.DecodeError:
        raise ValueError("no ranges") from None
    check_open(left, count)
    return left
