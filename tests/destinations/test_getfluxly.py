"""GetFluxly: what its events, its alias, its requests and its answers are."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import ConfigurationError, GetFluxly, __version__
from asyncsdk.messages import Kind, Message
from asyncsdk.options import Delivery, resolve
from asyncsdk.seams import Encoded, Fate, Unsupported, Verdict
from tests.destinations.making import GETFLUXLY, KEY, NOW, answer, message

AUDIT = {"library": f"asyncsdk/{__version__}", "runtime": "python"}
BATCH_KEY = "00112233445566778899aabbccddeeff"


def encoded(one: Message, destination: GetFluxly = GETFLUXLY, route: str = "events") -> bytes:
    """Return the bytes of a message that has a form, on this route."""
    made = destination.encode(one)
    assert isinstance(made, Encoded)
    assert made.route == route
    return made.data


def sent(one: Message, destination: GetFluxly = GETFLUXLY) -> dict[str, Any]:
    """Return the event as it goes on the wire."""
    body = destination.body("events", [encoded(one, destination)], sent_at=NOW)
    (event,) = msgspec.json.decode(body)["events"]
    found: dict[str, Any] = event
    return found


LEAST = {
    "event": "E",
    "message_id": "m-1",
    "external_id": "u-1",
    "context": AUDIT,
    "occurred_at": NOW,
}


def test_the_least_event_says_who_what_when_and_who_sends() -> None:
    """`user_id` is a friendly name of `external_id`."""
    assert sent(message()) == LEAST


def test_the_fullest_event_has_every_field() -> None:
    """What other systems take beside these is not sent."""
    one = message(
        anonymous_id="anon-1",
        properties={"total_usd": 99.99},
        context={"ip": "203.0.113.7"},
        timestamp="2026-01-02T03:04:05.000Z",
        session_id="s-1",
        integrations={"All": True},
        groups={"company": "acme"},
        consent=True,
    )
    assert sent(one) == LEAST | {
        "anonymous_id": "anon-1",
        "properties": {"total_usd": 99.99},
        "context": {"ip": "203.0.113.7", "session_id": "s-1"} | AUDIT,
        "occurred_at": "2026-01-02T03:04:05.000Z",
    }


@pytest.mark.parametrize(
    ("fields", "wire"),
    [
        ({"user_id": 42}, {"external_id": "42"}),
        ({"anonymous_id": 4.0}, {"anonymous_id": "4"}),
        ({"anonymous_id": ""}, {}),
        ({"anonymous_id": 0}, {}),
        ({"properties": {}}, {"properties": {}}),
    ],
)
def test_ids_are_texts_and_what_names_nobody_is_left_out(
    fields: dict[str, Any], wire: dict[str, Any]
) -> None:
    """Properties that are empty are properties."""
    assert sent(message(**fields)) == LEAST | wire


def test_audit_fields_always_win() -> None:
    """So that the backend's logs tell which package sent an event."""
    theirs = {"library": "mine", "runtime": "node", "session_id": "own", "a": 1}
    found = sent(message(context=theirs, session_id="s"))["context"]
    assert found == {"session_id": "own", "a": 1} | AUDIT
    assert theirs["library"] == "mine"


def test_the_times_name_can_be_said() -> None:
    """The documentation and the backend do not agree on it; the dead letter finds it all the same."""
    other = GetFluxly(KEY, timestamp_field="time %s é")
    found = sent(message(), other)
    assert found["time %s é"] == NOW
    assert "occurred_at" not in found
    assert other.identity("events", encoded(message(), other)) == ("m-1", NOW)


@pytest.mark.parametrize("name", ["", "event", "context", "a\n", '"', "\\", None, 5], ids=repr)
def test_a_name_for_the_time_that_is_taken_is_refused(name: Any) -> None:
    """One field cannot be two."""
    with pytest.raises(ConfigurationError, match=r"^timestamp_field: "):
        GetFluxly(KEY, timestamp_field=name)


def test_an_identify_takes_the_form_that_works() -> None:
    """The backend acts on this event with both ids and its traits there, and on nothing else."""
    one = message("identify", anonymous_id="anon-1", traits={"plan": "pro"})
    assert sent(one) == LEAST | {
        "event": "identify",
        "anonymous_id": "anon-1",
        "properties": {"traits": {"plan": "pro"}},
    }
    assert sent(message("identify", anonymous_id="a"))["properties"] == {"traits": {}}


