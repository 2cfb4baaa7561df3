"""Telling: ids, times and consent of an event, as our calls take them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from asyncsdk.errors import ValidationError
from asyncsdk.messages import Consent
from asyncsdk.wire.ids import number_text
from asyncsdk.wire.times import format_time, read_timestamp

#: A longer id is not taken over as a message id.
MAX_ID = 256

_MOST_MS = 253_402_300_800_000  # the year 10000
_LEAST_MS = -62_135_596_800_000  # the year 1
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_TAILS = [f".{rest:03d}Z" for rest in range(1000)]


def id_text(value: Any) -> str | None:
    """Return an id as text, a number too; None for what is none, zero and the empty text."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return number_text(value) if value and math.isfinite(value) else None


def text_only(value: Any) -> str | None:
    """Return an id that is a text and not empty; the original takes no others."""
    return value if isinstance(value, str) and value else None


def message_id(own: Any, otherwise: str) -> str:
    """Return the id of an event's track: the event's *own*, so that a repeat is told as one."""
    found = own if type(own) is str else id_text(own)
    return found if found and len(found) <= MAX_ID else otherwise


def time_text(value: Any) -> str | None:
    """Return an event's time on the wire; None for now: zero, missing, or no time at all.

    Args:
        value: Milliseconds since 1970, or an RFC 3339 text.
    """
    kind = type(value)
    if kind is int or kind is float:
        if not value or not _LEAST_MS <= value < _MOST_MS:
            return None
        seconds, rest = divmod(int(value), 1000)
        return _head(seconds) + _TAILS[rest]
    if not isinstance(value, str | datetime):
        return None
    try:
        return read_timestamp(value)[0]
    except ValidationError:
        return None


@lru_cache(maxsize=1024)
def _head(seconds: int) -> str:
    """Write a second; events of one second come together."""
    return format_time(_BEGINNING + timedelta(seconds=seconds))[: -len(_TAILS[0])]


def consent_told(value: Any) -> Consent | None:
    """Return an event's consent if it is one: purposes, and true or false."""
    if type(value) is not dict and not isinstance(value, Mapping):
        return None
    for one in value.values():
        if one is not True and one is not False:
            return None
    return value
