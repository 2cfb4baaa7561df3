"""Pushing: walkerOS events through a mapping, the whole way to a server."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping as Anything
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from asyncsdk import (
    AsyncAnalytics,
    ConfigurationError,
    Delivery,
    DeliveryError,
    Message,
    QueueFullError,
    RudderStack,
    SQLiteStore,
    ValidationError,
)
from asyncsdk.collector import Collector, Fault
from asyncsdk.mapping import Context, Mapping, Remember
from asyncsdk.receipts import State
from tests.client.conftest import MakeClient
from tests.client.street import KEY, NOWHERE, adds_up, bodies, rudder, segment
from tests.mapping.anything import CONFIGS, EVENTS, FUNCTIONS, SLOW
from tests.mapping.engine import CASES
from tests.mapping.events import event

STEPS = [case for case in CASES if case.get("source") == "published step example"]
SHOP: dict[str, Any] = {
    "settings": {"identify": {"map": {"traits": {"map": {"plan": "user.plan"}}}}},
    "mapping": {
        "order": {
            "complete": {"name": "Order Completed", "data": {"map": {"total": "data.total"}}}
        },
        "debug": {"*": {"ignore": True}},
        "page": {"view": {"silent": True, "settings": {"page": {"map": {"name": "data.title"}}}}},
    },
}


def on_wire(call: list[Any]) -> dict[str, Any]:
    """Return what a recorded call is in a RudderStack batch."""
    kind, told = call
    own = {name: value for name, value in told.items() if name != "timestamp"}
    return {"type": kind.removeprefix("analytics."), "timestamp": told["timestamp"]["$date"], **own}


def breaks(_value: Any, _context: Context) -> Any:
    """Raise what tells of the event."""
    raise ValueError("secret content")


def asking(consent: Anything[str, bool], **more: Any) -> Mapping:
    """Return a mapping that asks for consent."""
    return Mapping({**SHOP, "consent": consent, **more})


@pytest.mark.parametrize("case", STEPS, ids=[case["name"] for case in STEPS])
async def test_a_published_example_arrives_as_documented(
    case: dict[str, Any], collector: Collector, make: MakeClient
) -> None:
    """Does RudderStack get what walkerOS's own examples say? Call by call, in a batch of its own."""
    client = make(mapping=Mapping({**case["config"]}))
    receipt = client.push(case["event"])
    await client.flush(10)
    expected = [on_wire(call) for call in case["expected"]]
    found = [
        {name: body.get(name) for name in want}
        for body, want in zip(bodies(collector), expected, strict=True)
    ]
    assert found == expected
    assert receipt.state is (State.DELIVERED if expected else State.DROPPED)
    adds_up(client)


async def test_one_receipt_is_of_all_calls(collector: Collector, make: MakeClient) -> None:
    """What do I await? One receipt: it is delivered when every call of the event is."""
    client = make(mapping=Mapping(SHOP))
    receipt = client.push(event(user={"id": "u", "plan": "pro"}))
    assert receipt.message_id == "event-1"
    assert (await receipt.delivered()).state is State.DELIVERED
    assert [body["type"] for body in bodies(collector)] == ["identify", "track"]
    assert list(receipt.outcomes) == ["rudder"]


async def test_events_are_dicts_structs_or_whatever_is_like_them(
    collector: Collector, make: MakeClient
) -> None:
    """May I have my events typed? A struct's fields are the event's."""

    class Bought(msgspec.Struct):
        name: str
        user: dict[str, str]
        data: dict[str, float]

    client = make(mapping=Mapping({"mapping": SHOP["mapping"]}))
    client.push(Bought("order complete", {"id": "u"}, {"total": 5.0}))
    client.push_many([event(), event(id="event-2")])
    await client.flush(10)
    assert [body["properties"]["total"] for body in bodies(collector)] == [5.0, 19.95, 19.95]
    for wrong in ("text", None, 5, [event()]):
        with pytest.raises(ValidationError, match="an object or a struct"):
            client.push(wrong)


