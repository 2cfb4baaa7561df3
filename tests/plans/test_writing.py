"""Writing: any plan becomes a module that can be imported, and runs nothing of the plan."""

import ast
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import Message
from asyncsdk.messages import properties_of
from asyncsdk.plans import Check
from tests.plans.plans import FORMS, NAME, PROPERTIES, TEXT, imported, of_schema, written

USE = """
from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.plans import Check
from events import EVENTS, OrderCompleted, OrderCompletedItems

def order() -> OrderCompleted:
    return OrderCompleted(
        order_id="o-1", revenue=19.95, class_=None, state="paid",
        items=[OrderCompletedItems(sku="s-1")],
    )

client = AsyncAnalytics(RudderStack("K", "https://a.example"), before_send=Check(EVENTS))
client.track(order(), user_id="user-1")
"""
WRONG = {
    'OrderCompleted(order_id="o-1")': 'Missing named argument "revenue"',
    "OrderCompleted(order_id=1, revenue=1.0)": 'expected "str"',
    'OrderCompleted(order_id="o", revenue=1.0, state="gone")': "Literal",
    'OrderCompleted(order_id="o", revenue=1.0, items=[{}])': "OrderCompletedItems",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_alike(form: str) -> None:
    """What the systems answer, as it is; other calls than track have no typed events."""
    module = imported(FORMS[form])
    (event,) = module.EVENTS
    assert (event.__name__, event.event_name) == ("OrderCompleted", NAME)
    assert event.__doc__.splitlines()[0] == TEXT
    assert "order_id: As the shop has it." in event.__doc__
    assert written(FORMS[form]) == written({**PROPERTIES, "title": NAME, "description": TEXT})


def test_fields_go_by_the_plans_names() -> None:
    """Python's own words get another name in code; what is not given is not sent."""
    module = imported(FORMS["JSON Schema"])
    order = module.OrderCompleted(order_id="o", revenue=1.0, class_="gold")
    assert properties_of(order) == {"order_id": "o", "revenue": 1.0, "class": "gold"}


@pytest.mark.whole_way
def test_a_written_module_passes_mypy_strict(tmp_path: Path) -> None:
    """And what breaks the plan does not."""
    (tmp_path / "events.py").write_text(written(FORMS["Segment, Public API"]), encoding="utf-8")
    wrong = "\n".join(f"{call}" for call in WRONG)
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(
        f"from events import OrderCompleted\n{wrong}\n", encoding="utf-8"
    )
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "events.py", "use.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stdout.splitlines()
    assert len(lines) == len(WRONG) + 1, ended.stdout + ended.stderr
    for number, words in enumerate(WRONG.values(), 2):
        assert [line for line in lines if line.startswith(f"wrong.py:{number}:") and words in line]


ODD = [
    '"""\nimport os; os.abort()\n"""',
    "\\",
    'ends with "',
    "a\u202eb\x00c",
    "__import__('os').abort()",
    "class",
    "str",
    "Any",
    "field",
    "event_name",
    "self",
    "__init__",
    "1st",
    "日本",
    "ﬁ",
    "",
    " ",
    "{0}%s",
    "\N{SNOWMAN}'\"",
]


def test_no_text_of_a_plan_becomes_code() -> None:
    """Whatever it is: names, descriptions, values, patterns. Only classes and annotations are written."""
    properties = {
        text: {"type": "string", "description": text, "enum": [text], "pattern": text}
        for text in ODD
    }
    plan = [
        {"title": text, "description": text, "type": "object", "properties": properties}
        for text in ODD
        if text
    ]
    module = imported(plan)
    assert [event.event_name for event in module.EVENTS] == [text for text in ODD if text]
    for event in module.EVENTS:
        sayable = [text for text in ODD if not set(text) & {'"', "\\", "\n", "\x00"}]
        assert list(event.__struct_encode_fields__) == sayable
    statements = {type(node) for node in ast.walk(ast.parse(written(plan)))}
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(written(plan)))
        if isinstance(node, ast.Call)
    }
    assert calls == {"field"}
    assert not statements & {ast.FunctionDef, ast.Lambda, ast.JoinedStr, ast.Attribute}
    assert written(plan).isprintable() or "\u202e" not in written(plan)


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": "string"}, ["a", ""], [1, None]),
        ({"type": ["string", "null"]}, ["a", None], [1]),
        ({"type": "integer", "minimum": 1, "exclusiveMaximum": 3}, [1, 2], [0, 3, 1.5]),
        ({"type": "number", "maximum": 1.5}, [1, 1.5], [1.6, "1"]),
        ({"type": "string", "minLength": 2, "pattern": "^a"}, ["ab"], ["a", "bb"]),
        ({"type": "string", "format": "date-time"}, ["2026-01-02T03:04:05Z"], ["tomorrow"]),
        ({"type": "string", "format": "date"}, ["2026-01-02"], ["2026"]),
        ({"enum": ["a", 1, None]}, ["a", 1, None], ["b", 2]),
        ({"const": "a"}, ["a"], ["b"]),
        ({"enum": [True]}, [True], ["a"]),
        ({"enum": [1.5]}, [1.5, "anything"], []),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, [[1]], [["a"], [1, 2, 3]]),
        ({"type": "object"}, [{"a": 1}], [1]),
        ({"properties": {"a": {"type": "integer"}}}, [{"a": 1}, {}, {"b": 1}], [{"a": "b"}]),
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            [{"a": [1]}],
            [{"b": 1}],
        ),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, [1, "a"], [None, [1]]),
        ({"oneOf": [{"type": "string"}, {"const": 1}]}, ["a", 1, 2], []),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"required": ["a"]}]},
            [{"a": 1}],
            [{}, {"a": "b"}],
        ),
        ({"not": {"type": "string"}}, ["a", 1], []),
        ({"type": ["string", "object"], "pattern": ", Meta("}, ["a", {}], [1]),
        ({"type": "integer", "minimum": 0.5, "maximum": 1e300}, [0, 2], ["a"]),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": 0}, [0], [-1]),
        ({"type": "string", "minLength": -1, "pattern": "("}, ["", "a"], [1]),
        ({"enum": [2**70]}, [1], []),
        ({"type": "nonsense"}, [1, "a"], []),
    ],
)
def test_what_a_schema_allows_passes(schema: Any, right: list[Any], wrong: list[Any]) -> None:
    """What msgspec can check is refused where the plan refuses it; the rest passes."""
    decoder = msgspec.json.Decoder(of_schema(schema).E)
    for value in right:
        decoder.decode(json.dumps({"p": value}))
    for value in wrong:
        with pytest.raises(msgspec.ValidationError):
            decoder.decode(json.dumps({"p": value}))


