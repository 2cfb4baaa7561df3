"""Inslytic's rules, over real HTTP."""

from typing import Any

import msgspec
import pytest

from asyncsdk.collector import Collector, Fault
from asyncsdk.collector.inslytic import MAX_EVENTS
from tests.collector.asking import Asker, bearer

pytestmark = pytest.mark.whole_way

PATH = "/v1/ingest"
REQUIRED = {
    "eventName": "page_viewed",
    "timestamp": "2026-02-16T10:30:00.000Z",
    "anonymousId": "anon-123",
    "sessionId": "",
    "consentGiven": True,
}


def numbered(*numbers: int) -> dict[str, Any]:
    """Build a body with an event for each number."""
    return {"events": [REQUIRED | {"properties": {"n": str(number)}} for number in numbers]}


async def test_good_events_are_202(collector: Collector, asker: Asker) -> None:
    """Only the required fields are needed, the others are kept as they were sent."""
    full = REQUIRED | {
        "eventName": "$identify",
        "userId": "user-1",
        "properties": {"path": "/pricing"},
        "pageUrl": "https://example.com/pricing",
        "utmSource": None,
        "deviceType": "desktop",
    }
    assert await asker.said({"events": [REQUIRED, full]}, path=PATH) == (202, {"accepted": 2})
    assert [kept.body for kept in collector.events] == [REQUIRED, full]
    assert [kept.type for kept in collector.events] == ["track", "identify"]
    assert {(kept.system, kept.write_key) for kept in collector.events} == {("inslytic", "wri***")}


@pytest.mark.parametrize("field", REQUIRED)
async def test_a_missing_field_refuses_the_request(
    collector: Collector, asker: Asker, field: str
) -> None:
    """The good neighbour is refused with it; the answer says which event and which field."""
    bad = {name: value for name, value in REQUIRED.items() if name != field}
    status, said = await asker.said({"events": [REQUIRED, bad]}, path=PATH)
    assert (status, said["error"]) == (400, "Validation failed")
    assert len(said["details"]) == 1
    assert said["details"][0].startswith("events[1]: ")
    assert field in said["details"][0]
    assert (collector.summary().accepted, collector.summary().refused) == (0, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"eventName": ""},
        {"eventName": 5},
        {"timestamp": "yesterday"},
        {"timestamp": 1739701800000},
        {"timestamp": "2026-02-16T10:30:00"},
        {"timestamp": "2026-02-16T10:30:00+02:00"},
        {"anonymousId": ""},
        {"sessionId": None},
        {"consentGiven": "true"},
        {"userId": 17},
        {"properties": {"total": 49.99}},
        {"properties": {"total": None}},
        {"properties": []},
        {"pageUrl": 5},
        {"utmMedium": 5},
    ],
)
async def test_a_field_of_the_wrong_type_is_400(asker: Asker, wrong: dict[str, Any]) -> None:
    """Types are as the API documents them: properties are text, and times are UTC."""
    assert (await asker.said({"events": [REQUIRED | wrong]}, path=PATH))[0] == 400


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", {}, {"events": {}}, {"events": []}, {"events": [5]}]
)
async def test_a_body_without_events_is_400(asker: Asker, body: object) -> None:
    """Nothing is guessed, and the answer is JSON all the same."""
    status, said = await asker.said(body, path=PATH)
    assert (status, said["error"]) == (400, "Validation failed")
    assert said["details"]


async def test_a_thousand_events_are_the_most(collector: Collector, asker: Asker) -> None:
    """One more refuses them all."""
    most = numbered(*range(MAX_EVENTS))
    assert (await asker.said(most, path=PATH))[0] == 202
    assert (await asker.said(numbered(*range(MAX_EVENTS + 1)), path=PATH))[0] == 400
    assert collector.summary().accepted == MAX_EVENTS == 1_000
    assert collector.summary().refused == MAX_EVENTS + 1


@pytest.mark.parametrize("authorization", [None, "", "Bearer ", "Bearer other", "Basic abc"])
async def test_a_bad_key_is_401(
    collector: Collector, asker: Asker, authorization: str | None
) -> None:
    """In the documented words; no byte of the body is read."""
    headers = {} if authorization is None else {"Authorization": authorization}
    got = await asker.post(numbered(1), path=PATH, key=None, headers=headers)
    assert (got.status, got.text) == (401, '{"error":"Invalid API key"}')
    assert collector.requests[0].wire_bytes == 0


async def test_a_limit_is_told_in_its_words(collector: Collector, asker: Asker) -> None:
    """A fault without a text of its own answers as the system would."""
    collector.script(Fault(kind="status", status=429, retry_after="2", times=1))
    got = await asker.post(numbered(1), path=PATH, scheme=bearer)
    assert (got.status, got.text) == (429, '{"error":"Rate limit exceeded"}')
    assert got.headers["Retry-After"] == "2"
    assert (await asker.said(numbered(1), path=PATH))[0] == 202


async def test_health_needs_no_key(collector: Collector, asker: Asker) -> None:
    """It is a request like others: it is recorded, and a broken server is not healthy."""
    got = await asker.get("/health")
    assert (got.status, msgspec.json.decode(got.text)) == (200, {"status": "ok"})
    collector.script(Fault(kind="status"))
    assert (await asker.get("/proxy/health")).status == 503
    assert (await asker.ask("HEAD", "/health", None, {})).text == ""
    assert (await asker.post({}, path="/health")).status == 503
    collector.script()
    assert (await asker.post({}, path="/health")).status == 405
    assert [seen.status for seen in collector.requests] == [200, 503, 503, 503, 405]


async def test_the_same_event_again_is_a_duplicate(collector: Collector, asker: Asker) -> None:
    """Its wire has no id: what is the same, in whatever order of fields, is a repeat."""
    body = numbered(1, 2)
    await asker.said(body, path=PATH)
    turned = {"events": [dict(reversed(event.items())) for event in body["events"]]}
    await asker.said(turned, path=PATH)
    await asker.said(numbered(3), path=PATH)
    assert collector.summary().duplicates == 2
    assert sorted(collector.message_ids("inslytic").values()) == [1, 2, 2]


async def test_broken_gzip_is_400_and_a_large_body_413(asker: Asker) -> None:
    """What cannot be read is answered in JSON too."""
    got = await asker.post(
        b"not gzip", path=PATH, scheme=bearer, headers={"Content-Encoding": "gzip"}
    )
    assert (got.status, got.text) == (400, '{"error":"bad request"}')
    got = await asker.post(bytes(4_096_001), path=PATH, scheme=bearer, packed=True)
    assert (got.status, got.text) == (413, '{"error":"Request body too large"}')


async def test_a_prefix_is_allowed_and_other_methods_are_not(asker: Asker) -> None:
    """As with every other system."""
    assert (await asker.said(numbered(1), path="/proxy/r/v1/ingest"))[0] == 202
    assert (await asker.get(PATH)).status == 405
    assert (await asker.post(numbered(1), path="/ingest")).status == 404
