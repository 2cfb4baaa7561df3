"""Slots of a folder: one process, one file, held by a lock that ends with the process.

    spool-0.db   spool-0.lock      the first process
    spool-1.db   spool-1.lock      the second one; if its lock is free, it has died: an orphan
    spool-0.db.damaged-1           a file that could not be read, set aside for people

A lock file is never removed: who locked one that is gone would hold nothing. Not for network file
systems, on which neither the locks nor SQLite's log can be trusted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from asyncsdk.errors import StoreAwayError

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAME = re.compile(r"spool-(\d+)\.db$")
#: Processes that may share a folder.
_SLOTS = 10_000


class Slot:
    """A file that is this process's own, as long as the lock is held."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def free(self) -> None:
        """Let others have it."""
        with suppress(OSError):
            os.close(self._lock)

    def remove(self) -> None:
        """Remove the file, and let others have the slot."""
        for path in _files(self.path):
            path.unlink(missing_ok=True)
        self.free()

    def set_aside(self) -> Path:
        """Give the file another name, and return it; the slot stays our own."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for old, new in zip(_files(self.path), _files(aside), strict=True):
            with suppress(FileNotFoundError):
                old.rename(new)
        return aside


class Folder:
    """The folder in which processes of one machine keep their files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passed_over: set[Path] = set()  # files of a later version; this is all that changes

    def take_slot(self, *, fresh: bool = False) -> Slot:
        """Take the first slot that is free; a *fresh* one has no file yet.

        Raises:
            StoreAwayError: There is none, or no folder.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(_SLOTS):
                path = self.path / f"spool-{number}.db"
                slot = None if path in self.passed_over else _lock(path)
                if slot is not None and fresh and path.exists():
                    slot.free()
                elif slot is not None:
                    return slot
        except OSError as error:
            raise StoreAwayError(f"{self.path} cannot be used: {error.strerror}") from None
        raise StoreAwayError(f"{self.path} has no free slot among {_SLOTS}")

    def orphans(self) -> Iterator[Slot]:
        """Yield the files of processes that have died, each locked for us."""
        numbers = sorted(
            int(found[1]) for path in self.path.iterdir() if (found := _NAME.match(path.name))
        )
        for number in numbers:
            path = self.path / f"spool-{number}.db"
            slot = None if path in self.passed_over else _lock(path)
            if slot is not None and path.exists():
                yield slot
            elif slot is not None:
                slot.free()

    @property
    def is_open_to_others(self) -> bool:
        """Whether other users may look into the folder."""
        return bool(self.path.stat().st_mode & 0o077)


def _lock(path: Path) -> Slot | None:
    """Lock the file at *path*; None if somebody has it."""
    try:
        import fcntl
    except ImportError:
        raise StoreAwayError("SQLiteStore needs fcntl, which this system has not") from None
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(path.with_suffix(".lock"), flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return Slot(path, lock)


def _files(path: Path) -> tuple[Path, Path, Path]:
    """Return a database and the two files that SQLite keeps beside it."""
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def boot() -> str:
    """Return what names the time since this machine started; empty where it has no name."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
