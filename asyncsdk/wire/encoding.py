"""Encoding: an event becomes bytes at the door; what JSON cannot carry is cleaned up first.

Most events are known to be plain when they come here, and one call of msgspec is all. Of others it
is checked that what came out is JSON, and none of the few values is in it that msgspec writes in
another form than ours (date-times, durations, raw line breaks). Only if that finds something, the
slow path of `values` walks the event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

_CHECK = msgspec.json.Decoder(msgspec.Raw).decode

# msgspec writes a date-time with microseconds or none, and keeps its offset; ours have
# milliseconds and Z. Durations are seconds here. A text that merely looks like one of these costs
# the slow path, nothing else. Each pattern begins with a letter, so the search for it is fast.
_OTHER_TIME = re.compile(rb'T\d\d:\d\d:\d\d(?!\.\d{3}Z")').search
_DURATION = re.compile(rb"P[\dT]").search


#: Encode a value as JSON; raises for what msgspec refuses, and whatever a foreign object raises.
#: `looks_foreign` says whether what came out is JSON. Without a frame of our own: it is called for
#: every event.
encode: Callable[[Any], bytes] = msgspec.json.Encoder(decimal_format="number").encode


def looks_foreign(data: bytes) -> bool:
    """Say whether *data* is no JSON, or may hold a value in another form than ours.

    No JSON: a decimal that is no number, or is a key; raw JSON that is none, or holds bytes that
    are no UTF-8. A mere text that looks like another form says so too: that costs the slow path,
    which leaves texts as they are, and nothing else.
    """
    try:
        _CHECK(data)
        if not data.isascii():
            data.decode()
    except ValueError:
        return True
    return b"\n" in data or _OTHER_TIME(data) is not None or _DURATION(data) is not None


def decode(data: bytes) -> Any:
    """Decode JSON *data*; a number that is too large for a float becomes infinity.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        import json

        return json.loads(data)
