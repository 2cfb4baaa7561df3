"""Segment's rules, over real HTTP."""

from typing import Any

import msgspec
import pytest

from asyncsdk.collector import Collector
from asyncsdk.collector.segment import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from tests.collector.asking import KEY, Asker, event

pytestmark = pytest.mark.whole_way

SUCCESS = '{"success":true}'


def envelope(*events: Any, key: str = KEY) -> dict[str, Any]:
    """Build the body that Segment's SDKs send."""
    return {"batch": list(events), "sentAt": "2026-11-21T00:00:00Z", "writeKey": key}


def sized(size: int) -> dict[str, Any]:
    """Build an event of exactly *size* bytes of JSON."""
    empty = len(msgspec.json.encode(event(pad="")))
    return event(pad="x" * (size - empty))


async def test_a_write_key_in_the_envelope_makes_it_segment(
    collector: Collector, asker: Asker
) -> None:
    """The answer is Segment's JSON, and the events are marked as its."""
    got = await asker.post(envelope(event("a")))
    assert (got.status, got.text) == (200, SUCCESS)
    assert got.headers["Content-Type"] == "application/json"
    assert [(kept.system, kept.message_id) for kept in collector.events] == [("segment", "a")]


async def test_the_key_in_the_body_is_enough(collector: Collector, asker: Asker) -> None:
    """Without an Authorization header the envelope's key is checked."""
    assert (await asker.post(envelope(event()), key=None)).status == 200
    wrong = await asker.post(envelope(event(), key="other"), key=None)
    assert wrong.status == 401
    assert msgspec.json.decode(wrong.text)["code"] == "invalid_write_key"
    assert len(collector.events) == 1


@pytest.mark.parametrize(
    "bad", [5, {"type": "track", "event": "E"}, {"type": "track", "userId": "u"}]
)
async def test_what_segment_throws_away_is_still_200(
    collector: Collector, asker: Asker, bad: Any
) -> None:
    """A silent loss is answered with success and counted as refused; its neighbours are taken."""
    got = await asker.post(envelope(event("a"), bad))
    assert (got.status, got.text) == (200, SUCCESS)
    assert collector.message_ids() == {"a": 1}
    assert collector.summary().refused == 1


async def test_an_event_of_32_kilobytes_is_the_largest(collector: Collector, asker: Asker) -> None:
    """One byte more refuses the request."""
    assert (await asker.post(envelope(sized(MAX_EVENT_BYTES)))).status == 200
    got = await asker.post(envelope(event("a"), sized(MAX_EVENT_BYTES + 1)))
    assert got.status == 400
    assert msgspec.json.decode(got.text)["code"] == "event_too_large"
    assert collector.summary().refused == 2


async def test_a_lone_event_in_place_of_a_batch_is_measured_too(asker: Asker) -> None:
    """A batch that is no list is one event, and no way around the bound."""
    lone = {"batch": sized(1_000), "writeKey": KEY}
    assert (await asker.post(lone)).status == 200
    assert (await asker.post(lone | {"batch": sized(MAX_EVENT_BYTES + 1)})).status == 400


async def test_a_single_event_is_measured_with_its_envelope(asker: Asker) -> None:
    """On a single route the body is the event."""
    body = sized(MAX_EVENT_BYTES) | {"writeKey": KEY}
    assert (await asker.post(body, path="/v1/track")).status == 400


async def test_a_batch_of_500_kilobytes_is_the_largest(asker: Asker) -> None:
    """One byte more refuses it, although no event is large."""
    events = [sized(30_000) for _ in range(16)]
    room = MAX_BATCH_BYTES - len(msgspec.json.encode(envelope(*events))) - 1
    assert (await asker.post(envelope(*events, sized(room)))).status == 200
    got = await asker.post(envelope(*events, sized(room + 1)))
    assert got.status == 400
    assert msgspec.json.decode(got.text)["code"] == "batch_too_large"


async def test_json_must_be_announced(asker: Asker) -> None:
    """Segment asks for the content type; parameters do not matter."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await asker.post(envelope(event()), headers=form)).status == 400
    utf8 = {"Content-Type": "application/json; charset=utf-8"}
    assert (await asker.post(envelope(event()), headers=utf8)).status == 200


async def test_a_single_event_is_kept_without_its_key(collector: Collector, asker: Asker) -> None:
    """The type comes from the route; the write key shows nowhere in what is kept."""
    body = event("a", type="other") | {"writeKey": KEY}
    assert (await asker.post(body, path="/v1/page", key=None)).text == SUCCESS
    assert [kept.body for kept in collector.events] == [event("a", type="page")]
    assert KEY not in repr(collector.events)
    assert KEY not in repr(collector.requests)


async def test_a_missing_message_id_is_made(collector: Collector, asker: Asker) -> None:
    """Events can be told apart even if the sender does not name them."""
    await asker.post(envelope(event(""), event("")))
    assert len({kept.message_id for kept in collector.events} - {""}) == 2
