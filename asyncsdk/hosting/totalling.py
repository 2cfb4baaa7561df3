"""Totalling: counters of clients become counters of a process, which never go back.

Clients end, and so do the lanes of guests, which may come again and then count from nothing. What was read
of them stays counted, or a chart would show the sum of those that are left as a new beginning.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

Line = TypeVar("Line", bound=Hashable)

#: Lines that are remembered after their end; the oldest are forgotten.
_MOST = 5_000


class Totals(Generic[Line]):
    """Add up one counter over its owners; a line is what a chart draws one line of."""

    def __init__(self) -> None:
        # This is all that changes.
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._last: Mapping[tuple[int, Line], float] = {}
        self._past: dict[Line, float] = {}

    def add(self, read: Callable[[], Mapping[tuple[int, Line], float]]) -> dict[Line, float]:
        """Return the sum of each line.

        Args:
            read: Returns what each owner, by its number, has counted; called by one thread at a time.
        """
        if self._process != os.getpid():
            self._begin_anew()
        with self._lock:
            now = read()
            for at, value in self._last.items():
                if value and now.get(at, 0.0) < value:
                    self._keep(at[1], value)
            self._last = now
            sums = dict(self._past)
            for (_, line), value in now.items():
                sums[line] = sums.get(line, 0) + value
            return sums

    def _keep(self, line: Line, value: float) -> None:
        self._past[line] = self._past.pop(line, 0) + value
        while len(self._past) > _MOST:
            del self._past[next(iter(self._past))]

    def _begin_anew(self) -> None:
        """Forget what a parent counted: in a fork of it the counters of clients are at nothing again."""
        self._lock, self._process = threading.Lock(), os.getpid()
        self._last, self._past = {}, {}
