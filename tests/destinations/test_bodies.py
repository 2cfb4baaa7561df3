"""Bodies and requests: what goes on the wire around the events, and how long it can be."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import RudderStack, Segment, __version__
from asyncsdk.messages import Message
from asyncsdk.seams import Encoded, Unsupported
from tests.destinations.making import BOTH, KEY, NOW, RUDDER, message

LATER = "2026-11-21T10:30:00.999Z"

each = pytest.mark.parametrize("destination", BOTH, ids=["rudderstack", "segment"])


def encoded(destination: RudderStack | Segment, one: Message) -> bytes:
    """Return the bytes of a message that the destination has a form for."""
    made = destination.encode(one)
    assert isinstance(made, Encoded)
    assert made.route in destination.routes
    return made.data


def body(destination: RudderStack | Segment, events: list[bytes], at: str = LATER) -> Any:
    """Return the decoded body of a request that carries *events*."""
    return msgspec.json.decode(destination.body("batch", events, sent_at=at))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.text(max_size=8), values, max_size=4)
messages = st.builds(
    Message,
    st.sampled_from(["track", "identify", "page", "screen", "group", "alias"]),
    st.text(min_size=1, max_size=40),
    st.just(NOW),
    user_id=st.text(min_size=1, max_size=20) | st.integers(1),
    event=st.text(min_size=1, max_size=20),
    properties=st.none() | objects,
    traits=st.none() | objects,
    context=st.none() | objects,
    integrations=st.none() | objects,
    previous_id=st.text(min_size=1, max_size=9) | st.integers(1, 99),
    group_id=st.text(min_size=1, max_size=9) | st.integers(1, 99),
)
keys = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)
long_keys = st.builds(str.__mul__, st.sampled_from('k"\\é🔑'), st.integers(1, 256))


@pytest.mark.repeats
@given(several=st.lists(messages, min_size=1, max_size=8), key=keys | long_keys)
def test_the_stated_overheads_bound_the_body(several: list[Message], key: str) -> None:
    """A batch that was cut by its events' sizes is never longer than the server takes."""
    for destination in (RudderStack(key, "https://e.com"), Segment(key)):
        limits = destination.routes["batch"]
        events = [encoded(destination, one) for one in several]
        bound = limits.body_overhead + sum(len(one) + limits.event_overhead for one in events)
        assert len(destination.body("batch", events, sent_at=LATER)) <= bound


@pytest.mark.repeats
@given(several=st.lists(messages, min_size=1, max_size=8))
def test_every_event_is_in_the_body_as_it_was_encoded(several: list[Message]) -> None:
    """Joining changes nothing but the stamp that RudderStack has in each event."""
    for destination in BOTH:
        events = [encoded(destination, one) for one in several]
        whole = [msgspec.json.decode(one + b"}") for one in events]
        found = body(destination, events)["batch"]
        stamps = [one.pop("sentAt", None) for one in found]
        assert found == whole
        assert set(stamps) == ({LATER} if destination is RUDDER else {None})


@each
def test_a_body_is_stamped_afresh_and_nothing_else_changes(
    destination: RudderStack | Segment,
) -> None:
    """RudderStack counts an event's time from its own sentAt: a stale one would shift it."""
    events = [encoded(destination, message(message_id=f"m-{number}")) for number in range(3)]
    earlier, later = "2026-11-21T10:00:00.000Z", "2026-11-21T10:30:00.999Z"
    first, second = (destination.body("batch", events, sent_at=at) for at in (earlier, later))
    assert first.count(earlier.encode()) == (5 if destination is RUDDER else 1)
    assert first.replace(earlier.encode(), later.encode()) == second


def test_the_envelopes_are_the_vendors() -> None:
    """RudderStack has its key in the header alone, Segment in the body too."""
    rudder, segment = (body(one, [encoded(one, message())]) for one in BOTH)
    assert rudder.pop("batch")
    assert rudder == {"timestamp": LATER, "sentAt": LATER}
    assert segment.pop("batch")
    assert segment == {"writeKey": KEY, "sentAt": LATER}


