"""The calls: what each needs, what each refuses, and what of each arrives."""

import re
from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

import pytest

from asyncsdk import AsyncAnalytics, Event, Message, Receipt, RudderStack, State, ValidationError
from asyncsdk.collector import Collector
from asyncsdk.seams import Encoded, Unsupported
from tests.client.conftest import MakeClient
from tests.client.street import NOWHERE, adds_up, arrived, bodies, rudder

Call = Callable[..., Receipt]

#: A right call of each kind: its name and its arguments.
RIGHT: dict[str, dict[str, Any]] = {
    "track": {"event": "E", "user_id": "u"},
    "identify": {"user_id": "u"},
    "page": {"name": "P", "user_id": "u"},
    "screen": {"name": "S", "user_id": "u"},
    "group": {"group_id": "g", "user_id": "u"},
    "alias": {"user_id": "u", "previous_id": "p"},
    "capture": {"event": "E", "distinct_id": "u"},
    "group_identify": {"group_type": "company", "group_key": "acme"},
    "capture_exception": {"error": ValueError("boom"), "distinct_id": "u"},
}
SENT = [kind for kind in RIGHT if kind not in ("group_identify", "capture_exception")]

AN_ID = "a text or a number is needed, this is {type}"
AN_OBJECT = r"an object \(a dict or another mapping\) is needed, this is {type}"
A_TEXT = "a text is needed, this is {type}"
A_FLAG = "True or False is needed, this is {type}"
CONSENT = "a bool or a mapping of purposes to bools is needed, this is {type}"
TIMESTAMP = "an aware datetime or RFC 3339 text"

#: Keyword, wrong value, and the rule that the message states.
COMMON_WRONG: list[tuple[str, Any, str]] = [
    ("anonymous_id", ["a"], AN_ID),
    ("anonymous_id", True, AN_ID),
    ("external_id", {"id": 1}, AN_ID),
    ("session_id", b"s", AN_ID),
    ("context", "here", AN_OBJECT),
    ("context", [("a", 1)], AN_OBJECT),
    ("integrations", ["All"], AN_OBJECT),
    ("integrations", True, AN_OBJECT),
    ("groups", {"a", "b"}, AN_OBJECT),
    ("timestamp", 1_700_000_000, TIMESTAMP),
    ("timestamp", "yesterday", TIMESTAMP),
    ("timestamp", date(2026, 1, 1), TIMESTAMP),
    ("message_id", b"m", AN_ID),
    ("message_id", True, AN_ID),
    ("message_id", ["m"], AN_ID),
    ("consent", "yes", CONSENT),
    ("consent", {"ads": "yes"}, "a bool for each purpose is needed, this is {type}"),
]

#: Call, keyword, wrong value, and the rule.
OWN_WRONG: list[tuple[str, str, Any, str]] = [
    ("track", "event", None, "a text that is not empty is needed"),
    ("track", "event", "", "a text that is not empty is needed"),
    ("track", "event", 5, A_TEXT),
    ("track", "event", ["E"], A_TEXT),
    ("track", "properties", ["a"], AN_OBJECT),
    ("track", "properties", "text", AN_OBJECT),
    ("track", "user_id", True, AN_ID),
    ("track", "user_id", ["u"], AN_ID),
    ("track", "user_id", float("nan"), "a text or a number is needed, this is nan"),
    ("track", "user_id", float("inf"), "a text or a number is needed, this is inf"),
    ("track", "user_id", UUID(int=1), AN_ID),
    ("identify", "user_id", False, AN_ID),
    ("identify", "traits", 5, AN_OBJECT),
    ("page", "name", 5, A_TEXT),
    ("page", "category", {"a": 1}, A_TEXT),
    ("page", "properties", (1, 2), AN_OBJECT),
    ("screen", "name", b"S", A_TEXT),
    ("screen", "category", 1.5, A_TEXT),
    ("screen", "properties", 0, AN_OBJECT),
    ("group", "group_id", None, "an id is needed"),
    ("group", "group_id", 0, "an id is needed"),
    ("group", "group_id", "", "an id is needed"),
    ("group", "group_id", True, AN_ID),
    ("group", "traits", ["a"], AN_OBJECT),
    ("group", "group_type", 5, A_TEXT),
    ("alias", "user_id", "", "needs the id from now on"),
    ("alias", "user_id", None, "needs the id from now on"),
    ("alias", "user_id", ["u"], AN_ID),
    ("alias", "previous_id", 0, "needs the id until now"),
    ("alias", "previous_id", None, "needs the id until now"),
    ("alias", "previous_id", False, AN_ID),
    ("alias", "traits", "t", AN_OBJECT),
    ("capture", "event", "", "a text that is not empty is needed"),
    ("capture", "properties", 5, AN_OBJECT),
    ("capture", "flags", ["a"], AN_OBJECT),
    ("capture", "send_feature_flags", 1, A_FLAG),
    ("capture", "disable_geoip", "yes", A_FLAG),
    ("capture_exception", "error", "boom", "an exception is needed, this is {type}"),
    ("capture_exception", "error", None, "an exception is needed, this is {type}"),
    ("capture_exception", "error", ValueError, "an exception is needed, this is {type}"),
    ("capture_exception", "properties", ["a"], AN_OBJECT),
    ("capture_exception", "handled", 1, A_FLAG),
    ("capture_exception", "flags", ["a"], AN_OBJECT),
    ("group_identify", "group_type", "", "a text that is not empty is needed"),
    ("group_identify", "group_type", 5, A_TEXT),
    ("group_identify", "group_key", 0, "an id is needed"),
    ("group_identify", "properties", ["a"], AN_OBJECT),
]

