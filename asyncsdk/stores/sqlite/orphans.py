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


def move_piece(source: Spool, target: Spool) -> bool:
    """Move some of *source* to *target*; return whether there was anything.

    Raises:
        StoreError: It is where it was, or, as far as it was written, in both.
    """
    for table, columns in _TABLES.items():
        rows = source.database.run(f"SELECT id, {columns} FROM {table} ORDER BY id LIMIT {_PIECE}")  # noqa: S608
        if rows:
            put(target, table, [row[1:] for row in rows])
            source.transact([lambda one: _remove(one, table, [row[0] for row in rows])])  # noqa: B023
            return True
    return False


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
    """Yield rows from the front until one cannot be read, then from the back likewise."""
    seen: set[int] = set()
    for order, beyond, start in (("ASC", ">", -1), ("DESC", "<", 1 << 62)):
        at = start
        while True:
            try:
                rows = database.run(
                    f"SELECT id, {_TABLES[table]} FROM {table} WHERE id {beyond} ? "  # noqa: S608
                    f"ORDER BY id {order} LIMIT 1",
                    at,
                )
            except Exception:  # noqa: BLE001 - likewise
                break
            if not rows or rows[0][0] in seen:
                break
            at = rows[0][0]
            seen.add(at)
            yield rows[0][1:]
