"""RudderStack and Segment: they share their routes, and only the body tells whose a request is.

Where nothing tells, the answer is in RudderStack's words.
"""

import msgspec

from asyncsdk.collector import rudderstack, segment
from asyncsdk.collector.answers import Answer, is_object
from asyncsdk.collector.cases import Desk, Head, decoded, route_in, wrong_method
from asyncsdk.collector.keys import basic_key

_ROUTES = frozenset({"batch"}) | rudderstack.SINGLE_ROUTES


def route_of(path: str) -> str | None:
    """Return the route *path* ends with (`batch`, `track` …), None if it is none of theirs."""
    return route_in(path, _ROUTES)


def words(status: int) -> Answer:
    """Answer *status* and nothing else, in RudderStack's words."""
    return rudderstack.words(status)


def broken_body() -> Answer:
    """Answer a body that is not the gzip it promises to be."""
    return words(500)


def answer_by_head(head: Head, desk: Desk) -> Answer | None:
    """Refuse what can be refused before the body is read; None if the body decides.

    Without an Authorization header the body decides: Segment's envelope may carry the key.

    Source: rudder-server f2655fb gateway (handle_http_auth.go), checked 2026-11; 405 is its
    router's (chi) default.
    """
    if head.method != "POST" or head.authorization is None:
        return wrong_method(head)
    key = basic_key(head.authorization)
    if not key:
        return rudderstack.refusal("failed to read writekey from header")
    return None if desk.accepts(key) else rudderstack.refusal("invalid write key")


def judge(head: Head, body: bytes, desk: Desk) -> Answer:
    """Answer a request that `answer_by_head` let pass; *body* is unpacked.

    An empty body is "request body is nil"; what is not JSON is answered in RudderStack's words,
    since nothing tells whose it is.
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
        return decoded(body), ""
    except ValueError:
        return None, "invalid json"


def _key_in(content: object) -> str:
    key = content.get("writeKey") if is_object(content) else None
    return key if isinstance(key, str) else ""