@pytest.mark.parametrize(
    "ids", [{}, {"anonymous_id": ""}, {"user_id": None, "anonymous_id": "a"}], ids=repr
)
def test_an_identify_without_both_ids_has_no_form(ids: dict[str, Any]) -> None:
    """It would be taken, and do nothing."""
    made = GETFLUXLY.encode(message("identify", **ids))
    assert isinstance(made, Unsupported)
    assert made.reason.startswith("user_id, anonymous_id: ")


def test_the_form_of_the_vendors_package_can_be_asked_for() -> None:
    """With whatever ids there are, and traits at the top."""
    theirs = GetFluxly(KEY, identify_form="$identify")
    one = message("identify", traits={"plan": "pro"})
    assert sent(one, theirs) == LEAST | {"event": "$identify", "traits": {"plan": "pro"}}
    assert sent(message("identify"), theirs) == LEAST | {"event": "$identify"}
    with pytest.raises(ConfigurationError, match=r"^identify_form="):
        GetFluxly(KEY, identify_form="both")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("kind", ["page", "screen", "group", "group_identify"])
def test_other_calls_have_no_form(kind: Kind) -> None:
    """The reason names the call."""
    made = GETFLUXLY.encode(message(kind, anonymous_id="a", group_id="g", group_type="t"))
    assert isinstance(made, Unsupported)
    assert made.reason.startswith(f"{kind}: ")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"previous_id": "old"}, {"previous_id": "old"}),
        ({"anonymous_id": "a"}, {"anonymous_id": "a"}),
        ({"previous_id": 7, "anonymous_id": "a"}, {"previous_id": "7", "anonymous_id": "a"}),
        ({"previous_id": "old", "traits": {"x": 1}, "context": {"y": 2}}, {"previous_id": "old"}),
    ],
)
def test_an_alias_is_a_body_of_its_own(fields: dict[str, Any], body: dict[str, Any]) -> None:
    """Ids and nothing else; its message id and time stay here, for its dead letter."""
    data = encoded(message("alias", message_id='m","user_id":', **fields), route="alias")
    assert GETFLUXLY.identity("alias", data) == ('m","user_id":', NOW)
    found = msgspec.json.decode(GETFLUXLY.body("alias", [data], sent_at=NOW))
    assert found == {"user_id": "u-1"} | body


@pytest.mark.parametrize(
    ("route", "url"),
    [
        ("events", "https://api.getfluxly.com/v1/events/batch"),
        ("alias", "https://api.getfluxly.com/v1/identify/alias"),
    ],
)
def test_a_request_carries_key_and_idempotency_key(route: str, url: str) -> None:
    """The same on every attempt, written as the vendor's SDKs do: as a random UUID."""
    requests = [
        GETFLUXLY.request(route, b"packed", encoding=None, key=BATCH_KEY, attempt=attempt)
        for attempt in (1, 2)
    ]
    assert requests[0].headers == requests[1].headers
    assert (requests[0].method, requests[0].url, requests[0].body) == ("POST", url, b"packed")
    headers = dict(requests[0].headers)
    assert UUID(headers.pop("X-Idempotency-Key")).version == 4
    assert headers == {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "User-Agent": f"asyncsdk/{__version__}",
        "X-GFlux-SDK": f"asyncsdk/{__version__}",
    }


def test_a_key_of_another_form_goes_as_it_is() -> None:
    """Whoever keeps batches may name them differently."""
    request = GETFLUXLY.request("events", b"x", encoding="gzip", key="batch 7", attempt=1)
    assert request.headers["X-Idempotency-Key"] == "batch 7"
    assert request.headers["Content-Encoding"] == "gzip"


@given(first=st.text("0123456789abcdef", min_size=32, max_size=32), second=st.integers(0, 31))
def test_two_keys_stay_two(first: str, second: int) -> None:
    """Writing them as UUIDs takes six bits and no more: keys differ elsewhere too."""
    at = 0 if second in (12, 16) else second  # these two digits hold the version and the variant
    other = f"{first[:at]}{'0' if first[at] != '0' else '1'}{first[at + 1 :]}"
    keys = [
        GETFLUXLY.request("events", b"", encoding=None, key=key, attempt=1).headers
        for key in (first, other)
    ]
    assert keys[0] != keys[1]


# Answers.


