"""Properties: what a mapping may yield, and what it yields where there is nothing.

Legal results are booleans, texts, numbers that are numbers, and lists and objects made of these
only: one null anywhere inside makes the whole of it no value. That is the original's rule.

Source: @walkeros/core 4.2.1, run (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

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

_NONE = type(None)
_SCALARS: frozenset[type] = SAFE | {float}


def is_property(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Say whether *value* is a legal result; holes in lists are.

    A value of a type that JSON does not have (a date, a decimal) is legal here: the encoding has a
    form for it.
    """
    kind = type(value)
    if kind in SAFE:
        return True
    if kind is float:
        return bool(value == value)  # not for NaN
    if kind is _NONE or depth <= 0:
        return False
    if kind is list or kind is tuple:
        return _are_properties(value, depth - 1)
    if kind is dict:
        return _are_properties(value.values(), depth - 1)
    return _is_foreign_property(value, depth)


def _are_properties(values: Collection[Any], depth: int) -> bool:
    kinds = set(map(type, values))
    if kinds <= SAFE:
        return True
    if _NONE in kinds:
        return False
    return all(is_property(value, depth) for value in values)


def _is_foreign_property(value: Any, depth: int) -> bool:
    try:
        if isinstance(value, Mapping):
            return _are_properties(value.values(), depth - 1)
        if isinstance(value, list | tuple):
            return _are_properties(value, depth - 1)
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
