"""The gateway's rules and words, over real HTTP."""

import uuid
from typing import Any

import pytest

from asyncsdk.collector import Collector
from asyncsdk.collector.rudderstack import is_blank
from tests.collector.asking import KEY, Asker, basic, batch, event

pytestmark = pytest.mark.whole_way

NO_ID = "request neither has anonymousId nor userId\n"
NO_EVENT = "event is not a valid rudder event\n"
NO_KEY = "failed to read writekey from header\n"


async def test_a_good_batch_is_taken_with_ok(collector: Collector, asker: Asker) -> None:
    """200 has no newline; every event of the batch is kept as it was sent."""
    got = await asker.post(batch("a", "b"))
    assert (got.status, got.text) == (200, "ok")
    assert got.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert [kept.body for kept in collector.events] == [event("a"), event("b")]
    assert {kept.system for kept in collector.events} == {"rudderstack"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "request body is nil\n"),
        (b"{", "invalid json\n"),
        (b'{"batch":[{"userId":"u","properties":{"a":NaN}}]}', "invalid json\n"),
        (b'"text"', "empty batch payload\n"),
        ({"batch": []}, "empty batch payload\n"),
        ({"batch": None}, "empty batch payload\n"),
        ({"events": [event()]}, "empty batch payload\n"),
        ({"batch": [event(), 5]}, NO_EVENT),
        ({"batch": [event(), {"type": "track", "event": "E"}]}, NO_ID),
        ({"batch": [{"userId": None, "anonymousId": ""}]}, NO_ID),
        ({"batch": [{"userId": " \t\u200b"}]}, NO_ID),
    ],
)
async def test_a_bad_body_is_refused_in_the_gateways_words(
    collector: Collector, asker: Asker, body: object, text: str
) -> None:
    """Each 400 ends with a newline, and one bad event refuses its whole batch."""
    got = await asker.post(body)
    assert (got.status, got.text) == (400, text)
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert not collector.events
    assert collector.summary().accepted == 0


async def test_refused_events_are_counted(collector: Collector, asker: Asker) -> None:
    """The good neighbours of a bad event are refused with it, and counted."""
    await asker.post({"batch": [event("a"), event("b"), 5]})
    assert collector.summary().refused == 3


@pytest.mark.parametrize("user_id", [0, False, 4.5, "0"])
async def test_an_id_that_is_not_text_is_an_id(asker: Asker, user_id: Any) -> None:
    """The gateway makes text of it first, and "0" is not blank."""
    got = await asker.post({"batch": [event(userId=user_id)]})
    assert got.status == 200


@pytest.mark.parametrize(("value", "blank"), [(None, True), ("", True), (" x", False), ({}, False)])
def test_blank_is_what_has_nothing_to_see(value: object, blank: bool) -> None:  # noqa: FBT001
    """Only a missing id and text without a visible character are blank."""
    assert is_blank(value) is blank


@pytest.mark.parametrize("given", [None, "", "  ", 17, {"a": 1}])
async def test_a_missing_message_id_is_made_by_the_server(
    collector: Collector, asker: Asker, given: Any
) -> None:
    """Empty and non-text ids are replaced, so a sender's repeat is a new event."""
    await asker.post({"batch": [event(messageId=given)]} | {"sentAt": "now"})
    await asker.post({"batch": [event(messageId=given)]})
    first, second = (kept.message_id for kept in collector.events)
    assert uuid.UUID(first) != uuid.UUID(second)
    assert collector.events[0].body["messageId"] == first


async def test_a_message_id_is_trimmed(collector: Collector, asker: Asker) -> None:
    """Blanks and invisible characters around an id do not make it another one."""
    await asker.post(batch(" a\u200b ", "a"))
    assert collector.message_ids() == {"a": 2}