def test_a_key_of_any_letters_is_written_as_json() -> None:
    """Quotes and backslashes do not end the text."""
    odd = Segment('a"\\é🔑')
    assert body(odd, [encoded(odd, message())])["writeKey"] == 'a"\\é🔑'


@each
def test_a_request_says_who_sends_what(destination: RudderStack | Segment) -> None:
    """POST to the batch route, with the key as user name, JSON, and this SDK's name."""
    request = destination.request("batch", b"packed", encoding="gzip", key="k", attempt=1)
    assert (request.method, request.body) == ("POST", b"packed")
    assert request.url.endswith("/v1/batch")
    assert request.headers == {
        "Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "User-Agent": f"asyncsdk/{__version__}",
    }


@each
def test_a_plain_body_is_not_called_packed(destination: RudderStack | Segment) -> None:
    """The header is there only if the body is compressed."""
    packed = destination.request("batch", b"x", encoding="gzip", key="k", attempt=1)
    plain = destination.request("batch", b"x", encoding=None, key="k", attempt=1)
    assert "Content-Encoding" in packed.headers
    assert "Content-Encoding" not in plain.headers


def test_segment_is_told_which_attempt_it_is() -> None:
    """Its SDK counts repeats in a header; RudderStack's does not."""
    counts = [
        one.request("batch", b"x", encoding=None, key="k", attempt=attempt).headers.get(
            "X-Retry-Count"
        )
        for one in BOTH
        for attempt in (1, 2, 5)
    ]
    assert counts == [None, None, None, None, "1", "4"]


@each
def test_a_request_shows_neither_key_nor_events(destination: RudderStack | Segment) -> None:
    """It may stand in a traceback."""
    request = destination.request("batch", b"secret event", encoding=None, key="k", attempt=1)
    assert repr(request) == str(request) == "HttpRequest(POST 12 bytes)"


@each
def test_an_event_names_itself(destination: RudderStack | Segment) -> None:
    """A dead letter finds its id and time in the bytes alone."""
    data = encoded(destination, message())
    assert destination.identity("batch", data) == ("m-1", NOW)


@each
def test_a_call_without_a_form_is_named(destination: RudderStack | Segment) -> None:
    """PostHog's call, and an alias that lacks an id, have none here."""
    group = destination.encode(message("group_identify", group_type="company", group_id="c"))
    alias = destination.encode(message("alias", anonymous_id="a"))
    assert isinstance(group, Unsupported)
    assert "group()" in group.reason
    assert isinstance(alias, Unsupported)
    assert "previous_id" in alias.reason


@each
def test_a_session_is_named_in_the_context(destination: RudderStack | Segment) -> None:
    """Where the vendors' other SDKs put it; what the caller wrote there wins."""
    events = [
        encoded(destination, message(session_id="s-1")),
        encoded(destination, message(session_id="s-1", context={"sessionId": "mine"})),
    ]
    contexts = [event["context"] for event in body(destination, events)["batch"]]
    assert [context["sessionId"] for context in contexts] == ["s-1", "mine"]


@each
def test_encoding_leaves_the_message_alone(destination: RudderStack | Segment) -> None:
    """The same message goes to other systems afterwards."""
    made = message("page", category="C", properties={"a": 1}, context={"traits": {"b": 2}})
    before = msgspec.json.encode(made)
    encoded(destination, made)
    assert msgspec.json.encode(made) == before


@each
def test_the_library_is_ours_whatever_the_caller_says(
    destination: RudderStack | Segment,
) -> None:
    """The server's statistics by SDK stay true."""
    theirs = {"library": {"name": "mine"}, "ip": "203.0.113.7"}
    (event,) = body(destination, [encoded(destination, message(context=theirs))])["batch"]
    assert event["context"] == {
        "library": {"name": "asyncsdk", "version": __version__},
        "ip": "203.0.113.7",
    }
    assert theirs["library"] == {"name": "mine"}
