"""Ours sends what the vendors' own SDKs send, field by field; where it does not, it is listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from asyncsdk import ValidationError
from tests.destinations.comparing import (
    Expected,
    compare,
    expected_of,
    problems_of,
    whole_event,
)
from tests.destinations.wire import FIXTURES, MARKERS, Fixture, load_all, repeat


@dataclass(frozen=True)
class Refused:
    """Ours refuses the call, naming `field`."""

    field: str
    error: type[Exception] = ValidationError

    def expected(self, _fixture: Fixture) -> Expected:
        """Return the refusal."""
        return Expected(error=self.error, refused=frozenset({self.field}))


@dataclass(frozen=True)
class Sends:
    """Ours sends events with these fields, besides those that every event has."""

    events: tuple[dict[str, Any], ...]

    def expected(self, fixture: Fixture) -> Expected:
        """Return the events."""
        return Expected(events=[whole_event(fixture.system, event) for event in self.events])


@dataclass(frozen=True)
class But:
    """Ours sends what the real SDK did, but for these fields; None stands for an absent one."""

    fields: dict[str, Any]

    def expected(self, fixture: Fixture) -> Expected:
        """Return the real SDK's events, changed."""
        events = [{**event, **self.fields} for event in expected_of(fixture).events]
        return Expected(
            events=[
                {name: one for name, one in event.items() if one is not None} for event in events
            ]
        )


@dataclass(frozen=True)
class SendsTo:
    """Ours sends what the real SDK did, to this path."""

    path: str

    def expected(self, fixture: Fixture) -> Expected:
        """Return the real SDK's events and the path."""
        return Expected(events=expected_of(fixture).events, path=self.path)


Difference = Refused | Sends | But | SendsTo


def sends(*events: dict[str, Any]) -> Sends:
    """Say that ours sends these."""
    return Sends(events)


def track(**fields: Any) -> Sends:
    """Say that ours sends one track with these fields."""
    return sends({"type": "track", "event": "E", **fields})


def without(*names: str) -> But:
    """Say that ours sends the same without these fields."""
    return But(dict.fromkeys(names))


def unknown(name: str) -> Refused:
    """Say that no call of ours has such a keyword."""
    return Refused(name, TypeError)


def required(name: str) -> Refused:
    """Say that Python itself refuses a call of ours without this argument."""
    return Refused(name, TypeError)


NONE = "None means: not given; there is no way to send a null at the top of an event"
KEYWORDS = "the calls take the keywords of their signature; what they do not know is a mistake"
REQUIRED = "an argument that the signature requires is missed by Python, in its own words"
OBJECTS = "properties, traits, context and integrations are objects; nothing else is one"
NOBODY = "0 and the empty text name nobody and no group, whatever the system"
NUMBERED = "names are texts and ids are texts or numbers, whatever the system"
TIMES = "a timestamp is a datetime or RFC 3339 text: an epoch's unit would have to be guessed"
TEXT_TIME = "RFC 3339 text is a time too"
BIG = "integers of any size are sent as they are"
NUMBERS = "ids are texts for Segment: a number, 0 too, becomes its text and is never refused"
CHECKED = "an oversized event is checked like any other; the real SDK skips its checks then"
BOUND = "the queue's bound holds from the first event on, in flight included, for every system"
LARGE = "an event above the documented size is sent and named in a warning, not dropped"
MESSAGE_IDS = "a message id is a text on the wire; a number becomes its text"
PATHS = "a path in the host is kept, as RudderStack's SDK and Segment's for Python do"

BIGINT = {"properties": {"big": 123456789012345678901234567890}, "event": "BigInt"}
FIRST_FIVE = sends(
    *({"type": "track", "userId": "user-1", "event": f"E{number}"} for number in range(5))
)