@pytest.mark.parametrize("route", ["track", "identify", "page", "screen", "group", "alias"])
async def test_a_single_event_takes_its_type_from_the_route(
    collector: Collector, asker: Asker, route: str
) -> None:
    """The route wins over a type in the event."""
    got = await asker.post(event(type="other"), path=f"/v1/{route}")
    assert (got.status, got.text) == (200, "ok")
    assert [(kept.type, kept.body["type"]) for kept in collector.events] == [(route, route)]


async def test_a_single_event_that_is_no_object_is_refused(asker: Asker) -> None:
    """A list is valid JSON, but no event."""
    got = await asker.post([event()], path="/v1/track")
    assert (got.status, got.text) == (400, NO_EVENT)


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        (None, NO_KEY),
        (basic(""), NO_KEY),
        ("Bearer abc", NO_KEY),
        ("Basic ???", NO_KEY),
        ("Basic d3JpdGUta2V5LTE=", NO_KEY),  # no colon
        (basic("other"), "invalid write key\n"),
    ],
)
async def test_a_bad_key_is_401(
    collector: Collector, asker: Asker, authorization: str | None, text: str
) -> None:
    """No readable key, or one that is not known; nothing is kept."""
    headers = {} if authorization is None else {"Authorization": authorization}
    got = await asker.post(batch("a"), key=None, headers=headers)
    assert (got.status, got.text) == (401, text)
    assert not collector.events


async def test_the_key_is_checked_before_the_body_is_read(
    collector: Collector, asker: Asker
) -> None:
    """A wrong key is answered as such though the body is broken, and no byte of it is counted."""
    got = await asker.post(b"{", key="other")
    assert got.text == "invalid write key\n"
    assert collector.requests[0].wire_bytes == 0


async def test_a_key_may_be_corrected_at_run_time(collector: Collector, asker: Asker) -> None:
    """What was refused before is taken after."""
    assert (await asker.post(batch("a"), key="new-key")).status == 401
    collector.write_keys = ["new-key"]
    assert (await asker.post(batch("a"), key="new-key")).status == 200


async def test_a_latin_1_key_is_read(collector: Collector, asker: Asker) -> None:
    """RudderStack's Python SDK sends keys that are not ASCII in Latin-1."""
    collector.write_keys = ["kéy"]
    sent = {"Authorization": "Basic a+l5Og=="}  # "k\xe9y:"
    assert (await asker.post(batch("a"), key=None, headers=sent)).status == 200
    assert (await asker.post(batch("a"), key="kéy")).status == 200


async def test_gzip_is_undone(collector: Collector, asker: Asker) -> None:
    """Sizes are recorded as they were on the wire and after inflation."""
    got = await asker.post(batch(*"abcdefgh"), packed=True)
    assert got.status == 200
    seen = collector.requests[0]
    assert seen.events == 8
    assert seen.wire_bytes < seen.decoded_bytes


@pytest.mark.parametrize("body", [b"not gzip", b"\x1f\x8b\x08\x00"])
async def test_broken_gzip_is_500(asker: Asker, body: bytes) -> None:
    """The gateway fails while reading, and says so with 500."""
    got = await asker.post(body, headers={"Content-Encoding": "gzip"})
    assert (got.status, got.text) == (500, "failed to read body from request\n")


async def test_a_route_may_stand_behind_a_prefix(collector: Collector, asker: Asker) -> None:
    """A data plane behind a proxy path is matched by the end of the path."""
    assert (await asker.post(batch("a"), path="/proxy/r/v1/batch")).status == 200
    assert collector.requests[0].path == "/proxy/r/v1/batch"


@pytest.mark.parametrize("path", ["/v1/other", "/v1/batch/", "/v2/batches", "/v1"])
async def test_any_other_path_is_404(asker: Asker, path: str) -> None:
    """Nothing is guessed."""
    got = await asker.post(batch("a"), path=path)
    assert (got.status, got.text) == (404, "404 page not found\n")


async def test_any_other_method_is_405(asker: Asker) -> None:
    """Routes are for POST alone."""
    got = await asker.ask("PUT", "/v1/batch", b"{}", {"Authorization": basic(KEY)})
    assert (got.status, got.text) == (405, "")
