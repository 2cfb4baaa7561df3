"""The slow path of encoding: a walk that never raises, and names what went as text."""

import math
from collections import ChainMap, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.wire.encoding import decode, encode, looks_foreign
from asyncsdk.wire.values import MAX_DEPTH, MAX_TEXT, Coerced, clean, well_formed
from tests.naming import named


class Colour(Enum):
    """An Enum whose members are equal to nothing else."""

    RED = "red"


class Pair(NamedTuple):
    """A tuple with names."""

    left: int
    right: int


class Silent:
    """An object that no text can be made of."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Treacherous(dict[str, int]):
    """A mapping that raises when it is looked into."""

    def items(self) -> Any:
        """Raise."""
        raise OSError("gone")


def paths(coerced: list[Coerced]) -> list[tuple[str, str]]:
    """Return where and what went as text."""
    return [(one.path, one.type) for one in coerced]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_plain_json_comes_back_as_it_was(value: Any) -> None:
    """The walk changes nothing that JSON carries, and names nothing."""
    if "\ud800" <= max(str(value), default="") <= "\udfff":  # lone surrogates have their own test
        return
    plain, coerced = clean(value, "v")
    assert coerced == []
    if math.inf not in _numbers(value):
        assert plain == value


def _numbers(value: Any) -> set[float]:
    if isinstance(value, float):
        return {abs(value)}
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {number for item in inside for number in _numbers(item)}


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=True)
    | st.uuids()
    | st.dates()
    | st.times()
    | st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))  # noqa: DTZ001
    | st.just(Colour.RED)
)
keys = st.text() | st.integers() | st.booleans() | st.none() | st.uuids() | st.just(Colour.RED)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner)
        | st.lists(inner).map(deque)
    ),
    max_leaves=20,
)


@given(anything)
def test_whatever_goes_in_is_strict_json_afterwards(value: Any) -> None:
    """After the walk msgspec has no objection, and a strict parser neither."""
    plain, coerced = clean({"v": value, "set": {3, 1, 2}}, "properties")
    assert plain["set"] == [1, 2, 3]
    assert coerced == []
    data = encode(plain)
    decode(data)
    assert b"NaN" not in data or "NaN" in repr(value)


@given(anything)
def test_both_paths_write_the_same(value: Any) -> None:
    """A neighbour that needs the slow path must not change how a value arrives."""
    event = {"v": value}
    try:
        fast = encode(event)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return
    if looks_foreign(fast):
        return
    slow, _ = clean(event, "properties")
    assert decode(fast) == decode(encode(slow))


class Tagged(msgspec.Struct, tag=True):
    """A struct that says what it is."""

    x: int = 1


class Listed(msgspec.Struct, array_like=True):
    """A struct that is written as a list."""

    x: int = 1


class Sparing(msgspec.Struct, omit_defaults=True):
    """A struct that leaves defaults out."""

    x: int = 1


class Renamed(msgspec.Struct, rename="camel"):
    """A struct with another spelling on the wire."""

    order_id: int = 1


@dataclass
class Plain:
    """A dataclass with a field that is nobody's business."""

    x: int = 1
    _private: int = 2


@attrs.define
class Defined:
    """The same for attrs."""

    x: int = 1
    _private: int = 2


@pytest.mark.parametrize(
    "value",
    [
        Plain(),
        Defined(),
        Tagged(),
        Listed(),
        Sparing(),
        Renamed(),
        time(1, 2, tzinfo=UTC),
        time(1, 2, 3, 4),
        {b"key": 1},
        {date(2026, 1, 1): 1},
        {4.0: 1},
        {1.5: 1},
        Decimal("1E+3"),
        Decimal("-0"),
        Pair(1, 2),
    ],
    ids=named,
)
def test_both_paths_write_special_values_the_same(value: Any) -> None:
    """The same, for values whose form is a matter of choice."""
    fast = encode({"v": value})
    slow, _ = clean({"v": value}, "properties")
    assert decode(fast) == decode(encode(slow))


