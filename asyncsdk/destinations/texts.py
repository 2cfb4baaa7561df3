"""Texts: values for a system that takes nothing else as an event's properties.

Booleans are ``true`` and ``false``, numbers their digits, objects and lists compact JSON; what is
null is left out. A value of any other type is refused here: the client then cleans the event up and
asks again, and after that there is no other type.
"""

from __future__ import annotations

import math
import re
from typing import Any

from msgspec import Raw

from asyncsdk.errors import ValidationError
from asyncsdk.wire.encoding import encode
from asyncsdk.wire.ids import number_text

# Cleaning up writes a decimal as it is.
_IS_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][+-]?\d+)?").fullmatch


def texts_of(field: str, values: Any) -> dict[str, str]:
    """Return the object *values*, or None for none, with texts only.

    Raises:
        ValidationError: Something in it is of no plain type.
    """
    texts: dict[str, str] = {}
    for name, value in object_of(field, values).items():
        text = text_of(f"{field}.{name}", value)
        if type(name) is not str:
            raise ValidationError(f"{field}: its names must be texts")
        if text is not None:
            texts[name] = text
    return texts


def object_of(field: str, value: Any) -> dict[Any, Any]:
    """Return *value* if it is an object, and an empty one for None and other plain values.

    Raises:
        ValidationError: It is of no plain type.
    """
    if type(value) is dict:
        return value
    if not _is_plain(value):
        raise ValidationError(f"{field}: an object that can be read is needed")
    return {}


def text_of(field: str, value: Any) -> str | None:
    """Return *value* as text, or None if it is null.

    Raises:
        ValidationError: It is, or holds, something of no plain type.
    """
    kind = type(value)
    if kind is str:
        text: str = value
        return text
    if value is None or (kind is float and not math.isfinite(value)):
        return None
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return number_text(value)
    if not _is_plain(value):
        raise ValidationError(f"{field}: JSON cannot carry it")
    return encode(value).decode()


def _is_plain(value: Any) -> bool:
    """Say whether *value* is what cleaning up leaves of anything."""
    kind = type(value)
    if kind is dict:
        return all(type(name) is str and _is_plain(item) for name, item in value.items())
    if kind is list:
        return all(map(_is_plain, value))
    if kind is Raw:
        return _IS_NUMBER(value) is not None
    return kind in (str, int, float, bool, type(None))
