"""Telling: ids, times and consent of an event, as our calls take them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from asyncsdk.errors import ValidationError
from asyncsdk.mapping.paths import step
from asyncsdk.messages import Consent
from asyncsdk.wire.ids import number_text
from asyncsdk.wire.times import read_timestamp

#: A longer id is not taken over as a message id.
MAX_ID = 256

_MOST_SECONDS = 253_402_300_800  # the year 10000


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


def message_id(event: Any, otherwise: str) -> str:
    """Return the id of an event's track: the event's own, so that a repeat is told as one."""
    own = step(event, "id")
    found = own if type(own) is str else id_text(own)
    return found if found and len(found) <= MAX_ID else otherwise


def time_text(value: Any) -> str | None:
    """Return an event's time on the wire; None for now: zero, missing, or no time at all.

    Args:
        value: Milliseconds since 1970, or an RFC 3339 text.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_milliseconds(value)
    if not isinstance(value, str | datetime):
        return None
    try:
        return read_timestamp(value)[0]
    except ValidationError:
        return None


def _of_milliseconds(value: float) -> str | None:
    if not value or not -_MOST_SECONDS < value / 1000 < _MOST_SECONDS:
        return None
    seconds, rest = divmod(int(value), 1000)
    head = _head(seconds)
    return f"{head}.{rest:03d}Z" if head else None


@lru_cache(maxsize=1024)
def _head(seconds: int) -> str:
    """Write a second; events of one second come together."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    except (OverflowError, OSError, ValueError):
        return ""


def consent_told(value: Any) -> Consent | None:
    """Return an event's consent if it is one: purposes, and true or false."""
    if not isinstance(value, Mapping):
        return None
    for one in value.values():
        if one is not True and one is not False:
            return None
    return value
