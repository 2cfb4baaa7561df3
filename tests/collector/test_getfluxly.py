"""GetFluxly's rules, over real HTTP."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from asyncsdk.collector import Collector, Fault
from asyncsdk.collector.getfluxly import MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_EVENTS
from tests.collector.asking import KEY, Asker, bearer

pytestmark = pytest.mark.whole_way

BATCH = "/v1/events/batch"
SINGLE = "/v1/events"


def item(message_id: str = "m-1", **more: Any) -> dict[str, Any]:
    """Build an event that is taken."""
    return {"event": "item_viewed", "message_id": message_id, "external_id": "u-1", **more}


def sized(size: int) -> dict[str, Any]:
    """Build an event of exactly *size* bytes of JSON."""
    return item(
        properties={"pad": "x" * (size - len(msgspec.json.encode(item(properties={"pad": ""}))))}
    )


async def test_a_good_batch_is_202(collector: Collector, asker: Asker) -> None:
    """Every event is kept as it was sent, under its own id."""
    status, said = await asker.said({"events": [item("a"), item("b")]}, path=BATCH)
    request_id = said.pop("request_id")
    assert (status, said) == (202, {"accepted": 2, "rejected": 0, "errors": []})
    assert request_id.startswith("req_")
    assert [kept.body for kept in collector.events] == [item("a"), item("b")]
    assert [kept.message_id for kept in collector.events] == ["a", "b"]
    assert {(kept.system, kept.type) for kept in collector.events} == {("getfluxly", "track")}


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (5, "Expected `object`, got `int`"),
        ({"event": "e"}, "one of anonymous_id, external_id, user_id is needed"),
        ({"event": "e", "external_id": "", "user_id": None}, "one of anonymous_id, "),
        ({"external_id": "u"}, "required field `event`"),
        (item(event=""), "length >= 1"),
        (item(event="e" * 65), "length <= 64"),
        (item(event="Item Viewed"), "event name must be snake_case"),
        (item(external_id=42), "`$.external_id`"),
        (item(properties=[1]), "`$.properties`"),
        (item(properties={f"p{number}": 1 for number in range(33)}), "length <= 32"),
        (item(context="web"), "`$.context`"),
        (item(occurred_at="yesterday"), "`$.occurred_at`"),
        (item(event="identify"), "identify needs anonymous_id and external_id"),
    ],
)
async def test_a_bad_event_is_refused_alone(
    collector: Collector, asker: Asker, bad: Any, detail: str
) -> None:
    """Its index points into the batch; its neighbours are taken."""
    batch = {"events": [item("a"), bad, item("b")]}
    status, said = await asker.said(batch, path=BATCH)
    assert (status, said["accepted"], said["rejected"]) == (202, 2, 1)
    (error,) = said["errors"]
    assert (error["index"], error["error"]) == (1, "validation_error")
    assert detail in error["detail"]
    assert collector.message_ids() == {"a": 1, "b": 1}
    assert collector.summary().refused == 1


@pytest.mark.parametrize(
    "good",
    [
        {"user_id": "p"},
        {"anonymous_id": "a"},
        {"event": "$identify", "traits": {"plan": "pro"}},
        {"event": "e" * 64},
        {"properties": {f"p{number}": 1 for number in range(32)}},
        {"occurred_at": "2024-01-02 03:04:05.678000+00:00"},
        {"timestamp": "read by nobody", "other": 1},
        {"properties": None, "context": None},
    ],
)
async def test_what_the_documentation_allows_is_taken(asker: Asker, good: Any) -> None:
    """Bounds themselves are allowed, and so is what the vendor's own package sends."""
    said = (await asker.said({"events": [item(**good)]}, path=BATCH))[1]
    assert said["errors"] == []


async def test_identifies_are_told_apart(collector: Collector, asker: Asker) -> None:
    """In the browser's spelling and in that of the Python package."""
    both = item(event="identify", anonymous_id="a")
    await asker.said({"events": [both, item(event="$identify")]}, path=BATCH)
    assert [kept.type for kept in collector.events] == ["identify", "identify"]


@pytest.mark.parametrize("given", [{}, {"message_id": None}, {"message_id": ""}])
async def test_a_missing_message_id_is_made(collector: Collector, asker: Asker, given: Any) -> None:
    """The event can be told from others; its body stays as it was sent."""
    body = {"event": "e", "user_id": "u"} | given
    await asker.said({"events": [body, body]}, path=BATCH)
    assert len({kept.message_id for kept in collector.events} - {""}) == 2
    assert [kept.body for kept in collector.events] == [body, body]


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"events":[{"user_id":NaN}]}', [], {}, {"events": []}, {"events": item()}]
)
async def test_a_body_without_events_is_400(asker: Asker, body: object) -> None:
    """One bare NaN is not JSON, and spoils the whole batch."""
    status, said = await asker.said(body, path=BATCH)
    assert (status, said["error"]) == (400, "validation_error")
    assert said["detail"]


