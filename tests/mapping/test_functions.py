"""Conditions, functions and checks of the application's own."""

from decimal import Decimal
from typing import Any

import pytest

from asyncsdk.mapping import NO_VALUE, Context, Mapping, Stamp, calls, match, process, resolve
from asyncsdk.mapping.conditions import MAX_SEARCHED
from tests.mapping.events import event, of_rule

EVENT = {
    "name": "order complete",
    "data": {"id": "o-1", "total": 120, "zero": 0, "yes": True, "list": [1, "b"], "null": None},
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"key": "data.id", "operator": "eq", "value": "o-1"}, True),
        ({"key": "data.total", "operator": "eq", "value": "120"}, True),
        ({"key": "data.total", "operator": "eq", "value": 120.0}, True),
        ({"key": "data.yes", "operator": "eq", "value": True}, True),
        ({"key": "data.nope", "operator": "eq", "value": ""}, True),
        ({"key": "data.null", "operator": "eq", "value": ""}, True),
        ({"key": "data.list", "operator": "eq", "value": "1,b"}, True),
        ({"key": "data", "operator": "eq", "value": "[object Object]"}, True),
        ({"key": "data.id", "operator": "eq", "value": "o-2"}, False),
        ({"key": "data.id", "operator": "eq", "value": "o-2", "not": True}, True),
        ({"key": "data.id", "operator": "contains", "value": "-"}, True),
        ({"key": "data.id", "operator": "prefix", "value": "o"}, True),
        ({"key": "data.id", "operator": "suffix", "value": "1"}, True),
        ({"key": "data.id", "operator": "suffix", "value": "o"}, False),
        ({"key": "data.id", "operator": "regex", "value": "^o-[0-9]+$"}, True),
        ({"key": "data.id", "operator": "regex", "value": "^[0-9]"}, False),
        ({"key": "data.total", "operator": "gt", "value": "100"}, True),
        ({"key": "data.total", "operator": "gt", "value": 120}, False),
        ({"key": "data.total", "operator": "lt", "value": "1e3"}, True),
        ({"key": "data.nope", "operator": "lt", "value": "5"}, False),
        ({"key": "data.null", "operator": "lt", "value": "5"}, True),
        ({"key": "data.id", "operator": "gt", "value": "0"}, False),
        ({"key": "data.zero", "operator": "exists"}, True),
        ({"key": "data.null", "operator": "exists"}, False),
        ({"key": "data.nope", "operator": "exists"}, False),
        ({"and": []}, True),
        ({"or": []}, False),
        ({"not": {"and": [{"key": "data.nope", "operator": "exists"}]}}, True),
        (
            {
                "and": [
                    {"key": "data.id", "operator": "exists"},
                    {"or": [{"key": "name", "operator": "prefix", "value": "order"}]},
                ]
            },
            True,
        ),
    ],
)
def test_a_condition_compares_as_the_original_does(condition: Any, holds: object) -> None:
    """What is 120 beside "120"? The same: values are compared as JavaScript's texts and numbers."""
    found = resolve(EVENT, {"key": "name", "condition": condition})
    assert found == ("order complete" if holds else NO_VALUE)


def test_a_long_text_matches_no_pattern() -> None:
    """Can an event make a pattern run for ever? Texts beyond a thousand characters are not searched."""
    condition = {"key": "a", "operator": "regex", "value": "^a"}
    value = {"value": "yes", "condition": condition}
    assert resolve({"a": "a" * MAX_SEARCHED}, value) == "yes"
    assert resolve({"a": "a" * (MAX_SEARCHED + 1)}, value) is NO_VALUE


def test_the_first_rule_whose_condition_holds_counts() -> None:
    """A list of rules is tried in order; if none holds, * * is."""
    large = {"key": "data.total", "operator": "gt", "value": "100"}
    rules = {
        "order": {"complete": [{"condition": large, "name": "Large"}, {"name": "Small"}]},
        "*": {"*": {"name": "Any"}},
    }
    assert match(EVENT, rules).rule == {"condition": large, "name": "Large"}
    assert match({**EVENT, "data": {"total": 1}}, rules).rule == {"name": "Small"}
    only = {**rules, "order": {"complete": [{"condition": large, "name": "Large"}]}}
    found = match({**EVENT, "data": {}}, only)
    assert (found.rule, found.mapping_key) == ({"name": "Any"}, "* *")


