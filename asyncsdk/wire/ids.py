"""Ids on the wire: numbers become text the way JavaScript writes them."""

from __future__ import annotations

#: From this power of ten on JavaScript writes a number with an exponent.
_JS_EXPONENT = 21


def id_text(value: str | float | None) -> str | float | None:
    """Return an id as the RudderStack Node SDK sends it: ``42`` becomes ``"42"``.

    Zero stays a number, as there: only ids that count as given are turned into text.

    Source: @rudderstack/rudder-sdk-node 3.0.13, measured (checked 2026-11).
    """
    if not value or isinstance(value, str):
        return value
    return number_text(value)


def given_id(value: str | float | None) -> str | None:
    """Return an id as text, and None for what names nobody: zero and the empty text."""
    if not value:
        return None
    return value if isinstance(value, str) else number_text(value)


def number_text(value: float) -> str:
    """Write a number as JavaScript's JSON does: ``4.0`` as ``4``, ``1e21`` as ``1e+21``.

    Whole Python ints of any size are written exactly.
    """
    if isinstance(value, int):
        return int.__repr__(value)
    mantissa, mark, exponent = float.__repr__(value).partition("e")
    digits = mantissa.removesuffix(".0")
    power = int(exponent) if mark else 0
    if not mark or not -7 < power < _JS_EXPONENT:
        return f"{digits}e{power:+d}" if mark else digits
    return _without_exponent(digits, power)


def _without_exponent(digits: str, power: int) -> str:
    """Write ``1.5``, ``20`` as ``150000000000000000000``, and ``1.5``, ``-5`` as ``0.000015``."""
    sign = "-" if digits.startswith("-") else ""
    whole, _, fraction = digits.lstrip("-").partition(".")
    if power > 0:
        return sign + (whole + fraction).ljust(power + 1, "0")
    return f"{sign}0.{'0' * (-power - 1)}{whole}{fraction}"
