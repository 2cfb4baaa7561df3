"""GetFluxly's API: its keys, routes, limits and words. Pure: no clock, no network.

What one event must be stands in `getfluxly_events`. Unverified, and chosen here: that more than 100
events are 413; that only successes are answered again under their idempotency key, each key for
itself; the names of the two profiles in a 409; where `request_id` is echoed; that gzip is undone.

Source: docs.getfluxly.com (ingest, identity, authentication, error table), getfluxly 0.1.4 and its
wire records, checked 2026-11.
"""

from typing import Any

import msgspec

from asyncsdk.collector.answers import Answer, Taken, is_array, is_object, json_answer, phrase
from asyncsdk.collector.cases import Desk, Head, decoded, route_in, wrong_method
from asyncsdk.collector.events import oversized
from asyncsdk.collector.getfluxly_events import problem_with, take
from asyncsdk.collector.keys import bearer_key

SYSTEM = "getfluxly"

MAX_EVENTS = 100
# "256 KB" and "32 KB" read as the smaller of their two meanings: a sender that keeps them is safe.
MAX_BATCH_BYTES = 256_000
MAX_EVENT_BYTES = 32_000

_BATCH = "events/batch"
_SINGLE = "events"
_ALIAS = "identify/alias"

_CODES = {
    400: "validation_error",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    409: "alias_conflict",
    413: "payload_too_large",
    425: "too_early",
    429: "rate_limited",
}


class _Alias(msgspec.Struct):
    user_id: str
    anonymous_id: str | None = None
    previous_id: str | None = None
    request_id: str | None = None


msgspec.json.Decoder(_Alias)  # makes it ready while one thread is here, see `client.gate`


def route_of(path: str) -> str | None:
    """Return which of GetFluxly's routes *path* ends with, None if it is none of them."""
    return route_in(path, frozenset({_BATCH, _SINGLE, _ALIAS}))


def words(status: int) -> Answer:
    """Answer *status* and nothing else, in the documented words; a success says nothing."""
    return json_answer(status, {}, system=SYSTEM) if status < 300 else error(status, phrase(status))


def broken_body() -> Answer:
    """Answer a body that is not the gzip it promises to be."""
    return words(400)


def error(status: int, detail: str, *, code: str = "", refused: int = 0, **more: str) -> Answer:
    """Refuse a request in the documented form; without *code*, by the status' own."""
    content = {"error": code or _CODES.get(status, "server_error"), "detail": detail, **more}
    return json_answer(status, content, system=SYSTEM, refused=refused)


def key_of(head: Head) -> str:
    """Return the key of a request; the query counts only where there is no Authorization."""
    return head.api_key if head.authorization is None else bearer_key(head.authorization)


def is_publishable(key: str) -> bool:
    """Say whether *key* may only bring events; keys with other beginnings count as server keys.

    Source: docs.getfluxly.com/snippets/key-types, checked 2026-11: `gflux_pub_`.
    """
    return key.startswith("gflux_pub")


def answer_by_head(head: Head, desk: Desk) -> Answer | None:
    """Refuse what can be refused before the body is read; None if the body decides."""
    if head.method != "POST":
        return wrong_method(head)
    key = key_of(head)
    if not desk.accepts(key):
        return error(401, "the API key is not known" if key else "no API key")
    if route_of(head.path) == _ALIAS and is_publishable(key):
        return error(403, "this needs a server key", code="wrong_key_type", received="publishable")
    return None


def judge(head: Head, body: bytes, desk: Desk) -> Answer:
    """Answer a request that `answer_by_head` let pass; *body* is unpacked.

    A known idempotency key gets its first answer again, whatever the body is, and takes nothing.
    """
    key = key_of(head)
    kept = f"{key} {route_of(head.path)} {head.idempotency_key}" if head.idempotency_key else ""
    again = desk.memory.answer_to(kept)
    if again is not None:
        return again
    answer = _answer(head, body, desk)
    keep_as = kept if answer.status < 300 else ""
    return msgspec.structs.replace(answer, write_key=key, keep_as=keep_as)


