"""RudderStack's gateway: its rules and its words. Pure: no clock, no network.

Source: rudder-server f2655fb gateway, checked 2026-11.
"""

from collections.abc import Callable
from typing import Any

from asyncsdk.collector.answers import Answer, is_object, phrase, plain_error
from asyncsdk.collector.events import events_of, take

SYSTEM = "rudderstack"

SINGLE_ROUTES = frozenset({"track", "identify", "page", "screen", "group", "alias"})

STATUS_OF = {
    "request body is nil": 400,
    "invalid json": 400,
    "empty batch payload": 400,
    "event is not a valid rudder event": 400,
    "request neither has anonymousId nor userId": 400,
    "failed to read writekey from header": 401,
    "invalid write key": 401,
    "request size exceeds max limit": 413,
    "failed to read body from request": 500,
}

_WORDS = {
    413: "request size exceeds max limit",
    429: "max requests limit reached",
    500: "failed to read body from request",
    503: "service unavailable",
    504: "gateway timeout",
}


def refusal(text: str, *, events: int = 0) -> Answer:
    """Refuse a request in the gateway's words; *events* is how many were in it."""
    return plain_error(STATUS_OF[text], text, system=SYSTEM, refused=events)


def words(status: int) -> Answer:
    """Answer *status* and nothing else: in the gateway's words for it, or the standard phrase.

    Source: rudder-server f2655fb gateway, checked 2026-11.
    """
    if status == 200:
        return Answer(status=200, text="ok", system=SYSTEM)
    return plain_error(status, _WORDS.get(status) or phrase(status), system=SYSTEM)


def answer(route: str, content: object, *, fresh_id: Callable[[], str]) -> Answer:
    """Answer a request whose body is the JSON value *content*.

    One bad event refuses its whole batch. *fresh_id* makes the ids of events that bring none; the
    events are changed in place as the gateway changes them (`messageId`; `type` on single routes).

    Source: rudder-server f2655fb gateway (getJobDataFromRequest), checked 2026-11.
    """
    if route in SINGLE_ROUTES:
        if not is_object(content):
            return refusal("event is not a valid rudder event", events=1)
        content["type"] = route
        events: list[Any] = [content]
    else:
        events = events_of(content, "batch")
    if not events:
        return refusal("empty batch payload")
    return _answer_events(events, fresh_id)


def _answer_events(events: list[Any], fresh_id: Callable[[], str]) -> Answer:
    for event in events:
        if not is_object(event):
            return refusal("event is not a valid rudder event", events=len(events))
        if is_blank(event.get("anonymousId")) and is_blank(event.get("userId")):
            return refusal("request neither has anonymousId nor userId", events=len(events))
    accepted = [take(event, fresh_id) for event in events]
    return Answer(status=200, text="ok", system=SYSTEM, accepted=accepted)


def is_blank(value: object) -> bool:
    """Say whether an id counts as missing: absent, or nothing but blanks and odd characters.

    Anything that is not text is an id: the gateway turns it into text, and `0` is not blank.
    """
    if isinstance(value, str):
        return not any(_visible(char) for char in value)
    return value is None


def _visible(char: str) -> bool:
    return char.isprintable() and not char.isspace()
