"""Ids on the wire: numbers become text the way JavaScript writes them."""

from __future__ import annotations

#: From here on JavaScript writes a whole number with an exponent.
_JS_EXPONENT = 10**21


def id_text(value: str | float | None) -> str | float | None:
    """Return an id as the RudderStack Node SDK sends it: ``42`` becomes ``"42"``.

    Zero stays a number, as there: only ids that count as given are turned into text.

    Source: @rudderstack/rudder-sdk-node 3.0.13, measured (checked 2026-11).
    """
    if not value or isinstance(value, str):
        return value
    return number_text(value)


def number_text(value: float) -> str:
    """Write a number as JavaScript's JSON does: ``4.0`` as ``4``, ``1e21`` as ``1e+21``.

    Whole Python ints of any size are written exactly.
    """
    if isinstance(value, int):
        return int.__repr__(value)
    if value.is_integer() and abs(value) < _JS_EXPONENT:
        return int.__repr__(int(value))
    mantissa, mark, exponent = float.__repr__(value).partition("e")
    if not mark:
        return mantissa
    power = int(exponent)
    if -7 < power < 0:
        return f"{value:.{len(mantissa.replace('.', '').lstrip('-')) - 1 - power}f}"
    return f"{mantissa.removesuffix('.0')}e{power:+d}"