async def test_a_hundred_events_are_the_most(collector: Collector, asker: Asker) -> None:
    """One more refuses them all."""
    most = [item(f"m-{number}") for number in range(MAX_EVENTS)]
    assert (await asker.said({"events": most}, path=BATCH))[1]["accepted"] == MAX_EVENTS == 100
    status, said = await asker.said({"events": [*most, item("more")]}, path=BATCH)
    assert (status, said["error"]) == (413, "payload_too_large")
    assert collector.summary().refused == MAX_EVENTS + 1


async def test_a_batch_of_256_kilobytes_is_the_largest(asker: Asker) -> None:
    """One byte more refuses it, although no event is large."""
    events = [sized(30_000) for _ in range(8)]
    room = MAX_BATCH_BYTES - len(msgspec.json.encode({"events": events})) - 1
    assert (await asker.said({"events": [*events, sized(room)]}, path=BATCH))[0] == 202
    status, said = await asker.said({"events": [*events, sized(room + 1)]}, path=BATCH)
    assert (status, said["error"]) == (413, "payload_too_large")


async def test_an_event_of_32_kilobytes_is_the_largest(asker: Asker) -> None:
    """One byte more refuses the event, not its batch."""
    events = [sized(MAX_EVENT_BYTES), sized(MAX_EVENT_BYTES + 1)]
    status, said = await asker.said({"events": events}, path=BATCH)
    assert (status, said["accepted"]) == (202, 1)
    assert [(error["index"], error["error"]) for error in said["errors"]] == [
        (1, "payload_too_large")
    ]


async def test_a_single_event_is_taken(collector: Collector, asker: Asker) -> None:
    """Its answer has no list of errors: what is wrong with it is the status."""
    status, said = await asker.said(item("a"), path=SINGLE, request_id="r-1")
    assert (status, said) == (202, {"accepted": 1, "rejected": 0, "request_id": "r-1"})
    status, said = await asker.said(item(event=""), path=SINGLE)
    assert (status, said["error"]) == (400, "validation_error")
    status, said = await asker.said(sized(MAX_EVENT_BYTES + 1), path=SINGLE)
    assert (status, said["error"]) == (413, "payload_too_large")
    assert collector.message_ids() == {"a": 1}
    assert collector.summary().refused == 2


@pytest.mark.parametrize("path", [BATCH, SINGLE, "/v1/identify/alias"])
@pytest.mark.parametrize("authorization", [None, "Bearer ", "Bearer other", "Basic abc"])
async def test_a_bad_key_is_401(asker: Asker, path: str, authorization: str | None) -> None:
    """On every route, with the code that clients look at."""
    headers = {} if authorization is None else {"Authorization": authorization}
    got = await asker.post(item(), path=path, key=None, headers=headers)
    assert got.status == 401
    assert msgspec.json.decode(got.text)["error"] == "unauthenticated"


async def test_the_key_may_stand_in_the_query(collector: Collector, asker: Asker) -> None:
    """For senders without headers; a header, where there is one, is what counts.

    The key shows in nothing that is kept.
    """
    asked = f"{SINGLE}?api_key={KEY}"
    assert (await asker.post(item("a"), path=asked, key=None)).status == 202
    assert (await asker.post(item("b"), path=asked, key="other", scheme=bearer)).status == 401
    assert (await asker.post(item("c"), path=f"{SINGLE}?api_key=other", key=None)).status == 401
    assert collector.message_ids() == {"a": 1}
    assert collector.events[0].write_key == "wri***"
    assert KEY not in repr((collector.requests, collector.events))


async def test_a_publishable_key_brings_events_and_no_aliases(
    collector: Collector, asker: Asker
) -> None:
    """The answer names the kind of key that was received."""
    collector.write_keys = None
    key = "gflux_pub_live_1"
    body = {"user_id": "u", "anonymous_id": "a"}
    assert (await asker.post(item(), path=SINGLE, key=key, scheme=bearer)).status == 202
    got = await asker.post(body, path="/v1/identify/alias", key=key, scheme=bearer)
    said = msgspec.json.decode(got.text)
    assert (got.status, said["error"], said["received"]) == (403, "wrong_key_type", "publishable")
    assert [kept.type for kept in collector.events] == ["track"]


async def alias(asker: Asker, user_id: Any, **ids: Any) -> tuple[int, Any]:
    """Ask for an alias."""
    return await asker.said({"user_id": user_id, **ids}, path="/v1/identify/alias")