class Frugal(msgspec.Struct, omit_defaults=True):
    """A struct with a default of every kind."""

    number: Any = 100_000
    words: Any = "some words"
    nothing: Any = None
    items: Any = msgspec.field(default_factory=list)
    facts: Any = msgspec.field(default_factory=dict)
    members: Any = msgspec.field(default_factory=set)
    own: Any = msgspec.field(default_factory=lambda: [])  # noqa: PIE807 - a factory of its own


#: Equal to the defaults, and other objects.
AGAIN = {"number": int("100000"), "words": " ".join(["some", "words"])}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        *({name: value} for name, value in AGAIN.items()),
        {"number": 1},
        {"number": 100_000.0},
        {"words": "other words"},
        {"nothing": 0},
        {"items": [1]},
        {"items": ()},
        {"items": {}},
        {"items": None},
        {"facts": {"a": 1}},
        {"facts": []},
        {"members": {1}},
        {"members": frozenset()},
        {"own": [1]},
    ],
    ids=named,
)
def test_both_paths_leave_out_the_same(changed: dict[str, Any]) -> None:
    """What msgspec takes for a default is left out beside a foreign neighbour too, and no more."""
    value = Frugal(**changed)
    slow, _ = clean({"v": value}, "properties")
    assert decode(encode({"v": value})) == decode(encode(slow))


def test_a_circle_is_cut_where_it_closes() -> None:
    """What can be said is said; the rest is named."""
    circle: dict[str, Any] = {"a": 1}
    circle["self"] = [circle]
    plain, coerced = clean(circle, "p")
    assert plain == {"a": 1, "self": ["[circular]"]}
    assert paths(coerced) == [("p.self[0]", "circular")]


def test_a_circle_of_lists_is_cut_where_it_closes() -> None:
    """The same for what has places instead of keys."""
    circle: list[Any] = [1]
    circle.append(circle)
    plain, coerced = clean({"v": circle}, "p")
    assert plain == {"v": [1, "[circular]"]}
    assert paths(coerced) == [("p.v[1]", "circular")]


@pytest.mark.parametrize("shared", [{"a": 1}, [1, 2], (1, 2), {1, 2}], ids=repr)
def test_the_same_object_twice_is_no_circle(shared: Any) -> None:
    """Siblings may share an object."""
    plain, coerced = clean([shared, shared, [shared]], "p")
    assert plain[0] == plain[1] == plain[2][0]
    assert coerced == []


def test_depth_is_cut_at_the_bound() -> None:
    """The deepest level that is kept is MAX_DEPTH; below it stands a text."""
    deep: Any = "bottom"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    plain, coerced = clean(deep, "p")
    assert (plain, coerced) == (deep, [])
    plain, coerced = clean([deep], "p")
    assert paths(coerced) == [("p" + "[0]" * MAX_DEPTH, "nested too deep")]
    while isinstance(plain, list):
        (plain,) = plain
    assert plain == "[nested too deep]"
    plain, _ = clean([deep], "p")
    encode(plain)


def test_an_object_in_the_middle_is_named_with_its_path() -> None:
    """Dots for keys, brackets for places in a list."""
    plain, coerced = clean({"items": [1, {"price": 1 + 2j}]}, "properties")
    assert plain == {"items": [1, {"price": "(1+2j)"}]}
    assert paths(coerced) == [("properties.items[1].price", "complex")]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Plain(x=1j), "p.v.x"),  # type: ignore[arg-type]
        (Frugal(items=[1j]), "p.v.items[0]"),
        ({1j}, "p.v[0]"),
        (deque([1, 1j]), "p.v[1]"),
        (ChainMap({"a": 1j}), "p.v.a"),
    ],
    ids=named,
)
def test_a_leaf_inside_an_object_is_named_with_its_path(value: object, path: str) -> None:
    """Fields are written as keys are."""
    assert paths(clean({"v": value}, "p")[1]) == [(path, "complex")]


def test_an_object_inside_another_is_no_circle() -> None:
    """Three levels of different objects are three levels."""
    plain, coerced = clean(Plain(x=Frugal(items=[Defined(x=1)])), "p")  # type: ignore[arg-type]
    assert plain["x"]["items"] == [{"x": 1}]
    assert coerced == []


