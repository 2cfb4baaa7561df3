"""The door: what a value of a property becomes, over HTTP, read by a strict parser."""

import copy
import dataclasses
import enum
import math
from collections import Counter, OrderedDict, UserDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import msgspec
import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import AsyncAnalytics, PostHog, ValidationError
from asyncsdk.collector import Collector
from tests.client.conftest import MakeClient
from tests.client.recording import Recorder, recording
from tests.client.street import NOWHERE, adds_up, arrived, rudder

INDIA = timezone(timedelta(hours=5, minutes=30))


class Colour(enum.Enum):
    """An Enum with a text for a value."""

    RED = "red"


class Span(enum.Enum):
    """An Enum with a tuple for a value."""

    DAY = (0, 24)


class Level(enum.IntEnum):
    """An Enum that is a number."""

    HIGH = 3


class Loud(str):
    """A text with a will of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "LOUD"


class Cents(int):
    """A number of its own kind."""


class Pair(NamedTuple):
    """A tuple with names."""

    left: int
    right: int


@dataclasses.dataclass
class Item:
    """A dataclass."""

    sku: str
    price: Decimal = Decimal("19.95")


@attrs.define
class Basket:
    """An attrs class, with another class in it."""

    items: list[Item]


class Order(msgspec.Struct, rename="camel"):
    """A msgspec struct with another spelling on the wire."""

    order_id: str
    note: str | msgspec.UnsetType = msgspec.UNSET


class Customer(pydantic.BaseModel):
    """A pydantic model."""

    name: str
    since: date
    orders: list[UUID] = []


class Mute:
    """An object that no text can be made of."""

    def __str__(self) -> str:
        raise RuntimeError("planted-text")

    __repr__ = __str__


def _numbers() -> Iterator[int]:
    yield from (1, 2)


def _shared() -> list[Any]:
    one = {"a": 1}
    return [one, one]


#: A name, what makes the value, and what arrives.
CARRIED: list[tuple[str, Callable[[], Any], Any]] = [
    ("none", lambda: None, None),
    ("true", lambda: True, True),
    ("false", lambda: False, False),
    ("zero", lambda: 0, 0),
    ("int over 2**53", lambda: 2**53 + 1, 9007199254740993),
    ("int over 2**63", lambda: 2**63 + 1, 9223372036854775809),
    ("int over 2**64", lambda: 2**64 + 1, 18446744073709551617),
    ("int of 80 bits", lambda: 2**80, 1208925819614629174706176),
    ("negative int of 80 bits", lambda: -(2**80), -1208925819614629174706176),
    ("int subclass", lambda: Cents(1995), 1995),
    ("float", lambda: 19.95, Decimal("19.95")),
    ("whole float", lambda: 2.0, 2),
    ("tiny float", lambda: 5e-324, Decimal("5e-324")),
    ("huge float", lambda: 1.7976931348623157e308, Decimal("1.7976931348623157e308")),
    ("negative zero", lambda: -0.0, 0),
    ("nan", lambda: math.nan, None),
    ("infinity", lambda: math.inf, None),
    ("negative infinity", lambda: -math.inf, None),
    ("decimal", lambda: Decimal("19.950"), Decimal("19.950")),
    ("long decimal", lambda: Decimal("0.1234567890123456789012345"),
     Decimal("0.1234567890123456789012345")),
    ("decimal with exponent", lambda: Decimal("1E+3"), Decimal(1000)),
    ("decimal zero", lambda: Decimal("-0.00"), 0),
    ("decimal nan", lambda: Decimal("NaN"), None),
    ("decimal signalling nan", lambda: Decimal("sNaN"), None),
    ("decimal infinity", lambda: Decimal("-Infinity"), None),
    ("aware datetime", lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
     "2026-01-02T03:04:05.000Z"),
    ("naive datetime", lambda: datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - on purpose
     "2026-01-02T03:04:05.000Z"),
    ("datetime with offset", lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=INDIA),
     "2026-01-01T21:34:05.000Z"),
    ("datetime with microseconds", lambda: datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
     "2026-01-02T03:04:05.678Z"),
    ("date", lambda: date(2026, 1, 2), "2026-01-02"),
    ("time", lambda: time(3, 4, 5), "03:04:05"),
    ("time with microseconds", lambda: time(3, 4, 5, 6), "03:04:05.000006"),
    ("duration", lambda: timedelta(minutes=1, milliseconds=500), Decimal("60.5")),
    ("negative duration", lambda: timedelta(days=-1), -86400),
    ("uuid", lambda: UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ("path", lambda: PurePosixPath("/a/b"), "/a/b"),
    ("enum", lambda: Colour.RED, "red"),
    ("enum of a tuple", lambda: Span.DAY, [0, 24]),
    ("int enum", lambda: Level.HIGH, 3),
    ("text", lambda: "ü € 😀 \u0000 \u2028 \" \\", "ü € 😀 \u0000 \u2028 \" \\"),
    ("empty text", lambda: "", ""),
    ("text with line breaks", lambda: "a\r\nb", "a\r\nb"),
    ("str subclass", lambda: Loud("quiet"), "quiet"),
    ("lone surrogate", lambda: "a\ud800b", "a\ufffdb"),
    ("text like a time", lambda: "2026-01-02T03:04:05", "2026-01-02T03:04:05"),
    ("text like a time with microseconds", lambda: "2026-01-02T03:04:05.678901+05:30",
     "2026-01-02T03:04:05.678901+05:30"),
    ("text like a duration", lambda: "PT90S", "PT90S"),
    ("text like a negative duration", lambda: "-P1D", "-P1D"),
    ("text like no number", lambda: "NaN", "NaN"),
    ("text like infinity", lambda: "-Infinity", "-Infinity"),
    ("bytes", lambda: b"\xff\x00", "/wA="),
    ("bytearray", lambda: bytearray(b"ab"), "YWI="),
    ("memoryview", lambda: memoryview(b"ab"), "YWI="),
    ("memoryview with gaps", lambda: memoryview(b"a-b-")[::2], "YWI="),
    ("list", lambda: [1, [2, [3]]], [1, [2, [3]]]),
    ("tuple", lambda: (1, (2,)), [1, [2]]),
    ("named tuple", lambda: Pair(1, 2), [1, 2]),
    ("set", lambda: {3}, [3]),
    ("frozenset", lambda: frozenset({"a"}), ["a"]),
    ("range", lambda: range(3), [0, 1, 2]),
    ("deque", lambda: deque([1, 2]), [1, 2]),
    ("dict view", {"a": 1}.keys, ["a"]),
    ("mapping proxy", lambda: MappingProxyType({"a": 1}), {"a": 1}),
    ("counter", lambda: Counter("aab"), {"a": 2, "b": 1}),
    ("ordered dict", lambda: OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    ("the same object twice", _shared, [{"a": 1}, {"a": 1}]),
    ("dataclass", lambda: Item("s-1"), {"sku": "s-1", "price": Decimal("19.95")}),
    ("attrs", lambda: Basket([Item("s-1", Decimal(5))]), {"items": [{"sku": "s-1", "price": 5}]}),
    ("struct", lambda: Order(order_id="o-1"), {"orderId": "o-1"}),
    ("pydantic", lambda: Customer(name="n", since=date(2026, 1, 2), orders=[UUID(int=1)]),
     {"name": "n", "since": "2026-01-02", "orders": ["00000000-0000-0000-0000-000000000001"]}),
    ("numpy int", lambda: np.int64(7), 7),
    ("numpy float", lambda: np.float64(1.5), Decimal("1.5")),
    ("numpy float of 32 bits", lambda: np.float32(0.5), Decimal("0.5")),
    ("numpy bool", lambda: np.bool_(True), True),  # noqa: FBT003
    ("numpy nan", lambda: np.float64("nan"), None),
    ("numpy array", lambda: np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    ("numpy array with nan", lambda: np.array([1.5, np.nan]), [Decimal("1.5"), None]),
    ("numpy date", lambda: np.datetime64("2026-01-02"), "2026-01-02"),
    ("raw json", lambda: msgspec.Raw(b'{"a": [1, 2]}'), {"a": [1, 2]}),
    ("raw json with line breaks", lambda: msgspec.Raw(b'{"a":\n[1,\r\n2]}'), {"a": [1, 2]}),
    ("unset in a list", lambda: [msgspec.UNSET], [None]),
    ("unset in an object", lambda: {"a": msgspec.UNSET, "b": 1}, {"b": 1}),
    ("none as a key", lambda: {None: 1}, {"null": 1}),
    ("bools as keys", lambda: {True: 1, False: 2}, {"true": 1, "false": 2}),
    ("int as a key", lambda: {5: 1}, {"5": 1}),
    ("float as a key", lambda: {1.5: 1}, {"1.5": 1}),
    ("uuid as a key", lambda: {UUID(int=5): 1}, {"00000000-0000-0000-0000-000000000005": 1}),
    ("enum as a key", lambda: {Colour.RED: 1}, {"red": 1}),
    ("decimal as a key", lambda: {Decimal("1.50"): 1}, {"1.50": 1}),
    ("date as a key", lambda: {date(2026, 1, 2): 1}, {"2026-01-02": 1}),
    ("str subclass as a key", lambda: {Loud("quiet"): 1}, {"quiet": 1}),
    ("lone surrogate in a key", lambda: {"a\ud800": 1}, {"a\ufffd": 1}),
    ("empty key", lambda: {"": 1}, {"": 1}),
]  # fmt: skip


def _circular() -> dict[str, Any]:
    circle: dict[str, Any] = {"a": 1}
    circle["self"] = circle
    return circle


def _deep() -> dict[str, Any]:
    deep: dict[str, Any] = {"bottom": True}
    for _ in range(3_000):
        deep = {"a": deep}
    return deep


#: A name, what makes the value, a part of the text that arrives, how and where it is named.
COERCED: list[tuple[str, Callable[[], Any], str, str, str]] = [
    ("function", lambda: lambda: 1, "<function", "function", "properties.v"),
    ("class", lambda: Item, "Item", "type", "properties.v"),
    ("object", object, "<object object", "object", "properties.v"),
    ("mute object", Mute, "[Mute]", "Mute", "properties.v"),
    ("generator", _numbers, "<generator", "generator", "properties.v"),
    ("complex", lambda: 1 + 2j, "(1+2j)", "complex", "properties.v"),
    ("exception", lambda: KeyError("k"), "k", "KeyError", "properties.v"),
    ("endless int", lambda: 10**5000, "0x", "int", "properties.v"),
    ("circle", _circular, "[circular]", "circular", "properties.v.self"),
    ("3,000 deep", _deep, "[nested too deep]", "nested too deep", "properties.v.a.a.a"),
    ("broken raw json", lambda: msgspec.Raw(b'{"a":'), '{"a":', "Raw", "properties.v"),
    ("empty raw json", lambda: msgspec.Raw(b""), "", "Raw", "properties.v"),
    ("time out of the calendar", lambda: datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
     "9999-12-31", "OverflowError", "properties.v"),
    ("in a list", lambda: [{"a": [1, object()]}], "<object object", "object",
     "properties.v[0].a[1]"),
]  # fmt: skip


def texts(value: Any) -> str:
    """Return all texts in *value*, joined."""
    if isinstance(value, dict):
        return " ".join(texts(item) for item in value.values())
    return " ".join(map(texts, value)) if isinstance(value, list) else str(value)


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    """Run a server that keeps bodies as they came."""
    async with recording() as running:
        yield running


async def sent(make: MakeClient, collector: Collector, recorder: Recorder, value: Any) -> Any:
    """Send *value* with a good neighbour; return what a strict parser reads of it.

    The collector refuses a batch that is no JSON, the recorder shows numbers as they were written.
    """
    client = make(rudder(collector), rudder(recorder.url, name="raw", gzip=False))
    client.track("E", user_id="u", properties={"before": 1, "v": value, "after": 2})
    await client.flush(10)
    assert adds_up(client).delivered == 2
    (event,) = recorder.events
    properties: dict[str, Any] = event["properties"]
    assert (properties.pop("before"), properties.pop("after")) == (1, 2)
    assert len(collector.events) == 1
    return properties


@pytest.mark.parametrize(("make_value", "arrives"), [
    pytest.param(make_value, arrives, id=name) for name, make_value, arrives in CARRIED
])  # fmt: skip
async def test_a_value_arrives_in_its_json_form(
    make: MakeClient,
    collector: Collector,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    make_value: Callable[[], Any],
    arrives: Any,
) -> None:
    """No key is lost, nothing is named, for nothing had to be bent."""
    assert await sent(make, collector, recorder, make_value()) == {"v": arrives}
    assert caplog.messages == []


async def test_unset_means_that_there_is_no_property(
    make: MakeClient, collector: Collector, recorder: Recorder
) -> None:
    """As in a struct."""
    assert await sent(make, collector, recorder, msgspec.UNSET) == {}


@pytest.mark.parametrize(("make_value", "text", "kind", "path"), [
    pytest.param(*rest, id=name) for name, *rest in COERCED
])  # fmt: skip
async def test_what_json_cannot_carry_goes_as_text_and_is_named(
    make: MakeClient,
    collector: Collector,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    make_value: Callable[[], Any],
    text: str,
    kind: str,
    path: str,
) -> None:
    """The event arrives with all its other facts; path and type are said, the value is not."""
    properties = await sent(make, collector, recorder, make_value())
    assert text in texts(properties["v"])
    assert "planted-text" not in texts(properties)
    (line,) = caplog.messages
    assert line.startswith(f"asyncsdk: {path}")
    assert f"{kind} was sent as text" in line


@pytest.mark.parametrize(("make_value", "kind", "path"), [
    pytest.param(make_value, kind, path, id=name) for name, make_value, _, kind, path in COERCED
])  # fmt: skip
def test_strict_refuses_with_the_path(make_value: Callable[[], Any], kind: str, path: str) -> None:
    """At the call, where the stack says who made it; nothing was accepted."""
    client = AsyncAnalytics(rudder(NOWHERE), strict=True)
    with pytest.raises(ValidationError, match="strict=True") as caught:
        client.track("E", user_id="u", properties={"v": make_value()})
    assert str(caught.value.details["path"]).startswith(path)
    assert caught.value.details["type"] == kind
    assert client.statistics().accepted == client.pending == 0


@pytest.mark.parametrize(("make_value", "arrives"), [
    pytest.param(make_value, arrives, id=name) for name, make_value, arrives in CARRIED
])  # fmt: skip
def test_strict_takes_all_that_json_can_carry(make_value: Callable[[], Any], arrives: Any) -> None:
    """It refuses what would be bent, not what is merely unusual."""
    del arrives
    client = AsyncAnalytics(rudder(NOWHERE), strict=True)
    client.track("E", user_id="u", properties={"v": make_value()})
    assert client.pending == 1


async def test_what_went_as_text_is_counted_and_said_once_in_a_while(
    make: MakeClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Per value in the counter of each lane; one line for all of them."""
    client = make(rudder(collector), rudder(collector, name="second"))
    for _ in range(3):
        client.track("E", user_id="u", properties={"a": object(), "b": [object(), 1]})
    client.track("E", user_id="u")
    await client.flush(10)
    total = adds_up(client)
    assert (total.coerced, total.destinations["second"].coerced, total.delivered) == (12, 6, 8)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("field", ["properties", "context", "integrations"])
