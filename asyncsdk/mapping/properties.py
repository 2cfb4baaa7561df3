"""Properties: what a mapping may yield, and what it yields where there is nothing.

Legal results are booleans, texts, numbers that are numbers, and lists and objects made of these
only: one null anywhere inside makes the whole of it no value. That is the original's rule.

Source: @walkeros/core 4.2.1, run (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeAlias

#: Deeper values are no properties; nobody writes them by hand, and walking them takes the stack.
MAX_DEPTH = 64


class NoValue(Enum):
    """The type of `NO_VALUE`."""

    NO_VALUE = "no value"

    def __repr__(self) -> str:
        """Show it as it is written."""
        return "NO_VALUE"

    def __bool__(self) -> bool:
        """Count as false, as undefined does in the original."""
        return False


#: What a mapping yields where there is nothing; None is a value of its own, as in JSON.
NO_VALUE: Final = NoValue.NO_VALUE

Nothing: TypeAlias = Literal[NoValue.NO_VALUE]

#: Types whose values are legal whatever they are, and the one that says there is none.
SAFE: frozenset[type] = frozenset({str, int, bool, NoValue})

_TEXTS: frozenset[type] = frozenset({str})


class Noticing(Protocol):
    """Where it is noticed that a value is not plain JSON."""

    foreign: bool


def is_property(value: Any, notice: Noticing | None = None, depth: int = MAX_DEPTH) -> bool:
    """Say whether *value* is a legal result; holes in lists are.

    A value of a type that JSON does not have (a date, a decimal) is legal here: the encoding has a
    form for it, and *notice* is told that it needs a second look.
    """
    return type(value) in SAFE or _are_properties((value,), notice, depth)


def _are_properties(values: Iterable[Any], notice: Noticing | None, depth: int) -> bool:
    """Look at all *values*; written out, for this is where long lists take their time."""
    for value in values:
        kind = type(value)
        if kind in SAFE:
            continue
        if kind is float:
            good = value == value  # not for NaN
        elif kind is dict:
            if notice is not None and not _TEXTS.issuperset(map(type, value)):
                notice.foreign = True
            good = depth > 0 and _are_properties(value.values(), notice, depth - 1)
        elif kind is list:
            good = depth > 0 and _are_properties(value, notice, depth - 1)
        else:
            good = value is not None and _is_foreign_property(value, notice, depth - 1)
        if not good:
            return False
    return True


def _is_foreign_property(value: Any, notice: Noticing | None, depth: int) -> bool:
    if notice is not None:
        notice.foreign = True
    try:
        if isinstance(value, Mapping):
            return depth >= 0 and _are_properties(value.values(), notice, depth)
        if isinstance(value, list | tuple):
            return depth >= 0 and _are_properties(value, notice, depth)
        return not (isinstance(value, float) and value != value)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything when touched
        return False


def is_true(value: Any) -> bool:
    """Say whether JavaScript takes *value* for true: lists and objects are, even empty ones."""
    kind = type(value)
    if kind is dict or kind is list or kind is tuple:
        return True
    try:
        return bool(value) and value == value
    except Exception:  # noqa: BLE001 - a foreign object may raise anything when touched
        return True


def without_holes(value: Any) -> Any:
    """Return *value* with null for every hole in its lists, as JSON has it; the rest is shared."""
    kind = type(value)
    if value is NO_VALUE:
        return None
    if kind is list or kind is tuple:
        return [without_holes(one) for one in value]
    if kind is dict:
        return {name: without_holes(one) for name, one in value.items()}
    return value
