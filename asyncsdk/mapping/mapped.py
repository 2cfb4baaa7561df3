"""Mapped: the inside of ``map``, where most of the time goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from msgspec import Struct

from asyncsdk.mapping.properties import NO_VALUE, SAFE, is_property
from asyncsdk.mapping.tracing import Trace

#: Yield what a mapping value says of an input.
Run: TypeAlias = Callable[[Any, Trace], Any]


class Value(Struct, frozen=True):
    """A compiled mapping value.

    Attributes:
        run: It.
        checked: Whether what it yields is always a legal result.
        asks: Whether it, or something in it, asks for consent or calls a function.
        looks: How many values it takes from its input, loops aside.
        path: The path, where it is no more than that, and perhaps a static value.
        static: That value.
    """

    run: Run
    checked: bool = True
    asks: bool = False
    looks: int = 1
    path: str | None = None
    static: Any = NO_VALUE


#: Put what some entries of a ``map`` yield into its result.
_Fill: TypeAlias = Callable[[Any, Trace, dict[str, Any]], None]
_Entry: TypeAlias = tuple[str, Value]


def mapped(parts: Mapping[str, Value]) -> Run:
    """Return what yields an object of all *parts* that yield anything, in their order.

    Entries in a row that are paths into the same section are read together.
    """
    fills = [_fill(section, list(entries)) for section, entries in groupby(parts.items(), _section)]
    if len(fills) == 1:
        only = fills[0]

        def run_one(value: Any, trace: Trace) -> dict[str, Any]:
            result: dict[str, Any] = {}
            only(value, trace, result)
            return result

        return run_one

    def run(value: Any, trace: Trace) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for fill in fills:
            fill(value, trace, result)
        return result

    return run


def _section(entry: _Entry) -> str | None:
    """Return the first of the two parts of a path; None for every other value."""
    path = entry[1].path
    return path.partition(".")[0] if path is not None and path.count(".") == 1 else None


def _fill(section: str | None, entries: Sequence[_Entry]) -> _Fill:
    each = _each([(name, value.run) for name, value in entries])
    if section is None:
        return each
    keys = [(name, str(value.path).partition(".")[2], value.static) for name, value in entries]

    def fill(value: Any, trace: Trace, result: dict[str, Any]) -> None:
        inside = value.get(section) if type(value) is dict else None
        if type(inside) is dict:
            _read(keys, inside, trace, result)
        else:
            each(value, trace, result)

    return fill


def _read(
    keys: Sequence[tuple[str, str, Any]],
    inside: dict[str, Any],
    trace: Trace,
    result: dict[str, Any],
) -> None:
    """Put what *inside* has under *keys* into *result*; names, keys and static values are given."""
    for name, key, static in keys:
        found = inside.get(key, static)
        kind = type(found)
        if kind in SAFE:
            if found is not NO_VALUE:
                result[name] = found
        elif (kind is float and found == found) or is_property(found, trace):
            result[name] = found
        elif static is not NO_VALUE:
            result[name] = static


def _each(runs: Sequence[tuple[str, Run]]) -> _Fill:
    def fill(value: Any, trace: Trace, result: dict[str, Any]) -> None:
        for name, run in runs:
            found = run(value, trace)
            if found is not NO_VALUE:
                result[name] = found

    return fill
