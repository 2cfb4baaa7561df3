"""Ways to break one promise of an honest destination: members to put in the place of its own."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from typing import Any, cast

from msgspec import structs

from asyncsdk import Message
from asyncsdk.seams import Encoded, HttpRequest, HttpResponse, Unsupported, Verdict
from tests.testing.honest import EVENTS, LIMITS, SINGLE, Honest

counter = itertools.count()


def with_data(make: Any) -> Any:
    """Return an `encode` whose data is what *make* makes of it."""

    def encode(self: Honest, message: Message) -> Encoded | Unsupported:
        found = Honest.encode(self, message)
        return (
            structs.replace(found, data=make(found.data)) if isinstance(found, Encoded) else found
        )

    return encode


def with_request(**fields: Any) -> Any:
    """Return a `request` with other *fields*; a function is given the request."""

    def request(self: Honest, route: str, packed: bytes, **told: Any) -> HttpRequest:
        made = Honest.request(self, route, packed, **told)
        return structs.replace(
            made,
            **{name: one(made, told) if callable(one) else one for name, one in fields.items()},
        )

    return request


def with_header(name: str, value: Any) -> Any:
    """Return a `request` with one more header; a function is given what `request` was told."""
    return with_request(
        headers=lambda made, told: {**made.headers, name: value(told) if callable(value) else value}
    )


def with_body(make: Any) -> Any:
    """Return a `body` that is what *make* makes of the events and the honest body."""

    def body(self: Honest, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        honest = Honest.body(self, route, events, sent_at=sent_at)
        return cast("bytes", make(events, honest, sent_at) if route == EVENTS else honest)

    return body


def with_verdict(make: Any) -> Any:
    """Return a `judge` that is what *make* makes of its arguments and the honest verdict."""

    def judge(self: Honest, route: str, response: HttpResponse, count: int) -> Verdict:
        verdict = Honest.judge(self, route, response, count)
        return cast("Verdict", make(verdict, response, count) or verdict)

    return judge


def where(at: int, **fields: Any) -> Any:
    """Return a `judge` whose verdict has other *fields* where the status is *at*."""
    return with_verdict(
        lambda verdict, response, _: (
            structs.replace(verdict, **fields) if response.status == at else None
        )
    )


def limits(**fields: Any) -> Any:
    """Return `routes` with other limits."""
    return {EVENTS: structs.replace(LIMITS, **fields), SINGLE: LIMITS}


def writes(self: Honest, message: Message) -> Encoded | Unsupported:
    """Write to the message's own dict."""
    if message.properties:
        message.properties["seen"] = True
    return Honest.encode(self, message)


def clocks(self: Honest, message: Message) -> Encoded | Unsupported:
    """Put the time of encoding into the event."""
    found = Honest.encode(self, message)
    now = b',"now":%d' % time.time_ns()
    return Encoded(found.route, found.data + now) if isinstance(found, Encoded) else found


def careless(**options: Any) -> Any:
    """Return an `encode` that leaves to `json` what it should not."""

    def encode(_: Honest, message: Message) -> Encoded | Unsupported:
        said = {name: value for name, value in structs.asdict(message).items() if value}
        text = json.dumps(said, **{"ensure_ascii": False, **options})
        return Encoded(EVENTS, text.encode()[:-1])

    return encode


def raising(error: Exception) -> Any:
    """Return a method that raises *error*."""

    def method(*_: object, **__: object) -> None:
        raise error

    return method


def refusing(reason: str) -> Any:
    """Return an `encode` that has no form for an identify, for this *reason*."""

    def encode(self: Honest, message: Message) -> Encoded | Unsupported:
        return Unsupported(reason) if message.type == "identify" else Honest.encode(self, message)

    return encode