_SPELLED = {"group_key": "(group_key|group_id)"}


def say(client: AsyncAnalytics, kind: str, **changes: Any) -> Receipt:
    """Make a right call of *kind*, with *changes*; `external_id` alone names the user then."""
    arguments = RIGHT[kind] | changes
    call: Call = getattr(client, kind)
    return call(**arguments)


def refusal(client: AsyncAnalytics, kind: str, **changes: Any) -> ValidationError:
    """Make a wrong call and return its error; nothing was accepted."""
    with pytest.raises(ValidationError) as caught:
        say(client, kind, **changes)
    assert (client.pending, client.statistics().accepted) == (0, 0)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.code, caught.value.retryable) == ("validation_error", False)
    return caught.value


@pytest.mark.parametrize("kind", SENT)
@pytest.mark.parametrize(("name", "value", "rule"), COMMON_WRONG)
def test_every_call_checks_the_common_keywords(kind: str, name: str, value: Any, rule: str) -> None:
    """The message names the field, the rule and the type, never the value."""
    error = refusal(AsyncAnalytics(rudder(NOWHERE)), kind, **{name: value})
    kind_of_value = type(next(iter(value.values())) if rule.startswith("a bool for") else value)
    assert re.match(f"{name}: {rule.format(type=kind_of_value.__name__)}", str(error))


@pytest.mark.parametrize(("kind", "name", "value", "rule"), OWN_WRONG)
def test_every_call_checks_its_own_arguments(kind: str, name: str, value: Any, rule: str) -> None:
    """The same, for what belongs to one call."""
    error = refusal(AsyncAnalytics(rudder(NOWHERE)), kind, **{name: value})
    spelled = _SPELLED.get(name, name)
    assert re.match(f"{spelled}: .*{rule.format(type=type(value).__name__)}", str(error))


@pytest.mark.parametrize("kind", ["track", "page", "screen", "group", "identify", "capture"])
@pytest.mark.parametrize("nobody", [None, "", 0, 0.0])
def test_a_call_names_somebody(kind: str, nobody: Any) -> None:
    """Zero and the empty text name nobody, whichever id they stand for."""
    client = AsyncAnalytics(rudder(NOWHERE))
    user = "distinct_id" if kind == "capture" else "user_id"
    error = refusal(client, kind, **{user: nobody, "anonymous_id": nobody})
    said = "track" if kind == "capture" else kind
    assert str(error).startswith(f"user_id, anonymous_id: {said}() needs one of them")


@pytest.mark.parametrize("kind", ["track", "page", "screen", "group", "identify", "capture"])
async def test_an_anonymous_id_is_enough(
    client: AsyncAnalytics, collector: Collector, kind: str
) -> None:
    """One of the two ids."""
    user = "distinct_id" if kind == "capture" else "user_id"
    say(client, kind, **{user: None, "anonymous_id": "a"})
    body = await arrived(client, collector)
    assert (body.get("userId"), body["anonymousId"]) == (None, "a")


