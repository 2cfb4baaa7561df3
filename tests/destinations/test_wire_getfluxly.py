"""Ours does what GetFluxly's Python package does, in requests and in outcomes, but for the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Struct, structs

from asyncsdk import ValidationError, __version__
from asyncsdk.errors import AnalyticsError
from tests.destinations.comparing import compare, form_of
from tests.destinations.fluxly import (
    TOKEN,
    Came,
    FluxFixture,
    FluxSeen,
    Trouble,
    load_flux,
    repeat_flux,
    trouble_of,
)
from tests.destinations.test_wire import markers_in
from tests.destinations.wire import FIXTURES, MARKERS, decode

AUDIT = {"library": f"asyncsdk/{__version__}", "runtime": "python"}
BATCH, ALIAS = "/v1/events/batch", "/v1/identify/alias"


class Expected(Struct, frozen=True, kw_only=True):
    """What ours must do.

    Attributes:
        raised: The codes of the errors that calls raise, ``TypeError`` for Python's own.
        named: What one of these errors names, if that matters.
        bodies: What arrives: an alias's body, or events, in their order.
        requests: Most requests that this may take, repeats left out.
        repeats: How often the first request is repeated.
        flushed: How many events the flush delivered and how many were refused.
        trouble: The error that the flush tells of.
        left: Events that wait afterwards.
        answer: What the receipt of an alias has.
    """

    raised: tuple[str, ...] = ()
    named: str = ""
    bodies: tuple[dict[str, Any], ...] = ()
    requests: int = 0
    repeats: int = 0
    flushed: tuple[int, int] = (0, 0)
    trouble: Trouble | None = None
    left: int = 0
    answer: Any = None


def expected_of(fixture: FluxFixture) -> Expected:
    """Return what theirs did, with what is ours on purpose in every event."""
    outcome = fixture.outcome
    returned = outcome.flush.returned or {}
    alias = outcome.returned if fixture.requests and ALIAS in fixture.requests[0].path else None
    trouble = outcome.flush.raised
    refused = trouble is not None and not trouble.retryable
    count = sum(len((sent.body or {}).get("events", ())) for sent in fixture.requests)
    # Their flush sends nothing if a call, at `flush_at`, did so before; ours delivers behind calls.
    accepted = 1 if alias else (count if trouble is None else 0)
    assert alias or trouble or accepted >= returned["accepted"]
    return Expected(
        raised=tuple(one.code for one in raised_in(outcome)),
        bodies=tuple(bodies_of(fixture)),
        requests=len(fixture.requests),
        flushed=(accepted, count if refused and not outcome.left else 0),
        trouble=trouble,
        left=outcome.left,
        answer=alias,
    )


def raised_in(outcome: Came) -> list[Trouble]:
    """Return the errors that calls of theirs raised."""
    raised = outcome.raised
    several = raised if isinstance(raised, list) else [raised]
    return [one for one in several if one is not None]


def bodies_of(fixture: FluxFixture) -> Iterator[dict[str, Any]]:
    """Yield what theirs sent: an alias, or events with our audit fields."""
    for sent in fixture.requests:
        body = sent.body or {}
        for event in body.get("events", ()):
            changed = {
                name: form_of_theirs(value)
                if f"/body/events/*/{name}" in fixture.volatile
                else value
                for name, value in event.items()
            }
            yield changed | {"context": event.get("context", {}) | AUDIT}
        if "events" not in body:
            yield body


def form_of_theirs(value: str) -> object:
    """Return ``<id>``, or ``<time>`` for theirs with microseconds as for ours without."""
    return form_of(re.sub(r"(\.\d{3})\d{3}Z$", r"\1Z", value))


def problems_of(expected: Expected, seen: FluxSeen) -> list[str]:
    """Return where ours did not do what is *expected*; nothing else may differ."""
    return [
        *_problems_of_calls(expected, seen),
        *compare(list(expected.bodies), list(bodies_in(seen, expected.repeats)), "bodies"),
        *_problems_of_heads(expected, seen),
        *_problems_of_flush(expected, seen),
    ]


def bodies_in(seen: FluxSeen, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield what ours sent, repeats left out."""
    for request in seen.requests[repeats:]:
        yield from request.json.get("events", (request.json,))


