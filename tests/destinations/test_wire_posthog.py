"""Ours sends what PostHog's own SDKs send, field by field; where it does not, it is listed."""

from __future__ import annotations

from typing import Any

import pytest

from asyncsdk.version import __version__
from tests.destinations.comparing import compare
from tests.destinations.posthog_wire import (
    SDKS,
    HogFixture,
    expected_of,
    load_hog,
    problems_of,
    repeat_hog,
)
from tests.destinations.test_wire import spoilt

#: Events that ours sends instead: by field, what is otherwise; None for what is not there.
Otherwise = dict[str, Any]

SETS = "a person's facts are an identify, as posthog-node has it; posthog-python has none"
GROUPS = "an event of a group alone is the group's, as in posthog-node, not a random person's"
SUPER = "there are no super properties; default_context does the same for facts of the situation"
V1 = "capture V1 is not spoken: the older form is the default of both SDKs"
PYTHON = "the error is Python's, and so are its type, its frames and its source"

_FACTS = {"email": "john@doe.com", "proUser": False}

#: Every case in which ours does not do what the real SDK did: why, and what it does instead.
TABLE: dict[str, dict[tuple[str, str], Otherwise]] = {
    SETS: {
        ("python", "identify_set"): {
            "event": "$identify",
            "$set": None,
            "properties.$set": _FACTS,
            "properties.$set_once": {},
        },
        ("python", "set_once"): {
            "event": "$identify",
            "$set_once": None,
            "properties.$set": {},
            "properties.$set_once": {"first_seen": "2026"},
        },
    },
    GROUPS: {
        ("python", "group_identify"): {"distinct_id": "$company_42dlsfj23f"},
    },
    SUPER: {
        ("python", "super_properties"): {"properties.env": None},
    },
    V1: {
        ("python", "batch_capture_mode_v1"): {
            "options": None,
            "properties.$lib": "asyncsdk",
            "properties.$lib_version": __version__,
        },
    },
    PYTHON: {
        ("node", "capture_exception"): {"properties.$exception_list": "as in posthog-python"},
    },
}

CASES = {(fixture.sdk, fixture.case): fixture for fixture in load_hog()}
EVENT_CASES = {
    key: fixture
    for key, fixture in CASES.items()
    if not fixture.case.startswith(("flags_", "local_", "evaluate_flags", "remote_config"))
}
LISTED = {key: change for rows in TABLE.values() for key, change in rows.items()}
ALIKE = [
    pytest.param(EVENT_CASES[key], id="-".join(key)) for key in EVENT_CASES if key not in LISTED
]
OTHERWISE = [pytest.param(key, id="-".join(key)) for key in LISTED]


def otherwise(event: dict[str, Any], change: Otherwise) -> dict[str, Any]:
    """Return *event* with a row's *change*."""
    found = {**event, "properties": {**event["properties"]}}
    for path, value in change.items():
        name = path.removeprefix("properties.")
        place = found["properties"] if name != path else found
        place[name] = value
        if value is None:
            del place[name]
    return found


@pytest.mark.parametrize("fixture", ALIKE)
async def test_ours_sends_what_the_real_sdk_sent(fixture: HogFixture) -> None:
    """The same call ends in the same request."""
    seen = await repeat_hog(fixture)
    assert problems_of(fixture, expected_of(fixture), seen) == []


@pytest.mark.parametrize("key", OTHERWISE)
async def test_ours_differs_on_purpose_as_the_table_says(key: tuple[str, str]) -> None:
    """A row says what ours sends instead; a row whose case does not differ is stale and fails."""
    fixture = CASES[key]
    seen = await repeat_hog(fixture)
    theirs = expected_of(fixture)
    assert problems_of(fixture, theirs, seen) != [], "a stale row"
    ours = [otherwise(event, LISTED[key]) for event in theirs]
    if key == ("node", "capture_exception"):
        (like,) = expected_of(CASES["python", "capture_exception"])
        ours[0]["properties"]["$exception_list"] = like["properties"]["$exception_list"]
    assert problems_of(fixture, ours, seen) == []


def test_no_case_is_listed_twice() -> None:
    """One case has one reason."""
    assert sum(map(len, TABLE.values())) == len(LISTED)


def test_every_given_recording_is_compared() -> None:
    """A folder that was not found would make all of the above pass."""
    count = {sdk: sum(of == sdk for of, _ in EVENT_CASES) for sdk in SDKS}
    assert count == {"node": 13, "python": 13, "python_async": 3}


def test_the_comparison_finds_each_change() -> None:
    """A comparison that finds nothing proves nothing until it has found something."""
    (event,) = expected_of(CASES["node", "capture_full"])
    assert list(compare([event], [event])) == []
    others = list(spoilt([event]))
    assert len(others) > 20
    assert [other for other in others if not list(compare([event], other))] == []
