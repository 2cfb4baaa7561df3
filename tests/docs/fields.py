"""What becomes of each field of a call: two messages that differ in it, as each system gets them.

Where their events differ, there the field is. docs/fields.md says the same in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from asyncsdk import GetFluxly, Inslytic, PostHog, RudderStack, Segment
from asyncsdk.destinations import encode
from asyncsdk.messages import Kind, Message
from asyncsdk.seams import Destination, Encoded
from asyncsdk.wire.encoding import decode

KEY = "gflux_secret_1234567890"
NOW = "2026-11-21T09:00:00.000Z"
SYSTEMS: Mapping[str, Destination] = {
    "RudderStack": RudderStack(KEY, "https://data.example.com"),
    "Segment": Segment(KEY),
    "Inslytic": Inslytic(KEY),
    "GetFluxly": GetFluxly(KEY),
    "PostHog": PostHog(KEY),
}

#: What stands in a field that is an object.
INNER = "key"
_TWO_OBJECTS = ({INNER: 1.5}, {INNER: 2.5})
_TWO_FLAGS = ({INNER: True}, {INNER: False})
_TWO_TIMES = ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:06.000Z")

#: Two values of each field. Numbers where a field may be one: it shows who needs texts.
VALUES: Mapping[str, tuple[Any, Any]] = {
    "message_id": (
        "0199c3a0-0000-7000-8000-000000000002",
        "0199c3a0-0000-7000-8000-000000000003",
    ),
    "original_timestamp": _TWO_TIMES,
    "timestamp": _TWO_TIMES,
    "user_id": (42, 43),
    "anonymous_id": (44, 45),
    "session_id": (46, 47),
    "group_id": (48, 49),
    "previous_id": (50, 51),
    "event": ("A", "B"),
    "name": ("A", "B"),
    "category": ("A", "B"),
    "group_type": ("A", "B"),
    "properties": _TWO_OBJECTS,
    "traits": _TWO_OBJECTS,
    "context": _TWO_OBJECTS,
    "integrations": _TWO_FLAGS,
    "groups": ({INNER: "a"}, {INNER: "b"}),
    "flags": ({INNER: "a"}, {INNER: "b"}),
    "consent": (False, True),
    "send_feature_flags": (True, False),
    "disable_geoip": (True, False),
    "personless": (True, False),
}

Path = tuple[str, ...]


def least(kind: Kind) -> Message:
    """Return a message of this kind that every system with a form for the call takes."""
    message = Message(kind, "m-1", NOW, user_id="u-1", anonymous_id="a-1")
    if kind == "track":
        message.event = "E"
    if kind == "alias":
        message.previous_id = "p-1"
    if kind in ("group", "group_identify"):
        message.group_id, message.group_type = "g-1", "company"
    return message


def two_of(kind: Kind, field: str) -> tuple[Message, Message, Any]:
    """Return two messages that differ in *field*, and its value in the first one.

    Args:
        kind: Which call.
        field: The field's name; ``context.page.url`` is a part of one.
    """
    name, *inside = field.split(".")
    values = ("A", "B") if inside else VALUES[name]
    made: list[Message] = []
    for value in values:
        whole = value
        for part in reversed(inside):
            whole = {part: whole}
        message = least(kind)
        setattr(message, name, whole)
        made.append(message)
    first = values[0]
    return made[0], made[1], first[INNER] if isinstance(first, dict) else first


def sent(destination: Destination, message: Message) -> Any:
    """Return the event as it goes on the wire, or None if the system has no form for it."""
    encoded = destination.encode(message)
    if not isinstance(encoded, Encoded):
        return None
    body = decode(destination.body(encoded.route, [encoded.data], sent_at=NOW))
    events = body.get("batch", body.get("events"))
    return body if events is None else events[0]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what is no object in *value*, each with its path."""
    if not isinstance(value, dict):
        yield path, value
        return
    for name, inner in value.items():
        yield from leaves(inner, (*path, name))


def places(destination: Destination, kind: Kind, field: str) -> dict[str, str] | None:
    """Return the places of *field* in the event, each with ``""`` or ``"as text"``.

    Returns:
        None if the system has no form for the call.

    Raises:
        AssertionError: What stands there is neither the value nor its text.
    """
    first, second, value = two_of(kind, field)
    found, other = sent(destination, first), sent(destination, second)
    if found is None or other is None:
        return None
    here, there = dict(leaves(found)), dict(leaves(other))
    how: dict[str, str] = {}
    for path in here:
        if here[path] == there.get(path):
            continue
        is_same = here[path] == value and type(here[path]) is type(value)
        assert is_same or here[path] == encode(value).decode(), (path, here[path])
        plain = path[:-1] if path[-1] == INNER else path
        how[".".join(plain)] = "" if is_same else "as text"
    return how