async def test_values_that_json_lacks_arrive_as_with_track(
    collector: Collector, make: MakeClient
) -> None:
    """A Decimal is a number, NaN is no value, a lone surrogate is cleaned: the rules of all calls."""
    data = {
        "total": Decimal("19.95"),
        "note": "a\ud800b",
        "rate": float("inf"),
        "none": float("nan"),
    }
    paths = {name: f"data.{name}" for name in data}
    client = make(mapping=Mapping({"data": {"map": paths}}))
    client.push(event(data=data))
    await client.flush(10)
    (body,) = bodies(collector)
    assert body["properties"]["total"] == 19.95
    assert body["properties"]["rate"] is None
    assert "none" not in body["properties"]
    assert set(body["properties"]["note"]) >= {"a", "b"}


async def test_what_leads_to_no_call_is_dropped_and_counted(make: MakeClient) -> None:
    """Ignored, nobody's, or without a name: the receipt says dropped, the counts say why."""
    client = make(mapping=Mapping({**SHOP, "settings": {}}))
    ignored = client.push(event("debug noise"))
    nobody = client.push(event(user={}))
    nameless = client.push({"user": {"id": "u"}})
    assert [one.state for one in (ignored, nobody, nameless)] == [State.DROPPED] * 3
    assert (await ignored.delivered()).reason == "ignored"
    with pytest.raises(DeliveryError, match="nobody"):
        await nobody.delivered()
    assert adds_up(client).dropped_reasons == {"ignored": 1, "nobody": 1, "invalid": 1}


async def test_each_destination_has_its_mapping(collector: Collector, make: MakeClient) -> None:
    """One event, two systems, two mappings; a destination without one gets nothing of it."""
    mapping = {
        "one": Mapping({"mapping": {"order": {"complete": {"name": "One"}}}}),
        "two": Mapping({"mapping": {"order": {"complete": {"name": "Two"}}}}),
    }
    three = (rudder(collector, name="one"), segment(collector, name="two"), rudder(NOWHERE))
    client = make(*three, mapping=mapping)
    receipt = client.push(event())
    await receipt.delivered(10)
    assert sorted(body["event"] for body in bodies(collector)) == ["One", "Two"]
    assert list(receipt.outcomes) == ["one", "two"]
    assert client.statistics().destinations["rudder"].accepted == 0


def test_a_mapping_is_for_a_destination_that_is_there() -> None:
    """A typing error in a name is told, with the names there are."""
    with pytest.raises(
        ConfigurationError, match=r"mapping: no destination is named 'x'; .* rudder"
    ):
        AsyncAnalytics(rudder(NOWHERE), mapping={"x": Mapping({})})
    with pytest.raises(ConfigurationError, match="this client has no mapping"):
        AsyncAnalytics(rudder(NOWHERE)).push(event())


async def test_a_client_is_made_of_a_mapping_file_alone(
    collector: Collector, tmp_path: Path
) -> None:
    """Key, URL and the SDK's options stand in my walkerOS file: that is enough."""
    settings = {
        "writeKey": KEY,
        "dataPlaneUrl": collector.url,
        "path": "/v1/batch",
        "flushAt": 7,
        "flushInterval": 2500,
        "maxQueueSize": 100_000,
        "maxInternalQueueSize": 99,
        "retryCount": 2,
        "gzip": False,
        "enable": True,
    }
    config = {"id": "mine", "settings": settings, "mapping": SHOP["mapping"]}
    (tmp_path / "m.json").write_bytes(msgspec.json.encode(config))
    async with AsyncAnalytics(mapping=Mapping.load(tmp_path / "m.json"), max_retries=3) as client:
        (lane,) = client._lanes
        got = lane.options
        client.push(event())
    assert (lane.name, got.flush_at, got.flush_interval, got.max_batch_bytes) == (
        "mine",
        7,
        2.5,
        100_000,
    )
    assert (got.max_queue_events, got.max_retries, got.gzip) == (99, 3, False)
    assert [body["event"] for body in bodies(collector)] == ["Order Completed"]


@pytest.mark.usefixtures("logger_left_alone")
def test_a_mapping_switches_its_client_off_and_sets_the_log_level() -> None:
    """enable: false sends nothing; silly is walkerOS's word for everything."""
    settings = {"writeKey": KEY, "dataPlaneUrl": NOWHERE, "enable": False, "logLevel": "silly"}
    client = AsyncAnalytics(mapping=Mapping({"settings": settings}))
    receipt = client.push(event())
    assert receipt.outcomes[next(iter(receipt.outcomes))].reason == "disabled"
    with pytest.raises(ConfigurationError, match=r"no settings\.writeKey"):
        AsyncAnalytics(mapping=Mapping({}))


