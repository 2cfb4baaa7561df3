"""The gate: what passes it needs no second look, and means what the careful way would have read."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from asyncsdk.client.checking import read_given
from asyncsdk.client.gate import (
    ALIAS,
    CAPTURE,
    GROUP,
    GROUP_IDENTIFY,
    IDENTIFY,
    PAGE,
    SCREEN,
    TRACK,
    Call,
    is_plain,
    read_usual,
)
from asyncsdk.messages import Message
from asyncsdk.wire.encoding import decode, encode, looks_foreign
from asyncsdk.wire.values import clean
from tests.naming import named
from tests.wire.test_values import anything, json_values

ID, NOW = "an-id", "2026-11-21T09:00:00.000Z"
OBJECT = {"a": 1, "b": [1.5, None, True, {"c": "d"}], "e": {"f": {"g": {"h": []}}}}

USUAL: list[tuple[Call, dict[str, Any]]] = [
    (TRACK, {"event": "Item Viewed", "properties": OBJECT, "user_id": "u-1"}),
    (TRACK, {"event": "Item Viewed", "properties": None, "user_id": 42, "context": OBJECT}),
    (IDENTIFY, {"user_id": "u-1", "traits": OBJECT, "consent": {"marketing": True}}),
    (PAGE, {"name": "Home", "category": None, "properties": OBJECT, "anonymous_id": "a"}),
    (SCREEN, {"name": None, "category": "x", "properties": None, "session_id": "s", "user_id": 1}),
    (GROUP, {"group_id": 7, "traits": OBJECT, "group_type": None, "user_id": "u", "groups": {}}),
    (GROUP_IDENTIFY, {"group_type": "company", "group_id": "g", "properties": OBJECT}),
    (CAPTURE, {"event": "E", "distinct_id": "u", "properties": OBJECT, "groups": {"company": "a"}}),
    (CAPTURE, {"event": "E", "distinct_id": 7, "user_id": None, "disable_geoip": False}),
    (CAPTURE, {"event": "E", "distinct_id": None, "properties": None, "anonymous_id": "a"}),
    (ALIAS, {"user_id": "u", "previous_id": "a", "traits": None, "integrations": {"All": True}}),
]


def carefully(call: Call, given: dict[str, Any]) -> Message:
    """Read the same the careful way."""
    message = Message(call.kind, ID, NOW)
    read_given(message, call, dict(given))
    return message


@pytest.mark.parametrize(("call", "given"), USUAL)
def test_what_passes_means_what_the_careful_way_reads(call: Call, given: dict[str, Any]) -> None:
    """Every call, with what it is usually given."""
    usual = read_usual(call, given, ID, NOW)
    assert usual is not None
    assert structs.asdict(usual) == structs.asdict(carefully(call, given))


@pytest.mark.parametrize(
    "more", [{"user_id": "v"}, {"flags": {}}, {"send_feature_flags": True}, {"distinct_id": 1.5}]
)
def test_a_capture_that_is_not_usual_goes_the_careful_way(more: dict[str, Any]) -> None:
    """Two words for one user must be compared, and a snapshot of flags must be read."""
    assert read_usual(CAPTURE, {"event": "E", "distinct_id": "u", **more}, ID, NOW) is None


@given(json_values)
def test_whatever_passes_is_written_as_the_slow_path_writes_it(value: Any) -> None:
    """To the byte, and strict JSON: neither a NaN nor a time in another form gets through."""
    _compare(value)


@given(anything)
def test_nothing_foreign_passes(value: Any) -> None:
    """Dates, decimals, bytes, ids and their kind go the careful way, wherever they stand."""
    _compare(value)


def _compare(value: Any) -> None:
    usual = read_usual(TRACK, {"event": "E", "properties": {"v": value}}, ID, NOW)
    if usual is None:
        return
    try:
        data = encode(usual.properties)
    except Exception:  # noqa: BLE001 - lone surrogates and long numbers: the slow path's
        return
    slow, coerced = clean({"v": value}, "properties")
    assert coerced == []
    assert json.loads(data, parse_constant=pytest.fail) == decode(encode(slow))


class Number(IntEnum):
    """An enumeration of numbers."""

    ONE = 1


class Plain(Enum):
    """An enumeration of anything."""

    NAN = Decimal("NaN")


class Word(StrEnum):
    """An enumeration of texts."""

    HELLO = "hello"


FOREIGN = [
    Decimal("19.950000000000000000001"),
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal("-Infinity"),
    float("nan"),
    float("inf"),
    Plain.NAN,
    datetime(2026, 1, 1, tzinfo=UTC),
    date(2026, 1, 1),
    time(1, 2, 3),
    timedelta(seconds=1),
    UUID(int=1),
    b"bytes",
    (1, 2),
    {1, 2},
    {1: "a number for a key"},
    {Decimal("1.5"): 1},
    {None: 1},
    msgspec.Raw(b"{"),
    object(),
]


@pytest.mark.parametrize("value", FOREIGN, ids=named)
@pytest.mark.parametrize("place", ["properties", "context", "integrations", "groups"])
def test_a_foreign_value_is_noticed_wherever_it_stands(value: object, place: str) -> None:
    """As a member, in a list, and further down."""
    for inside in ({"v": value}, {"v": [1, value]}, {"v": {"w": [{"x": value}]}}):
        assert read_usual(TRACK, {"event": "E", place: inside}, ID, NOW) is None


@pytest.mark.parametrize("value", [Number.ONE, Word.HELLO, Decimal("1.5"), Decimal(3)], ids=named)
def test_what_equals_its_json_may_pass_and_arrives_the_same(value: object) -> None:
    """An enumeration's value, a decimal that is a float."""
    _compare(value)