def batch(content: object, *, status: int = 202, count: int = 5) -> Verdict:
    """Judge a batch of *count* events that was answered with *content*."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return GETFLUXLY.judge("events", answer(status, body), count)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  ",
        {},
        [1],
        None,
        5,
        {"accepted": 5, "rejected": 0, "errors": []},
        {"accepted": 5},
        {"errors": "none"},
        {"rejected": True, "errors": None},
        {"errors": [{"index": 5}, {"index": -1}, {"index": True}, {"index": "0"}, {}, 7]},
    ],
    ids=repr,
)
def test_a_yes_without_names_is_a_yes_to_all(content: object) -> None:
    """An empty body, an object without fields and a list count as full success."""
    verdict = batch(content)
    assert (verdict.fate, dict(verdict.but), verdict.reason) == (Fate.DELIVERED, {}, "")


def test_events_that_are_named_are_rejected() -> None:
    """Each with its own words; the others arrived."""
    verdict = batch(
        {
            "accepted": 3,
            "rejected": 2,
            "errors": [
                {"index": 1, "error": "validation_error", "detail": "event is too long"},
                {"index": 4, "error": {"code": "erasure_in_progress", "message": "wait"}},
            ],
            "request_id": "r",
        }
    )
    assert verdict.fate is Fate.DELIVERED
    assert dict(verdict.but) == {1: Fate.NEVER, 4: Fate.NEVER}
    found = {at: (said.code, said.reason) for at, said in verdict.refusals.items()}
    assert found == {
        1: ("validation_error", "validation_error: event is too long"),
        4: ("erasure_in_progress", "erasure_in_progress: wait"),
    }


def test_an_event_that_is_named_without_a_word_is_rejected_too() -> None:
    """Its index is enough."""
    verdict = batch({"errors": [{"index": 0}]})
    assert dict(verdict.but) == {0: Fate.NEVER}
    assert verdict.refusals[0].reason == "rejected without a word"


def test_all_rejected_and_none_named_is_a_no_to_all() -> None:
    """The count says it."""
    verdict = batch({"accepted": 0, "rejected": 5})
    assert verdict.fate is Fate.NEVER
    assert verdict.reason == "rejected without a word"


def test_some_rejected_and_not_named_is_said() -> None:
    """Nobody can know which: they count as delivered, and one line in the log says so."""
    verdict = batch({"accepted": 2, "rejected": 3, "errors": [{"index": 0, "error": "no"}]})
    assert (verdict.fate, dict(verdict.but)) == (Fate.DELIVERED, {0: Fate.NEVER})
    assert verdict.reason.startswith("2 of 5 events were rejected")


@pytest.mark.parametrize("body", [b"OK", b"{", b'{"accepted":1', b"\xff", b"[" * 50_000])
def test_a_yes_that_is_not_json_is_no_answer(body: bytes) -> None:
    """The batch comes again under its key, which keeps it from counting twice."""
    verdict = batch(body, status=200)
    assert (verdict.fate, verdict.code, verdict.status) == (Fate.AGAIN, "invalid_response", 200)


#: Every error code of the vendor's documentation, and what it means for a batch and for an alias.
CODES = [
    (400, "validation_error", Fate.SPLIT, Fate.NEVER),
    (401, "unauthenticated", Fate.STOP, Fate.NEVER),
    (403, "forbidden", Fate.STOP, Fate.NEVER),
    (403, "wrong_key_type", Fate.STOP, Fate.NEVER),
    (404, "not_found", Fate.STOP, Fate.NEVER),
    (408, "timeout", Fate.AGAIN, Fate.AGAIN),
    (409, "alias_conflict", Fate.SPLIT, Fate.NEVER),
    (409, "erasure_in_progress", Fate.SPLIT, Fate.NEVER),
    (413, "payload_too_large", Fate.SPLIT, Fate.NEVER),
    (425, "too_early", Fate.AGAIN, Fate.AGAIN),
    (429, "rate_limited", Fate.AGAIN, Fate.AGAIN),
    (500, "server_error", Fate.AGAIN, Fate.AGAIN),
    (503, "server_error", Fate.AGAIN, Fate.AGAIN),
]


@pytest.mark.parametrize("form", ["text", "object"])
@pytest.mark.parametrize(("status", "code", "of_batch", "of_alias"), CODES)
def test_every_documented_error_has_its_code_and_its_fate(
    status: int, code: str, of_batch: Fate, of_alias: Fate, form: str
) -> None:
    """In both forms of error bodies; an alias never stops its lane, whatever is wrong."""
    body: dict[str, object] = {"error": code, "detail": "words"}
    if form == "object":
        body = {"error": {"code": code, "message": "words"}}
    said = answer(status, json.dumps(body).encode())
    for route, fate in (("events", of_batch), ("alias", of_alias)):
        verdict = GETFLUXLY.judge(route, said, 1)
        assert (verdict.fate, verdict.code, verdict.status) == (fate, code, status)
        assert f"{code}: words" in verdict.reason


@pytest.mark.parametrize("body", [b"plain words", b"[1]", b'{"error":5}', b'{"detail":"x"}', b""])
def test_an_error_of_another_form_has_no_code(body: bytes) -> None:
    """Its status says enough, and its words are kept."""
    verdict = batch(body, status=400)
    assert (verdict.code, verdict.reason) == (None, body.decode())


def test_no_words_show_the_key() -> None:
    """Should the server repeat it, it is masked, as words, as code, and of single events."""
    echo = {"error": KEY, "detail": f"no {KEY}"}
    said = [batch(echo, status=401), batch({"errors": [{"index": 0, **echo}]})]
    words = [one.reason for one in said] + [str(one.code) for one in said]
    words += [f"{one.code} {one.reason}" for one in said[1].refusals.values()]
    assert [text for text in words if KEY in text] == []


def alias(content: object, status: int = 200) -> Verdict:
    """Judge an alias that was answered with *content*."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return GETFLUXLY.judge("alias", answer(status, body), 1)