async def test_an_event_waits_until_its_user_consents(
    collector: Collector, make: MakeClient
) -> None:
    """Held, not lost: mapped once there is a yes, so that what consent allows is in it."""
    secret = {"key": "user.mail", "consent": {"marketing": True}}
    client = make(mapping=asking({"statistics": True}, data={"map": {"mail": secret}}))
    one = event(user={"id": "u", "mail": "m@example.com"}, consent={})
    receipt = client.push(one)
    waiting = asyncio.create_task(receipt.delivered())
    assert (receipt.state, client.pending, adds_up(client).pending) == (State.PENDING, 1, 1)
    await client.flush(0.05)
    assert bodies(collector) == []
    assert client.consent({"statistics": True}, user_id="other") == 0
    assert client.consent({"statistics": True, "marketing": True}, user_id="u") == 1
    assert (await waiting).state is State.DELIVERED
    assert [body["type"] for body in bodies(collector)] == ["identify", "track"]
    track = bodies(collector)[1]
    assert (track["properties"]["mail"], track["messageId"]) == ("m@example.com", "event-1")
    assert track["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert adds_up(client).delivered == 2


async def test_a_yes_to_everything_releases_whatever_waits(
    collector: Collector, make: MakeClient
) -> None:
    """consent(True): also what the event itself said nothing of, or no to."""
    secret = {"map": {"mail": {"key": "user.mail", "consent": {"marketing": True}}}}
    client = make(mapping=Mapping({"consent": {"a": True, "b": True}, "data": secret}))
    client.push(event(consent={}, user={"id": "u", "mail": "m"}))
    client.push(event(consent={"a": False}, user={"id": "u", "mail": "m"}))
    everything = True
    assert client.consent(everything, user_id="u") == 2
    await client.flush(10)
    assert [body["properties"] for body in bodies(collector)] == [{"mail": "m"}] * 2


async def test_a_full_queue_drops_what_a_yes_releases(
    collector: Collector, make: MakeClient
) -> None:
    """consent() does not raise for it: it is counted, and the others go on."""
    full = rudder(collector, max_queue_events=1, overflow="raise")
    client = make(full, mapping=asking({"a": True}, settings={}))
    receipts = [client.push(event(id=str(number))) for number in range(2)]
    assert client.consent({"a": True}, user_id="user-1") == 2
    await client.flush(10)
    assert [one.state for one in receipts] == [State.DELIVERED, State.DROPPED]
    assert adds_up(client).dropped_reasons == {"queue_full": 1}


async def test_a_letter_that_finds_no_room_stays_one(
    collector: Collector, make: MakeClient
) -> None:
    """Replayed into a full queue that raises: it is there afterwards."""
    broken = [True]

    def total(value: Any, context: Context) -> Any:
        return breaks(value, context) if broken else 1

    full = rudder(collector, max_queue_events=1, overflow="raise")
    client = make(full, mapping=Mapping({"data": {"map": {"x": {"fn": total}}}}))
    client.push(event())
    broken.clear()
    client.push(event("cart view", id="other"))
    assert await client.replay() == 0
    await client.flush(10)
    assert await client.replay() == 1
    await client.flush(10)
    assert [body["messageId"] for body in bodies(collector)] == ["other", "event-1"]


async def test_a_no_drops_the_event(collector: Collector, make: MakeClient) -> None:
    """A no to every purpose is final; a no to one of two is not."""
    client = make(mapping=asking({"a": True, "b": True}))
    held = client.push(event())
    assert client.consent({"a": False}, user_id="user-1") == 0
    assert held.state is State.PENDING
    client.consent({"b": False}, user_id="user-1")
    assert (await held.delivered()).reason == "consent"
    said_no = client.push(event(), consent=False)
    assert said_no.state is State.DROPPED
    assert adds_up(client).dropped_reasons == {"consent": 2}
    assert bodies(collector) == []


async def test_consent_around_the_event_counts(collector: Collector, make: MakeClient) -> None:
    """Given to push, or bound: where the event says nothing of it."""
    client = make(mapping=asking({"a": True}, settings={}))
    client.push(event(id="1"), consent={"a": True})
    with client.bind(consent={"a": True}):
        client.push(event(id="2"))
    client.push(event(id="3"), consent=True)
    client.push(event(id="4", consent={"b": False}), consent=True)
    client.push(event(id="no", consent={"a": False}), consent=True)
    await client.flush(10)
    assert [body["messageId"] for body in bodies(collector)] == ["1", "2", "3", "4"]


async def test_a_yes_may_lead_to_another_question(collector: Collector, make: MakeClient) -> None:
    """The rule asks for more than the whole: the event waits on, and goes with the second yes."""
    rule = {"consent": {"marketing": True}}
    config = {"consent": {"statistics": True}, "mapping": {"order": {"complete": rule}}}
    client = make(mapping=Mapping(config))
    receipt = client.push(event())
    client.consent({"statistics": True}, user_id="user-1")
    assert (receipt.state, client.pending) == (State.PENDING, 1)
    client.consent({"marketing": True}, anonymous_id="visitor-1")
    assert (await receipt.delivered(10)).state is State.DELIVERED
    assert len(bodies(collector)) == 1


async def test_without_a_queue_nothing_waits(make: MakeClient) -> None:
    """queue: false, the original's setting: what may not go now is dropped."""
    client = make(mapping=asking({"a": True}, queue=False))
    assert (await client.push(event()).delivered()).reason == "consent"
    assert client.pending == 0


async def test_what_waits_is_bounded_and_ends_with_the_run(collector: Collector) -> None:
    """Two may wait: the oldest goes first; the end of the run drops the rest, counted."""
    async with AsyncAnalytics(
        rudder(collector, max_held_events=2), mapping=asking({"a": True})
    ) as client:
        receipts = client.push_many([event(id=str(number)) for number in range(3)])
        assert [one.state for one in receipts] == [State.DROPPED, State.PENDING, State.PENDING]
    assert adds_up(client).dropped_reasons == {"consent": 3}


async def test_a_rule_that_raises_affects_its_event_alone(
    collector: Collector, make: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """What if my function raises? A dead letter that names the place; everything else goes on."""
    errors: list[DeliveryError] = []
    rules = {"order": {"complete": {"data": {"map": {"total": {"fn": "breaks"}}}}}}
    mapping = Mapping({"mapping": rules}, functions={"breaks": breaks})
    client = make(mapping=mapping, on_error=errors.append)
    bad, good = client.push_many([event(id="bad"), event("cart view", id="good")])
    place = "rules.order.complete.data.map.total.fn: ValueError"
    assert (bad.state, bad.outcomes["rudder"].reason) == (State.DEAD, place)
    with pytest.raises(DeliveryError, match="could not be mapped"):
        await bad.delivered()
    assert (await good.delivered()).state is State.DELIVERED
    (letter,) = [one async for one in client.dead_letters()]
    assert (letter.reason, letter.message_id, letter.event["name"]) == (
        place,
        "bad",
        "order complete",
    )
    assert [str(error) for error in errors] == [str(bad.outcomes["rudder"].error)]
    assert place in caplog.text
    assert "secret" not in caplog.text
    assert (adds_up(client).dead, len(bodies(collector))) == (1, 1)


async def test_an_event_with_too_long_lists_is_a_letter(make: MakeClient) -> None:
    """More than 4,000 values to take from lists: it is kept, and what was too much is named."""
    client = make(mapping=Mapping({"data": {"map": {"ids": {"loop": ["nested", "id"]}}}}))
    receipt = client.push(event(nested=[{"id": 1}] * 4_001))
    assert receipt.outcomes["rudder"].reason.startswith("event: TooMany")


async def test_what_cannot_be_said_is_counted_per_destination(
    collector: Collector, make: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An alias of nobody counts as unsupported; what a mapping warns of is logged once."""
    rule = {"skip": True, "settings": {"alias": {"map": {"previousId": "data.id"}}}}
    mapping = Mapping({"mapping": {"order": {"complete": rule}}})
    client = make(mapping=mapping)
    client.push(event(user={"session": "v"}))
    client.push(event())
    await client.flush(10)
    assert [body["type"] for body in bodies(collector)] == ["alias"]
    assert adds_up(client).unsupported == 1
    assert caplog.text.count('is called "silent" now') == 1


async def test_a_letter_is_mapped_anew_when_it_is_replayed(
    collector: Collector, make: MakeClient
) -> None:
    """My function is mended: replay maps the event again, with its own id, and it arrives."""
    broken = [True]

    def total(value: Any, _context: Context) -> Any:
        return breaks(value, _context) if broken else value["data"]["total"]

    rules = {"order": {"complete": {"data": {"map": {"total": {"fn": total}}}}}}
    client = make(mapping=Mapping({"mapping": rules}))
    client.push(event())
    assert await client.replay() == 1
    assert len([one async for one in client.dead_letters()]) == 1
    broken.clear()
    assert await client.replay("event-1") == 1
    await client.flush(10)
    (body,) = bodies(collector)
    assert (body["messageId"], body["properties"]) == ("event-1", {"total": 19.95})
    client.push(event(user={"id": "u"}, id="other"))
    assert await client.purge() == 0
    adds_up(client)


async def test_a_letter_is_forgotten_once_its_event_is_stored(
    collector: Collector, make: MakeClient, tmp_path: Path
) -> None:
    """Killed after a replay: the event is in the store, or its letter is; it was in neither."""
    broken = [True]

    def total(value: Any, context: Context) -> Any:
        return breaks(value, context) if broken else 1

    collector.script(Fault(kind="status", status=503))
    store = SQLiteStore(tmp_path)
    mapping = Mapping({"data": {"map": {"x": {"fn": total}}}})
    client = make(mapping=mapping, store=store, flush_interval=60.0, max_retries=1_000)
    client.push(event())
    broken.clear()
    assert await client.replay() == 1
    assert [one async for one in client.dead_letters()] == []
    assert client.statistics().in_store == 1


async def test_the_original_sends_without_what_raised(
    collector: Collector, make: MakeClient
) -> None:
    """compat="walkeros": the value is missing, the event goes, the log says so."""
    rules = {"order": {"complete": {"data": {"map": {"a": {"fn": breaks}, "b": {"value": 1}}}}}}
    client = make(mapping=Mapping({"mapping": rules}, compat="walkeros"))
    await client.push(event()).delivered(10)
    assert bodies(collector)[0]["properties"] == {"b": 1}


async def test_an_identify_that_did_not_go_is_said_again(
    collector: Collector, make: MakeClient
) -> None:
    """The queue was full when a user was first seen: the next event identifies that user."""
    client = make(rudder(collector, max_queue_events=1), mapping=Mapping(SHOP))
    one = event(user={"id": "u", "plan": "pro"})
    client.track("Full", user_id="x")
    assert client.push(one).state is State.DROPPED
    await client.flush(10)
    client.push(one)
    await client.flush(10)
    assert [body["type"] for body in bodies(collector)] == ["track", "identify"]
    adds_up(client)


async def test_a_full_queue_raises_if_asked_to(collector: Collector, make: MakeClient) -> None:
    """overflow="raise" is heard through push too; the user is identified later."""
    full = rudder(collector, max_queue_events=1, overflow="raise")
    client = make(full, mapping=Mapping(SHOP))
    one = event(user={"id": "u", "plan": "pro"})
    with pytest.raises(QueueFullError):
        client.push(one)  # two calls, and room for one
    await client.flush(10)
    assert [body["type"] for body in bodies(collector)] == ["identify"]


async def test_hooks_and_lanes_consent_see_pushed_calls(
    collector: Collector, make: MakeClient
) -> None:
    """The calls go the way of all calls: before_send sees them, a lane's consent is asked for."""
    seen: list[Message] = []

    def look(message: Message) -> Message:
        seen.append(message)
        return message

    asks = RudderStack(KEY, collector.url, name="asks", delivery=Delivery(consent=["ads"]))
    client = make(asks, mapping=Mapping({}), before_send=look)
    client.push(event(consent={"ads": True}, id="yes"))
    client.push(event(consent={"ads": False}, id="no"))
    await client.flush(10)
    assert [one.message_id for one in seen] == ["yes", "no"]
    assert [body["messageId"] for body in bodies(collector)] == ["yes"]


async def test_any_thread_may_push(collector: Collector, make: MakeClient) -> None:
    """Four threads, one memory: each user is identified once, whoever sees it first."""
    client = await make(mapping=Mapping(SHOP, remember=Remember(limit=100))).start()

    def work(number: int) -> None:
        for turn in range(50):
            client.push(event(id=f"{number}-{turn}", user={"id": f"u{turn % 10}", "plan": "x"}))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await client.flush(10)
    kinds = [body["type"] for body in bodies(collector)]
    assert (kinds.count("identify"), kinds.count("track")) == (10, 200)


async def test_letters_that_a_store_does_not_take_are_kept(
    collector: Collector, make: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What if the store fails when the letters are to go there? They go with the next look."""
    client = make(mapping=Mapping({"data": {"fn": breaks}}))
    client.push(event())
    store = client._settings.store

    async def fails(_letters: object) -> None:
        raise OSError("full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "bury", fails)
        assert [one async for one in client.dead_letters()] == []
    assert len([one async for one in client.dead_letters()]) == 1
    assert bodies(collector) == []


async def test_a_repeat_after_an_outage_has_the_same_ids(
    collector: Collector, make: MakeClient
) -> None:
    """An event that was sent twice is the same event to the server: its id is the event's."""
    collector.script(Fault(kind="status", status=503, times=1))
    client = make(rudder(collector, retry_base=0.01), mapping=Mapping({}))
    client.push(event())
    client.push(event())
    await client.flush(10)
    assert [body["messageId"] for body in bodies(collector)] == ["event-1", "event-1"]
    assert client.statistics().retries == 1


async def test_a_store_that_hangs_holds_no_shutdown_up(
    collector: Collector, make: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """shutdown(t) returns within t, also with letters that the store does not take; they are kept."""
    client = await make(mapping=Mapping({"data": {"fn": breaks}})).start()
    client.push(event())

    async def hangs(_letters: object) -> None:
        await asyncio.sleep(60)

    began = asyncio.get_running_loop().time()
    with monkeypatch.context() as patch:
        patch.setattr(client._settings.store, "bury", hangs)
        await client.shutdown(0.2)
    assert asyncio.get_running_loop().time() - began < 0.4
    assert len([one async for one in client.dead_letters()]) == 1
    assert bodies(collector) == []


async def test_nothing_waits_at_a_client_that_is_closed(collector: Collector) -> None:
    """After the end an event is dropped at once, for nobody would let it go."""
    async with AsyncAnalytics(rudder(collector), mapping=asking({"a": True})) as client:
        pass
    assert client.push(event()).outcomes["rudder"].reason == "closed"
    off = AsyncAnalytics(rudder(collector), mapping=asking({"a": True}), enabled=False)
    assert off.push(event()).outcomes["rudder"].reason == "disabled"
    assert (client.pending, off.pending) == (0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_pushes_though_the_parent_was_pushing() -> None:
    """Another thread was inside push when the process forked: the child does not wait for it."""
    code = """
import os, threading
from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.mapping import Mapping

inside, go_on = threading.Event(), threading.Event()

def waits(value, context):
    inside.set()
    go_on.wait(20)
    raise ValueError

mapping = Mapping(
    {"settings": {"identify": {"map": {}}}, "mapping": {"a": {"b": {"data": {"fn": waits}}}}}
)
client = AsyncAnalytics(RudderStack("K", "http://127.0.0.1:9"), mapping=mapping, enabled=False)
user = {"id": "u"}
thread = threading.Thread(target=client.push, args=({"name": "a b", "user": user},))
thread.start()
inside.wait(20)
child = os.fork()
if child == 0:
    client.push({"name": "c d", "user": user})
    os._exit(7)
go_on.set()
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=18)
    assert ended.stdout == "7\n"


@pytest.mark.repeats
@settings(deadline=None, max_examples=150, suppress_health_check=SLOW)
@given(EVENTS, CONFIGS)
def test_no_event_and_no_mapping_makes_push_raise(given_event: Any, config: Any) -> None:
    """Whatever a stranger sends: it is counted, and what I gave is as it was."""
    before = repr((given_event, config))
    client = AsyncAnalytics(rudder(NOWHERE), mapping=Mapping(config, functions=FUNCTIONS))
    for _ in range(2):
        if isinstance(given_event, dict):
            client.push(given_event)
        else:
            with pytest.raises(ValidationError):
                client.push(given_event)
    total = client.statistics()
    ends = total.delivered + total.dead + total.dropped
    assert total.accepted == ends + total.pending
    assert repr((given_event, config)) == before
    client._lanes[0].abandon("shutdown")
    client._lanes[0].door.turn_away_left("closed")
