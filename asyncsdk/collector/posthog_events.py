"""What PostHog's event routes take: a batch, a list or a single event. One bad event refuses all.

Source: PostHog's capture service (commit 0185795, v0_request and v0_endpoint) and the answers that
its SDKs know, checked 2026-11.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from asyncsdk.collector.answers import Taken, is_array, is_object
from asyncsdk.collector.cases import Desk, decoded
from asyncsdk.collector.events import oversized
from asyncsdk.collector.persons import Learned

# "1 MB" an event, read as the smaller of its two meanings.
MAX_EVENT_BYTES = 1_000_000

_TYPES = {
    "$identify": "identify",
    "$create_alias": "alias",
    "$groupidentify": "group",
    "$pageview": "page",
    "$screen": "screen",
}


class Read(Struct, frozen=True, kw_only=True):
    """Holds what became of a body: events taken under *key*, or the status and why not.

    `count` is how many events there were, `learns` what they say of persons and groups.
    """

    status: int = 200
    problem: str = ""
    count: int = 0
    key: str = ""
    events: Sequence[Taken] = ()
    learns: Sequence[Learned] = ()


def read(body: bytes, desk: Desk) -> Read:
    """Judge the events in *body*; an event without a `uuid` gets one in place."""
    try:
        content = decoded(body)
    except ValueError as error:
        return Read(status=400, problem=f"failed to parse request: {error}")
    events = _events_in(content)
    if not events:
        return Read(status=400, problem="request holds no event")
    refusal = _refusal(content, events, desk)
    if refusal is not None:
        return refusal
    if _is_any_large(content, body):
        return Read(status=413, problem="maximum event size exceeded", count=len(events))
    return Read(
        count=len(events),
        key=_keys(content, events).pop(),
        events=[_take(event, desk) for event in events],
        learns=[learned for event in events for learned in _learn(event)],
    )


def _refusal(content: object, events: list[Any], desk: Desk) -> Read | None:
    """Say why the request is refused, None if it is not: keys first, then each event."""
    count = len(events)
    keys = _keys(content, events)
    if not keys:
        return Read(status=401, problem="event submitted without an api_key", count=count)
    if len(keys) > 1:
        problem = "batch submitted with inconsistent api_key values"
        return Read(status=401, problem=problem, count=count)
    if not desk.accepts(next(iter(keys))):
        return Read(status=401, problem="API key is not valid: unknown", count=count)
    for event in events:
        problem = _problem_with(event)
        if problem:
            return Read(status=400, problem=problem, count=count)
    return None


def _events_in(content: object) -> list[Any]:
    if is_array(content):
        return content
    if not is_object(content):
        return []
    batch = content.get("batch", [content])
    return batch if is_array(batch) else []


def _is_any_large(content: object, body: bytes) -> bool:
    """Say whether an event has more than its bytes; a body that has no more needs no look."""
    if len(body) <= MAX_EVENT_BYTES:
        return False
    if is_array(content):
        parts = msgspec.json.decode(body, type=list[msgspec.Raw])
        return any(len(memoryview(part)) > MAX_EVENT_BYTES for part in parts)
    if is_object(content) and "batch" not in content:
        return True
    return bool(oversized(body, "batch", limit=MAX_EVENT_BYTES))


def _keys(content: object, events: list[Any]) -> set[str]:
    """Collect the project keys; an envelope's own counts for all of its events."""
    if is_object(content) and "batch" in content:
        own = _key_of(content)
        if own:
            return {own}
    return {key for event in events if is_object(event) and (key := _key_of(event))}


def _key_of(content: dict[str, Any]) -> str:
    for holder in (content, _object(content, "properties")):
        for name in ("api_key", "token"):
            key = holder.get(name)
            if isinstance(key, str) and key:
                return key
    return ""


def _problem_with(event: object) -> str:
    """Say what is wrong with *event*, empty if nothing is."""
    if not is_object(event):
        return "failed to parse request: an event is not an object"
    if not isinstance(event.get("event"), str):
        return "failed to parse request: missing field `event`"
    if not event["event"]:
        return "event submitted with an empty event name"
    who = _distinct_id(event)
    if not who:
        state = "without a" if who is None else "with an empty"
        return f"event submitted {state} distinct_id"
    if not isinstance(event.get("properties"), dict | None):
        return "failed to parse request: properties is not an object"
    return "" if _is_uuid(event.get("uuid")) else "failed to parse request: uuid is not a UUID"


def _is_uuid(value: object) -> bool:
    """Say whether *value* may stand as `uuid`: none and an empty one are replaced."""
    if value is None or value == "":
        return True
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def _distinct_id(event: dict[str, Any]) -> str | None:
    """Return the id as text, at the top or among the properties; None if there is none."""
    for holder in (event, _object(event, "properties")):
        who = holder.get("distinct_id")
        if isinstance(who, str):
            return who
        if who is not None:
            return str(who)
    return None


def _take(event: dict[str, Any], desk: Desk) -> Taken:
    event["uuid"] = message_id = event.get("uuid") or desk.fresh_id()
    name: str = event["event"]
    kind = name if name.startswith("$") else "track"
    return Taken(message_id, _TYPES.get(name, kind), event)


def _learn(event: dict[str, Any]) -> list[Learned]:
    """Read from *event* what a server would remember of its person or group."""
    properties = _object(event, "properties")
    if event["event"] == "$groupidentify":
        group = (str(properties.get("$group_type")), str(properties.get("$group_key")))
        return [Learned(who=group, always=_object(properties, "$group_set"))]
    always = {**_object(properties, "$set"), **_object(event, "$set")}
    once = {**_object(properties, "$set_once"), **_object(event, "$set_once")}
    if not always and not once:
        return []
    return [Learned(who=("", _distinct_id(event) or ""), always=always, once=once)]


def _object(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if is_object(value) else {}
