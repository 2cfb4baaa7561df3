"""Inslytic: what an event, a request and an answer are, as its API reference has it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import ConfigurationError, Inslytic, ValidationError, __version__
from asyncsdk.messages import Kind, Message
from asyncsdk.options import Delivery, resolve
from asyncsdk.seams import Encoded, Fate, Unsupported
from tests.destinations.making import INSLYTIC, KEY, NOW, answer, message
from tests.naming import named

LATER = "2026-11-21T10:30:00.999Z"


def track(**fields: object) -> Message:
    """Return a track of somebody without a name."""
    own: dict[str, object] = {"user_id": None, "anonymous_id": "anon-1", **fields}
    return message("track", **own)


def encoded(one: Message, destination: Inslytic = INSLYTIC) -> bytes:
    """Return the bytes of a message that has a form."""
    made = destination.encode(one)
    assert isinstance(made, Encoded)
    assert made.route in destination.routes
    return made.data


def sent(one: Message, destination: Inslytic = INSLYTIC) -> dict[str, Any]:
    """Return the event as it goes on the wire."""
    body = destination.body("ingest", [encoded(one, destination)], sent_at=LATER)
    (event,) = msgspec.json.decode(body)["events"]
    found: dict[str, Any] = event
    return found


LEAST = {
    "eventName": "E",
    "timestamp": NOW,
    "anonymousId": "anon-1",
    "sessionId": "",
    "consentGiven": True,
    "properties": {},
}


def test_the_least_event_has_all_that_the_api_requires() -> None:
    """A session and consent are written even if nobody spoke of them."""
    assert sent(track()) == LEAST


def test_the_fullest_event_has_every_field_that_is_known() -> None:
    """Context is sent in the fields of the schema; there is no other place for it."""
    context = {
        "page": {"url": "https://e.com/a", "title": "A", "referrer": "https://f.com", "path": "/a"},
        "campaign": {"source": "news", "medium": "mail", "name": "spring", "term": "x"},
        "ip": "192.0.2.1",
    }
    one = track(
        user_id="user-1",
        session_id="s-1",
        consent=False,
        properties={"total": "49.99", "count": 2},
        context=context,
        timestamp="2026-01-02T03:04:05.000Z",
        integrations={"All": True},
        groups={"company": "acme"},
    )
    assert sent(one) == {
        "eventName": "E",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "anonymousId": "anon-1",
        "sessionId": "s-1",
        "consentGiven": False,
        "properties": {"total": "49.99", "count": "2"},
        "userId": "user-1",
        "pageUrl": "https://e.com/a",
        "pageTitle": "A",
        "referrer": "https://f.com",
        "utmSource": "news",
        "utmMedium": "mail",
        "utmCampaign": "spring",
    }


@pytest.mark.parametrize(
    ("consent", "given"),
    [
        (None, True),
        (True, True),
        (False, False),
        ({"analytics": True, "ads": True}, True),
        ({"analytics": True, "ads": False}, False),
    ],
)
def test_consent_is_given_if_all_of_it_is(consent: Any, given: bool) -> None:  # noqa: FBT001
    """The API knows one consent; a refusal of a single purpose is one."""
    assert sent(track(consent=consent))["consentGiven"] is given


@pytest.mark.parametrize(
    ("fields", "wire"),
    [
        ({"anonymous_id": 7}, {"anonymousId": "7"}),
        ({"user_id": 42}, {"userId": "42"}),
        ({"user_id": 4.0}, {"userId": "4"}),
        ({"session_id": 1767323045}, {"sessionId": "1767323045"}),
        ({"session_id": 0}, {"sessionId": ""}),
        ({"user_id": ""}, {}),
        ({"user_id": 0}, {}),
    ],
)
def test_ids_are_texts(fields: dict[str, Any], wire: dict[str, Any]) -> None:
    """The schema's type; what names nobody is left out."""
    assert sent(track(**fields)) == LEAST | wire


@pytest.mark.parametrize("anonymous_id", [None, "", 0])
def test_a_track_without_anonymous_id_has_no_form(anonymous_id: Any) -> None:
    """The API requires it, beside a user too."""
    made = INSLYTIC.encode(message(anonymous_id=anonymous_id))
    assert isinstance(made, Unsupported)
    assert made.reason.startswith("anonymous_id: ")


def test_an_identify_has_the_id_twice_and_its_traits_as_properties() -> None:
    """Whatever anonymous id was known before: the vendor's SDK sets both to the user's."""
    one = message("identify", anonymous_id="anon-1", traits={"plan": "pro", "seats": 5})
    assert sent(one) == LEAST | {
        "eventName": "$identify",
        "anonymousId": "u-1",
        "userId": "u-1",
        "properties": {"plan": "pro", "seats": "5"},
    }


def test_where_traits_go_can_be_said() -> None:
    """It is documented nowhere; an empty name sends none."""
    one = message("identify", traits={"plan": "pro", "seats": 5})
    bare = LEAST | {"eventName": "$identify", "anonymousId": "u-1", "userId": "u-1"}
    elsewhere = Inslytic(KEY, identify_traits_in="traits")
    assert sent(one, elsewhere) == bare | {"traits": {"plan": "pro", "seats": "5"}}
    assert sent(one, Inslytic(KEY, identify_traits_in="")) == bare
    assert sent(message("identify"), elsewhere) == bare | {"traits": {}}


@pytest.mark.parametrize("name", ["userId", "eventName", "messageId", "a\n", '"', None], ids=named)
def test_a_place_for_traits_that_is_taken_is_refused(name: Any) -> None:
    """One field cannot be two."""
    with pytest.raises(ConfigurationError, match=r"^identify_traits_in: "):
        Inslytic(KEY, identify_traits_in=name)


