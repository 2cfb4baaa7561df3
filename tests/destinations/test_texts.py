"""Values as texts, for a system that takes nothing else."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from asyncsdk.destinations.texts import object_of, text_of, texts_of
from asyncsdk.errors import ValidationError
from asyncsdk.wire.values import clean
from tests.naming import named

TEXTS = [
    ("49.99", "49.99"),
    ("", ""),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (42, "42"),
    (2**80, "1208925819614629174706176"),
    (49.99, "49.99"),
    (4.0, "4"),
    (1e21, "1e+21"),
    (0.1 + 0.2, "0.30000000000000004"),
    (None, None),
    (math.nan, None),
    (math.inf, None),
    ([], "[]"),
    ({}, "{}"),
    ([1, "a", None, True], '[1,"a",null,true]'),
    ({"a": {"b": [1.5]}, "é": "ü"}, '{"a":{"b":[1.5]},"é":"ü"}'),
    ([math.nan], "[null]"),
    (Raw(b"19.90"), "19.90"),
    ({"price": Raw(b"-1E+2")}, '{"price":-1E+2}'),
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=named)
def test_a_plain_value_has_one_text(value: Any, text: str | None) -> None:
    """Booleans as JSON has them, numbers in their shortest form, the rest compact; null is none."""
    assert text_of("properties.x", value) == text


class Plan(Enum):
    """A value of the caller's own."""

    PRO = "pro"


FOREIGN = [
    Decimal("19.90"),
    dt.date(2026, 1, 2),
    Plan.PRO,
    {1, 2},
    (1, 2),
    b"bytes",
    object(),
    UNSET,
    Raw(b'{"a": 1}'),
    Raw(b"nonsense"),
    {1: "a"},
    {"a": [{"b": object()}]},
    MappingProxyType({"a": 1}),
]


@pytest.mark.parametrize("value", FOREIGN, ids=named)
def test_any_other_value_asks_for_the_clean_up_first(value: Any) -> None:
    """Once it is cleaned up it has a text, and is named if that is not what it was."""
    with pytest.raises(ValidationError, match=r"^properties"):
        texts_of("properties", {"x": value})
    cleaned, _ = clean({"x": value}, "properties")
    assert all(type(text) is str for text in texts_of("properties", cleaned).values())


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals()
    | st.dates()
    | st.binary(max_size=9)
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@given(values)
def test_whatever_was_cleaned_up_has_texts(value: Any) -> None:
    """The second look must not fail: it would raise into the caller."""
    cleaned, _ = clean({"x": value}, "properties")
    for text in texts_of("properties", cleaned).values():
        assert type(text) is str


@given(st.dictionaries(st.text("abé"), st.lists(st.integers() | st.booleans()), min_size=1))
def test_what_is_nested_can_be_read_back(value: dict[str, Any]) -> None:
    """It is JSON without a blank, and nothing is lost."""
    text = text_of("x", value)
    assert text is not None
    assert msgspec.json.decode(text) == value
    assert " " not in text


def test_null_properties_are_left_out_and_none_at_all_are_an_object() -> None:
    """A map of strings has no place for null."""
    assert texts_of("properties", {"a": None, "b": 1}) == {"b": "1"}
    assert texts_of("properties", None) == {}


class Unreadable(Mapping[str, Any]):
    """A mapping that raises when it is read."""

    def __getitem__(self, key: str) -> Any:
        """Raise."""
        raise RuntimeError(key)

    def __iter__(self) -> Any:
        """Raise."""
        raise RuntimeError

    def __len__(self) -> int:
        """Raise."""
        raise RuntimeError


def test_an_object_that_is_none_is_empty_once_it_is_plain() -> None:
    """A context's `page` may be a text: then it says nothing of its parts."""
    assert object_of("context.page", "Home") == {}
    with pytest.raises(ValidationError, match=r"^context\.page"):
        object_of("context.page", Unreadable())
