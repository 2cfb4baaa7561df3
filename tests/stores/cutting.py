"""Cut the power again and again, and look at what a spool file holds then.

    python -m tests.stores.cutting --cuts 320 --durability power

SQLite runs on a VFS that writes down every write, truncation and sync. For a cut at a random moment
the disk is made anew: what was synced is there; each later write is there, or not, or torn at a
sector. The file is then opened as a start does. Prints the figures, and fails if a file is damaged,
an event is not what it was, or, with ``power``, if something that was committed is lost.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
from msgspec import Struct

from asyncsdk.seams import Batch, Lease, Room
from asyncsdk.stores.sqlite.database import Row, Value, open_database
from asyncsdk.stores.sqlite.spool import Limits, Spool

_SECTOR = 512
_LANE = "there"
_LIMITS = Limits(max_bytes=1 << 30, max_letters=1_000, max_letter_bytes=1 << 20)
_WIDE = Room(events=1_000_000, bytes=1 << 40, batches=1_000_000)


class Entry(Struct, frozen=True):
    """One thing that was done to a file."""

    name: str
    kind: str  # "write", "truncate", "sync" or "delete"
    at: int = 0
    data: bytes = b""


class Recorder(apsw.VFS):
    """The system's files, and a log of what is done to them."""

    def __init__(self, name: str) -> None:
        self.label = name
        self.log: list[Entry] = []
        super().__init__(name, base="")

    def sync_folder(self) -> None:
        """Write down that what was deleted until now does not come back."""
        gone = {one.name for one in self.log if one.kind == "delete"}
        self.log.extend(Entry(name, "sync") for name in gone)

    def xOpen(self, name: Any, flags: list[int]) -> Recorded:  # noqa: N802 - SQLite's name
        """Open a file that is watched."""
        return Recorded(self.log, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        """Write it down."""
        self.log.append(Entry(Path(filename).name, "delete"))
        if syncdir:
            self.sync_folder()
        super().xDelete(filename, syncdir)


class Recorded(apsw.VFSFile):
    """One file that is watched."""

    def __init__(self, log: list[Entry], name: Any, flags: list[int]) -> None:
        self._log = log
        path = name if isinstance(name, str) or name is None else name.filename()
        self._name = Path(path or "temporary").name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """Write it down."""
        self._log.append(Entry(self._name, "write", offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Write it down."""
        self._log.append(Entry(self._name, "truncate", newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Write it down."""
        self._log.append(Entry(self._name, "sync"))
        super().xSync(flags)


class Connection:
    """A file that apsw opens on a recorder."""

    def __init__(self, path: Path, vfs: str) -> None:
        self._connection = apsw.Connection(str(path), vfs=vfs)
        # A VFS in Python has no shared memory; one process alone needs none.
        self.run("PRAGMA locking_mode = EXCLUSIVE")

    def run(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement."""
        return list(self._connection.execute(sql, values))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Moment(Struct, frozen=True):
    """What was committed when the log had so many entries."""

    entries: int
    kept: frozenset[str]  # keys of batches
    settled: frozenset[str]


class Story(Struct):
    """What was done, and when what was committed."""

    log: Sequence[Entry]
    moments: Sequence[Moment]
    batches: dict[str, Batch]
    name: str


def live(folder: Path, durability: str, draw: random.Random, *, steps: int = 120) -> Story:
    """Append, note and settle in transactions, as a lane does; write all of it down."""
    recorder = Recorder(f"recorder-{draw.random()}")
    path = folder / "spool-0.db"
    database = open_database(
        path, durability=durability, connect=lambda path: Connection(path, recorder.label)
    )
    recorder.sync_folder()  # as open_database has done with the real one
    # Little by little: a checkpoint now and then is part of the story.
    database.run("PRAGMA wal_autocheckpoint = 40")
    spool = Spool(path, database, _LIMITS, clock=time.monotonic, boot="")
    batches: dict[str, Batch] = {}
    kept: set[str] = set()
    settled: set[str] = set()
    moments = [Moment(len(recorder.log), frozenset(), frozenset())]
    for step in range(steps):
        new = [_batch(f"{step}-{number}", draw) for number in range(draw.randint(0, 3))]
        batches.update((one.key, one) for one in new)
        leases = spool.transact([lambda one: one.take(_LANE, Room(events=40, bytes=1 << 20))])[0]
        assert isinstance(leases, list)
        spool.transact([partial(_step, new=new, old=leases)])
        kept.update(one.key for one in new)
        settled.update(lease.batch.key for lease in leases)
        moments.append(Moment(len(recorder.log), frozenset(kept), frozenset(settled)))
    spool.close()
    return Story(recorder.log, moments, batches, path.name)


def _step(spool: Spool, new: Sequence[Batch], old: Sequence[Lease]) -> None:
    for batch in new:
        spool.append(_LANE, batch, 0.0)
    for lease in old:
        spool.note(lease)
        spool.settle(lease)


def _batch(key: str, draw: random.Random) -> Batch:
    events = [
        b'{"messageId":"%s-%d","x":"%s"' % (key.encode(), at, draw.randbytes(draw.randint(0, 300)))
        for at in range(draw.randint(1, 20))
    ]
    return Batch(key=key, route="batch", events=events, size=sum(map(len, events)))


class Figures(Struct):
    """What came of it."""

    cuts: int = 0
    damaged: int = 0
    wrong: int = 0  # batches whose events are not what was written
    lost: int = 0  # cuts after which a batch was missing that had been committed
    most: int = 0  # batches missing after one cut
    holes: int = 0  # cuts after which an older batch was missing, and a younger one there
    returned: int = 0  # cuts after which a batch was there that had been settled


def cut(story: Story, folder: Path, draw: random.Random, figures: Figures) -> None:
    """Cut at one moment, open what is left, and count."""
    at = draw.randrange(story.moments[0].entries, len(story.log))
    _make_disk(story.log, at, folder, draw)
    figures.cuts += 1
    moment = max((one for one in story.moments if one.entries <= at), key=lambda one: one.entries)
    path = folder / story.name
    if not _is_whole(path):
        figures.damaged += 1
        return
    found = _read(path)
    figures.wrong += sum(list(one.events) != story.batches[one.key].events for one in found)
    keys = [one.key for one in found]
    waiting = [key for key in story.batches if key in moment.kept - moment.settled]
    # The next transaction may have been written whole already: what it settled is gone then.
    following = next((one for one in story.moments if one.entries > at), moment)
    missing = [key for key in waiting if key not in keys and key not in following.settled]
    figures.lost += bool(missing)
    figures.most = max(figures.most, len(missing))
    order = list(story.batches)
    figures.holes += any(order.index(key) > order.index(missing[0]) for key in keys if missing)
    figures.returned += any(key in moment.settled for key in keys)


def _make_disk(log: Sequence[Entry], at: int, folder: Path, draw: random.Random) -> None:
    """Write the files as a disk may hold them after a cut behind *at* entries."""
    synced = {one.name: place for place, one in enumerate(islice(log, at)) if one.kind == "sync"}
    files: dict[str, bytearray] = {}
    for place, one in enumerate(islice(log, at)):
        if place < synced.get(one.name, -1) or draw.random() < 0.5:
            _apply(files, one, None if place < synced.get(one.name, -1) else draw)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _apply(files: dict[str, bytearray], one: Entry, draw: random.Random | None) -> None:
    """Do one thing to the files; torn, perhaps, if *draw* says so."""
    if one.kind == "delete":
        files.pop(one.name, None)
        return
    data = files.setdefault(one.name, bytearray())
    if one.kind == "truncate":
        data[:] = data[: one.at].ljust(one.at, b"\0")
    elif one.kind == "write":
        written = one.data
        start = one.at
        if draw is not None and draw.random() < 0.5:
            edge = draw.randrange(0, len(written) + 1, _SECTOR)
            start, written = (
                (start + edge, written[edge:])
                if draw.random() < 0.5
                else (
                    start,
                    written[:edge],
                )
            )
        if len(data) < start + len(written):
            data.extend(bytes(start + len(written) - len(data)))
        data[start : start + len(written)] = written


def _is_whole(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def _read(path: Path) -> list[Batch]:
    database = open_database(path, durability="power")
    spool = Spool(path, database, _LIMITS, clock=time.monotonic, boot="")
    (leases,) = spool.transact([lambda one: one.take(_LANE, _WIDE)])
    assert isinstance(leases, list)
    spool.close()
    return [lease.batch for lease in leases]


def cut_often(cuts: int, durability: str, seed: int) -> Figures:
    """Live a few lives, and cut each at some moments."""
    draw, figures = random.Random(seed), Figures()
    for life in range(-(-cuts // 40)):
        with tempfile.TemporaryDirectory() as folder:
            story = live(Path(folder), durability, draw)
        for _ in range(min(40, cuts - 40 * life)):
            with tempfile.TemporaryDirectory() as folder:
                cut(story, Path(folder), draw, figures)
    return figures


def main() -> None:
    """Do it as the arguments say, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=320)
    parser.add_argument("--durability", choices=["process", "power"], default="power")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    figures = cut_often(asked.cuts, asked.durability, asked.seed)
    sys.stdout.write(f"{figures}\n")
    if figures.damaged or figures.wrong or figures.holes:
        sys.exit("a file was damaged")
    if asked.durability == "power" and (figures.lost or figures.returned):
        sys.exit("something that was committed is lost")


if __name__ == "__main__":
    main()
