"""Messages: typed events, and the checks that every call shares."""

from collections import UserDict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from asyncsdk import Event, ValidationError
from asyncsdk.errors import ConfigurationError
from asyncsdk.messages import (
    Message,
    check_consent,
    check_id,
    check_object,
    check_optional_text,
    check_text,
    has_consent,
    properties_of,
)


class OrderCompleted(Event, event="Order Completed"):
    """An event with fields of its own."""

    order_id: str
    revenue: float = 0.0


class Shop(Event):
    """A base of events; it has no name."""

    shop: str = "main"


class OrderCancelled(Shop, event="Order Cancelled", kw_only=True):
    """An event that inherits a field."""

    reason: str = ""


def test_a_typed_event_has_a_name_and_properties() -> None:
    """The class names the event; the fields are the properties, in their order."""
    order = OrderCompleted(order_id="o-1", revenue=19.95)
    assert order.event_name == OrderCompleted.event_name == "Order Completed"
    assert list(properties_of(order).items()) == [("order_id", "o-1"), ("revenue", 19.95)]


def test_a_typed_event_inherits_fields_and_takes_options() -> None:
    """Options of msgspec still work in the class line."""
    cancelled = OrderCancelled(reason="late")
    assert properties_of(cancelled) == {"shop": "main", "reason": "late"}
    with pytest.raises(TypeError, match="positional"):
        OrderCancelled("main", "late")  # type: ignore[call-arg]  # that is the point


def test_fields_are_checked_by_the_class() -> None:
    """A missing field is an error where the event is made."""
    with pytest.raises(TypeError, match="order_id"):
        OrderCompleted()  # type: ignore[call-arg]  # that is the point


def test_a_class_without_a_name_cannot_be_tracked() -> None:
    """The error says what to write."""
    with pytest.raises(ValidationError, match=r'event: Shop has no event name; .*event="…"'):
        properties_of(Shop())


@pytest.mark.parametrize("name", ["", 5, b"x"])
def test_an_event_name_is_text(name: Any) -> None:
    """The error comes when the class is made, not with the first event."""
    with pytest.raises(ConfigurationError, match="Broken: event="):

        class Broken(Event, event=name):
            """Never made."""


def test_a_subclass_of_text_is_text() -> None:
    """And becomes plain text, for it may have a will of its own."""

    class Loud(str):
        __slots__ = ()

    made = check_text("event", Loud("a"))
    assert (made, type(made)) == ("a", str)


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (check_text, None, "a text that is not empty"),
        (check_text, "", "a text that is not empty"),
        (check_text, 5, "a text is needed, this is int"),
        (check_text, b"x", "a text is needed, this is bytes"),
        (check_optional_text, 5, "a text is needed, this is int"),
        (check_optional_text, ["x"], "a text is needed, this is list"),
        (check_id, True, "a text or a number is needed, this is bool"),
        (check_id, ["u"], "a text or a number is needed, this is list"),
        (check_id, b"u", "a text or a number is needed, this is bytes"),
        (check_id, float("nan"), "a text or a number is needed, this is nan"),
        (check_id, float("-inf"), "a text or a number is needed, this is -inf"),
        (check_id, 10**400, "a number of at most 300 digits is needed"),
        (check_object, [("a", 1)], "an object .* is needed, this is list"),
        (check_object, "{}", "an object .* is needed, this is str"),
        (check_object, 0, "an object .* is needed, this is int"),
    ],
)
def test_a_refusal_names_field_rule_and_type(
    check: Callable[[str, object], object], value: object, words: str
) -> None:
    """Never the value: it may be somebody's."""
    with pytest.raises(ValidationError, match=f"^field: {words}"):
        check("field", value)


@pytest.mark.parametrize("value", [None, "u", "", 0, 1, 1.5, -3, 2**80])
def test_an_id_is_text_or_a_finite_number(value: object) -> None:
    """Whether it names somebody is another question."""
    check_id("user_id", value)


@pytest.mark.parametrize("value", [None, {}, MappingProxyType({"a": 1}), UserDict[str, int](a=1)])
def test_an_object_is_any_mapping(value: object) -> None:
    """Not dict alone."""
    check_object("properties", value)


@pytest.mark.parametrize("value", [None, True, False, {}, {"ads": True, "analytics": False}])
def test_consent_is_a_bool_or_a_bool_for_each_purpose(value: object) -> None:
    """Nothing else can be read one way only."""
    check_consent("consent", value)


@pytest.mark.parametrize("value", [1, "yes", [True], {"ads": 1}])
def test_consent_that_is_unclear_is_refused(value: object) -> None:
    """An unclear yes is no yes."""
    with pytest.raises(ValidationError, match=r"^consent: .* is needed, this is \w+"):
        check_consent("consent", value)


def test_a_message_is_plain_data() -> None:
    """A hook may make one by hand."""
    message = Message("track", "m-1", "2026-11-21T09:00:00.000Z", user_id="u", event="E")
    assert (message.type, message.message_id, message.properties) == ("track", "m-1", None)


@pytest.mark.parametrize(
    ("consent", "covers"),
    [
        (True, True),
        (False, False),
        (None, None),
        ({}, None),
        ({"ads": True}, None),
        ({"ads": True, "statistics": True, "else": False}, True),
        ({"ads": True, "statistics": False}, False),
        ({"statistics": False}, False),
    ],
)
def test_consent_covers_all_purposes_or_says_nothing(
    consent: bool | dict[str, bool] | None,  # noqa: FBT001
    covers: bool | None,  # noqa: FBT001
) -> None:
    """One no is a no; a purpose that nobody was asked for leaves it open."""
    assert has_consent(consent, ("ads", "statistics")) is covers


def test_fields_go_by_their_names_on_the_wire_and_unset_ones_do_not_go() -> None:
    """As msgspec itself would write them; other values are not even looked at."""

    class Renamed(Event, event="E", kw_only=True):
        first: int
        class_: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="class")

    class Plain(Event, event="E", kw_only=True):
        first: object
        second: str | msgspec.UnsetType = msgspec.UNSET

    assert properties_of(Renamed(first=1, class_="a")) == {"first": 1, "class": "a"}
    assert properties_of(Renamed(first=1)) == {"first": 1}
    assert properties_of(Plain(first=None)) == {"first": None}
    assert list(properties_of(Plain(first=1, second="a"))) == ["first", "second"]