def _problems_of_calls(expected: Expected, seen: FluxSeen) -> Iterator[str]:
    codes = tuple(
        error.code if isinstance(error, AnalyticsError) else type(error).__name__
        for error in seen.raised
    )
    if codes != expected.raised:
        yield f"{expected.raised} expected, {codes} raised"
    if not all(expected.named in str(error) for error in seen.raised):
        yield f"{expected.named} is not named: {seen.raised}"
    answers = [one.answer for receipt in seen.receipts for one in receipt.outcomes.values()]
    answer = next((msgspec.json.decode(one) for one in answers if one is not None), None)
    yield from compare(expected.answer, answer, "answer")


def _problems_of_heads(expected: Expected, seen: FluxSeen) -> Iterator[str]:
    """Yield where requests differ in more than their bodies."""
    head = {
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        "content-encoding": None,
        "user-agent": f"asyncsdk/{__version__}",
        "x-gflux-sdk": f"asyncsdk/{__version__}",
        "x-idempotency-key": "<id>",
    }
    for request in seen.requests:
        path = BATCH if "events" in request.json else ALIAS
        yield from compare({**head, "path": path, "method": "POST"}, _head_of(head, request))
        if len(request.json.get("events", ())) > 50:
            yield "more events than the server takes"
    if len(seen.requests) - expected.repeats > expected.requests:
        yield f"{len(seen.requests)} requests for {expected.requests}"
    keys = [request.headers["x-idempotency-key"] for request in seen.requests]
    if len(set(keys)) != len(keys) - expected.repeats:
        yield f"{keys} for {expected.repeats} repeats"
    if expected.repeats and len(set(map(_bytes_of, seen.requests[: expected.repeats + 1]))) > 1:
        yield "a repeat differs"


def _bytes_of(request: Any) -> bytes:
    body: bytes = request.body
    return body


def _head_of(names: dict[str, Any], request: Any) -> dict[str, Any]:
    return {
        **{name: request.headers.get(name) for name in names},
        "path": request.path,
        "method": request.method,
    }


def _problems_of_flush(expected: Expected, seen: FluxSeen) -> Iterator[str]:
    flushed = (seen.flushed.delivered, seen.flushed.rejected)
    if flushed != expected.flushed:
        yield f"flush: {expected.flushed} delivered and rejected expected, {flushed} found"
    if seen.left != expected.left:
        yield f"queue: {expected.left} expected, {seen.left} left"
    troubles = list(map(trouble_of, seen.flushed.errors))
    if troubles != ([] if expected.trouble is None else [expected.trouble]):
        yield f"flush: {expected.trouble} expected, {troubles} told of"


# The differences.


class Refused(Struct, frozen=True):
    """Ours refuses the call, naming `field`."""

    field: str
    code: str = ValidationError.default_code

    def expected(self, _fixture: FluxFixture) -> Expected:
        """Return the refusal."""
        return Expected(raised=(self.code,), named=self.field)


class But(Struct, frozen=True):
    """Ours does what theirs did, but for these fields of what is expected, and of each event."""

    fields: dict[str, Any] = {}
    event: dict[str, Any] = {}

    def expected(self, fixture: FluxFixture) -> Expected:
        """Return what theirs did, changed; None stands for an absent field."""
        theirs = expected_of(fixture)
        events = [{**body, **self.event} for body in theirs.bodies]
        bodies = tuple(
            {name: value for name, value in event.items() if value is not None} for event in events
        )
        return structs.replace(theirs, bodies=bodies, **self.fields)


#: Every case in which ours does not do what theirs did: why, and what it does instead.
TABLE: dict[str, dict[str, Refused | But]] = {
    "user_id is a friendly name of external_id, as in the Node SDK: both given must match": {
        "track_user_id": But(event={"user_id": None, "external_id": "user_42"}),
        "track_full": Refused("external_id"),
    },
    "an identify needs both ids, without which the backend does nothing; identify_form=$identify "
    "sends theirs": {
        "identify_minimal": Refused("user_id, anonymous_id"),
    },
    "the server takes 50 events a request": {
        "batch_flush_at_120_of_120": But({"requests": 3}),
    },
    "properties are an object": {"track_properties_list": Refused("properties")},
    "a datetime is sent in the one form of all times": {
        "track_timestamp_datetime": But(event={"occurred_at": "2024-01-02T03:04:05.678Z"}),
    },
    "the calls take the keywords of their signature; a call is named by its message_id": {
        "alias_both_with_request_id": Refused("request_id", "TypeError"),
    },
    "an answer that is not JSON is tried again at once, under the same key, before it is told of": {
        "response_not_json": But({"repeats": 2}),
    },
    "a wrong key is the lane's fault: it stands still, and nothing is lost": {
        "error_401_string": But({"left": 1, "flushed": (0, 0)}),
    },
}