@pytest.mark.parametrize(
    "given",
    [
        {"event": ""},
        {"event": 5},
        {"event": "E", "user_id": True},
        {"event": "E", "user_id": 1.5},
        {"event": "E", "user_id": 2**60},
        {"event": "E", "properties": "text"},
        {"event": "E", "context": [1]},
        {"event": "E", "consent": {"marketing": 1}},
        {"event": "E", "timestamp": NOW},
        {"event": "E", "message_id": "mine"},
        {"event": "E", "external_id": "u"},
        {"event": "E", "traits": {}},
        {"event": "E", "type": "identify"},
        {"event": "E", "colour": "red"},
    ],
    ids=named,
)
def test_what_is_not_usual_goes_the_careful_way(given: dict[str, Any]) -> None:
    """What is wrong, what must be read, and what no track call takes."""
    assert read_usual(TRACK, given, ID, NOW) is None


def test_the_message_shares_nothing_with_the_caller() -> None:
    """A hook may change all of it, however deep."""
    mine = copy.deepcopy(OBJECT)
    usual = read_usual(CAPTURE, {"event": "E", "properties": mine, "context": mine}, ID, NOW)
    assert usual is not None
    usual.properties["b"].append(1)
    usual.context["e"]["f"]["g"]["h"] = 5
    assert mine == OBJECT


def test_a_container_that_holds_itself_does_not_pass() -> None:
    """It would be walked for ever."""
    value: dict[str, Any] = {}
    value["self"] = value
    assert not is_plain(value)


def test_plain_is_said_of_objects_and_of_none() -> None:
    """As bound contexts and the default one are asked."""
    assert is_plain(None)
    assert is_plain(OBJECT)
    assert not is_plain({"at": datetime(2026, 1, 1, tzinfo=UTC)})
    assert not is_plain("text")


@pytest.mark.repeats
@given(st.dictionaries(st.text(), json_values, max_size=3))
def test_a_second_look_would_find_nothing_but_texts(value: dict[str, Any]) -> None:
    """The gate lets nothing through that the look at the bytes is there to find."""
    if is_plain(value) and not any("P" in text or "T" in text for text in _texts(value)):
        try:
            data = encode(value)
        except Exception:  # noqa: BLE001 - lone surrogates: the slow path's
            return
        assert not looks_foreign(data)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in (*value, *value.values()) for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []
