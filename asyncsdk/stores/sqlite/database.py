"""SQLite itself: opening a file with settings that are said, not assumed, and what errors mean."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from asyncsdk.errors import StoreAwayError, StoreError, StoreFullError

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Any, ...]

#: Written into each file, so that others can tell what it is ("asdk").
APPLICATION = 0x6173646B
#: Of the tables. A file of a later form is left alone.
FORMAT = 1

_FULL, _CORRUPT, _NO_DATABASE = 13, 11, 26
#: Pages in the write-ahead log that are written back in one go; 4 MB.
_CHECKPOINT_PAGES = 1_000

_SCHEMA = (
    """CREATE TABLE batch (
        id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, key TEXT NOT NULL,
        route TEXT NOT NULL, count INTEGER NOT NULL, size INTEGER NOT NULL,
        pending INTEGER NOT NULL, ranges TEXT, attempts INTEGER NOT NULL, born REAL NOT NULL,
        first_at TEXT NOT NULL, codec INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL,
        UNIQUE (lane, key))""",
    "CREATE INDEX batch_of ON batch (lane, id)",
    """CREATE TABLE letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, message_id TEXT NOT NULL,
        codec INTEGER NOT NULL, mark BLOB NOT NULL UNIQUE, body BLOB NOT NULL)""",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)


class Database(Protocol):
    """One open file."""

    def run(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement and return all its rows."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


#: Opens the file at a path.
Connect: TypeAlias = Callable[[Path], Database]


class DamagedError(StoreError):
    """The file is no database, or not a whole one."""

    default_code = "store_damaged"


class LaterError(StoreError):
    """The file was written by a later version of asyncsdk."""

    default_code = "store_later"


class _Connection:
    """A connection of the standard library."""

    def __init__(self, path: Path) -> None:
        import sqlite3  # not with `import asyncsdk`: most programs need none

        self._connection = sqlite3.connect(
            path, timeout=5.0, isolation_level=None, check_same_thread=False
        )

    def run(self, sql: str, *values: Value) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        self._connection.close()


def connect(path: Path) -> Database:
    """Open the file at *path* with the standard library."""
    return _Connection(path)


def open_database(path: Path, *, durability: str, connect: Connect = connect) -> Database:
    """Open or make the file at *path*, for this user alone.

    Raises:
        DamagedError: It is no database.
        LaterError: A later version wrote it.
        StoreError: It cannot be opened.
    """
    try:
        # SQLite gives the files beside it the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreAwayError(f"{path} cannot be opened: {error.strerror}") from None
    database: Database | None = None
    try:
        database = connect(path)
        _set_up(database, durability)
        # A journal that was deleted must not come back with a power cut: SQLite does not see to it.
        _sync_folder(path.parent)
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        if database is not None:
            with suppress(Exception):
                database.close()
        raise meaning_of(error, path) from None
    return database


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _set_up(database: Database, durability: str) -> None:
    run = database.run
    ((form,),) = run("PRAGMA user_version")  # first: a later version's file is not touched
    if form > FORMAT:
        raise LaterError("a later version of asyncsdk wrote it")
    run("PRAGMA auto_vacuum = INCREMENTAL")  # counts before the first table only
    run("PRAGMA journal_mode = WAL")
    run(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'NORMAL'}")
    run("PRAGMA secure_delete = ON")  # what is settled must not stay readable
    run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    run(f"PRAGMA journal_size_limit = {_CHECKPOINT_PAGES * 4096}")
    run("PRAGMA trusted_schema = OFF")
    if form == 0:
        run("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            run(statement)
        run("COMMIT")


def meaning_of(error: Exception, path: Path) -> StoreError:
    """Return what *error*, of SQLite or ours, means for the store; nothing in it is an event's."""
    if isinstance(error, StoreError):
        return type(error)(f"{path}: {error}") if isinstance(error, LaterError) else error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_CORRUPT, _NO_DATABASE):
        return DamagedError(f"{path}: {error}")
    if code == _FULL:
        return StoreFullError(f"{path}: {error}")
    if code:
        return StoreAwayError(f"{path}: {error}")
    return StoreAwayError(f"{path}: {type(error).__name__}")
