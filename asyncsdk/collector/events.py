"""What systems share in reading the events of a body."""

from collections.abc import Callable
from typing import Any

import msgspec

from asyncsdk.collector.answers import Taken, is_array, is_object


def events_of(content: object, name: str) -> list[Any]:
    """List the elements of the envelope's *name*; a lone value counts as a list of one."""
    batch: Any = content.get(name) if is_object(content) else None
    if batch is None:
        return []
    return batch if is_array(batch) else [batch]


def oversized(body: bytes, name: str, *, limit: int) -> frozenset[int]:
    """Return which elements of the envelope's *name* have more than *limit* bytes in *body*.

    A lone value counts as a list of one, with all of its body.
    """
    if len(body) <= limit:  # the common case: no event can be larger than its body
        return frozenset()
    parts = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    try:
        raw = msgspec.json.decode(parts.get(name, b"[]"), type=list[msgspec.Raw])
    except msgspec.ValidationError:
        return frozenset({0})
    return frozenset(index for index, event in enumerate(raw) if len(memoryview(event)) > limit)


def take(event: dict[str, Any], fresh_id: Callable[[], str]) -> Taken:
    """Take an event with RudderStack's and Segment's field names; its id is set in place."""
    event["messageId"] = kept = message_id(event.get("messageId")) or fresh_id()
    return Taken(kept, type_name(event.get("type")), event)


def message_id(value: object) -> str:
    """Return the id the gateway keeps: trimmed text, or empty if *value* is no such thing."""
    if not isinstance(value, str):
        return ""
    if not value.isprintable():
        value = "".join(char for char in value if char.isprintable() or char.isspace())
    return value.strip()


def type_name(value: object) -> str:
    """Return the type of an event as it is counted."""
    return value if isinstance(value, str) and value else "(none)"