@pytest.mark.parametrize("user_id", [None, "", 0])
def test_an_identify_without_user_id_has_no_form(user_id: Any) -> None:
    """There is nothing to set both ids to."""
    made = INSLYTIC.encode(message("identify", user_id=user_id, anonymous_id="a"))
    assert isinstance(made, Unsupported)
    assert made.reason.startswith("user_id: ")


@pytest.mark.parametrize("kind", ["page", "screen", "group", "alias", "group_identify"])
def test_other_calls_have_no_form(kind: Kind) -> None:
    """The API has events and nothing else; the reason names the call."""
    one = message(kind, anonymous_id="a", group_id="g", group_type="t", previous_id="p")
    made = INSLYTIC.encode(one)
    assert isinstance(made, Unsupported)
    assert made.reason.startswith(f"{kind}: ")


def test_properties_can_go_as_they_are() -> None:
    """Should the API turn out to take more than texts."""
    plain = Inslytic(KEY, stringify_properties=False)
    properties = {"total": 49.99, "new": True, "none": None, "in": {"a": [1]}}
    assert sent(track(properties=properties), plain)["properties"] == properties
    assert sent(track(), plain)["properties"] == {}
    with pytest.raises(ConfigurationError, match=r"^stringify_properties"):
        Inslytic(KEY, stringify_properties="yes")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("context", "facts"),
    [
        ({}, {}),
        ({"page": None, "campaign": {}}, {}),
        ({"page": "Home", "campaign": ["x"]}, {}),
        ({"page": {"url": 5, "title": None}}, {"pageUrl": "5"}),
        ({"page": {"url": ""}}, {"pageUrl": ""}),
    ],
)
def test_odd_contexts_do_no_harm(context: Any, facts: dict[str, str]) -> None:
    """What is no text becomes one; what is not there is left out."""
    assert sent(track(context=context)) == LEAST | facts


@pytest.mark.parametrize(
    "context", [{"page": object()}, {"campaign": {"name": object()}}, object()], ids=named
)
def test_a_foreign_context_asks_for_the_clean_up(context: Any) -> None:
    """The client makes plain values of it and asks again."""
    with pytest.raises(ValidationError, match=r"^context"):
        INSLYTIC.encode(track(context=context))


def test_a_foreign_value_elsewhere_in_the_context_is_not_read() -> None:
    """It is not sent, so it does not matter."""
    assert sent(track(context={"app": object()})) == LEAST


nasty = st.sampled_from(['","eventName":"', '\\",\\"eventName\\":', ',"eventName":'])
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40) | nasty


@given(message_id=ids, name=ids)
def test_an_event_names_itself_and_its_id_stays_here(message_id: str, name: str) -> None:
    """The schema has no event id; dead letters and replays need one."""
    one = track(message_id=message_id, event=name)
    assert INSLYTIC.identity("ingest", encoded(one)) == (message_id, NOW)
    assert sent(one) == LEAST | {"eventName": name}


objects = st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers(), max_size=4)


@given(several=st.lists(st.builds(track, properties=objects), min_size=1, max_size=8))
def test_the_stated_overheads_bound_the_body(several: list[Message]) -> None:
    """A batch that was cut by its events' sizes is never longer than the limit."""
    limits = INSLYTIC.routes["ingest"]
    events = [encoded(one) for one in several]
    bound = limits.body_overhead + sum(len(one) + limits.event_overhead for one in events)
    body = INSLYTIC.body("ingest", events, sent_at=LATER)
    assert len(body) <= bound
    assert len(msgspec.json.decode(body)["events"]) == len(several)


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_request_carries_the_key_as_it_is(encoding: str | None) -> None:
    """POST of JSON to the ingest route; nothing of it changes with the attempt."""
    request = INSLYTIC.request("ingest", b"packed", encoding=encoding, key="k", attempt=3)
    assert (request.method, request.url) == ("POST", "https://api.inslytic.com/v1/ingest")
    assert request.body == b"packed"
    expected = {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "User-Agent": f"asyncsdk/{__version__}",
    }
    assert request.headers == expected | ({"Content-Encoding": encoding} if encoding else {})


def test_the_servers_words_are_read_out_of_its_json() -> None:
    """`{"error": "Invalid API key"}` is a sentence, and no code."""
    verdict = INSLYTIC.judge("ingest", answer(401, b'{"error":"Invalid API key"}'), 3)
    assert (verdict.fate, verdict.reason, verdict.code) == (Fate.STOP, "Invalid API key", None)
    verdict = INSLYTIC.judge("ingest", answer(400, b"plain"), 3)
    assert (verdict.fate, verdict.reason) == (Fate.SPLIT, "plain")
    echo = b'{"error":"no such key: %s"}' % KEY.encode()
    assert KEY not in INSLYTIC.judge("ingest", answer(401, echo), 3).reason


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"ok", b'{"accepted":3}'])
def test_any_yes_is_one(body: bytes) -> None:
    """What a 202 says beside its status is not known."""
    assert INSLYTIC.judge("ingest", answer(202, body), 3).fate is Fate.DELIVERED


def test_the_defaults_are_the_vendors() -> None:
    """20 events a request, 10 s, 3 retries from 1 s up to 30 s, then back to the front."""
    options = resolve(Delivery(), Delivery(), INSLYTIC.defaults)
    assert (options.flush_at, options.max_batch_events, options.flush_interval) == (20, 20, 10.0)
    assert (options.max_retries, options.retry_base, options.retry_cap) == (3, 1.0, 30.0)
    assert (options.exhausted, options.max_age, options.gzip) == ("requeue", 3600.0, False)
    assert INSLYTIC.routes["ingest"].max_events == 1_000
