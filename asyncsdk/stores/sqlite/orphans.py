"""Orphans: what a dead process left, and what can be read of a damaged file, moves to our own.

In pieces, oldest first: each is written into our file and committed, and only then forgotten in the
other one. Whoever is killed in between finds it twice and keeps it once, by its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from asyncsdk.errors import StoreError
from asyncsdk.stores.sqlite.database import Connect, Database, Row
from asyncsdk.stores.sqlite.spool import Spool

#: Rows that are moved in one piece.
_PIECE = 32

_BATCH = (
    "lane, key, route, count, size, pending, ranges, attempts, born, first_at, codec, crc, body"
)
_LETTER = "lane, message_id, codec, mark, body"
#: Tables, and their columns that move.
_TABLES = {"batch": _BATCH, "letter": _LETTER}


class UnreadableError(Exception):
    """An orphan cannot be read on, or not written."""


def move_piece(source: Spool, target: Spool) -> bool:
    """Move some of *source* to *target*; return whether there was anything.

    Raises:
        StoreError: *target* is in trouble; all is where it was.
        UnreadableError: *source* is; what was written to *target* may be in both.
    """
    for table in _TABLES:
        rows = _read(source, table)
        if rows:
            put(target, table, [row[1:] for row in rows])
            _forget(source, table, [row[0] for row in rows])
            return True
    return False


def _read(source: Spool, table: str) -> list[Row]:
    columns = _TABLES[table]
    try:
        return source.database.run(f"SELECT id, {columns} FROM {table} ORDER BY id LIMIT {_PIECE}")  # noqa: S608
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        raise UnreadableError(str(error)) from None


def _forget(source: Spool, table: str, numbers: Sequence[int]) -> None:
    try:
        _checked(source.transact([lambda spool: _remove(spool, table, numbers)]))
    except StoreError as error:
        raise UnreadableError(str(error)) from None


def _remove(spool: Spool, table: str, numbers: Sequence[int]) -> None:
    for number in numbers:
        spool.database.run(f"DELETE FROM {table} WHERE id = ?", number)  # noqa: S608


def put(target: Spool, table: str, rows: Sequence[Row]) -> None:
    """Write *rows* to *target* in one transaction; those that are there stay as they are.

    Raises:
        StoreError: Nothing was written.
    """
    columns = _TABLES[table]
    marks = ", ".join("?" * (columns.count(",") + 1))

    def write(spool: Spool) -> None:
        for row in rows:
            spool.database.run(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", *row)  # noqa: S608
        spool.recount()

    _checked(target.transact([write]))


def _checked(results: Sequence[StoreError | None]) -> None:
    for result in results:
        if isinstance(result, StoreError):
            raise result


def salvage(path: Path, target: Spool, connect: Connect) -> int:
    """Copy what can be read of the damaged file at *path*; return how many batches that were."""
    count = 0
    try:
        database = connect(path)
    except Exception:  # noqa: BLE001 - it is damaged: anything may be raised
        return 0
    try:
        for table in _TABLES:
            for row in _readable(database, table):
                put(target, table, [row])
                count += table == "batch"
    finally:
        with suppress(Exception):  # likewise
            database.close()
    return count


def _readable(database: Database, table: str) -> Iterator[Row]:
    """Yield rows in order: from the front until one cannot be read, and the last ones likewise."""
    last = -1
    for row in _walk(database, table, "ASC"):
        last = row[0]
        yield row[1:]
    # From the back their numbers alone, for they may be as much as the disk holds.
    behind = [row[0] for row in _walk(database, table, "DESC", until=last)]
    for number in reversed(behind):
        with suppress(Exception):  # likewise
            yield from (row[1:] for row in _rows(database, table, f"= {number}", "ASC"))


def _walk(database: Database, table: str, order: str, until: int = -1) -> Iterator[Row]:
    """Yield one row after the other, as far as they can be read."""
    beyond, at = (">", -1) if order == "ASC" else ("<", 1 << 62)
    while True:
        try:
            rows = _rows(database, table, f"{beyond} {at}", order)
        except Exception:  # noqa: BLE001 - it is damaged: anything may be raised
            return
        if not rows or rows[0][0] == until or (rows[0][0] > at) is not (order == "ASC"):
            return
        at = rows[0][0]
        yield rows[0]


def _rows(database: Database, table: str, where: str, order: str) -> list[Row]:
    return database.run(
        f"SELECT id, {_TABLES[table]} FROM {table} WHERE id {where} ORDER BY id {order} LIMIT 1"  # noqa: S608
    )
