"""From a request to the system whose rules answer it. Pure: no clock, no network.

A later system is a sibling of `rudderstack` and `segment`, and a line here that says how its
requests are known.
"""

import base64
import binascii
from collections.abc import Callable

import msgspec

from asyncsdk.collector import rudderstack, segment
from asyncsdk.collector.answers import Answer, is_object, plain_error

_ROUTES = frozenset({"batch"}) | rudderstack.SINGLE_ROUTES


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Holds what is known of a request before its body is read."""

    method: str
    path: str
    authorization: str | None = None
    content_type: str = ""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Holds what the rules ask for: which keys are good, and fresh message ids."""

    accepts: Callable[[str], bool]
    fresh_id: Callable[[], str]


def route_of(path: str) -> str | None:
    """Return the route *path* ends with (`batch`, `track` …), whatever prefix stands before it.

    A data plane may live behind a proxy: `/proxy/r/v1/batch` is `/v1/batch`.
    """
    before, _, last = path.rpartition("/")
    return last if last in _ROUTES and before.endswith("/v1") else None


def basic_key(authorization: str) -> str:
    """Return the user of a Basic authorization, empty if there is none.

    Not UTF-8 is read as Latin-1: rudder-sdk-python 2.1.9 sends such keys that way.
    """
    scheme, _, packed = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(packed.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ""
    try:
        text = pair.decode()
    except UnicodeDecodeError:
        text = pair.decode("latin-1")
    key, colon, _ = text.partition(":")
    return key if colon else ""


def refusal_by_head(head: Head, desk: Desk) -> Answer | None:
    """Refuse what can be refused before the body is read; None if the body decides.

    Without an Authorization header the body decides: Segment's envelope may carry the key.

    Source: rudder-server f2655fb gateway (handle_http_auth.go), checked 2026-11; 404 and 405 are
    its router's (chi) defaults.
    """
    if route_of(head.path) is None:
        return plain_error(404, "404 page not found")
    if head.method != "POST":
        return Answer(status=405, text="")
    if head.authorization is None:
        return None
    key = basic_key(head.authorization)
    if not key:
        return rudderstack.refusal("failed to read writekey from header")
    return None if desk.accepts(key) else rudderstack.refusal("invalid write key")


def judge(head: Head, body: bytes, desk: Desk) -> Answer:
    """Answer a request that `refusal_by_head` let pass; *body* is unpacked.

    An empty body is "request body is nil"; what is not JSON is answered in RudderStack's words,
    since nothing tells whose it is. Lone surrogates and numbers past a double count as invalid.
    """
    content, problem = _decode(body)
    if head.authorization is None:
        key = _key_in(content)
        if not key:
            return rudderstack.refusal("failed to read writekey from header")
        if not desk.accepts(key):
            return segment.refusal(401, "invalid_write_key", "the writeKey is not known")
    else:
        key = basic_key(head.authorization)
    if problem:
        return rudderstack.refusal(problem)
    return msgspec.structs.replace(_answer(head, body, content, desk), write_key=key)


def _answer(head: Head, body: bytes, content: object, desk: Desk) -> Answer:
    route = route_of(head.path) or ""
    if is_object(content) and segment.claims(content):
        return segment.answer(
            route, content, body=body, content_type=head.content_type, fresh_id=desk.fresh_id
        )
    return rudderstack.answer(route, content, fresh_id=desk.fresh_id)


def _decode(body: bytes) -> tuple[object, str]:
    """Return the JSON value and no problem, or None and what the gateway calls the problem."""
    if not body:
        return None, "request body is nil"
    try:
        return msgspec.json.decode(body), ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, "invalid json"


def _key_in(content: object) -> str:
    key = content.get("writeKey") if is_object(content) else None
    return key if isinstance(key, str) else ""
