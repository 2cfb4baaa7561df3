"""Paths: which values of a message are meant, as ``context.ip``, ``traits.*.phone``, ``**.password``.

A path is read from the message's field inwards. Its parts are keys, or globs for keys (``*_token``);
``*`` is any one key, ``**`` any number of them. Upper and lower case are the same: what must not
leave must not leave as ``Password`` either. Lists have no parts of their own: the path of a list is
that of its elements.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

from asyncsdk.errors import ConfigurationError

#: What globs at a path's beginning stand for.
CONTENTS = (
    *("event", "name", "category", "properties", "traits", "context", "groups", "flags"),
    "integrations",
)
#: What must be named to be meant: to change these makes other people of people.
IDS = ("user_id", "anonymous_id", "session_id", "group_id", "previous_id")

#: How far each path has been walked: its number, and the part that comes next.
Steps = frozenset[tuple[int, int]]


class Paths:
    """Find out, key by key, whether one of *paths* leads here.

    Raises:
        ConfigurationError: There is no path, or one that can lead nowhere.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        if not paths:
            raise ConfigurationError('paths: one is needed, such as "context.ip" or "**"')
        for path in paths:
            _check(path)
        self.ids: frozenset[str] = frozenset(path for path in paths if path in IDS)
        # A part is a pattern for a key, or None for any number of them.
        self._paths = [
            [None if part == "**" else _pattern(part) for part in path.split(".")]
            for path in paths
            if path not in IDS
        ]
        self.start: Steps = self._skipping((number, 0) for number in range(len(self._paths)))

    def into(self, steps: Steps, key: str) -> Steps:
        """Return how far they lead at the value of *key*."""
        found: list[tuple[int, int]] = []
        for number, at in steps:
            parts = self._paths[number]
            if at == len(parts):
                continue
            part = parts[at]
            if part is None:
                found.append((number, at))
            elif part.match(key):
                found.append((number, at + 1))
        return self._skipping(found)

    def arrived(self, steps: Steps) -> bool:
        """Say whether one of them ends here."""
        return any(at == len(self._paths[number]) for number, at in steps)

    def _skipping(self, steps: Iterable[tuple[int, int]]) -> Steps:
        """Return *steps*, and those that ``**`` allows because it may stand for no key."""
        found: set[tuple[int, int]] = set()
        for number, first in steps:
            parts = self._paths[number]
            at = first
            found.add((number, at))
            while at < len(parts) and parts[at] is None:
                at += 1
                found.add((number, at))
        return frozenset(found)


def _pattern(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part), re.IGNORECASE)


def _check(path: object) -> None:
    if not isinstance(path, str) or "" in path.split("."):
        raise ConfigurationError(
            f'{path!r}: is no path; one is written like "context.ip" or "**.password"'
        )
    first, _, rest = path.partition(".")
    if first in IDS:
        if rest:
            raise ConfigurationError(f"{path}: nothing is inside of {first}")
    elif not any(_pattern(first).match(field) for field in CONTENTS) and first != "**":
        raise ConfigurationError(
            f"{path}: leads nowhere; paths begin with one of {', '.join((*CONTENTS, *IDS))}, "
            "or with a glob for the former"
        )
