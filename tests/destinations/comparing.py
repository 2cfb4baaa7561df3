"""What the real SDK did for a call, in our words, and whether ours did the same.

What is ours on purpose in every request stands here: `as_ours` (library, no `_metadata`), `_head`
(media type, compression for Segment, user agent). What is so in a single case stands in the table
of `test_wire`. Message ids and times are compared by their form alone.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from asyncsdk import ValidationError
from asyncsdk.version import __version__
from tests.destinations.recorder import Recorded
from tests.destinations.wire import KEY, Fixture, Seen, decode, snake

LIBRARY = {"name": "asyncsdk", "version": __version__}

#: What a request of the vendor's SDK aims at, in bytes before compression.
LIMITS = {"rudder-node": 460_800, "segment-node": 475_000}

_FORMS = {
    "<time>": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "<id>": re.compile(r"(node-next-\d+-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}

_FORM_NAMES = tuple(_FORMS)


def form_of(value: object) -> object:
    """Return ``<time>`` or ``<id>`` for a text that is one, anything else as it is."""
    for name, pattern in _FORMS.items():
        if isinstance(value, str) and pattern.fullmatch(value):
            return name
    return value


class Expected(Struct, frozen=True, kw_only=True):
    """What ours must do: refuse with an error that names one of `refused`, or send `events`.

    `path` is where to, if it is not where the real SDK sends to.
    """

    error: type[Exception] | None = None
    refused: frozenset[str] = frozenset()
    events: list[dict[str, Any]] = []
    path: str | None = None


def expected_of(fixture: Fixture) -> Expected:
    """Return what the real SDK did, in our words where they differ in every case."""
    raised = fixture.outcome.get("raised")
    if raised is not None:
        return Expected(error=ValidationError, refused=_fields_in(raised["message"]))
    if any(sent.body is None for sent in fixture.requests):
        calls = fixture.every_call()
        fields = [{"type": call.method, **decode(call.args)} for call in calls]
        return Expected(events=[whole_event(fixture.system, one) for one in fields])
    bodies = [sent.body for sent in fixture.requests if sent.body is not None]
    return Expected(
        events=[as_ours(event, fixture.volatile) for body in bodies for event in body["batch"]]
    )


def _fields_in(message: str) -> frozenset[str]:
    """Return the fields that a vendor's message names, in our spelling."""
    quoted = re.findall(r'"(\w+)"', message)
    dotted = [name for path in re.findall(r"^\.([\w/]+) is ", message) for name in path.split("/")]
    return frozenset(map(snake, quoted + dotted))


def as_ours(event: dict[str, Any], volatile: Sequence[str]) -> dict[str, Any]:
    """Return an event of the real SDK with what is ours on purpose in every event."""
    changed: dict[str, Any] = {
        name: form_of(value) if f"/body/batch/*/{name}" in volatile else decode(value)
        for name, value in event.items()
        if name != "_metadata"
    }
    if isinstance(event["context"], dict):
        changed["context"] = {**decode(event["context"]), "library": LIBRARY}
    return changed