async def test_every_object_of_a_call_takes_every_value(
    client: AsyncAnalytics, collector: Collector, field: str
) -> None:
    """Not properties alone."""
    fields: dict[str, Any] = {field: {"v": {None: Decimal("1.5"), "t": timedelta(seconds=2)}}}
    client.track("E", user_id="u", **fields)
    body = await arrived(client, collector)
    assert body[field]["v"] == {"null": 1.5, "t": 2.0}


async def test_texts_of_a_call_may_be_anything_that_is_text(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Subclasses, Enums and lone surrogates in names and ids."""

    class Name(enum.StrEnum):
        SEEN = "Seen"

    client.track(Name.SEEN, user_id=Loud("quiet"), anonymous_id="a\ud800")
    body = await arrived(client, collector)
    assert (body["event"], body["userId"], body["anonymousId"]) == ("Seen", "quiet", "a\ufffd")


async def test_a_generator_is_not_used_up(client: AsyncAnalytics) -> None:
    """It is the caller's."""
    mine = _numbers()
    client.track("E", user_id="u", properties={"v": mine})
    assert list(mine) == [1, 2]


async def test_an_event_is_a_snapshot(client: AsyncAnalytics, collector: Collector) -> None:
    """Whatever the caller does after the call, however deep, does not show."""
    facts: dict[str, Any] = {"list": [1], "dict": {"a": {"b": 1}}, "item": Item("s-1")}
    client.track("E", user_id="u", properties=facts, context=facts)
    facts["list"].append(2)
    facts["dict"]["a"]["b"] = 2
    facts["item"].sku = "changed"
    facts["more"] = True
    body = await arrived(client, collector)
    expected = {"list": [1], "dict": {"a": {"b": 1}}, "item": {"sku": "s-1", "price": 19.95}}
    assert body["properties"] == expected
    assert {name: body["context"][name] for name in expected} == expected
    assert "more" not in body["context"]


nested = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None))
    | st.decimals(allow_nan=False)
    | st.datetimes()
    | st.timedeltas(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner)
        | st.lists(inner).map(deque)
        | st.tuples(inner)
    ),
    max_leaves=15,
)
objects = st.dictionaries(st.text(), nested, max_size=4)