@pytest.mark.parametrize("kind", RIGHT)
def test_an_unknown_keyword_is_a_type_error(kind: str) -> None:
    """As Python itself has it, also with invalid="drop": the code is wrong, not the data."""
    client = AsyncAnalytics(rudder(NOWHERE), invalid="drop")
    with pytest.raises(TypeError, match="unexpected keyword argument 'userId'"):
        say(client, kind, userId="u")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("user-1", "user-1"),
        (42, "42"),
        (-7, "-7"),
        (4.5, "4.5"),
        (4.0, "4"),
        (1e21, "1e+21"),
        (2**64 + 1, "18446744073709551617"),
        ("ü\u0000\u2028", "ü\u0000\u2028"),
    ],
)
async def test_an_id_arrives_as_text(
    client: AsyncAnalytics, collector: Collector, value: Any, text: str
) -> None:
    """Numbers as the vendor's SDK writes them."""
    client.track("E", user_id=value, anonymous_id=value)
    body = await arrived(client, collector)
    assert (body["userId"], body["anonymousId"]) == (text, text)


async def test_other_ids_keep_their_form(client: AsyncAnalytics, collector: Collector) -> None:
    """A group's number stays a number, as in the vendor's SDK."""
    client.group(7, user_id="u")
    client.alias(user_id="u", previous_id=8)
    await client.flush(10)
    group, alias = bodies(collector)
    assert (group["groupId"], alias["previousId"]) == (7, 8)


def test_a_number_without_end_is_refused_as_an_id() -> None:
    """Python itself would not write it."""
    error = refusal(AsyncAnalytics(rudder(NOWHERE)), "track", user_id=10**5000)
    assert str(error).startswith("user_id: ")


@pytest.mark.parametrize("kind", SENT)
async def test_external_id_is_another_word_for_user_id(
    client: AsyncAnalytics, collector: Collector, kind: str
) -> None:
    """Alone, or beside an equal one."""
    user = "distinct_id" if kind == "capture" else "user_id"
    say(client, kind, **{user: None, "external_id": "x"})
    say(client, kind, **{user: "x", "external_id": "x"})
    await client.flush(10)
    assert [body["userId"] for body in bodies(collector)] == ["x", "x"]


@pytest.mark.parametrize("kind", SENT)
def test_external_id_must_match(kind: str) -> None:
    """Two names for one id cannot say two things."""
    error = refusal(AsyncAnalytics(rudder(NOWHERE)), kind, external_id="other")
    assert re.match("(external_id|distinct_id): must equal user_id", str(error))


@pytest.mark.parametrize("wrong", [["u"], True, {"a": 1}, float("nan")])
def test_two_words_are_both_checked_before_they_are_compared(wrong: Any) -> None:
    """Whichever of them is no id, the call says so."""
    client = AsyncAnalytics(rudder(NOWHERE))
    refusal(client, "track", user_id=wrong, external_id="u")
    refusal(client, "track", user_id="u", external_id=wrong)
    refusal(client, "identify", user_id=wrong, external_id="u")
    refusal(client, "capture", distinct_id=wrong, user_id="u")