def whole_event(system: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return *fields* with those around them that each event of *system* has."""
    around: dict[str, Any] = {"context": {"library": LIBRARY}, "messageId": "<id>"}
    if system == "rudder-node":
        around |= {"channel": "server", "originalTimestamp": "<time>", "sentAt": "<time>"}
    else:
        around |= {"timestamp": "<time>", "integrations": {}}
        own = {"track": "properties", "page": "properties", "screen": "properties"}
        own |= {"identify": "traits", "group": "traits"}
        around |= {own[fields["type"]]: {}} if fields["type"] in own else {}
    return {**around, **fields}


def compare(expected: object, found: object, at: str = "") -> Iterator[str]:
    """Yield where *found* is not what *expected* is; 2 and 2.0 are one number, 1 and true not."""
    if isinstance(expected, dict) and isinstance(found, dict):
        yield from _compare_objects(expected, found, at)
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{at}: {len(expected)} expected, {len(found)} found"
        for index, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from compare(one, other, f"{at}/{index}")
    else:
        leaf = form_of(found) if expected in _FORM_NAMES else found
        if leaf != expected or isinstance(leaf, bool) != isinstance(expected, bool):
            yield f"{at}: {expected!r:.80} expected, {found!r:.80} found"


def _compare_objects(
    expected: Mapping[str, object], found: Mapping[str, object], at: str
) -> Iterator[str]:
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield f"{at}/{name}: is missing"
        elif name not in expected:
            yield f"{at}/{name}: is too much"
        else:
            yield from compare(expected[name], found[name], f"{at}/{name}")


def problems_of(fixture: Fixture, expected: Expected, seen: Seen) -> list[str]:
    """Return where ours did not do what is *expected*; nothing else may differ."""
    found = [event for ours in seen.requests for event in ours.json["batch"]]
    if expected.error is not None:
        sent = [f"{len(found)} events were sent"] if found else []
        return [*_problems_of_error(expected, seen.raised), *sent]
    if seen.raised is not None:
        return [f"refused: {seen.raised}"]
    return [*compare(expected.events, found), *_problems_of_requests(fixture, expected, seen)]


def _problems_of_error(expected: Expected, raised: Exception | None) -> Iterator[str]:
    if raised is None or expected.error is None:
        yield "not refused"
        return
    if not isinstance(raised, expected.error):
        yield f"{expected.error.__name__} expected, {type(raised).__name__} raised: {raised}"
    text = str(raised)
    named = text if isinstance(raised, TypeError) else text.partition(": ")[0]
    if expected.refused and expected.refused.isdisjoint(re.findall(r"\w+", named)):
        yield f"one of {sorted(expected.refused)} expected: {raised}"


def _problems_of_requests(fixture: Fixture, expected: Expected, seen: Seen) -> Iterator[str]:
    """Yield where our requests differ in more than their events."""
    limit = LIMITS[fixture.system]
    head = _head(fixture)
    if expected.path is not None:
        head["path"] = expected.path
    for ours in seen.requests:
        yield from compare(head, _head_of(ours), "request")
        yield from compare(_envelope(fixture), ours.json | {"batch": "<list>"}, "envelope")
        if len(ours.json["batch"]) > 1 and len(ours.body) > limit:
            yield f"request: {len(ours.body)} bytes are more than the vendor's limit"
    size = sum(len(ours.body) for ours in seen.requests)
    most = max(len(fixture.requests), 1) + math.ceil(size / (limit * 0.9)) - 1
    if len(seen.requests) > most:
        yield f"requests: {len(seen.requests)}, at most {most} are needed"


def _head(fixture: Fixture) -> dict[str, object]:
    """Return what the head of each request of ours must be."""
    basic = base64.b64encode(f"{fixture.options.get('writeKey', KEY)}:".encode()).decode()
    head: dict[str, object] = {
        "method": "POST",
        "path": "/v1/batch",
        "authorization": f"Basic {basic}",
        "content-encoding": "gzip" if fixture.options.get("gzip", True) else None,
        "content-type": "application/json",
        "user-agent": f"asyncsdk/{__version__}",
    }
    for real in fixture.requests:
        head |= {"method": real.method, "path": real.path}
        head["authorization"] = real.headers["authorization"]
        if fixture.system == "rudder-node":  # Segment's SDK never compresses, ours does
            head["content-encoding"] = real.headers.get("content-encoding")
    return head


def _head_of(ours: Recorded) -> dict[str, object]:
    names = ("authorization", "content-encoding", "content-type", "user-agent")
    named = {name: ours.headers.get(name) for name in names}
    return {"method": ours.method, "path": ours.path, **named}


def _envelope(fixture: Fixture) -> dict[str, object]:
    """Return what is around the events of each request of ours."""
    key = fixture.options.get("writeKey", KEY)
    ours = {"timestamp": "<time>"} if fixture.system == "rudder-node" else {"writeKey": key}
    envelope: dict[str, object] = {"batch": "<list>", "sentAt": "<time>", **ours}
    for real in fixture.requests:
        keys = (real.body_summary or {}).get("keys") if real.body is None else real.body
        assert set(keys or ()) == envelope.keys(), "the real envelope is another one"
        assert real.body is None or real.body.get("writeKey", key) == key
    return envelope
