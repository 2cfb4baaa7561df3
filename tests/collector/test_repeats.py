"""What comes twice: under one idempotency key, or under one message id."""

import asyncio
from typing import Any

import aiohttp
import pytest

from asyncsdk.collector import Collector, Fault, memory
from asyncsdk.collector.answers import Answer
from asyncsdk.collector.memory import Memory
from tests.collector.asking import Asker, batch, until

BATCH = "/v1/events/batch"
ALIAS = "/v1/identify/alias"


def items(*ids: str) -> dict[str, Any]:
    """Build GetFluxly's envelope with one event for each id."""
    return {"events": [{"event": "e", "user_id": "u", "message_id": given} for given in ids]}


@pytest.mark.whole_way
async def test_a_known_key_gets_its_first_answer_and_takes_nothing(
    collector: Collector, asker: Asker
) -> None:
    """Even if the body is another one: the key is what counts, as documented."""
    mixed = {"events": [*items("a")["events"], {"event": "e"}]}
    first = await asker.said(mixed, path=BATCH, idempotency_key="k-1")
    again = await asker.said(items("b", "c"), path=BATCH, idempotency_key="k-1")
    assert again == first
    assert collector.message_ids() == {"a": 1}
    summary = collector.summary()
    assert (summary.accepted, summary.refused) == (1, 1)
    assert (summary.repeats, summary.duplicates) == (1, 0)
    assert [(seen.repeat, seen.events) for seen in collector.requests] == [(False, 1), (True, 0)]


@pytest.mark.whole_way
async def test_keys_are_apart_by_route_and_api_key(collector: Collector, asker: Asker) -> None:
    """The same word elsewhere is another key."""
    collector.write_keys = None
    await asker.said(items("a"), path=BATCH, idempotency_key="k-1")
    alias = {"user_id": "u", "anonymous_id": "a"}
    assert "alias" in (await asker.said(alias, path=ALIAS, idempotency_key="k-1"))[1]
    headers = {"X-Idempotency-Key": "k-1"}
    await asker.post(items("b"), path=f"{BATCH}?api_key=other", key=None, headers=headers)
    assert collector.summary().repeats == 0
    assert [kept.type for kept in collector.events] == ["track", "alias", "track"]


@pytest.mark.whole_way
async def test_an_alias_repeats_with_its_time(collector: Collector, asker: Asker) -> None:
    """The first answer is given again to the millisecond; the key is the alias' id."""
    alias = {"user_id": "u", "anonymous_id": "a"}
    first = await asker.said(alias, path=ALIAS, idempotency_key="k-1")
    await asyncio.sleep(0.002)
    assert await asker.said(alias, path=ALIAS, idempotency_key="k-1") == first
    assert collector.message_ids("getfluxly") == {"k-1": 1}


@pytest.mark.whole_way
async def test_without_a_key_a_repeat_is_a_duplicate(collector: Collector, asker: Asker) -> None:
    """A new key, or none, does not protect: the message id shows it."""
    for key in ({}, {}, {"idempotency_key": "k-1"}, {"idempotency_key": "k-2"}):
        await asker.said(items("a"), path=BATCH, **key)
    assert collector.message_ids() == {"a": 4}
    assert (collector.summary().duplicates, collector.summary().repeats) == (3, 0)


@pytest.mark.whole_way
@pytest.mark.parametrize("fault", [Fault(kind="drop", accept=True), Fault(kind="truncate")])
async def test_a_key_is_known_though_its_answer_was_lost(
    collector: Collector, asker: Asker, fault: Fault
) -> None:
    """What the key is for: the sender cannot know, sends again, and nothing is there twice."""
    collector.script(fault)
    with pytest.raises(aiohttp.ClientError):
        await asker.said(items("a", "b"), path=BATCH, idempotency_key="k-1")
    collector.script()
    status, said = await asker.said(items("a", "b"), path=BATCH, idempotency_key="k-1")
    assert (status, said["accepted"]) == (202, 2)
    assert collector.message_ids() == {"a": 1, "b": 1}
    assert collector.summary().repeats == 1


@pytest.mark.whole_way
async def test_a_key_is_known_while_its_first_answer_is_under_way(
    collector: Collector, asker: Asker
) -> None:
    """A client that gave up on a slow answer and asks again makes no duplicate."""
    collector.script(Fault(kind="delay", seconds=0.2, times=1))
    slow = asyncio.create_task(asker.said(items("a"), path=BATCH, idempotency_key="k-1"))
    await until(lambda: collector.events)
    quick = await asker.said(items("a"), path=BATCH, idempotency_key="k-1")
    assert not slow.done()
    assert await slow == quick
    assert collector.message_ids() == {"a": 1}


@pytest.mark.whole_way
async def test_a_key_is_free_until_its_events_were_taken(
    collector: Collector, asker: Asker
) -> None:
    """A refusal, a fault and a server that says yes and forgets leave no answer behind."""
    collector.script(
        Fault(kind="status", times=1),
        Fault(kind="drop_after_head", accept=False, times=1),
    )
    assert (await asker.said(items("a"), path=BATCH, idempotency_key="k-1"))[0] == 503
    with pytest.raises(aiohttp.ClientError):
        await asker.said(items("a"), path=BATCH, idempotency_key="k-1")
    assert (await asker.said({}, path=BATCH, idempotency_key="k-1"))[0] == 400
    assert (await asker.said(items("a"), path=BATCH, idempotency_key="k-1"))[0] == 202
    assert collector.message_ids() == {"a": 1}
    assert collector.summary().repeats == 0


@pytest.mark.whole_way
async def test_two_systems_are_not_duplicates_of_each_other(
    collector: Collector, asker: Asker
) -> None:
    """One message for two destinations has one id; a duplicate is what one of them gets twice."""
    await asker.post(batch("a", "b"))
    await asker.said(items("a"), path=BATCH)
    assert collector.summary().duplicates == 0
    assert collector.message_ids() == {"a": 2, "b": 1}
    assert collector.message_ids("getfluxly") == {"a": 1}
    assert collector.message_ids("inslytic") == {}
    await asker.said(items("a"), path=BATCH)
    assert collector.summary().duplicates == 1


@pytest.mark.whole_way
async def test_other_systems_know_no_keys(collector: Collector, asker: Asker) -> None:
    """A header that RudderStack does not read protects nothing."""
    for _ in range(2):
        await asker.post(batch("a"), headers={"X-Idempotency-Key": "k-1"})
    assert (collector.summary().duplicates, collector.summary().repeats) == (1, 0)


@pytest.mark.whole_way
async def test_clear_forgets_the_keys(collector: Collector, asker: Asker) -> None:
    """Afterwards the same key is a new one."""
    for _ in range(2):
        await asker.said(items("a"), path=BATCH, idempotency_key="k-1")
        assert collector.message_ids() == {"a": 1}
        collector.clear()


def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest keys and aliases leave; a repeat does not count as new."""
    monkeypatch.setattr(memory, "KEEP_ANSWERS", 3)
    monkeypatch.setattr(memory, "KEEP_JOINS", 3)
    known = Memory()
    for number in range(5):
        name = str(number)
        known.note(Answer(status=200, text=name, keep_as=name, joins={name: "u"}))
    answers = [known.answer_to(str(number)) for number in range(5)]
    assert [answer.text if answer else None for answer in answers] == [None, None, "2", "3", "4"]
    assert [known.joined_to(str(number)) for number in range(5)] == ["", "", "u", "u", "u"]
    for answer in answers:
        if answer is not None:
            known.note(answer)
    assert known.answer_to("2") is not None
