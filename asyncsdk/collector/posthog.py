"""PostHog's API as its SDKs use it: keys, routes, words. Pure: no clock, no network.

What one event must be stands in `posthog_events`, how flags are answered in `posthog_flags`, the
definitions in `flag_book`. Unverified, and chosen here: the form of errors outside of event routes;
that a personal key opens every project; that a project without flags has empty definitions; that
the oldest answers (v 1 and 2 of `/decide`) are those of v 3.

Source: requests of posthog 7.91.1 and posthog-node 5.70.0; for statuses and words PostHog's
capture and feature-flags services (commits 0185795, 014f09c), checked 2026-11.
"""

import msgspec

from asyncsdk.collector import posthog_events, posthog_flags
from asyncsdk.collector.answers import PLAIN, Answer, json_answer, phrase
from asyncsdk.collector.cases import Desk, Head, wrong_method
from asyncsdk.collector.keys import bearer_key

SYSTEM = "posthog"

_EVENTS = frozenset({"batch", "i/v0/e"})
_FLAGS = frozenset({"flags", "decide"})
_DEFINITIONS = frozenset({"flags/definitions", "api/feature_flag/local_evaluation"})
_REMOTE_CONFIG = "remote_config"
_CODES = {400: "validation_error", 401: "authentication_error", 402: "quota_limited"}


def route_of(path: str) -> str | None:
    """Return which of PostHog's paths *path* ends with, None if it is none of them.

    A slash may follow, and a prefix may stand before it; other systems' batches are not PostHog's.
    """
    path = path.removesuffix("/")
    if "/v1/" in path or path.endswith("/events/batch"):
        return None
    for route in (*_EVENTS, *_DEFINITIONS, *_FLAGS):
        if path.endswith("/" + route):
            return route
    return _REMOTE_CONFIG if _config_key(path) else None


def asks_flags(path: str) -> bool:
    """Say whether a request to *path* asks for flags of one person."""
    return route_of(path) in _FLAGS


def words(status: int) -> Answer:
    """Answer *status* and nothing else; a success as the event routes say it."""
    if status < 300:
        return json_answer(status, {"status": "Ok"}, system=SYSTEM)
    return _error(status, phrase(status))


def broken_body() -> Answer:
    """Answer a body that is not the gzip it promises to be."""
    return _plain(400, "failed to decode request: invalid GZIP data")


def answer_by_head(head: Head, desk: Desk) -> Answer | None:
    """Answer what needs no body: definitions, remote configuration, wrong methods."""
    route = route_of(head.path)
    if route in _EVENTS or route in _FLAGS:
        return wrong_method(head)
    if head.method not in ("GET", "HEAD"):
        return Answer(status=405, text="", system=SYSTEM)
    key = bearer_key(head.authorization)
    if not desk.accepts_personal(key):
        return _error(401, "the personal API key is not known" if key else "no personal API key")
    if head.token and not desk.accepts(head.token):
        return _error(401, "the project API key is not known")
    return _configured(head, desk) if route == _REMOTE_CONFIG else _definitions(head, desk)


def judge(head: Head, body: bytes, desk: Desk) -> Answer:
    """Answer a request that `answer_by_head` let pass; *body* is unpacked."""
    if asks_flags(head.path):
        status, content, key = posthog_flags.answer(head, body, desk)
        if isinstance(content, str):
            return _plain(status, content)
        return msgspec.structs.replace(json_answer(status, content, system=SYSTEM), write_key=key)
    taken = posthog_events.read(body, desk)
    if taken.status != 200:
        return msgspec.structs.replace(_plain(taken.status, taken.problem), refused=taken.count)
    return msgspec.structs.replace(
        words(200), accepted=taken.events, learns=taken.learns, write_key=taken.key
    )


def _definitions(head: Head, desk: Desk) -> Answer:
    headers = {"ETag": desk.flags.etag}
    if head.if_none_match == desk.flags.etag:
        return Answer(status=304, text="", headers=headers, system=SYSTEM)
    text = desk.flags.definitions.decode()
    return Answer(
        status=200, text=text, content_type="application/json", headers=headers, system=SYSTEM
    )


def _configured(head: Head, desk: Desk) -> Answer:
    """Answer with the payload of a flag; it is JSON in a JSON text, as the definitions have it."""
    flag = desk.flags.flags.get(_config_key(head.path.removesuffix("/")))
    if flag is None:
        return _error(404, "no such flag")
    return json_answer(200, flag.payloads.get("true"), system=SYSTEM)


def _config_key(path: str) -> str:
    """Return the flag in `…/feature_flags/<key>/remote_config`, empty if *path* is not that."""
    before, _, last = path.rpartition("/")
    above, _, key = before.rpartition("/")
    return key if last == _REMOTE_CONFIG and above.endswith("/feature_flags") else ""


def _plain(status: int, text: str) -> Answer:
    return Answer(status=status, text=text, content_type=PLAIN, system=SYSTEM)


def _error(status: int, detail: str) -> Answer:
    kind = _CODES.get(status, "server_error" if status >= 500 else "invalid_request")
    content = {"type": kind, "code": kind, "detail": detail, "attr": None}
    return json_answer(status, content, system=SYSTEM)