#: Every case in which ours does not do what the real SDK did: why, and what it does instead.
TABLE: dict[str, dict[str, dict[str, Difference]]] = {
    "rudder-node": {
        NONE: {
            "track_null_user_id_with_anon": without("userId"),
            "more_identify_traits_null": without("traits"),
            "more_page_name_null": without("category", "name", "properties"),
            "more_page_null_user_id": without("userId"),
            "more_track_integrations_null": without("integrations"),
            "more_track_null_anonymous_id": without("anonymousId"),
            "more_track_properties_null": without("properties"),
            "more_track_timestamp_null": without("timestamp"),
        },
        KEYWORDS: {
            "track_channel_given": unknown("channel"),
            "track_original_timestamp_given": unknown("original_timestamp"),
            "more_track_metadata_given": unknown("_metadata"),
            "more_track_sent_at_given": unknown("sent_at"),
            "more_track_traits_given": unknown("traits"),
            "more_track_type_given": unknown("type"),
            "more_track_unknown_key": unknown("foo"),
        },
        REQUIRED: {
            "alias_anonymous_only": required("user_id"),
            "alias_missing_user_id": required("user_id"),
            "more_group_missing_group_id": required("group_id"),
            "more_track_missing_event": required("event"),
        },
        OBJECTS: {
            "track_properties_string": Refused("properties"),
            "more_identify_traits_list": Refused("traits"),
            "more_track_properties_falsy": Refused("properties"),
            "more_track_properties_list": Refused("properties"),
            "more_track_properties_number": Refused("properties"),
        },
        TEXT_TIME: {
            "track_timestamp_string": track(
                userId="user-1", event="TS", timestamp="2024-01-02T03:04:05.678Z"
            ),
        },
        TIMES: {
            "more_track_timestamp_empty": Refused("timestamp"),
            "more_track_timestamp_zero": Refused("timestamp"),
        },
        BIG: {"track_bigint": track(userId="user-1", **BIGINT)},
        MESSAGE_IDS: {"more_track_message_id_numeric": But({"messageId": "123"})},
        CHECKED: {
            "more_size_over_32k_empty_event": Refused("event"),
            "more_size_over_32k_missing_event": required("event"),
            "more_size_over_32k_missing_ids": Refused("user_id"),
        },
        BOUND: {"queue_overflow": FIRST_FIVE},
    },
    "segment-node": {
        NONE: {
            "more_page_null_user_id": without("userId"),
            "more_track_null_anonymous_id": without("anonymousId"),
            "more_track_null_user_id_with_anon": without("userId"),
            "more_track_timestamp_null": But({"timestamp": "<time>"}),
        },
        KEYWORDS: {
            "more_track_channel_given": unknown("channel"),
            "more_track_original_timestamp_given": unknown("original_timestamp"),
            "more_track_sent_at_given": unknown("sent_at"),
            "more_track_traits_given": unknown("traits"),
            "more_track_unknown_key": unknown("foo"),
        },
        REQUIRED: {
            "group_missing_group_id": required("group_id"),
            "track_missing_event": required("event"),
            "more_alias_anonymous_only": required("user_id"),
            "more_alias_missing_user_id": required("user_id"),
            "more_size_over_32k_missing_event": required("event"),
        },
        OBJECTS: {
            "track_context_list": Refused("context"),
            "track_context_string": Refused("context"),
            "track_integrations_list": Refused("integrations"),
            "more_track_integrations_string": Refused("integrations"),
        },
        NOBODY: {
            "alias_missing_previous_id": Refused("previous_id"),
            "track_empty_event": Refused("event"),
            "track_empty_user_id": Refused("user_id"),
            "more_alias_empty_user_id": Refused("user_id"),
            "more_alias_zero_previous_id": Refused("previous_id"),
            "more_group_empty_group_id": Refused("group_id"),
            "more_group_missing_ids": Refused("user_id"),
            "more_group_zero_group_id": Refused("group_id"),
            "more_identify_empty_user_id": Refused("user_id"),
            "more_size_over_32k_empty_event": Refused("event"),
        },
        NUMBERED: {
            "page_numeric_name": Refused("name"),
            "more_alias_bool_previous_id": Refused("previous_id"),
            "more_group_bool_group_id": Refused("group_id"),
            "more_page_numeric_category": Refused("category"),
            "more_screen_numeric_name": Refused("name"),
        },
        TIMES: {
            "track_timestamp_epoch": Refused("timestamp"),
            "more_track_timestamp_garbage": Refused("timestamp"),
        },
        BIG: {"track_bigint": track(userId="user-1", **BIGINT)},
        NUMBERS: {
            "track_numeric_anonymous_id": track(anonymousId="7", event="Num"),
            "more_alias_numeric_user_id": sends(
                {"type": "alias", "userId": "42", "previousId": "old-id"}
            ),
            "more_group_numeric_user_id": sends({"type": "group", "userId": "42", "groupId": "g"}),
            "more_identify_numeric_ids": sends(
                {"type": "identify", "userId": "42", "anonymousId": "7"}
            ),
            "more_track_both_ids_numeric": track(userId="42", anonymousId="0.1"),
            "more_track_float_user_id": track(userId="4.5", event="Num"),
            "more_track_numeric_user_id": track(userId="42", event="Num"),
            "more_track_text_user_numeric_anonymous_id": But({"anonymousId": "7"}),
            "more_track_zero_anonymous_id": But({"anonymousId": "0"}),
            "more_track_zero_user_id_with_anon": track(userId="0", anonymousId="a"),
        },
        MESSAGE_IDS: {
            "track_message_id_numeric": track(userId="user-1", event="MID", messageId="123"),
        },
        PATHS: {
            "more_option_host_path_and_slash": SendsTo("/proxy/r/v1/batch"),
            "more_option_host_with_path": SendsTo("/proxy/r/v1/batch"),
            "more_option_path_and_host_path": SendsTo("/proxy/x/y"),
        },
        BOUND: {"more_queue_overflow": FIRST_FIVE},
        LARGE: {
            "more_size_multibyte_32k": track(
                userId="u", event="Big", properties={"p": "é" * 17_000}
            ),
        },
    },
}

