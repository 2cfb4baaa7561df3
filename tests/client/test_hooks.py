"""Hooks: before_send may change or stop an event; no hook can hurt."""

import asyncio
import copy
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, DeliveryError, Message, State
from asyncsdk.collector import Collector, Fault
from tests.client.conftest import MakeClient
from tests.client.street import adds_up, arrived, bodies
from tests.naming import named


def raises(_message: Message) -> Message:
    """Be a hook that is broken."""
    raise KeyError("planted-text")


def passes(message: Message) -> Message:
    """Be a hook that changes nothing."""
    return message


def sets(**fields: Any) -> Callable[[Message], Message]:
    """Return a hook that sets *fields*."""

    def hook(message: Message) -> Message:
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    return hook


async def test_hooks_run_in_their_order_before_encoding(
    make: MakeClient, collector: Collector
) -> None:
    """Each sees what the one before it made."""

    def first(message: Message) -> Message:
        message.properties["seen"] = ["first"]
        return message

    def second(message: Message) -> Message:
        message.properties["seen"].append("second")
        return message

    client = make(before_send=[first, second])
    client.track("E", user_id="u", properties={"a": 1})
    assert (await arrived(client, collector))["properties"] == {"a": 1, "seen": ["first", "second"]}


async def test_a_hook_runs_in_the_callers_thread(make: MakeClient) -> None:
    """So it may look at what belongs to the request."""
    import threading

    seen: list[int] = []

    def look(message: Message) -> Message:
        seen.append(threading.get_ident())
        return message

    client = make(before_send=look)
    client.track("E", user_id="u")
    await asyncio.to_thread(client.track, "E", user_id="u")
    assert seen[0] == threading.get_ident() != seen[1]


async def test_a_hook_has_its_own_copies_all_the_way_down(
    make: MakeClient, collector: Collector
) -> None:
    """Whatever it changes, the caller's objects stay as they were."""

    def spoil(value: Any) -> None:
        if isinstance(value, dict):
            for item in list(value.values()):
                spoil(item)
            value["spoiled"] = True
        elif isinstance(value, list | tuple | deque):
            for item in value:
                spoil(item)

    def hook(message: Message) -> Message:
        for name in ("properties", "context", "integrations", "groups", "traits"):
            spoil(getattr(message, name))
        return message

    facts: dict[str, Any] = {
        "dict": {"a": {"b": 1}},
        "list": [{"a": 1}, [{"b": 2}]],
        "tuple": ({"a": 1}, [{"b": 2}]),
        "deque": deque([{"a": 1}]),
    }
    before = copy.deepcopy(facts)
    client = make(before_send=hook, default_context={"default": {"a": 1}})
    with client.bind(context={"bound": facts}, groups={"g": {"a": 1}}):
        client.track("E", user_id="u", properties=facts, context=facts, integrations=facts)
        client.identify("u", traits=facts)
        client.track("E", user_id="u")
    assert facts == before
    await client.flush(10)
    body = bodies(collector)[0]
    assert body["properties"]["dict"] == {"a": {"b": 1, "spoiled": True}, "spoiled": True}
    assert bodies(collector)[2]["context"]["default"] == {"a": 1, "spoiled": True}


async def test_a_hook_may_return_another_message(make: MakeClient, collector: Collector) -> None:
    """Its type and its id are put back: they belong to the call and its receipt."""

    def other(_message: Message) -> Message:
        return Message(
            "identify", "another-id", "1999-01-01T00:00:00.000Z", user_id="v", event="Other"
        )

    client = make(before_send=other)
    receipt = client.track("E", user_id="u")
    body = await arrived(client, collector)
    assert (body["type"], body["userId"], body["event"]) == ("track", "v", "Other")
    assert body["messageId"] == receipt.message_id


async def test_a_hook_cannot_change_type_and_id(make: MakeClient, collector: Collector) -> None:
    """Also not in place."""
    client = make(before_send=sets(type="page", message_id="another"))
    receipt = client.track("E", user_id="u", message_id="m-1")
    body = await arrived(client, collector)
    assert (body["type"], body["messageId"], receipt.message_id) == ("track", "m-1", "m-1")


async def test_none_drops_the_event(make: MakeClient, collector: Collector) -> None:
    """Chosen by the application: counted, told, no error."""
    told: list[tuple[str, int]] = []

    def only_good(message: Message) -> Message | None:
        return message if message.event == "good" else None

    client = make(before_send=only_good, on_drop=lambda *facts: told.append(facts))
    bad, good = client.track("bad", user_id="u"), client.track("good", user_id="u")
    assert bad.state is State.DROPPED
    outcome = await bad.delivered(5)
    assert (outcome.reason, outcome.error) == ("before_send", None)
    await good.delivered(5)
    assert [body["event"] for body in bodies(collector)] == ["good"]
    assert told == [("before_send", 1)]
    assert adds_up(client).dropped_reasons == {"before_send": 1}