def test_an_alias_is_answered_with_what_was_joined() -> None:
    """The inner object, as JSON."""
    merged = {"user_id": "u", "anonymous_id": "a", "merged_at": "2026-05-16T07:00:00Z"}
    verdict = alias({"alias": merged, "request_id": "r"})
    assert verdict.fate is Fate.DELIVERED
    assert msgspec.json.decode(verdict.answer or b"") == merged


@pytest.mark.parametrize("content", [b"", b"OK", {}, [1], {"alias": 5}, b"[" * 50_000])
def test_an_alias_without_its_answer_comes_again(content: object) -> None:
    """Nobody knows what became of it; its key keeps it from being joined twice."""
    verdict = alias(content)
    assert (verdict.fate, verdict.code) == (Fate.AGAIN, "invalid_response")


def test_a_publishable_key_is_explained() -> None:
    """An alias is for servers; whoever reads the error knows which key to take."""
    body = {"error": "wrong_key_type", "detail": "server key required", "received": "publishable"}
    verdict = alias(body, 403)
    assert verdict.reason == (
        "alias needs a server key (gflux_secret_…), this is publishable "
        "(wrong_key_type: server key required)"
    )


def test_the_defaults_are_the_vendors() -> None:
    """50 events and 256 KB a request, 5 s, 1,000 events, 2 retries, then back to the front."""
    options = resolve(Delivery(), Delivery(), GETFLUXLY.defaults)
    assert (options.flush_at, options.max_batch_events, options.flush_interval) == (20, 50, 5.0)
    assert (options.max_batch_bytes, options.max_queue_events) == (256_000, 1_000)
    assert (options.overflow, options.exhausted, options.max_age) == ("raise", "requeue", 3600.0)
    assert (options.max_retries, options.jitter, options.timeout) == (2, 0.25, 5.0)
    assert options.gzip is False
    limits = GETFLUXLY.routes["events"]
    assert (limits.max_events, limits.max_bytes, limits.warn_event_bytes) == (50, 262_144, 32_000)
    assert GETFLUXLY.routes["alias"].max_events == 1


objects = st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers(), max_size=4)


@given(several=st.lists(st.builds(message, properties=objects), min_size=1, max_size=8))
def test_the_stated_overheads_bound_the_body(several: list[Message]) -> None:
    """A batch that was cut by its events' sizes is never longer than the limit."""
    limits = GETFLUXLY.routes["events"]
    events = [encoded(one) for one in several]
    bound = limits.body_overhead + sum(len(one) + limits.event_overhead for one in events)
    body = GETFLUXLY.body("events", events, sent_at=NOW)
    assert len(body) <= bound
    assert msgspec.json.decode(body)["events"] == [msgspec.json.decode(e + b"}") for e in events]
