"""Called: which flags were reported for which person, so that each is reported once.

    distinct id ─▶ the (flag, value) and (flag, value, groups) that were reported for it

Bounded threefold: in persons (the least recently used one is forgotten), in reports per person, and
in reports over all. Who was forgotten is reported once more: that costs an event, nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeAlias

from asyncsdk.flag_seams import Value

Report: TypeAlias = tuple[str, Value | None] | tuple[str, Value | None, frozenset[tuple[str, str]]]

#: Reports of one person; no project has as many flags that one person meets.
MOST_EACH = 1_000
#: Reports over all, for each person that may be remembered.
_ON_AVERAGE = 10


def report_of(key: str, value: Value | None, groups: Mapping[str, str]) -> Report:
    """Return what is remembered of a flag that was read."""
    return (key, value, frozenset(groups.items())) if groups else (key, value)


class Called:
    """Remember what was reported, of *most* persons."""

    __slots__ = ("_ids", "_most", "_most_reports", "_reports", "_words")

    def __init__(self, most: int) -> None:
        self._most = most
        # One person may have as many as that, or its own reports would push each other out.
        self._most_reports = max(most * _ON_AVERAGE, MOST_EACH)
        # This is all that changes.
        self._ids: OrderedDict[str, set[Report]] = OrderedDict()
        self._reports = 0
        self._words: dict[Report, Report] = {}  # each is kept once, for all persons

    def __len__(self) -> int:
        """Return how many reports are remembered."""
        return self._reports

    def knows(self, distinct_id: str, report: Report) -> bool:
        """Say whether this was reported already; the person counts as used then."""
        known = self._ids.get(distinct_id)
        if known is None or report not in known:
            return False
        try:
            self._ids.move_to_end(distinct_id)
        except KeyError:  # another thread has just forgotten it
            return False
        return True

    def note(self, distinct_id: str, report: Report) -> None:
        """Remember that this is reported now."""
        known = self._ids.get(distinct_id)
        if known is None:
            known = self._ids[distinct_id] = set()
        elif len(known) >= MOST_EACH:
            self._reports -= len(known)
            known.clear()
        if len(self._words) > self._most:
            self._words.clear()
        known.add(self._words.setdefault(report, report))
        self._reports += 1
        with suppress(KeyError):  # as above
            self._ids.move_to_end(distinct_id)
        while len(self._ids) > self._most or self._reports > self._most_reports:
            try:
                _, gone = self._ids.popitem(last=False)
            except KeyError:  # nobody is left: threads that met here counted each other's twice
                self._reports = 0
                return
            self._reports -= len(gone)