async def test_a_number_and_its_text_are_one_id(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Both arrive as the same text, so they match."""
    client.track("E", user_id=42, external_id="42")
    assert (await arrived(client, collector))["userId"] == "42"


def test_capture_cannot_name_two_users() -> None:
    """`distinct_id` and `user_id` are one thing there."""
    client = AsyncAnalytics(rudder(NOWHERE))
    client.capture("E", "u", user_id="u")
    with pytest.raises(ValidationError, match=r"distinct_id|user_id"):
        client.capture("E", "u", user_id="other")


async def test_what_each_call_sends(client: AsyncAnalytics, collector: Collector) -> None:
    """Every argument arrives where the system looks for it."""
    client.track("E", user_id="u", properties={"a": 1})
    client.identify("u", traits={"a": 1})
    client.page("P", user_id="u", category="C", properties={"a": 1})
    client.screen("S", user_id="u", category="C", properties={"a": 1})
    client.group("g", user_id="u", traits={"a": 1})
    client.alias(previous_id="p", user_id="u")
    client.capture("E", "u", {"a": 1})
    await client.flush(10)
    kept = ("type", "event", "name", "category", "properties", "traits", "groupId", "previousId")
    seen = [{name: body[name] for name in kept if name in body} for body in bodies(collector)]
    facts = {"a": 1}
    assert seen == [
        {"type": "track", "event": "E", "properties": facts},
        {"type": "identify", "traits": facts},
        {"type": "page", "name": "P", "category": "C", "properties": facts},
        {"type": "screen", "name": "S", "category": "C", "properties": facts},
        {"type": "group", "groupId": "g", "traits": facts},
        {"type": "alias", "previousId": "p"},
        {"type": "track", "event": "E", "properties": facts},
    ]
    assert {body["userId"] for body in bodies(collector)} == {"u"}


async def test_what_was_not_given_is_absent(client: AsyncAnalytics, collector: Collector) -> None:
    """Not null."""
    client.page(user_id="u", properties=None, category=None, context=None, timestamp=None)
    body = await arrived(client, collector)
    assert set(body) == {
        "type", "channel", "context", "messageId", "originalTimestamp", "sentAt", "userId",
    }  # fmt: skip


@pytest.mark.parametrize(
    "facts", [MappingProxyType({"a": {"b": 1}}), UserDict[str, Any](a={"b": 1}), {"a": {"b": 1}}]
)
async def test_an_object_may_be_any_mapping(
    client: AsyncAnalytics, collector: Collector, facts: Any
) -> None:
    """As properties, as context and as integrations alike."""
    client.track("E", user_id="u", properties=facts, context=facts, integrations=facts)
    body = await arrived(client, collector)
    assert body["properties"] == body["integrations"] == {"a": {"b": 1}}
    assert body["context"]["a"] == {"b": 1}


async def test_integrations_pass_through(client: AsyncAnalytics, collector: Collector) -> None:
    """Empty ones too."""
    client.track("E", user_id="u", integrations={"All": True, "Amplitude": {"session": 1}})
    client.track("E", user_id="u", integrations={})
    await client.flush(10)
    first, second = bodies(collector)
    assert first["integrations"] == {"All": True, "Amplitude": {"session": 1}}
    assert second["integrations"] == {}


async def test_a_session_id_goes_into_the_context(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Where the vendor's other SDKs put it; one that the call put there itself wins."""
    client.track("E", user_id="u", session_id="s-1")
    client.track("E", user_id="u", session_id="s-1", context={"sessionId": "own"})
    await client.flush(10)
    assert [body["context"]["sessionId"] for body in bodies(collector)] == ["s-1", "own"]


async def test_a_message_id_may_be_given(client: AsyncAnalytics, collector: Collector) -> None:
    """A text, a UUID or a number; the receipt has it too. Without one it is made."""
    own = UUID(int=5)
    given: list[Any] = ["m-1", own, 5, 4.0, None, ""]
    receipts = [client.track("E", user_id="u", message_id=one) for one in given]
    await client.flush(10)
    assert [receipt.message_id for receipt in receipts[:4]] == ["m-1", str(own), "5", "4"]
    assert [UUID(receipt.message_id).version for receipt in receipts[4:]] == [7, 7]
    ids = [body["messageId"] for body in bodies(collector)]
    assert ids == [receipt.message_id for receipt in receipts]


def test_no_system_here_has_group_identify() -> None:
    """If no destination has a form for a call, the call is wrong."""
    error = refusal(AsyncAnalytics(rudder(NOWHERE)), "group_identify")
    assert "group_identify" in str(error)


@dataclass(frozen=True)
class WithGroups(RudderStack):
    """A system of the application's own that has a form for `group_identify`."""

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Send it as a group."""
        if message.type == "group_identify":
            message = Message(
                "group",
                message.message_id,
                message.original_timestamp,
                anonymous_id=f"{message.group_type}:{message.group_id}",
                group_id=message.group_id,
                traits=message.properties,
            )
        return super().encode(message)


async def test_a_call_is_skipped_where_a_system_has_no_form_for_it(
    make: MakeClient, collector: Collector
) -> None:
    """Counted there as unsupported, not accepted; the others get it."""
    own = WithGroups("planted-write-key-1234567890", collector.url, name="own")
    client = make(own, rudder(collector))
    receipt = client.group_identify("company", "acme", {"seats": 5})
    assert list(receipt.outcomes) == ["own"]
    assert (await receipt.delivered(5)).state is State.DELIVERED
    total = adds_up(client)
    assert (total.accepted, total.unsupported) == (1, 1)
    assert total.destinations["rudder"].unsupported == 1
    assert bodies(collector)[0]["traits"] == {"seats": 5}


async def test_alias_without_a_previous_id_is_for_systems_that_allow_it(
    make: MakeClient,
) -> None:
    """RudderStack does not; then nobody takes it and the call is wrong."""
    client = make()
    with pytest.raises(ValidationError, match="RudderStack needs user_id and previous_id"):
        client.alias(user_id="u", anonymous_id="a")


class OrderCompleted(Event, event="Order Completed"):
    """An event with its own fields."""

    order_id: str
    revenue: float = 0.0


class Nameless(Event):
    """A base that cannot be tracked."""

    order_id: str = ""


@pytest.mark.parametrize("kind", ["track", "capture"])
async def test_a_typed_event_sends_its_fields(
    client: AsyncAnalytics, collector: Collector, kind: Literal["track", "capture"]
) -> None:
    """Its class is the event's name; properties of the call come on top."""
    order = OrderCompleted(order_id="o-1", revenue=19.95)
    say(client, kind, event=order, properties={"revenue": 5, "coupon": "x"})
    body = await arrived(client, collector)
    assert body["event"] == "Order Completed"
    assert body["properties"] == {"order_id": "o-1", "revenue": 5, "coupon": "x"}
    assert (order.order_id, order.revenue) == ("o-1", 19.95)


async def test_a_typed_event_is_a_snapshot(client: AsyncAnalytics, collector: Collector) -> None:
    """What the program does with the object afterwards does not show."""
    order = OrderCompleted(order_id="o-1")
    client.track(order, user_id="u")
    order.order_id = "changed"
    assert (await arrived(client, collector))["properties"]["order_id"] == "o-1"


def test_a_typed_event_without_a_name_is_refused() -> None:
    """The error says how to give it one."""
    error = refusal(AsyncAnalytics(rudder(NOWHERE)), "track", event=Nameless())
    assert str(error).startswith("event: Nameless has no event name")


def test_invalid_drop_counts_and_says_each_place_once(caplog: pytest.LogCaptureFixture) -> None:
    """A broken call must not break requests; its receipt says what became of it."""
    reasons: list[tuple[str, int]] = []
    client = AsyncAnalytics(
        rudder(NOWHERE),
        rudder(NOWHERE, name="second"),
        invalid="drop",
        on_drop=lambda reason, count: reasons.append((reason, count)),
    )
    receipts = [client.track("", user_id="somebody") for _ in range(3)]
    receipts.append(client.identify())
    assert {receipt.state for receipt in receipts} == {State.DROPPED}
    assert {outcome.reason for outcome in receipts[0].outcomes.values()} == {"invalid"}
    assert list(receipts[0].outcomes) == ["rudder", "second"]
    assert reasons == [("invalid", 1)] * 8
    assert adds_up(client).dropped_reasons == {"invalid": 8}
    places = [line for line in caplog.messages if "test_calls.py:" in line]
    assert len(places) == 2
    assert "event: a text that is not empty is needed" in places[0]
    assert "somebody" not in caplog.text


async def test_invalid_drop_raises_where_somebody_waits(make: MakeClient) -> None:
    """`delivered()` is where the caller asked."""
    from asyncsdk import DeliveryError

    receipt = make(invalid="drop").track("", user_id="u")
    with pytest.raises(DeliveryError) as caught:
        await receipt.delivered(1)
    assert (caught.value.code, caught.value.retryable) == ("dropped_invalid", False)


async def test_a_wrong_call_costs_the_others_nothing(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Before and after it, events go their way."""
    client.track("before", user_id="u")
    with pytest.raises(ValidationError):
        client.track("E")
    client.track("after", user_id="u")
    await client.flush(10)
    assert [body["event"] for body in bodies(collector)] == ["before", "after"]
