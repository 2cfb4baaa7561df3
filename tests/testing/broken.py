"""Destinations that break one promise each, and the words in which the kit must say so."""

from __future__ import annotations

import json
from typing import Any

from msgspec import structs

from asyncsdk import Delivery, ValidationError
from asyncsdk.seams import Encoded, Fate, Refusal, Unsupported, Verdict
from tests.testing.breaking import (
    careless,
    clocks,
    counter,
    limits,
    raising,
    refusing,
    where,
    with_body,
    with_data,
    with_header,
    with_request,
    with_verdict,
    writes,
)
from tests.testing.honest import EVENTS, KEY, Honest

#: What is put in the place of honest members, and what the kit says then.
Table = dict[str, tuple[dict[str, Any], str]]

BROKEN_VALUES: Table = {
    "no name": ({"name": ""}, "name must be a text"),
    "a name with blanks": ({"name": "a b"}, "without blanks"),
    "a name with the key": ({"name": f"to-{KEY}"}, "its name shows the key"),
    "can be set": ({"__setattr__": object.__setattr__}, "is not frozen: name can be set"),
    "no hash": ({"__hash__": None}, "hash.. raised TypeError"),
    "equal by identity": (
        {"__eq__": object.__eq__, "__hash__": object.__hash__},
        "compared by value",
    ),
    "another hash": ({"__hash__": object.__hash__}, "another hash"),
    "equal to anything": ({"__eq__": lambda *_: True, "__hash__": lambda _: 1}, "to anything"),
    "shows its key": ({"__repr__": lambda one: one.key.reveal()}, "its repr shows the key"),
    "shows its key as text": ({"__str__": lambda one: one.key.reveal()}, "its str shows the key"),
    "no wire_key": ({"wire_key": None}, "wire_key must be True or False"),
    "delivery as a dict": ({"delivery": {"gzip": True}}, "delivery must be a Delivery"),
    "defaults as a dict": ({"defaults": {}}, "defaults must be a Delivery"),
    "defaults by chance": (
        {"defaults": property(lambda _: Delivery(flush_at=next(counter) + 1))},
        "defaults is not pure",
    ),
    "no routes": ({"routes": {}}, "routes must map"),
    "routes without limits": ({"routes": {EVENTS: 5}}, "routes must map"),
    "no events": ({"routes": limits(max_events=0)}, "max_events must be"),
    "half a byte": ({"routes": limits(max_bytes=1.5)}, "max_bytes must be"),
    "less than nothing": ({"routes": limits(event_overhead=-1)}, "event_overhead must be"),
    "no event fits": ({"routes": limits(max_bytes=3)}, "no event fits"),
    "warns too late": ({"routes": limits(warn_event_bytes=500_001)}, "warn_event_bytes must be"),
}

BROKEN_ENCODING: Table = {
    "writes to the message": ({"encode": writes}, "wrote to the message"),
    "looks at the clock": ({"encode": clocks}, "encode.track.* is not pure"),
    "closed": ({"encode": with_data(lambda data: data + b"}")}, "without its closing brace"),
    "not JSON": ({"encode": with_data(lambda data: data + b",")}, "without its closing brace"),
    "a name twice": ({"encode": with_data(lambda data: data + b',"type":1')}, "a name twice"),
    "text": ({"encode": with_data(bytes.decode)}, "data must be bytes"),
    "a list": ({"encode": lambda *_: Encoded(EVENTS, b"[")}, "without its closing brace"),
    "nothing": ({"encode": lambda *_: Encoded(EVENTS, b"{")}, "that says something"),
    "no route of its": ({"encode": lambda *_: Encoded("other", b'{"a":1')}, "no route of its"),
    "None": ({"encode": lambda *_: None}, "must be Encoded"),
    "raises": ({"encode": raising(KeyError("user_id"))}, "cleaned up, raised KeyError"),
    "a form for nothing": ({"encode": lambda *_: Unsupported("no")}, "a form for no call"),
    "refuses everything": ({"encode": raising(ValidationError("no"))}, "a form for no call"),
    "refuses with the key": ({"encode": raising(ValidationError(f"no {KEY}"))}, "shows the key"),
    "no reason": ({"encode": refusing("")}, "without a reason"),
    "a reason in two lines": ({"encode": refusing("a\nb")}, "without a reason in one line"),
    "a reason with the key": ({"encode": refusing(KEY)}, "shows the key"),
    "decimals": ({"encode": careless()}, "cleaned up, raised TypeError"),
    "lone surrogates": (
        {
            "encode": careless(
                default=lambda raw: float(bytes(raw)), allow_nan=False, ensure_ascii=True
            )
        },
        "surrogates not allowed",
    ),
    "another id": ({"identity": lambda *_: ("m-2", "")}, "must find the message id 'm-1'"),
    "no time": (
        {"identity": lambda one, *event: (Honest.identity(one, *event)[0], "")},
        "the time",
    ),
    "identity raises": ({"identity": raising(ValueError("no id"))}, "identity .*raised ValueError"),
}