def test_an_object_that_contains_itself_is_cut_where_it_closes() -> None:
    """As a dict is."""
    node = Plain()
    node.x = {"self": node}  # type: ignore[assignment]
    plain, coerced = clean({"v": node}, "p")
    assert plain["v"]["x"] == {"self": "[circular]"}
    assert paths(coerced) == [("p.v.x.self", "circular")]


def test_the_same_object_with_fields_twice_is_no_circle() -> None:
    """Two items of an order may be one product."""
    shared = Plain()
    plain, coerced = clean([shared, shared, {"a": shared}], "p")
    assert plain[0] == plain[1] == plain[2]["a"]
    assert coerced == []


@pytest.mark.parametrize(
    ("data", "text", "leaves"),
    [
        (b'{"a":\n[1, null]}', {"a": [1, None]}, []),
        (b'{"a":', '{"a":', [("p", "Raw")]),
        (b'{"a": "\xff"}', '{"a": "\ufffd"}', [("p", "Raw")]),
        (b"\xff", "\ufffd", [("p", "Raw")]),
    ],
)
def test_raw_json_is_read_or_stands_as_text(
    data: bytes, text: object, leaves: list[tuple[str, str]]
) -> None:
    """Broken JSON, and what is no UTF-8, must not break the event around it."""
    plain, coerced = clean(msgspec.Raw(data), "p")
    assert (plain, paths(coerced)) == (text, leaves)


def test_raw_json_is_cut_at_the_bound_of_depth_too() -> None:
    """And the place of the cut is named from the top."""
    _, coerced = clean({"v": msgspec.Raw(b"[" * 200 + b"]" * 200)}, "p")
    assert paths(coerced) == [("p.v" + "[0]" * (MAX_DEPTH - 1), "nested too deep")]


def test_what_only_looks_like_an_array_is_named_by_its_type() -> None:
    """An attribute `dtype` alone makes no numpy array."""

    class Column:
        dtype = "text"

    plain, coerced = clean(Column(), "p")
    assert "Column" in plain
    assert paths(coerced) == [("p", "Column")]


@pytest.mark.parametrize("value", [Silent(), Silent], ids=["object", "class"])
def test_an_object_without_a_text_is_its_type(value: object) -> None:
    """Nothing that an object does when touched gets out."""
    plain, coerced = clean({"v": value}, "p")
    assert isinstance(plain["v"], str)
    assert len(coerced) == 1


def test_a_mapping_that_raises_is_named() -> None:
    """The rest of the event goes on."""
    plain, coerced = clean({"bad": Treacherous(a=1), "good": 1}, "p")
    assert plain["good"] == 1
    assert paths(coerced) == [("p.bad", "OSError")]


def test_a_text_that_stands_for_an_object_is_cut() -> None:
    """A huge repr does not blow up an event."""

    class Huge:
        def __str__(self) -> str:
            return "x" * 10_000

    plain, _ = clean(Huge(), "p")
    assert plain == "x" * MAX_TEXT


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000Z"),
        (date(2026, 1, 1), "2026-01-01"),
        (Decimal("1.50"), "1.50"),
        ("\ud800", "\ufffd"),
    ],
)
def test_a_key_is_always_text(key: object, text: str) -> None:
    """JSON has no other keys."""
    plain, coerced = clean({key: 1}, "p")
    assert (plain, coerced) == ({text: 1}, [])


@pytest.mark.parametrize("key", [Silent(), datetime.max.replace(tzinfo=UTC)], ids=["silent", "max"])
def test_a_key_that_resists_does_not_take_its_neighbours_with_it(key: object) -> None:
    """One strange key costs one key, never the whole object."""
    plain, _ = clean({"good": 1, key: 2}, "p")
    assert plain["good"] == 1
    assert sorted(plain.values()) == [1, 2]


def test_a_key_without_a_text_is_its_type() -> None:
    """As a value is."""
    assert clean({Silent(): 1}, "p")[0] == {"[Silent]": 1}


