"""Whose a pushed event is, and when it was: also if it waits, or is mapped anew much later."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from asyncsdk.collector import Collector
from asyncsdk.mapping import Context, Mapping, Remember
from asyncsdk.receipts import State
from tests.client.conftest import MakeClient
from tests.client.street import adds_up, bodies
from tests.mapping.events import event

IDENTIFY: dict[str, Any] = {"settings": {"identify": {"map": {"traits": {"value": {"a": 1}}}}}}
ASKS: dict[str, Any] = {"consent": {"marketing": True}}


def whose(body: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """Return what was said, and of whom."""
    return body["type"], body.get("userId"), body.get("anonymousId")


@pytest.mark.parametrize("config", [{}, {"data": "data"}, {"consent": {}}])
async def test_an_event_of_nobody_is_of_whom_bind_names(
    config: Any, collector: Collector, make: MakeClient
) -> None:
    """My server knows the user, the page does not: bind says it, as for the calls."""
    client = make(mapping=Mapping(config))
    with client.bind(user_id=7, anonymous_id="v"):
        client.push({"name": "page view"})
        client.push({"name": "page view", "user": {"id": "own"}})
    nobody = client.push({"name": "page view"})
    await client.flush(10)
    assert [whose(one) for one in bodies(collector)] == [("track", "7", "v"), ("track", "own", "v")]
    assert (nobody.state, nobody.outcomes["rudder"].reason) == (State.DROPPED, "nobody")


async def test_each_bound_user_is_identified(collector: Collector, make: MakeClient) -> None:
    """Two users at one browser: the second is identified too, and the first not again."""
    client = make(mapping=Mapping(IDENTIFY))
    for user in ("a", "b", "a"):
        with client.bind(user_id=user):
            client.push({"name": "page view", "user": {"session": "s"}})
    await client.flush(10)
    said = [whose(one)[:2] for one in bodies(collector) if one["type"] == "identify"]
    assert said == [("identify", "a"), ("identify", "b")]


async def test_what_waits_keeps_what_was_bound_to_it(
    collector: Collector, make: MakeClient
) -> None:
    """Who says yes in another request, of another user, lends the event nothing of its own."""
    client = make(mapping=Mapping(ASKS))
    with client.bind(user_id="mine", context={"ip": "1.1.1.1"}):
        client.push({"name": "page view", "user": {"session": "v"}})
    client.push({"name": "page view", "user": {"session": "v"}})
    with client.bind(user_id="other", context={"ip": "2.2.2.2"}):
        assert client.consent({"marketing": True}, anonymous_id="v") == 2
    await client.flush(10)
    first, second = bodies(collector)
    assert (whose(first), first["context"]["ip"]) == (("track", "mine", "v"), "1.1.1.1")
    assert whose(second) == ("track", None, "v")
    assert "ip" not in second.get("context", {})


async def test_a_bound_user_can_say_yes(collector: Collector, make: MakeClient) -> None:
    """The event that waits is of whom bind named."""
    client = make(mapping=Mapping(ASKS))
    with client.bind(user_id="mine"):
        receipt = client.push({"name": "page view"})
    assert client.consent({"marketing": True}, user_id="mine") == 1
    assert (await receipt.delivered(10)).state is State.DELIVERED
    assert [whose(one) for one in bodies(collector)] == [("track", "mine", None)]


@pytest.mark.parametrize(("own", "told"), [({"id": ""}, None), ({"timestamp": 0}, None), ({}, 5)])
async def test_what_waits_keeps_its_id_and_its_time(
    own: dict[str, Any], told: int | None, collector: Collector, make: MakeClient
) -> None:
    """An event without an id or a time has those of its push, not of the yes an hour later."""
    client = make(mapping=Mapping(ASKS))
    before = datetime.now(UTC)
    receipt = client.push({"name": "page view", "id": told, "user": {"id": "u"}, **own})
    after = datetime.now(UTC)
    await asyncio.sleep(0.05)
    client.consent({"marketing": True}, user_id="u")
    await client.flush(10)
    (body,) = bodies(collector)
    assert body["messageId"] == receipt.message_id == (str(told) if told else receipt.message_id)
    at = datetime.fromisoformat(body["timestamp"])
    assert before.replace(microsecond=0) <= at <= after


@pytest.mark.parametrize("own", [None, 7, "seven"])
async def test_a_letter_keeps_its_id_and_its_time(
    own: Any, collector: Collector, make: MakeClient
) -> None:
    """Replayed twice it has one id, the letter's; and it happened when it was pushed."""
    broken = [True]

    def one(_value: Any, _context: Context) -> int:
        return 1 // (not broken)

    client = make(mapping=Mapping({"data": {"map": {"one": {"fn": one}}}}))
    receipt = client.push({"name": "page view", "id": own, "user": {"session": "v"}})
    (letter,) = [one async for one in client.dead_letters()]
    assert letter.message_id == receipt.message_id == (str(own) if own else receipt.message_id)
    assert await client.replay() == 1  # in vain
    broken.clear()
    with client.bind(user_id="who mends it"):
        assert await client.replay(letter.message_id) == 1
    await client.flush(10)
    (body,) = bodies(collector)
    assert body["messageId"] == letter.message_id
    assert body["timestamp"] == letter.first_at
    assert whose(body) == ("track", None, "v")
    adds_up(client)


async def test_a_typed_event_says_what_the_dict_says(
    collector: Collector, make: MakeClient
) -> None:
    """A decimal is a number and a date a time in both; what JSON lacks goes as text in both."""

    class Bought(msgspec.Struct):
        name: str
        user: dict[str, str]
        data: dict[str, Any]
        timestamp: datetime

    class Odd:
        def __str__(self) -> str:
            return "odd"

    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    typed = Bought("order complete", {"id": "u"}, {"p": Decimal("1.50"), "t": at, "o": Odd()}, at)
    client = make(mapping=Mapping({"data": "data"}))
    client.push(typed)
    client.push(msgspec.structs.asdict(typed))
    await client.flush(10)
    first, second = bodies(collector)
    assert first["properties"] == second["properties"]
    assert first["properties"] == {"p": 1.5, "t": "2026-11-20T09:00:00.000Z", "o": "odd"}
    assert first["timestamp"] == second["timestamp"] == "2026-11-20T09:00:00.000Z"


class Broken(dict[str, str]):
    """What processes share, when the process that holds it is gone."""

    def get(self, *_: Any) -> Any:
        """Fail."""
        raise BrokenPipeError("who has it is gone")

    __setitem__ = pop = get


async def test_a_shared_memory_that_fails_breaks_no_push(
    collector: Collector, make: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The manager process died: users are identified by each process, and one line says so."""
    client = make(mapping=Mapping(IDENTIFY, remember=Remember(shared=Broken())))
    client.push_many([event(id="1"), event(id="2")])
    await client.flush(10)
    assert [body["type"] for body in bodies(collector)] == ["identify", "track", "track"]
    lines = [one.getMessage() for one in caplog.records if "shared memory" in one.getMessage()]
    assert len(lines) == 1
    assert "BrokenPipeError" in lines[0]
    adds_up(client)