BROKEN_BODIES: Table = {
    "raises": ({"body": raising(IndexError("0"))}, "body of 1 events .*raised IndexError"),
    "text": ({"body": lambda *_, **__: "[]"}, "must be bytes"),
    "by chance": (
        {"body": with_body(lambda _, body, __: body[:-1] + b" " * (next(counter) % 2) + b"]")},
        "is not pure",
    ),
    "loses the last": (
        {"body": with_body(lambda events, *_: b"[" + b"},".join(events[:-1] or events) + b"}]")},
        "of event 1, .* is not in it",
    ),
    "loses properties": (
        {"body": with_body(lambda _, body, __: body.replace(b'"more":"value', b'"more":"val'))},
        "value-0000-kit is not in it",
    ),
    "backwards": (
        {"body": with_body(lambda events, *_: b"[" + b"},".join(reversed(events)) + b"}]")},
        "in another order",
    ),
    "not JSON": ({"body": with_body(lambda _, body, __: body[:-1])}, "is not JSON"),
    "more per event": (
        {"body": with_body(lambda events, *_: b"[" + b"}, ".join(events) + b"}]")},
        "event_overhead allow",
    ),
    "more at once": ({"body": with_body(lambda _, body, __: body + b"  ")}, "body_overhead and"),
    "eats the list": (
        {"body": with_body(lambda events, body, _: events.clear() or body)},
        "wrote to the list|is not pure",
    ),
    "changes with the time": (
        {
            "routes": limits(body_overhead=100),
            "body": with_body(
                lambda _, body, sent_at: (
                    body[:-1] + b',"%s",%d]' % (sent_at.encode(), hash(sent_at))
                )
            ),
        },
        "more than the stamp",
    ),
}

BROKEN_REQUESTS: Table = {
    "raises": ({"request": raising(OSError("no"))}, "raised OSError"),
    "a tuple": ({"request": lambda *_, **__: ("https://e.com", {}, b"")}, "HttpRequest"),
    "by chance": ({"request": with_header("X-Id", lambda _: str(next(counter)))}, "not pure"),
    "another body": ({"request": with_request(body=b"{}")}, "what was packed"),
    "no method": ({"request": with_request(method="")}, "method is none"),
    "a timeout": ({"request": with_request(timeout=1.0)}, "timeout is the lane's"),
    "a path": ({"request": with_request(url="/v1/batch")}, "must be absolute https"),
    "plain http": ({"request": with_request(url="http://example.com/")}, "must be absolute https"),
    "no URL": ({"request": with_request(url="https://[::1")}, "url cannot be read"),
    "credentials": ({"request": with_request(url="https://a@example.com/")}, "no credentials"),
    "the key in the URL": (
        {"request": with_request(url=f"https://example.com/?key={KEY}")},
        "the url .* shows the key",
    ),
    "a header twice": ({"request": with_header("content-TYPE", "x/y")}, "is there twice"),
    "a header that is none": ({"request": with_header("X Y", "z")}, "no name of a header"),
    "a header of two lines": ({"request": with_header("X", "a\r\nY: b")}, "printable ASCII"),
    "a number": ({"request": with_header("X", 5)}, "printable ASCII"),
    "a length": ({"request": with_header("Content-Length", "5")}, "content-length is the transp"),
    "no type": ({"request": with_request(headers={"Idempotency-Key": "k"})}, "Content-Type must"),
    "no encoding": (
        {"request": with_header("Content-Encoding", "identity")},
        "Content-Encoding must be None",
    ),
    "no key though it says so": (
        {"request": with_header("Idempotency-Key", "k")},
        "wire_key is True",
    ),
    "a key though it says no": ({"wire_key": False}, "wire_key is False"),
    "another key on each attempt": (
        {
            "request": with_header(
                "Idempotency-Key", lambda told: f"{told['key']}-{told['attempt']}"
            )
        },
        "not the same on every attempt",
    ),
}