def _answer(head: Head, body: bytes, desk: Desk) -> Answer:
    try:
        content = decoded(body)
    except ValueError:
        return error(400, "the body is not valid JSON")
    if not is_object(content):
        return error(400, "the body is not an object")
    route = route_of(head.path)
    if route == _ALIAS:
        return _answer_alias(head, content, desk)
    if route == _SINGLE:
        return _answer_single(head, body, content, desk)
    return _answer_batch(head, body, content, desk)


def _answer_batch(head: Head, body: bytes, content: dict[str, Any], desk: Desk) -> Answer:
    events = content.get("events")
    if not is_array(events) or not events:
        return error(400, "events is not an array of events")
    if len(events) > MAX_EVENTS:
        return error(413, f"a batch is {MAX_EVENTS} events at most", refused=len(events))
    if len(body) > MAX_BATCH_BYTES:
        return error(413, "a batch is 256 KB at most", refused=len(events))
    large = oversized(body, "events", limit=MAX_EVENT_BYTES)
    accepted: list[Taken] = []
    errors: list[dict[str, object]] = []
    for index, event in enumerate(events):
        code, detail = _fault_of(event, desk, large=index in large)
        if code:
            errors.append({"index": index, "error": code, "detail": detail})
        else:
            accepted.append(take(event, desk.fresh_id))
    said = {"accepted": len(accepted), "rejected": len(errors), "errors": errors}
    answer = json_answer(202, said | _request_id(head, desk), system=SYSTEM, refused=len(errors))
    return msgspec.structs.replace(answer, accepted=accepted)


def _fault_of(event: object, desk: Desk, *, large: bool) -> tuple[str, str]:
    """Return the code and the detail of what is wrong with an event, empty if nothing is."""
    if large:
        return "payload_too_large", "an event is 32 KB at most"
    detail = problem_with(event)
    if detail:
        return "validation_error", detail
    code = desk.spoils()
    return code, "refused on purpose" if code else ""


def _answer_single(head: Head, body: bytes, content: dict[str, Any], desk: Desk) -> Answer:
    if len(body) > MAX_EVENT_BYTES:
        return error(413, "an event is 32 KB at most", refused=1)
    detail = problem_with(content)
    if detail:
        return error(400, detail, refused=1)
    said = {"accepted": 1, "rejected": 0} | _request_id(head, desk)
    answer = json_answer(202, said, system=SYSTEM)
    return msgspec.structs.replace(answer, accepted=[take(content, desk.fresh_id)])


def _request_id(head: Head, desk: Desk) -> dict[str, str]:
    return {"request_id": head.request_id or f"req_{desk.fresh_id()}"}


def _answer_alias(head: Head, content: dict[str, Any], desk: Desk) -> Answer:
    """Join ids to a user; 409 for an id that an alias has joined to another user before."""
    try:
        wanted = msgspec.convert(content, _Alias)
    except msgspec.ValidationError as problem:
        return error(400, str(problem), refused=1)
    given = {"anonymous_id": wanted.anonymous_id, "previous_id": wanted.previous_id}
    sources = {name: value for name, value in given.items() if value}
    if not wanted.user_id or not sources:
        return error(400, "user_id and one of anonymous_id, previous_id are needed", refused=1)
    for source in sources.values():
        other = desk.memory.joined_to(source)
        if other and other != wanted.user_id:
            detail = f"{source} belongs to another profile"
            return error(409, detail, refused=1, existing=other, requested=wanted.user_id)
    said: dict[str, object] = {
        "alias": {"user_id": wanted.user_id, **sources, "merged_at": desk.now()}
    }
    request_id = wanted.request_id or head.request_id
    if request_id:
        said["request_id"] = request_id
    return msgspec.structs.replace(
        json_answer(200, said, system=SYSTEM),
        accepted=[Taken(head.idempotency_key or desk.fresh_id(), "alias", content)],
        joins=dict.fromkeys(sources.values(), wanted.user_id),
    )