async def test_an_alias_is_answered_with_what_was_joined(
    collector: Collector, asker: Asker
) -> None:
    """It stands among the events, so that a test can see it."""
    began = datetime.now().astimezone()
    status, said = await alias(asker, "u-1", anonymous_id="a-1", request_id="r-1")
    merged_at = datetime.fromisoformat(said["alias"].pop("merged_at"))
    assert 0 <= (merged_at - began).total_seconds() + 0.001 < 10
    ids = {"user_id": "u-1", "anonymous_id": "a-1"}
    assert (status, said) == (200, {"alias": ids, "request_id": "r-1"})
    (kept,) = collector.events
    assert (kept.type, kept.system, kept.body) == (
        "alias",
        "getfluxly",
        ids | {"request_id": "r-1"},
    )
    assert collector.summary().by_type == {"alias": 1}


async def test_a_request_id_may_be_a_header(asker: Asker) -> None:
    """The Python package sends it there; without one the answer has none."""
    path = "/v1/identify/alias"
    body = {"user_id": "u-1", "previous_id": "p-1"}
    assert (await asker.said(body, path=path, request_id="r-2"))[1]["request_id"] == "r-2"
    assert (await asker.said(body, path=path))[1].keys() == {"alias"}


@pytest.mark.parametrize(
    "ids",
    [
        {"user_id": "u"},
        {"user_id": "u", "anonymous_id": "", "previous_id": None},
        {"user_id": "", "anonymous_id": "a"},
        {"anonymous_id": "a"},
        {"user_id": 1, "anonymous_id": "a"},
        {"user_id": "u", "previous_id": 1},
    ],
)
async def test_an_alias_needs_both_sides(asker: Asker, ids: dict[str, Any]) -> None:
    """A user, and an id to join to it; both are text."""
    status, said = await asker.said(ids, path="/v1/identify/alias")
    assert (status, said["error"]) == (400, "validation_error")


@pytest.mark.parametrize("as_what", ["anonymous_id", "previous_id"])
async def test_an_id_of_another_user_is_a_conflict(
    collector: Collector, asker: Asker, as_what: str
) -> None:
    """The answer names both users; the same alias again is none, and after clear() none is."""
    assert (await alias(asker, "u-1", anonymous_id="a-1"))[0] == 200
    assert (await alias(asker, "u-1", anonymous_id="a-1"))[0] == 200
    status, said = await alias(asker, "u-2", **{as_what: "a-1"})
    assert (status, said["error"]) == (409, "alias_conflict")
    assert (said["existing"], said["requested"]) == ("u-1", "u-2")
    assert collector.summary().refused == 1
    collector.clear()
    assert (await alias(asker, "u-2", **{as_what: "a-1"}))[0] == 200


async def test_an_alias_that_was_not_taken_joins_nothing(
    collector: Collector, asker: Asker
) -> None:
    """What a fault kept from the server is unknown to it."""
    collector.script(Fault(kind="status", times=1))
    assert (await alias(asker, "u-1", anonymous_id="a-1"))[0] == 503
    assert (await alias(asker, "u-2", anonymous_id="a-1"))[0] == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "validation_error"), (408, "timeout"), (429, "rate_limited"), (502, "server_error")],
)
async def test_a_fault_has_the_documented_words(
    collector: Collector, asker: Asker, status: int, code: str
) -> None:
    """A status without a body is answered as GetFluxly would."""
    collector.script(Fault(kind="status", status=status))
    got, said = await asker.said({"events": [item()]}, path=BATCH)
    assert (got, said["error"]) == (status, code)
    assert said["detail"]


async def test_a_bare_success_says_nothing(collector: Collector, asker: Asker) -> None:
    """An empty object, which the Python package counts as a success; no event was taken."""
    collector.script(Fault(kind="status", status=200))
    assert await asker.said({"events": [item()]}, path=BATCH) == (200, {})
    assert not collector.events


async def test_broken_gzip_is_400_and_a_large_body_413(asker: Asker) -> None:
    """What cannot be read is answered in JSON too."""
    headers = {"Content-Encoding": "gzip"}
    got = await asker.post(b"not gzip", path=BATCH, scheme=bearer, headers=headers)
    assert (got.status, msgspec.json.decode(got.text)["error"]) == (400, "validation_error")
    got = await asker.post(bytes(4_096_001), path=BATCH, scheme=bearer, packed=True)
    assert (got.status, msgspec.json.decode(got.text)["error"]) == (413, "payload_too_large")


async def test_a_prefix_is_allowed_and_other_methods_are_not(asker: Asker) -> None:
    """As with every other system."""
    assert (await asker.said({"events": [item()]}, path="/proxy" + BATCH))[0] == 202
    assert (await asker.get(SINGLE)).status == 405
    assert (await asker.post({"events": [item()]}, path="/events/batch")).status == 404