@pytest.mark.repeats
@given(objects, objects, objects)
def test_the_callers_objects_are_never_touched(
    properties: dict[str, Any], context: dict[str, Any], default: dict[str, Any]
) -> None:
    """By no call, with and without hooks, default and bound contexts."""
    before = copy.deepcopy((properties, context, default))
    hooked = AsyncAnalytics(
        rudder(NOWHERE), default_context=default, before_send=lambda message: message
    )
    plain = AsyncAnalytics(rudder(NOWHERE), default_context=default)
    for client in (plain, hooked):
        with client.bind(context=context):
            client.track("E", user_id="u", properties=properties, context=context)
            client.identify("u", traits=properties, context=context)
            client.group("g", user_id="u", traits=properties, integrations=context)
            client.page("P", user_id="u", category="C", properties=properties)
    assert (properties, context, default) == before
    assert list(properties) == list(before[0])


class Detached(UserDict[str, Any]):
    """The row of a database whose session has ended."""

    def __getitem__(self, _: str) -> Any:
        """Fail."""
        raise RuntimeError("detached")


@pytest.mark.parametrize("hog", [False, True])
@pytest.mark.parametrize("field", ["properties", "context"])
def test_an_object_that_cannot_be_read_is_refused(field: str, *, hog: bool) -> None:
    """As text it would be no object: for some systems a poisoned batch, for others an error."""
    destination = PostHog("phc_k", host="http://127.0.0.1:9") if hog else rudder(NOWHERE)
    client = AsyncAnalytics(destination)
    wrong: dict[str, Any] = {field: Detached(a=1)}
    with pytest.raises(ValidationError, match=rf"^{field}: cannot be read \(RuntimeError\)"):
        client.capture("E", "u", **wrong)
    assert client.pending == 0
