"""Bodies: whole events in order, no longer than the limits say, stamped and otherwise the same."""

from __future__ import annotations

from collections.abc import Sequence

from asyncsdk.messages import Kind
from asyncsdk.seams import Encoded
from asyncsdk.testing.destinations.encoding import form_of
from asyncsdk.testing.destinations.messages import KINDS, marked, marks_of
from asyncsdk.testing.destinations.subject import Subject, strict_json

EARLIER = "2026-11-21T10:00:00.000Z"
LATER = "2026-11-21T10:30:00.999Z"

_COUNTS = (1, 2, 3, 40)


def check_bodies(subject: Subject) -> None:
    """Check the bodies of each route's samples."""
    for route, limits in subject.destination.routes.items():
        samples = [one.encoded.data for one in subject.of_route(route)]
        for one in samples:
            _check_body(subject, route, [one])
        for start in range(0, len(samples), min(limits.max_events, 50)):
            _check_body(subject, route, samples[start : start + min(limits.max_events, 50)])
        for count in _COUNTS:
            if samples and count <= limits.max_events:
                _check_events(subject, route, count)


def body_of(subject: Subject, route: str, events: Sequence[bytes], sent_at: str = LATER) -> bytes:
    """Return the body of *events*, made twice."""
    what = f"body of {len(events)} events on {route!r}"
    given = list(events)
    found = subject.ask_twice(what, lambda: subject.destination.body(route, given, sent_at=sent_at))
    subject.demand(isinstance(found, bytes), f"{what} must be bytes")
    subject.demand(given == list(events), f"{what} wrote to the list of events")
    return found


def _check_body(subject: Subject, route: str, events: Sequence[bytes]) -> None:
    what = f"body of {len(events)} events on {route!r}"
    body = body_of(subject, route, events)
    limits = subject.destination.routes[route]
    most = limits.body_overhead + sum(len(one) + limits.event_overhead for one in events)
    subject.demand(
        len(body) <= most,
        f"{what} has {len(body)} bytes, and body_overhead and event_overhead allow {most}: "
        "a full batch would exceed max_bytes",
    )
    if _is_json(subject, route, body):
        try:
            strict_json(body)
        except (ValueError, RecursionError) as error:
            subject.fail(f"{what} is not JSON: {error}")


def _is_json(subject: Subject, route: str, body: bytes) -> bool:
    """Say whether the request calls its body one JSON value."""
    request = subject.ask(
        f"request on {route!r}",
        lambda: subject.destination.request(route, body, encoding=None, key="0" * 32, attempt=1),
    )
    named = {name.lower(): value for name, value in request.headers.items()}
    media = named.get("content-type", "").partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


def _check_events(subject: Subject, route: str, count: int) -> None:
    """Check that each event is in the body as it was encoded, in order."""
    what = f"body of {count} events on {route!r}"
    events = _marked_events(subject, route, count)
    body = body_of(subject, route, events)
    places: list[int] = []
    for number, event in enumerate(events):
        *texts, message_id = marks_of(number)
        marks = [text for text in texts if text in event] or [message_id]
        lost = [mark.decode() for mark in marks if mark not in body]
        subject.demand(not lost, f"{what}: of event {number}, {', '.join(lost)} is not in it")
        places.append(min(map(body.index, marks)))
    subject.demand(places == sorted(places), f"{what}: the events are in another order")
    _check_stamp(subject, what, body_of(subject, route, events, EARLIER), body)


def _check_stamp(subject: Subject, what: str, first: bytes, second: bytes) -> None:
    """Check that bodies of different attempts differ in their stamp alone."""
    stamped = EARLIER.encode() in first
    subject.demand(
        first.replace(EARLIER.encode(), LATER.encode()) == second or not stamped,
        f"{what}: with another sent_at, more than the stamp is different",
    )


def _marked_events(subject: Subject, route: str, count: int) -> list[bytes]:
    """Return *count* events that can be told apart, of all kinds that take *route*."""
    kinds: list[Kind] = [kind for kind in KINDS if _on_route(subject, route, kind, 0)]
    found = [_on_route(subject, route, kinds[n % len(kinds)], n) for n in range(count) if kinds]
    return [data for data in found if data is not None]


def _on_route(subject: Subject, route: str, kind: Kind, number: int) -> bytes | None:
    found = form_of(subject, f"encode({kind}, one of several)", marked(kind, number))
    return found.data if isinstance(found, Encoded) and found.route == route else None