async def test_after_a_drop_no_further_hook_is_asked(make: MakeClient) -> None:
    """What is gone is gone."""
    seen: list[Message] = []

    def drop(_message: Message) -> None:
        return None

    def look(message: Message) -> Message:
        seen.append(message)
        return message

    make(before_send=(drop, look)).track("E", user_id="u")
    assert seen == []


async def test_a_hook_that_raises_drops_the_event(
    make: MakeClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be what takes personal data out: better no event. Its text is not shown."""
    client = make(before_send=raises)
    receipts = [client.track("E", user_id="u") for _ in range(3)]
    assert {receipt.state for receipt in receipts} == {State.DROPPED}
    with pytest.raises(DeliveryError) as caught:
        await receipts[0].delivered(5)
    assert caught.value.code == "dropped_hook_failed"
    await client.flush(5)
    assert not collector.events
    assert adds_up(client).dropped_reasons == {"hook_failed": 3}
    assert len([line for line in caplog.messages if "raised KeyError" in line]) == 1
    assert "planted-text" not in caplog.text


@pytest.mark.parametrize("result", ["text", {}, 5, True])
async def test_a_hook_that_returns_no_message_drops_the_event(
    make: MakeClient, result: Any
) -> None:
    """What it meant cannot be known."""
    receipt = make(before_send=lambda _message: result).track("E", user_id="u")
    assert next(iter(receipt.outcomes.values())).reason == "hook_failed"


async def test_a_hook_that_returns_a_coroutine_drops_the_event(make: MakeClient) -> None:
    """It cannot be awaited here; nothing is left unawaited behind."""

    async def later(message: Message) -> Message:
        return message

    hook: Any = lambda message: later(message)  # noqa: E731, PLW0108 - it hides what it is
    receipt = make(before_send=hook).track("E", user_id="u")
    assert next(iter(receipt.outcomes.values())).reason == "hook_failed"


BROKEN: list[dict[str, Any]] = [
    {"user_id": None},
    {"user_id": object()},
    {"user_id": True},
    {"user_id": float("nan")},
    {"anonymous_id": [1]},
    {"session_id": object()},
    {"event": None},
    {"event": ""},
    {"event": 5},
    {"properties": [1]},
    {"context": "here"},
    {"integrations": 5},
    {"traits": 5},
    {"groups": object()},
    {"timestamp": object()},
    {"timestamp": "yesterday"},
    {"category": object()},
    {"name": 5},
]


@pytest.mark.parametrize("fields", BROKEN, ids=named)
async def test_a_hook_cannot_make_an_event_that_breaks_the_rules(
    make: MakeClient, collector: Collector, fields: dict[str, Any]
) -> None:
    """One bad event would have its whole batch refused; and nothing is raised into the call."""
    client = make(before_send=sets(**fields))
    receipt = client.page("P", user_id="u") if "name" in fields else client.track("E", user_id="u")
    assert next(iter(receipt.outcomes.values())).reason == "hook_failed"
    await client.flush(5)
    assert (collector.requests, adds_up(client).dropped) == ([], 1)


async def test_a_hook_may_set_a_time(make: MakeClient, collector: Collector) -> None:
    """A datetime becomes the one form that times have; the time of the call stays."""
    when = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    client = make(before_send=sets(timestamp=when, original_timestamp=None))
    client.track("E", user_id="u")
    body = await arrived(client, collector)
    assert body["timestamp"] == "2026-01-02T03:04:05.678Z"
    assert body["originalTimestamp"].endswith("Z")


def _circular() -> dict[str, Any]:
    circle: dict[str, Any] = {"a": 1}
    circle["self"] = circle
    return circle


def _deep() -> dict[str, Any]:
    deep: dict[str, Any] = {}
    for _ in range(3_000):
        deep = {"a": deep}
    return deep


@pytest.mark.parametrize("facts", [_circular(), _deep()], ids=["circular", "deep"])
async def test_a_hook_does_not_make_strange_values_fatal(
    make: MakeClient, collector: Collector, facts: Any
) -> None:
    """Copying for the hook is as patient as encoding."""
    client = make(before_send=passes)
    client.track("E", user_id="u", properties={"v": facts, "good": 1})
    assert (await arrived(client, collector))["properties"]["good"] == 1


async def heard(
    make: MakeClient, *users: str, **options: Any
) -> tuple[list[tuple[str, Mapping[str, Any]]], list[DeliveryError]]:
    """Send an event for each of *users*; return what on_event and on_error heard meanwhile."""
    events: list[tuple[str, Mapping[str, Any]]] = []
    errors: list[DeliveryError] = []
    client = make(
        on_event=lambda kind, facts: events.append((kind, facts)),
        on_error=errors.append,
        retry_base=0.01,
        **options,
    )
    for user in users:
        client.track("E", user_id=user)
    await client.flush(10)
    adds_up(client)
    return events, errors


async def test_a_retry_is_told(make: MakeClient, collector: Collector) -> None:
    """It is no error: the event arrives."""
    collector.script(Fault(kind="status", status=503, times=1))
    events, errors = await heard(make, "u")
    ((kind, facts),) = events
    assert (kind, facts["destination"], facts["status"], facts["count"]) == (
        "retry", "rudder", 503, 1,
    )  # fmt: skip
    assert errors == []


async def test_the_end_of_all_attempts_is_told(make: MakeClient, collector: Collector) -> None:
    """With how many there were, and what the last one brought."""
    collector.script(Fault(kind="status", status=503))
    events, errors = await heard(make, "u", max_retries=2)
    assert [kind for kind, _ in events] == ["retry", "retry", "retry", "exhausted"]
    assert events[-1][1] == {"destination": "rudder", "count": 1, "attempts": 3}
    assert [(error.code, error.retryable) for error in errors] == [("http_503", True)]


async def test_going_back_to_the_front_is_told(make: MakeClient, collector: Collector) -> None:
    """Once per round of retries."""
    collector.script(Fault(kind="drop"))
    events, errors = await heard(make, "u", max_retries=0, exhausted="requeue")
    assert [kind for kind, _ in events] == ["retry", "requeued"]
    assert [error.code for error in errors] == ["network_error"]


async def test_a_lane_that_stands_still_is_told(make: MakeClient, collector: Collector) -> None:
    """The fault is the key's, not the events'."""
    collector.write_keys = ["another"]
    events, errors = await heard(make, "u")
    assert [(kind, facts["status"]) for kind, facts in events] == [("flush_failed", 401)]
    assert [(error.code, error.status) for error in errors] == [("http_401", 401)]


async def test_a_final_no_is_told(make: MakeClient, collector: Collector) -> None:
    """The gateway takes no blank id; the others of the batch arrive."""
    events, errors = await heard(make, "good", " ", "fine")
    assert ("rejected", 1) in [(kind, facts.get("count")) for kind, facts in events]
    assert [(error.code, error.status) for error in errors] == [("http_400", 400)]
    assert len(collector.events) == 2


async def test_hooks_that_raise_hurt_neither_delivery_nor_calls(
    make: MakeClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is complained about once, without its text; every event arrives."""

    def broken(*_facts: object) -> None:
        raise KeyError("planted-text")

    collector.script(Fault(kind="status", status=503, times=2))
    client = make(
        on_error=broken, on_drop=broken, on_event=broken, max_queue_events=3, retry_base=0.01
    )
    for _ in range(5):
        client.track("E", user_id="u")
    await client.flush(10)
    assert (len(collector.events), adds_up(client).dropped) == (3, 2)
    complaints = [line for line in caplog.messages if "raised KeyError" in line]
    assert len(complaints) == len({line.split()[1] for line in complaints}) >= 2
    assert "planted-text" not in caplog.text


async def test_a_hook_may_call_the_client(make: MakeClient, collector: Collector) -> None:
    """Counting its own losses is what an application may want."""
    client: AsyncAnalytics

    def on_drop(reason: str, count: int) -> None:
        if reason == "invalid":
            client.track("lost", user_id="u", properties={"count": count})

    client = make(on_drop=on_drop, invalid="drop")
    client.track("", user_id="u")
    assert (await arrived(client, collector))["event"] == "lost"


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
async def test_a_hook_that_causes_what_it_hears_of_is_not_called_again(
    make: MakeClient, overflow: Any
) -> None:
    """To track a drop when the queue is full is a drop: it is counted, and the call returns."""
    heard: list[int] = []
    client: AsyncAnalytics

    def on_drop(_reason: str, count: int) -> None:
        heard.append(count)
        if len(heard) < 500:  # without an end of its own this would go on for ever
            client.track("lost", user_id="u")

    client = make(on_drop=on_drop, overflow=overflow, max_queue_events=5, flush_at=1)
    for _ in range(8):
        client.track("E", user_id="u")
    assert 0 < len(heard) < 20
    adds_up(client)


async def test_a_hook_sees_what_only_other_systems_send(make: MakeClient) -> None:
    """All that a call can say is in the message, in our own names."""
    seen: list[Message] = []

    def look(message: Message) -> Message:
        seen.append(message)
        return message

    client = make(before_send=look)
    client.capture("E", "u", flags={"new": True}, send_feature_flags=True, disable_geoip=False)
    client.group("g", user_id="u", group_type="company", consent={"ads": False})
    captured, grouped = seen
    assert (captured.type, captured.user_id, captured.event) == ("track", "u", "E")
    assert (captured.flags, captured.send_feature_flags, captured.disable_geoip) == (
        {"new": True}, True, False,
    )  # fmt: skip
    assert (grouped.group_id, grouped.group_type, grouped.consent) == (
        "g", "company", {"ads": False},
    )  # fmt: skip