BROKEN_VERDICTS: Table = {
    "raises": ({"judge": raising(KeyError("errors"))}, "raised KeyError"),
    "reads JSON that is none": (
        {"judge": with_verdict(lambda _, response, __: json.loads(response.body) and None)},
        "raised JSONDecodeError",
    ),
    "reads objects that are none": (
        {
            "judge": with_verdict(
                lambda _, response, __: (
                    response.body[:1] in b"[" and json.loads(response.body).get("a")
                )
            )
        },
        "raised",
    ),
    "by chance": ({"judge": lambda *_: Verdict(fate=Fate.AGAIN, code=str(next(counter)))}, "pure"),
    "a fate alone": ({"judge": lambda *_: Fate.AGAIN}, "must be a Verdict"),
    "no status": ({"judge": where(503, status=None)}, "its status must be 503"),
    "an index too far": (
        {"judge": with_verdict(lambda v, _, count: structs.replace(v, but={count: Fate.NEVER}))},
        "but names event 1|but names event 3",
    ),
    "an index below": ({"judge": where(207, refusals={-1: Refusal()})}, "refusals names event -1"),
    "a fate that is none": ({"judge": where(207, but={0: "never"})}, "must hold a Fate"),
    "two lines": ({"judge": where(400, reason="a\nb")}, "one printable line"),
    "endless words": ({"judge": where(400, reason="a" * 1_001)}, "one printable line"),
    "a code with the key": ({"judge": where(400, code=KEY)}, "code shows the key"),
    "the key in single words": (
        {"judge": where(207, refusals={0: Refusal(KEY)})},
        "a refusal's reason shows the key",
    ),
    "the server's words as they are": (
        {
            "judge": with_verdict(
                lambda v, response, _: (
                    structs.replace(v, reason=response.body.decode())
                    if b"unknown key" in response.body
                    else None
                )
            )
        },
        "reason shows the key",
    ),
    "waits less than nothing": ({"judge": where(429, retry_after=-1.0)}, "retry_after must be"),
    "waits for ever": ({"judge": where(429, retry_after=float("inf"))}, "retry_after must be"),
    "does not wait": ({"judge": where(429, retry_after=None)}, "the 7 seconds"),
    "an answer as text": ({"judge": where(200, answer="ok")}, "answer must be bytes"),
    "404 delivers": ({"judge": where(404, fate=Fate.DELIVERED)}, "that is no yes"),
    "302 delivers": ({"judge": where(302, fate=Fate.DELIVERED)}, "that is no yes"),
    "400 burns a batch": ({"judge": where(400, fate=Fate.NEVER)}, "must not burn"),
    "204 burns": ({"judge": where(204, fate=Fate.NEVER)}, "must not burn"),
    "202 splits": ({"judge": where(202, fate=Fate.SPLIT)}, "that is no refusal"),
    "500 splits": ({"judge": where(500, fate=Fate.SPLIT)}, "it must be AGAIN"),
    "429 stops": ({"judge": where(429, fate=Fate.STOP)}, "it must be AGAIN"),
    "401 again": ({"judge": where(401, fate=Fate.AGAIN)}, "it must be STOP"),
    "413 again": ({"judge": where(413, fate=Fate.AGAIN)}, "it must be SPLIT"),
    "200 is no yes": ({"judge": where(200, fate=Fate.AGAIN)}, "must be DELIVERED; if"),
    "a page is a yes": (
        {
            "judge": with_verdict(
                lambda _, r, __: r.status == 200 and Verdict(fate=Fate.DELIVERED, status=200)
            )
        },
        "a captive portal",
    ),
}


BROKEN: dict[str, Table] = {
    "value": BROKEN_VALUES,
    "encoding": BROKEN_ENCODING,
    "body": BROKEN_BODIES,
    "request": BROKEN_REQUESTS,
    "verdict": BROKEN_VERDICTS,
}
