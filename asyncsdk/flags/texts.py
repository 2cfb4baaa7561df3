"""The forms in which values are compared: as text, as truth and as number."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLDING = str.maketrans(_UPPER, _UPPER.lower())
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: Integers below are the same as doubles.
EXACT = 1 << 53
_quoted = json.JSONEncoder(ensure_ascii=False).encode


class NoText(Exception):
    """The value has no form in JSON, so nobody can say what the server would compare."""


def text_form(value: object) -> str:
    """Return *value* as the server compares it: text as it is, all else as compact JSON.

    Raises:
        NoText: It is not finite, no JSON type, or nested too deeply.
    """
    if isinstance(value, str):
        return value
    try:
        return _json(value)
    except (RecursionError, ValueError) as error:  # ValueError: thousands of digits
        raise NoText from error


def _json(value: object) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, dict):
        return _object(value)
    return _scalar(value)


def _object(value: dict[Any, object]) -> str:
    if not all(isinstance(key, str) for key in value):
        raise NoText
    return "{" + ",".join(f"{_quoted(key)}:{_json(value[key])}" for key in sorted(value)) + "}"


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return _float(value)
    raise NoText


def _float(value: float) -> str:
    """Return the shortest form; the exponent from e-6 on, without a leading zero."""
    text = repr(value)
    mantissa, found, exponent = text.partition("e")
    if not found:
        return text
    power = int(exponent)
    if -6 < power < 0:
        return format(Decimal(text), "f")
    return f"{mantissa}e{power:+d}"


def folded(text: str) -> str:
    """Return *text* with A to Z lowered, and nothing else."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def is_truthy(value: object) -> bool:
    """Say whether *value* is true, the text "true", or a list of only such."""
    if isinstance(value, str):
        return value.lower() == "true"
    if isinstance(value, list):
        return all(map(is_truthy, value))
    return value is True


def is_boolean_like(value: object) -> bool:
    """Say whether *value* can only mean yes or no."""
    if isinstance(value, str):
        return value.lower() in ("true", "false")
    if isinstance(value, list):
        return all(map(is_boolean_like, value))
    return isinstance(value, bool)


def number_of(value: object) -> float | None:
    """Return the finite number that *value* is or writes out, or None; never a boolean."""
    if type(value) is int and -EXACT < value < EXACT:
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
