"""Checking: which rules of a mapping were used by some events, and which paths led to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncsdk.mapping.calling import Called, Stamp
from asyncsdk.mapping.mapping import Mapping
from asyncsdk.mapping.tracing import TooMany, Trace


class Check:
    """Map events and remember what was used.

    Args:
        mapping: One that was made with ``watching=True``.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        # This is all that changes.
        self._memory = mapping.memory()
        self._used: set[str] = set()

    def map(self, event: Any, stamp: Stamp) -> Called:
        """Return what *event* leads to."""
        try:
            _, rule, _ = self._mapping.plan.find(event, Trace(event))
        except TooMany:
            rule = None
        if rule is not None:
            self._used.add(rule.place)
        return self._mapping.call(event, self._memory, stamp, True)  # noqa: FBT003 - consent

    @property
    def unused_rules(self) -> Sequence[str]:
        """The places of the rules that no event led to."""
        return [rule.place for rule in self._mapping.plan.rules.all if rule.place not in self._used]

    @property
    def paths_never_found(self) -> Sequence[str]:
        """The paths that led to nothing in any event, with their places; not of unused rules."""
        noted = self._mapping.plan.maker.noted
        unused = tuple(f"{place}." for place in self.unused_rules)
        return [
            f"{place}: {path}"
            for place, path in noted.paths.items()
            if place not in noted.found and not place.startswith(unused)
        ]
