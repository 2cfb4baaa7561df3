"""Lines: from the bytes of an NDJSON file to calls. Pure.

Both spellings are read, the wire's (`userId`) and ours (`user_id`). What servers and SDKs add on
the way (`sentAt`, `channel` …) is left out; other fields that no call has are named.
"""

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from msgspec import Struct

from asyncsdk.cli.calls import KINDS, Call

#: A line beyond this is no event: no system takes one as large.
MAX_LINE = 4 * 1024 * 1024

_COMMON = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "sessionId": "session_id",
    "messageId": "message_id",
    "context": "context",
    "integrations": "integrations",
    "timestamp": "timestamp",
}
_OWN = {
    "track": {"event": "event", "properties": "properties"},
    "identify": {"traits": "traits"},
    "page": {"name": "name", "category": "category", "properties": "properties"},
    "screen": {"name": "name", "category": "category", "properties": "properties"},
    "group": {"groupId": "group_id", "groupType": "group_type", "traits": "traits"},
    "alias": {"previousId": "previous_id", "traits": "traits"},
}
_NAMES = {
    kind: {
        spelling: name
        for wire, name in (*_COMMON.items(), *own.items())
        for spelling in (wire, name)
    }
    for kind, own in _OWN.items()
}
# What is added on an event's way, and not by the one who made the call.
_ADDED = frozenset(
    {
        "type",
        "channel",
        "sentAt",
        "receivedAt",
        "originalTimestamp",
        "original_timestamp",
        "writeKey",
        "version",
        "_metadata",
        "request_ip",
        "rudderId",
        "projectId",
    }
)


class BadLine(ValueError):
    """Say why a line is no event."""


class Line(Struct, frozen=True):
    """Hold the call of one line, and its fields that no such call has."""

    call: Call
    unknown: tuple[str, ...] = ()


def read_line(text: bytes) -> Line:
    """Read one line that is not blank.

    The call's own rules are checked when it is made, not here.

    Raises:
        BadLine: It is no JSON object, has no type of ours, or says something twice.
    """
    content = read_object(text)
    kind = content.get("type")
    if kind not in KINDS:
        raise BadLine(f"type: one of {', '.join(KINDS)} is needed")
    names = _NAMES[kind]
    arguments: dict[str, Any] = {}
    for field, value in content.items():
        name = names.get(field)
        if name is None or value is None:
            continue
        if name in arguments:
            raise BadLine(f"{name}: said twice, in both spellings")
        arguments[name] = value
    happened = content.get("originalTimestamp", content.get("original_timestamp"))
    if happened is not None:
        arguments.setdefault("timestamp", happened)
    unknown = tuple(field for field in content if field not in names and field not in _ADDED)
    return Line(Call(kind, arguments), unknown)


def read_object(text: bytes) -> dict[str, Any]:
    """Read one line that is to be a JSON object.

    Raises:
        BadLine: It is none, or too long.
    """
    if len(text) > MAX_LINE:
        raise BadLine(f"longer than {MAX_LINE:,} bytes")
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(f"not JSON ({_reason(error)})") from None
    if not isinstance(content, dict):
        raise BadLine("not a JSON object")
    return cast("dict[str, Any]", content)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error).removeprefix("JSON is malformed: ")


class Splitter:
    """Cut pieces of a file into numbered lines, holding no more than one line."""

    def __init__(self) -> None:
        # This is all that changes.
        self._rest = bytearray()
        self._number = 0

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that *piece* completes, with their numbers from 1, but for blank ones."""
        lines = piece.split(b"\n")
        for line in lines[:-1]:
            yield from self._complete(line)
        self._add(lines[-1])

    def end(self) -> Iterator[tuple[int, bytes]]:
        """Yield the last line, if no line break ended it."""
        if self._rest:
            yield from self._complete(b"")

    def _add(self, part: bytes) -> None:
        # One byte over the limit is enough to know that the line is too long.
        room = MAX_LINE + 1 - len(self._rest)
        self._rest += part[: max(room, 0)]

    def _complete(self, part: bytes) -> Iterator[tuple[int, bytes]]:
        self._add(part)
        line = bytes(self._rest)
        self._rest.clear()
        self._number += 1
        if self._number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield self._number, line