CASES = {(fixture.system, fixture.case): fixture for fixture in load_all()}
LISTED = {
    (system, case): difference
    for system, reasons in TABLE.items()
    for cases in reasons.values()
    for case, difference in cases.items()
}
ALIKE = [pytest.param(CASES[key], id="-".join(key)) for key in CASES if key not in LISTED]
OTHERWISE = [pytest.param(*key, id="-".join(key)) for key in LISTED]


@pytest.mark.parametrize("fixture", ALIKE)
async def test_ours_does_what_the_real_sdk_did(fixture: Fixture) -> None:
    """The same call ends in the same request, or in a refusal that names the same field."""
    seen = await repeat(fixture)
    assert problems_of(fixture, expected_of(fixture), seen) == []


@pytest.mark.parametrize(("system", "case"), OTHERWISE)
async def test_ours_differs_on_purpose_as_the_table_says(system: str, case: str) -> None:
    """A row says what ours does instead; a row whose case does not differ is stale and fails."""
    fixture = CASES[system, case]
    seen = await repeat(fixture)
    assert problems_of(fixture, expected_of(fixture), seen) != [], "a stale row"
    assert problems_of(fixture, LISTED[system, case].expected(fixture), seen) == []


def test_no_case_is_listed_twice_or_without_a_reason() -> None:
    """One case has one reason."""
    rows = [cases for reasons in TABLE.values() for cases in reasons.values()]
    assert sum(map(len, rows)) == len(LISTED)
    assert all(reason for reasons in TABLE.values() for reason in reasons)


@pytest.mark.parametrize(("system", "given"), [("rudder-node", 60), ("segment-node", 53)])
def test_every_given_recording_is_compared(system: str, given: int) -> None:
    """A folder that was not found would make all of the above pass."""
    names = [case for of, case in CASES if of == system]
    assert sum(not name.startswith("more_") for name in names) == given
    assert len(names) > 2 * given


def markers_in(value: object) -> Iterator[str]:
    """Yield the markers in *value*."""
    if isinstance(value, dict):
        if len(value) == 1 and str(next(iter(value))).startswith("$"):
            yield from value
        else:
            for item in value.values():
                yield from markers_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from markers_in(item)


def test_every_marker_in_the_calls_is_understood() -> None:
    """An unknown marker would be sent as an object, and compared with nonsense."""
    index = msgspec.json.decode((FIXTURES / "index.json").read_bytes())
    calls = [call for fixture in CASES.values() for call in fixture.every_call()]
    used = {marker for call in calls for marker in markers_in(call.args)}
    assert used <= MARKERS.keys() <= index["markers"].keys()


def spoilt(value: Any) -> Iterator[Any]:
    """Yield *value* with one leaf changed, one key lost or one key added, in every way."""
    if isinstance(value, dict):
        yield {**value, "extra": 1}
        for name, item in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for other in spoilt(item):
                yield {**value, name: other}
    elif isinstance(value, list):
        yield [*value, None]
        for index, item in enumerate(value):
            for other in spoilt(item):
                yield [*value[:index], other, *value[index + 1 :]]
    else:
        yield {True: 1, False: 0}[value] if isinstance(value, bool) else f"not {value}"


@pytest.mark.parametrize("key", [("rudder-node", "identify_full"), ("segment-node", "page_full")])
def test_the_comparison_finds_each_change(key: tuple[str, str]) -> None:
    """A comparison that finds nothing proves nothing until it has found something."""
    (event,) = expected_of(CASES[key]).events
    real = [{**event, "messageId": "m", "originalTimestamp": "t", "sentAt": "s"}]
    assert list(compare(real, real)) == []
    others = list(spoilt(real))
    assert len(others) > 40
    assert [other for other in others if not list(compare(real, other))] == []