CASES = {fixture.case: fixture for fixture in load_flux()}
LISTED = {case: difference for cases in TABLE.values() for case, difference in cases.items()}
ALIKE = [pytest.param(CASES[case], id=case) for case in CASES if case not in LISTED]


@pytest.mark.parametrize("fixture", ALIKE)
async def test_ours_does_what_theirs_did(fixture: FluxFixture) -> None:
    """The same call ends in the same request and the same outcome, or in the same refusal."""
    assert problems_of(expected_of(fixture), await repeat_flux(fixture)) == []


@pytest.mark.parametrize("case", LISTED)
async def test_ours_differs_on_purpose_as_the_table_says(case: str) -> None:
    """A row says what ours does instead; a row whose case does not differ is stale and fails."""
    fixture = CASES[case]
    seen = await repeat_flux(fixture)
    assert problems_of(expected_of(fixture), seen) != [], "a stale row"
    assert problems_of(LISTED[case].expected(fixture), seen) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("identify_")])
async def test_the_identify_of_theirs_can_be_asked_for(case: str) -> None:
    """With that option there is no difference left."""
    fixture = CASES[case]
    seen = await repeat_flux(fixture, "$identify")
    assert problems_of(expected_of(fixture), seen) == []


async def test_a_full_queue_says_when_to_come_back() -> None:
    """The one thing beside the code: theirs says that it is no use, the Node SDK gives a time."""
    (error, _) = (await repeat_flux(CASES["queue_overflow"])).raised
    assert isinstance(error, AnalyticsError)
    (theirs, _) = raised_in(CASES["queue_overflow"].outcome)
    assert (theirs.retryable, theirs.retry_after_ms) == (False, None)
    assert error.retryable
    assert error.retry_after is not None
    assert error.retry_after > 0


def test_no_case_is_listed_twice_or_without_a_reason() -> None:
    """One case has one reason, and no reason is left over."""
    assert sum(map(len, TABLE.values())) == len(LISTED)
    assert all(reason and cases for reason, cases in TABLE.items())


def test_every_given_recording_is_compared() -> None:
    """A folder that was not found would make all of the above pass."""
    assert len(CASES) == 23
    assert LISTED.keys() <= CASES.keys()


def test_every_marker_in_the_calls_is_understood() -> None:
    """An unknown marker would be sent as an object, and compared with nonsense."""
    index = msgspec.json.decode((FIXTURES / "index.json").read_bytes())
    calls = [call for fixture in CASES.values() for call in fixture.every_call()]
    used = {marker for call in calls for marker in markers_in(call.args)}
    assert used <= MARKERS.keys() <= index["markers"].keys()
    assert decode({"$bigint": "5"}) == 5


async def test_the_comparison_finds_each_change() -> None:
    """A comparison that finds nothing proves nothing until it has found something."""
    seen = await repeat_flux(CASES["error_429_retry_after"])
    expected = expected_of(CASES["error_429_retry_after"])
    assert problems_of(expected, seen) == []
    told = expected.trouble
    assert told is not None
    spoilt = [
        structs.replace(expected, raised=("validation_error",)),
        structs.replace(expected, bodies=()),
        structs.replace(expected, bodies=({**expected.bodies[0], "event": "f"},)),
        structs.replace(expected, repeats=1),
        structs.replace(expected, flushed=(1, 0)),
        structs.replace(expected, trouble=None),
        structs.replace(expected, trouble=structs.replace(told, retry_after_ms=1_000)),
        structs.replace(expected, trouble=structs.replace(told, retryable=False)),
        structs.replace(expected, requests=0),
        structs.replace(expected, left=0),
        structs.replace(expected, answer={}),
    ]
    assert [other for other in spoilt if not problems_of(other, seen)] == []
