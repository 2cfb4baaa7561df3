"""Replaying: letters that died together go together again, under the key that they had. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asyncsdk.delivery.custody import derive_key
from asyncsdk.seams import DeadLetter


class Group(NamedTuple):
    """Letters of one request."""

    destination: str
    route: str
    key: str  # under which they go again
    letters: list[DeadLetter]


def by_request(letters: Iterable[DeadLetter]) -> list[Group]:
    """Return *letters* by the request in which they died, in the order of the first of each."""
    together: dict[tuple[str, str, str], list[DeadLetter]] = {}
    for letter in letters:
        request = (letter.destination, letter.route, letter.key)
        together.setdefault(request, []).append(letter)
    return [
        Group(destination, route, _key_of(key, group), group)
        for (destination, route, key), group in together.items()
    ]


def _key_of(key: str, group: Sequence[DeadLetter]) -> str:
    """Return the key under which *group* goes again: its own if the whole request is there."""
    if len(group) == group[0].among:
        return key
    ids = ":".join(letter.message_id for letter in group)
    return derive_key(f"{key}:{ids}", 0, len(group))
