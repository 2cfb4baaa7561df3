"""Looking: the letters in all files of a folder, those of processes that run among them.

Read only and in passing: nobody's slot is taken, and nothing is moved.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from asyncsdk.seams import DeadLetter
from asyncsdk.stores.codec import CODEC, unpack_letter
from asyncsdk.stores.sqlite.database import FORMAT

_NAME = re.compile(r"spool-(\d+)\.db$")


def letters_in(folder: Path) -> Iterator[DeadLetter]:
    """Yield the letters of each file, oldest first; what cannot be read is passed over.

    Raises:
        OSError: There is no such folder, or it cannot be read.
    """
    numbers = sorted(
        int(found[1]) for path in folder.iterdir() if (found := _NAME.match(path.name))
    )
    for number in numbers:
        try:
            yield from _letters(folder / f"spool-{number}.db")
        except (sqlite3.Error, ValueError):
            continue


def _letters(path: Path) -> list[DeadLetter]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        ((form,),) = connection.execute("PRAGMA user_version").fetchall()
        if form != FORMAT:
            return []
        rows = connection.execute("SELECT body FROM letter WHERE codec = ? ORDER BY id", (CODEC,))
        return [unpack_letter(body) for (body,) in rows]
