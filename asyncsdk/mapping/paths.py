"""Paths: reading, setting and deleting by dotted path.

Each part is a key of an object, or an index (or ``length``) of a list. ``*`` on a list applies the
rest of the path to every element; on an object it is a key like any other. Nothing here writes to
what it is given: what changes is copied along the path, the rest is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from asyncsdk.mapping.properties import NO_VALUE, SAFE, is_property
from asyncsdk.mapping.tracing import Trace

#: Find something in a value.
Reader: TypeAlias = Callable[[Any, Trace], Any]

#: A list is not filled up with holes beyond this.
MOST_HOLES = 1_000


def step(value: Any, key: str) -> Any:
    """Return what *value* has under *key*, or `NO_VALUE`; whatever *value* is."""
    kind = type(value)
    if kind is dict:
        return value.get(key, NO_VALUE)
    if kind is str:
        return NO_VALUE
    try:
        if isinstance(value, list | tuple):
            return _element(value, key)
        if isinstance(value, Mapping):
            return value.get(key, NO_VALUE)
    except Exception:  # noqa: BLE001 - a foreign mapping may raise anything when read
        return NO_VALUE
    return NO_VALUE


def _element(value: Sequence[Any], key: str) -> Any:
    if key == "length":
        return len(value)
    index = index_of(key)
    return value[index] if index is not None and index < len(value) else NO_VALUE


def index_of(key: str) -> int | None:
    """Return the index that *key* is, in the one spelling there is for each."""
    if not (key.isascii() and key.isdigit() and len(key) < 11):
        return None
    return int(key) if key == "0" or key[0] != "0" else None


def reader(path: str, default: Any = NO_VALUE) -> Reader:
    """Return a function that finds *path*, and gives *default* where nothing is."""
    parts = path.split(".")
    if "*" in parts:
        return _starred(parts, default)
    if default is not NO_VALUE:
        return _or_default(_plain(parts), default)
    return _plain(parts)


def scope_reader(path: str) -> Reader:
    """Return a function that finds *path*, which has no ``*``, if what is there is legal.

    For what is only looked through: it is not noticed whether all of it is plain JSON.
    """
    read = _plain(path.split("."))

    def read_scope(value: Any, trace: Trace) -> Any:
        found = read(value, trace)
        return found if is_property(found) else NO_VALUE

    return read_scope


def checked_reader(path: str) -> Reader:
    """Return a function that finds *path*, which has no ``*``, if what is there is legal."""
    parts = path.split(".")
    if len(parts) != 2:
        return _checked(_plain(parts))
    first, second = parts

    def read(value: Any, trace: Trace) -> Any:
        value = value.get(first, NO_VALUE) if type(value) is dict else step(value, first)
        value = value.get(second, NO_VALUE) if type(value) is dict else step(value, second)
        return value if type(value) in SAFE or is_property(value, trace) else NO_VALUE

    return read


def _checked(read: Reader) -> Reader:
    def read_checked(value: Any, trace: Trace) -> Any:
        found = read(value, trace)
        return found if type(found) in SAFE or is_property(found, trace) else NO_VALUE

    return read_checked


def _plain(parts: Sequence[str]) -> Reader:
    if len(parts) == 1:
        return _one(parts[0])
    if len(parts) == 2:
        return _two(*parts)

    def read(value: Any, _trace: Trace) -> Any:
        for part in parts:
            value = value.get(part, NO_VALUE) if type(value) is dict else step(value, part)
        return value

    return read


def _one(key: str) -> Reader:
    def read(value: Any, _trace: Trace) -> Any:
        return value.get(key, NO_VALUE) if type(value) is dict else step(value, key)

    return read


def _two(first: str, second: str) -> Reader:
    def read(value: Any, _trace: Trace) -> Any:
        value = value.get(first, NO_VALUE) if type(value) is dict else step(value, first)
        return value.get(second, NO_VALUE) if type(value) is dict else step(value, second)

    return read


def _or_default(read: Reader, default: Any) -> Reader:
    def read_or_default(value: Any, trace: Trace) -> Any:
        found = read(value, trace)
        return default if found is NO_VALUE else found

    return read_or_default


def _starred(parts: Sequence[str], default: Any) -> Reader:
    at = parts.index("*")
    before, after = parts[:at], parts[at + 1 :]
    rest = reader(".".join(after), default)

    def read(value: Any, trace: Trace) -> Any:
        for part in before:
            value = step(value, part)
        if isinstance(value, list | tuple):
            trace.spend(len(value))
            return [rest(one, trace) for one in value]
        found = step(value, "*")
        if after:
            return rest(found, trace)
        return default if found is NO_VALUE else found

    return read


def set_at(value: Any, path: str, new: Any) -> Any:
    """Return *value* with *new* at *path*; `NO_VALUE` takes away what is there.

    What stands in the way and is no object or list is replaced by an object. A list takes indexes
    only, up to `MOST_HOLES` beyond its end.
    """
    return _set(value, path.split("."), new) if isinstance(value, Mapping) else value


def _set(value: Any, parts: Sequence[str], new: Any) -> Any:
    key, rest = parts[0], parts[1:]
    if rest:
        inner = step(value, key)
        inside = inner if isinstance(inner, Mapping | list | tuple) else {}
        new = _set(inside, rest, new)
    if isinstance(value, Mapping):
        copy = dict(value)
        if new is NO_VALUE:
            copy.pop(key, None)
        else:
            copy[key] = new
        return copy
    return _set_element(list(value), key, new)


def _set_element(copy: list[Any], key: str, new: Any) -> list[Any]:
    index = index_of(key)
    if index is None or index > len(copy) + MOST_HOLES:
        return copy
    copy.extend([NO_VALUE] * (index + 1 - len(copy)))
    copy[index] = new
    return copy


def delete_at(value: Any, path: str) -> Any:
    """Return *value* without what is at *path*; in a list what follows moves up."""
    return _delete(value, path.split("."))


def _delete(value: Any, parts: Sequence[str]) -> Any:
    key, rest = parts[0], parts[1:]
    at = _place_of(value, key)
    if at is None:
        return value
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    if rest:
        copy[at] = _delete(copy[at], rest)
    else:
        del copy[at]
    return copy


def _place_of(value: Any, key: str) -> str | int | None:
    """Return under what *value*, an object or a list, holds *key*; None if it does not."""
    if isinstance(value, Mapping):
        return key if key in value else None
    if not isinstance(value, list | tuple):
        return None
    index = index_of(key)
    return index if index is not None and index < len(value) else None
