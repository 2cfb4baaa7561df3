"""Segment's HTTP API: its rules, as far as they are known. Pure: no clock, no network.

Lenient by design of the real one: nearly everything is 200, and what is wrong is thrown away later.
Here such events are counted as refused, so that a silent loss can be seen.

Source: segmentio/segment-docs #1042 and #6966 (HTTP API page), checked 2026-11. The texts of the
errors are ours: only the codes are known.
"""

from collections.abc import Callable
from typing import Any

from asyncsdk.collector import rudderstack
from asyncsdk.collector.answers import JSON, Answer, is_object, json_answer
from asyncsdk.collector.events import events_of, oversized, take

SYSTEM = "segment"

# "500 KB" read as the smaller of its two meanings: a sender that keeps this bound is safe.
MAX_BATCH_BYTES = 500_000
# Segment's own SDKs send events of up to 32 KiB.
MAX_EVENT_BYTES = 32 * 1024

_SUCCESS = '{"success":true}'


def claims(content: dict[str, Any]) -> bool:
    """Say whether a body is Segment's: its envelope carries `writeKey`, RudderStack's never does.

    Source: segment-analytics-python 2.4.0, rudder-sdk-python 2.1.9, wire records 2026-11.
    """
    return "writeKey" in content


def refusal(status: int, code: str, message: str, *, events: int = 0) -> Answer:
    """Refuse a request in the JSON form that Segment's SDKs read: `code` and `message`."""
    content = {"code": code, "message": message}
    return json_answer(status, content, system=SYSTEM, refused=events)


def answer(
    route: str,
    content: dict[str, Any],
    *,
    body: bytes,
    content_type: str,
    fresh_id: Callable[[], str],
) -> Answer:
    """Answer a request whose *body* decodes to *content*.

    400 for a batch over 500 KB, an event over 32 KB, or a body that is not announced as JSON;
    otherwise 200. Events without an id, and tracks without a name, are refused behind that 200.

    Source: segmentio/segment-docs #1042 and #6966 (HTTP API page), checked 2026-11.
    """
    events = [content] if route in rudderstack.SINGLE_ROUTES else events_of(content, "batch")
    if content_type.partition(";")[0].strip().lower() != JSON:
        return refusal(400, "invalid_content_type", "send application/json", events=len(events))
    if len(body) > MAX_BATCH_BYTES:
        return refusal(400, "batch_too_large", "a batch is 500 KB at most", events=len(events))
    if _has_large_event(route, body):
        return refusal(400, "event_too_large", "an event is 32 KB at most", events=len(events))
    if route in rudderstack.SINGLE_ROUTES:
        content["type"] = route
        # Here the envelope is the event: what is kept of it must not show the key.
        content.pop("writeKey", None)
    return _take(events, fresh_id)


def _take(events: list[Any], fresh_id: Callable[[], str]) -> Answer:
    accepted = [take(event, fresh_id) for event in events if _is_usable(event)]
    return Answer(
        status=200,
        text=_SUCCESS,
        content_type=JSON,
        system=SYSTEM,
        accepted=accepted,
        refused=len(events) - len(accepted),
    )


def _is_usable(event: object) -> bool:
    if not is_object(event):
        return False
    if not event.get("userId") and not event.get("anonymousId"):
        return False
    return event.get("type") != "track" or bool(event.get("event"))


def _has_large_event(route: str, body: bytes) -> bool:
    if route in rudderstack.SINGLE_ROUTES:
        return len(body) > MAX_EVENT_BYTES
    return bool(oversized(body, "batch", limit=MAX_EVENT_BYTES))