def test_references_are_followed_and_circles_end() -> None:
    """A tree that holds trees is checked to some depth, and written in no time."""
    tree = {
        "type": "object",
        "properties": {"l": {"$ref": "#/$defs/t"}, "r": {"$ref": "#/$defs/t"}},
    }
    module = imported(
        {
            "title": "E",
            "properties": {"p": {"$ref": "#/$defs/t"}, "q": {"$ref": "#/$defs/loop"}},
            "$defs": {"t": tree, "loop": {"$ref": "#/$defs/loop"}},
        }
    )
    decoder = msgspec.json.Decoder(module.E)
    decoder.decode(b'{"p": {"l": {"r": {}}}, "q": 1}')
    with pytest.raises(msgspec.ValidationError):
        decoder.decode(b'{"p": {"l": {"r": 1}}}')


@pytest.mark.parametrize(
    "circle",
    [
        {"allOf": [{"$ref": "#/$defs/c"}] * 6},
        {"anyOf": [{"$ref": "#/$defs/c"}] * 6},
        {"type": "array", "items": {"oneOf": [{"$ref": "#/$defs/c"}] * 6}},
        {"properties": {letter: {"$ref": "#/$defs/c"} for letter in "abcdef"}},
    ],
    ids=["allOf", "anyOf", "oneOf", "properties"],
)
def test_circles_of_every_kind_end_soon_and_alike(circle: Any) -> None:
    """Six ways on from each place are sixty million ways at a depth of ten."""
    plan = {"title": "E", "properties": {"p": {"$ref": "#/$defs/c"}}, "$defs": {"c": circle}}
    began = time.process_time()
    text = written(plan)
    assert time.process_time() - began < 10
    assert text == written(plan)
    msgspec.json.Decoder(imported(plan).E)


def test_one_event_that_goes_in_circles_costs_the_others_nothing() -> None:
    """Each has as many steps as it needs."""
    circle = {"anyOf": [{"$ref": "#/$defs/c"}] * 6}
    first = {"title": "A", "properties": {"p": {"$ref": "#/$defs/c"}}}
    second = {"title": "B", "properties": {"p": {"type": "integer"}}}
    plan = {"$defs": {"a": first, "b": second, "c": circle}}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.Decoder(imported(plan).B).decode(b'{"p": "a"}')


