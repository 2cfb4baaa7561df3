"""Texts: a small dict that the processes of one machine share, in a file of SQLite.

For what is good to know and no loss to forget, such as who was identified already. It is asked in
the caller's thread, so nothing waits: a write while another process writes is left out, and no
write waits for the disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from asyncsdk.errors import ConfigurationError

#: Seconds that a write may wait for another process's.
_PATIENCE = 0.001
#: Writes after which the oldest texts go, and pages after which the log is written back: few, so
#: that no write takes long.
_EACH = 100


class SharedTexts(MutableMapping[str, str]):
    """A dict of texts in the file *path*; the last written ones, up to a number.

    Reading takes about 10 µs, writing about 20 µs. Any thread may use it, and a forked child.

    Args:
        path: The file; its folder must be there, on a local disk.
        limit: Texts that are kept at least; a few more may be there for a moment.

    Raises:
        ConfigurationError: The file cannot be opened, or *limit* is less than 1.
    """

    def __init__(self, path: str | Path, *, limit: int = 200_000) -> None:
        if limit < 1:
            raise ConfigurationError("limit: 1 or more is needed")
        self._path = Path(path)
        self._limit = limit
        # This is all that changes.
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._writes = 0
        try:
            self._connection = self._connect()
        except sqlite3.Error as error:
            raise ConfigurationError(f"{path}: cannot be opened ({error})") from None

    def __getitem__(self, key: str) -> str:
        """Return the text that is kept under *key*."""
        for (text,) in self._ask("SELECT text FROM texts WHERE key = ?", key):
            return str(text)
        raise KeyError(key)

    def __setitem__(self, key: str, text: str) -> None:
        """Keep *text* under *key*, unless another process is writing."""
        self._write("INSERT OR REPLACE INTO texts (key, text) VALUES (?, ?)", key, text)
        self._writes += 1
        if self._writes % _EACH == 0:
            self._write(
                "DELETE FROM texts WHERE number <= (SELECT max(number) FROM texts) - ?", self._limit
            )

    def __delitem__(self, key: str) -> None:
        """Forget what is kept under *key*, unless another process is writing."""
        if key not in self:
            raise KeyError(key)
        self._write("DELETE FROM texts WHERE key = ?", key)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, the oldest first."""
        return iter([str(key) for (key,) in self._ask("SELECT key FROM texts ORDER BY number")])

    def __len__(self) -> int:
        """Return how many there are."""
        return int(str(self._ask("SELECT count(*) FROM texts")[0][0]))

    def close(self) -> None:
        """Close the file; using it afterwards is an error."""
        with self._lock:
            self._connection.close()

    def _write(self, statement: str, *given: str | int) -> None:
        try:
            self._ask(statement, *given)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise

    def _ask(self, statement: str, *given: str | int) -> list[tuple[object, ...]]:
        if self._owner != os.getpid():
            self._begin_anew()
        with self._lock:
            return self._connection.execute(statement, given).fetchall()

    def _begin_anew(self) -> None:
        """Open the file once more: SQLite's connections and held locks do not survive a fork."""
        self._lock = threading.Lock()
        self._connection = self._connect()
        self._owner = os.getpid()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_EACH}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS texts "
            "(number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, text TEXT NOT NULL)"
        )
        connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
        return connection
