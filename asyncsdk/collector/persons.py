"""What a server would know of persons and groups when it evaluates flags. Bounded: oldest leave."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

KEEP_PERSONS = 10_000
KEEP_PROPERTIES = 100  # of each
KEEP_BYTES = 1_000  # of a value as JSON; longer ones are not kept

#: A group's type and key, or an empty text and a distinct id.
Who = tuple[str, str]


class Learned(Struct, frozen=True, kw_only=True):
    """Says what an event sets: `always`, and `once` where there is nothing yet."""

    who: Who
    always: Mapping[str, Any] = {}
    once: Mapping[str, Any] = {}


class Persons:
    """Holds the properties of the persons and groups that were heard of last."""

    def __init__(self) -> None:
        # This is all that changes, and only learn() changes it.
        self._known: dict[Who, dict[str, Any]] = {}

    def properties(self, who: Who) -> Mapping[str, Any]:
        """Return what is known of *who*; nothing of a stranger."""
        return self._known.get(who, {})

    def learn(self, facts: Iterable[Learned]) -> None:
        """Remember *facts*; who they are about is the newest then."""
        for learned in facts:
            known = self._known.pop(learned.who, {})
            known = {**dict(_kept(learned.once)), **known, **dict(_kept(learned.always))}
            self._known[learned.who] = dict(list(known.items())[:KEEP_PROPERTIES])
        while len(self._known) > KEEP_PERSONS:
            del self._known[next(iter(self._known))]


def _kept(properties: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in properties.items():
        if len(name) <= KEEP_BYTES and len(msgspec.json.encode(value)) <= KEEP_BYTES:
            yield name, value