def test_a_field_does_not_hide_the_class_of_its_name() -> None:
    """`items` of an order is an `OrderItems`, and another field may go by that very name."""
    part = {"type": "object", "properties": {"sku": {"type": "string"}}}
    properties = {"OrderItems": {"type": "string"}, "items": part, "Order": {"type": "integer"}}
    module = imported({"title": "Order", "properties": properties})
    order = module.Order(OrderItems_="o", items=module.OrderItems(sku="s"), Order=1)
    assert properties_of(order) == {"OrderItems": "o", "items": order.items, "Order": 1}
    msgspec.json.Decoder(module.Order).decode(b'{"OrderItems": "o", "items": {"sku": "s"}}')


def test_references_may_be_written_as_in_a_url() -> None:
    """Names with a space in them often are."""
    plan = {
        "title": "E",
        "properties": {"p": {"$ref": "#/definitions/An%20id"}},
        "definitions": {"An id": {"type": "integer"}},
    }
    assert imported(plan).E.__annotations__["p"] == int | msgspec.UnsetType


NAMES = st.sampled_from(["a", "b", "class", "A b"]) | st.text(max_size=4)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
WORDS = st.sampled_from(
    [
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minLength", "maxLength", "minItems", "maxItems", "pattern", "format"),
        *("description", "enum", "const", "required"),
    ]
)
VALUES = st.none() | st.booleans() | NUMBERS | st.sampled_from(["date", "date-time", "^a"])


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Put schemas into a schema."""
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(KINDS, max_size=3),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "items": inner,
            "anyOf": st.lists(inner, max_size=3),
            "allOf": st.lists(inner, max_size=2),
            "required": st.lists(NAMES, max_size=2),
            "additionalProperties": st.booleans(),
        },
    )


ATOMS = st.fixed_dictionaries({}, optional={"type": KINDS | st.lists(KINDS, max_size=3)}).flatmap(
    lambda base: st.dictionaries(WORDS, VALUES | st.lists(VALUES, max_size=3), max_size=4).map(
        lambda more: {**more, **base}
    )
)


@pytest.mark.repeats
@given(st.recursive(ATOMS, around, max_leaves=8))
def test_any_schema_becomes_a_module_that_works(schema: Any) -> None:
    """Whatever is in it; msgspec understands every class."""
    (event,) = imported({"title": "E", "properties": {"p": schema}}).EVENTS
    msgspec.json.Decoder(event)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        pytest.param(
            {"additionalProperties": False, "patternProperties": {"^x_": {"type": "string"}}},
            {"x_foo": "v"},
            None,
            id="names by a pattern",
        ),
        pytest.param({"properties": {"n": {"type": "integer"}}}, {"n": 1.0}, {"n": 1.5}, id="1.0"),
        pytest.param({"properties": {"n": {"enum": [1, 2]}}}, {"n": 2.0}, {"n": 3.0}, id="1 or 2"),
        pytest.param(
            {
                "properties": {
                    "n": {
                        "anyOf": [
                            {"type": "integer", "minimum": 0},
                            {"type": "number", "maximum": 5},
                        ]
                    }
                }
            },
            {"n": -3},
            {"n": "3"},
            id="bounds of one of two",
        ),
        pytest.param(
            {"properties": {"n": {"oneOf": [{"const": "x"}, {"const": "y"}, {"type": "null"}]}}},
            {"n": None},
            {"n": "z"},
            id="constants",
        ),
        pytest.param(
            {"properties": {"a": {}}, "required": ["a", "b"]},
            {"a": 1, "b": [1]},
            {"a": 1},
            id="required, not described",
        ),
    ],
)
def test_what_keeps_to_the_plan_is_not_refused(schema: Any, good: Any, bad: Any) -> None:
    """And what breaks it is, as far as it says so."""
    module = imported({"title": "T", "type": "object", **schema})
    check = Check(module.EVENTS, violations="drop")
    assert check(Message("track", "m", "", user_id="u", event="T", properties=good)) is not None
    if bad is not None:
        assert check(Message("track", "m", "", user_id="u", event="T", properties=bad)) is None


def test_a_property_that_is_a_name_keeps_it() -> None:
    """One that is none comes before it in the plan, and takes another one."""
    properties: Any = {"total-price": {}, "total_price": {}, "_x": {}, "x": {}}
    module = imported({"title": "T", "type": "object", "properties": properties})
    made = module.T(total_price=1, total_price_=2, x=3, x_=4)
    assert properties_of(made) == {"total_price": 1, "total-price": 2, "x": 3, "_x": 4}
