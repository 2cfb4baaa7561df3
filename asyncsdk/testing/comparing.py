"""Comparing: where a recorded call differs from what was expected, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from asyncsdk.wire.values import clean, key_text

_MISSING = object()


def plain(value: Any) -> Any:
    """Return *value* as whoever receives the event would read it."""
    cleaned, _ = clean(value, "")
    return msgspec.json.decode(msgspec.json.encode(cleaned))


def differences(expected: Any, found: Any, path: str) -> Iterator[str]:
    """Yield a line for each place where *found* is not as *expected*.

    Of an object only the keys that are expected count; a list must be the same. Values are equal if
    they are so in Python, in either direction, or on the wire.

    Args:
        expected: What was expected; may be an object that compares itself.
        found: What was recorded.
        path: How the place is called.
    """
    if expected == {} and found is None:
        return
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        by_text = {key_text(key): value for key, value in found.items()}
        for key, value in expected.items():
            yield from differences(value, by_text.get(key_text(key), _MISSING), f"{path}.{key}")
    elif found is _MISSING or found is None is not expected:
        yield f"{path}: expected {expected!r}, but it is missing"
    elif not (expected == found or _alike(expected, found)):
        yield f"{path}: expected {expected!r}, got {found!r}"


def _alike(expected: Any, found: Any) -> bool:
    same: bool = plain(expected) == plain(found)
    return same