def test_a_key_outside_the_calendar_does_not_take_its_neighbours_with_it() -> None:
    """The same for a moment that has no form in UTC."""
    far = datetime.fromisoformat("9999-12-31T23:59:59-05:00")
    plain, _ = clean({"good": 1, far: 2}, "p")
    assert isinstance(plain, dict)
    assert plain["good"] == 1


def test_a_set_looks_the_same_in_every_process() -> None:
    """What can be sorted is sorted; what cannot, still arrives."""
    plain, _ = clean({"c", "a", "b"}, "p")
    assert plain == ["a", "b", "c"]
    mixed, coerced = clean({1, "a"}, "p")
    assert (sorted(map(str, mixed)), coerced) == (["1", "a"], [])


def test_a_mapping_of_any_kind_is_an_object() -> None:
    """Not dict alone."""
    assert clean(ChainMap({"a": 1}, {"b": 2}), "p")[0] == {"a": 1, "b": 2}


def test_an_endless_int_is_named() -> None:
    """Python itself refuses to write it in decimal digits."""
    plain, coerced = clean(10**5000, "p")
    assert str(plain).startswith("0x")
    assert paths(coerced) == [("p", "int")]


def test_a_duration_is_seconds() -> None:
    """A number can be summed; a text cannot."""
    assert clean(timedelta(minutes=1, milliseconds=500), "p")[0] == 60.5


def test_unset_is_absent() -> None:
    """In an object the key is gone; in a list its place stays."""
    assert clean({"a": msgspec.UNSET, "b": [msgspec.UNSET]}, "p")[0] == {"b": [None]}


@given(st.text(alphabet=st.characters(codec=None)))
def test_text_is_always_well_formed(text: str) -> None:
    """Lone surrogates become U+FFFD; whatever is well-formed stays."""
    made = well_formed(text)
    made.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        assert "\ufffd" in made
    else:
        assert made == text


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1, 1, 2, 3),  # noqa: DTZ001 - on purpose
        datetime(2026, 1, 1, 1, 2, 3, 4, tzinfo=UTC),
        timedelta(seconds=1),
        timedelta(seconds=-1),
        msgspec.Raw(b'{"a":\n1}'),
        msgspec.Raw(b'"\xff"'),
        msgspec.Raw(b'{"\xed\xa0\x80": 1}'),
    ],
    ids=named,
)
def test_the_fast_path_notices_what_it_would_write_otherwise(value: object) -> None:
    """Seen in a member, in a list and as the last thing of an event."""
    for shape in ({"v": value}, [value, 1], {"a": {"b": [value]}}):
        assert looks_foreign(encode(shape))


@pytest.mark.parametrize(
    "value",
    ["", "a text", 1, 19.95, None, True, {"a": [1, 2]}, "2026-11-21T09:00:00.000Z", "Pay"],
    ids=named,
)
def test_an_ordinary_event_stays_on_the_fast_path(value: object) -> None:
    """The slow path is for the few."""
    assert not looks_foreign(encode({"v": value}))


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {None: 1},
        "\ud800",
        memoryview(b"abcd")[::2],
        Decimal("NaN"),
        Decimal("-Infinity"),
        {Decimal("1.50"): 1},
        msgspec.Raw(b"{"),
        msgspec.Raw(b""),
    ],
    ids=named,
)
def test_what_is_refused_or_no_json_goes_the_slow_path(value: object) -> None:
    """msgspec refuses it, or writes something that a look at the bytes finds to be no JSON."""
    try:
        data = encode(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return
    assert looks_foreign(data)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(data)


@pytest.mark.parametrize(
    ("data", "value"), [(b"1e999", math.inf), (b'{"a": [-1e999]}', {"a": [-math.inf]}), (b"1", 1)]
)
def test_a_number_beyond_a_float_is_infinity(data: bytes, value: object) -> None:
    """JSON has no end of numbers, and a letter must be readable whatever it holds."""
    assert decode(data) == value


@pytest.mark.parametrize("data", [b"", b"{", b"1e999,"])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    """Of whichever kind the parser makes it."""
    with pytest.raises(ValueError, match=r"."):
        decode(data)
