"""Inslytic's ingestion API: its rules, as far as they are documented. Pure: no clock, no network.

Unverified, and chosen here: the fields of the 202 and 400 bodies; that one bad event refuses its
whole request; that `eventName` and `anonymousId` may not be empty while `sessionId` may; that times
carry `Z` or an offset of zero; that fields which the schema does not name are ignored.

Source: "Inslytic Ingestion API" 1.0.0 (OpenAPI) and inslytic.com/docs/api-reference, read in parts,
checked 2026-11.
"""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from asyncsdk.collector.answers import Answer, Taken, is_array, is_object, json_answer, phrase
from asyncsdk.collector.cases import Desk, Head, decoded, route_in, wrong_method
from asyncsdk.collector.keys import bearer_key

SYSTEM = "inslytic"
MAX_EVENTS = 1_000

_HEALTH = "/health"
_INGEST = "ingest"
_TEXTS = {
    401: "Invalid API key",
    413: "Request body too large",
    429: "Rate limit exceeded",
    500: "Internal server error",
}

_Named = Annotated[str, msgspec.Meta(min_length=1)]
_Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


class _Event(msgspec.Struct, rename="camel"):
    """Holds the documented fields; required are those that the API asks for."""

    event_name: _Named
    timestamp: _Zoned
    anonymous_id: _Named
    session_id: str
    consent_given: bool
    user_id: str | None = None
    properties: dict[str, str] = {}
    page_url: str = ""
    page_title: str = ""
    referrer: str = ""
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None


msgspec.json.Decoder(_Event)  # makes it ready while one thread is here, see `client.gate`


def route_of(path: str) -> str | None:
    """Return which of Inslytic's paths *path* ends with, None if it is none of them."""
    return _HEALTH if path.endswith(_HEALTH) else route_in(path, frozenset({_INGEST}))


def words(status: int) -> Answer:
    """Answer *status* and nothing else; the texts of 401 and 429 are documented."""
    if status < 300:
        return json_answer(status, {}, system=SYSTEM)
    return json_answer(status, {"error": _TEXTS.get(status) or phrase(status)}, system=SYSTEM)


def broken_body() -> Answer:
    """Answer a body that is not the gzip it promises to be."""
    return words(400)


def answer_by_head(head: Head, desk: Desk) -> Answer | None:
    """Answer what needs no body: health, which asks for no key, and a key that is not known."""
    if route_of(head.path) == _HEALTH:
        if head.method in ("GET", "HEAD"):
            return json_answer(200, {"status": "ok"}, system=SYSTEM)
        return Answer(status=405, text="")
    return wrong_method(head) or (
        None if desk.accepts(bearer_key(head.authorization)) else words(401)
    )


def judge(head: Head, body: bytes, desk: Desk) -> Answer:
    """Answer a request that `answer_by_head` let pass; *body* is unpacked.

    202 for all of its events, or 400 for all. *desk* is not asked for ids, see `digest`.
    """
    del desk
    events, problem = _events_in(body)
    details = [f"events[{at}]: {said}" for at, said in _problems(events)]
    if problem or details:
        content = {"error": "Validation failed", "details": details or [problem]}
        return json_answer(400, content, system=SYSTEM, refused=len(events))
    accepted = [Taken(digest(event), _type_of(event), event) for event in events]
    return msgspec.structs.replace(
        json_answer(202, {"accepted": len(accepted)}, system=SYSTEM),
        accepted=accepted,
        write_key=bearer_key(head.authorization),
    )


def digest(event: dict[str, Any]) -> str:
    """Return the id of an event: the schema has none, so what is the same is a repeat.

    Two events that differ in nothing, the millisecond included, count as one and its duplicate.
    """
    return blake2b(msgspec.json.encode(event, order="sorted"), digest_size=16).hexdigest()


def _events_in(body: bytes) -> tuple[list[Any], str]:
    """Return the events and no problem, or what there is of events and what is wrong with it."""
    try:
        content = decoded(body)
    except ValueError:
        return [], "body is not valid JSON"
    events = content.get("events") if is_object(content) else None
    if not is_array(events):
        return [], "events is not an array"
    if not 1 <= len(events) <= MAX_EVENTS:
        return events, f"events has {len(events)} elements, not 1 to {MAX_EVENTS:,}"
    return events, ""


def _problems(events: list[Any]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for at, event in enumerate(events[:MAX_EVENTS]):
        try:
            known = msgspec.convert(event, _Event)
        except msgspec.ValidationError as error:
            found.append((at, str(error)))
            continue
        if known.timestamp.utcoffset() != timedelta(0):
            found.append((at, "timestamp is not UTC"))
    return found


def _type_of(event: dict[str, Any]) -> str:
    return "identify" if event["eventName"] == "$identify" else "track"