def test_functions_come_as_they_are_or_by_name() -> None:
    """Where do functions come from? From Python, or by a name that the application registered."""

    def shout(value: Any, context: Context) -> str:
        return f"{value['data']['id']} {context.event['name']}".upper()

    assert resolve(EVENT, {"fn": shout}) == "O-1 ORDER COMPLETE"
    assert resolve(EVENT, {"fn": "shout"}, functions={"shout": shout}) == "O-1 ORDER COMPLETE"
    both = {"fn": shout, "key": "data.total"}
    assert resolve(EVENT, both) == 120  # a key is looked up afterwards, and counts


def test_a_function_is_told_where_it_stands_and_what_is_granted() -> None:
    """What does my function get besides the value? The event, the consent, its own mapping."""
    seen: list[Context] = []

    def look(_value: Any, context: Context) -> bool:
        seen.append(context)
        return True

    value = {"key": "data.id", "condition": look, "validate": look}
    resolve({**EVENT, "consent": {"a": True}}, value)
    resolve(EVENT, value, consent={"b": True})
    assert [one.consent for one in seen] == [{"a": True}] * 2 + [{"b": True}] * 2
    assert all(one.mapping == value and one.event["name"] == "order complete" for one in seen)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        ("string", ["a"]),
        ("number", [1, 1.5]),
        ("boolean", [True]),
        ("list", [[1]]),
        ("object", [{"a": 1}]),
    ],
)
def test_a_check_lets_its_type_pass(check: str, good: list[Any]) -> None:
    """validate: "number" lets 1 and 1.5 pass, and not true."""
    for value in ("a", 1, 1.5, True, [1], {"a": 1}):
        passes = any(type(one) is type(value) for one in good)
        found = resolve({"x": value}, {"key": "x", "validate": check})
        assert found == (value if passes else NO_VALUE)


def test_what_does_not_pass_gives_way_to_the_static_value() -> None:
    """A check that fails is no value, and for that a static value stands in."""
    assert resolve({"x": "a"}, {"key": "x", "validate": "number", "value": 0}) == 0


def test_what_raises_counts_as_no_value_and_is_named() -> None:
    """What if my function raises? The value is missing; what was wrong is told without contents."""

    def breaks(_value: Any, _context: Context) -> Any:
        raise KeyError("o-1")

    mapping = of_rule(
        {
            "data": {
                "map": {
                    "a": {"fn": breaks},
                    "b": {"value": 1, "condition": breaks},
                    "c": {"key": "data.id", "validate": breaks},
                    "d": "data.id",
                }
            }
        }
    )
    found = process(EVENT, mapping)
    assert found.data == {"d": "o-1"}
    assert [(one.place, one.reason) for one in found.failures] == [
        ("rules.order.complete.data.map.a.fn", "KeyError"),
        ("rules.order.complete.data.map.b.condition", "KeyError"),
        ("rules.order.complete.data.map.c.validate", "KeyError"),
    ]


def test_values_that_json_does_not_have_pass() -> None:
    """What of a Decimal in my event? The original has none; here it goes on, to the encoding."""
    total = Decimal("19.95")
    (track,) = calls(
        event(data={"total": total, "tags": ("a", "b")}),
        of_rule({"data": {"map": {"total": "data.total", "tag": "data.tags.1"}}}),
        Mapping({}).memory(),
    )
    assert track.properties == {"total": total, "tag": "b"}


def test_an_event_with_too_many_elements_is_not_mapped() -> None:
    """Can one event keep my loop busy? 4,000 values are taken from its lists, no more."""
    pair = {"map": {"id": "data.id", "twice": ["data.id", "data.no"], "set": {"set": ["data.id"]}}}
    mapping = of_rule({"data": {"map": {"ids": {"loop": ["nested", pair]}}}})
    items = [{"data": {"id": number}} for number in range(4_001)]
    assert len(process(event(nested=items[:1_000]), mapping).data["ids"]) == 1_000
    found = process(event(nested=items[:1_001]), mapping)
    assert (found.data, [one.place for one in found.failures]) == (NO_VALUE, ["event"])
    assert resolve({"a": items}, "a.*.data.id") is NO_VALUE
    assert len(resolve({"a": items[:-1]}, "a.*.data.id")) == 4_000


def test_a_function_that_hands_out_something_to_await_has_no_value() -> None:
    """It would be true as a condition, whatever it says; so it counts as one that raises."""

    async def later() -> bool:
        return False

    mapping = of_rule(
        {"condition": lambda _value, _context: later()},
        data={"map": {"a": {"fn": lambda _value, _context: later(), "value": "static"}}},
    )
    called = mapping.call(event(), mapping.memory(), Stamp("id", "now"))
    assert [one.properties for one in called.messages] == [{"a": "static"}]
    assert [(one.place, one.reason) for one in called.failures] == [
        ("rules.order.complete.condition", "TypeError"),
        ("data.map.a.fn", "TypeError"),
    ]
