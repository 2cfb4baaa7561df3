"""Encoding: an event becomes bytes at the door; what JSON cannot carry is cleaned up first.

The fast path is one call of msgspec and three looks at its answer, for the few values that
msgspec writes in another form than ours (date-times, durations, non-finite decimals). Only if it
refuses, or one of the looks finds something, the slow path of `values` walks the event.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")

# msgspec writes a date-time with microseconds or none, and keeps its offset; ours have
# milliseconds and Z. A text that merely looks like a time costs the slow path, nothing else.
_OTHER_TIME = re.compile(rb'T\d\d:\d\d:\d\d(?!\.\d{3}Z")').search
_DURATION = re.compile(rb'"-?P[\dT]').search


class Unencodable(Exception):
    """msgspec does not carry this value as it is; clean it and try again."""


def encode(value: Any) -> bytes:
    """Encode *value* as JSON.

    Raises:
        Unencodable: msgspec refuses something in it.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError, AttributeError) as error:
        raise Unencodable(type(error).__name__) from None


def looks_foreign(data: bytes) -> bool:
    """Say whether *data* may hold a value in another form than ours.

    A mere text that looks like one says so too: that costs the slow path, which leaves texts as
    they are, and nothing else.
    """
    return (
        _OTHER_TIME(data) is not None
        or b"\n" in data
        or b"NaN" in data
        or b"Infinity" in data
        or (b'"P' in data and _DURATION(data) is not None)
        or (b'"-P' in data and _DURATION(data) is not None)
    )


def decode(data: bytes) -> Any:
    """Decode JSON *data*.

    Raises:
        msgspec.DecodeError: It is not JSON.
    """
    return msgspec.json.decode(data)
