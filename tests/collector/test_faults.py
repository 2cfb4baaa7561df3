"""What goes wrong on purpose: the choice, then every kind over real sockets."""

import asyncio
import random
import time
from typing import Any

import aiohttp
import pytest

from asyncsdk.collector import Collector, Fault
from asyncsdk.collector.faults import Script, faulted_answer
from asyncsdk.collector.rudderstack import words
from tests.collector.asking import KEY, Asker, basic, batch, until

REFUSE = Fault(kind="status")
DROP = Fault(kind="drop")


def kinds(script: Script, count: int, *, elapsed: float = 0.0, size: int = 0) -> list[str]:
    """Say what happens to *count* requests."""
    return [script.choose(elapsed=elapsed, size=size).kind for _ in range(count)]


def never() -> float:
    """Stand for a draw that must not be made."""
    raise AssertionError("drawn")


def test_no_faults_is_no_fault() -> None:
    """An empty script lets everything through."""
    plan = Script((), draw=never).choose(elapsed=0.0, size=1)
    assert (plan.kind, plan.delay, plan.accept) == ("", 0.0, True)


def test_the_first_that_applies_is_taken_until_it_is_spent() -> None:
    """Faults follow each other in their order; a sure one draws no chance."""
    script = Script((Fault(kind="status", times=2), Fault(kind="drop", times=1)), draw=never)
    assert kinds(script, 4) == ["status", "status", "drop", ""]


def test_delays_add_up_wherever_they_stand() -> None:
    """Two delays and a refusal: the refusal comes after the sum."""
    slow = Fault(kind="delay", seconds=1.5)
    plan = Script((slow, REFUSE, DROP, slow), draw=never).choose(elapsed=0.0, size=0)
    assert (plan.delay, plan.fault, plan.accept) == (3.0, REFUSE, False)


def test_a_window_opens_and_closes() -> None:
    """From `start` up to, not including, `until`."""
    script = Script((Fault(kind="drop", start=1.0, until=2.0),), draw=never)
    seen = [kinds(script, 1, elapsed=at)[0] for at in (0.9, 1.0, 1.9, 2.0)]
    assert seen == ["", "drop", "drop", ""]


def test_max_body_looks_at_the_size() -> None:
    """At the bound is allowed, above it is not; only hits are spent."""
    script = Script((Fault(kind="max_body", bytes=10, times=1),), draw=never)
    assert kinds(script, 3, size=10) == [""] * 3
    assert kinds(script, 2, size=11) == ["max_body", ""]


def test_a_share_is_drawn_from_the_seed() -> None:
    """The same seed tells the same story, and the share is about right."""
    faults = (Fault(kind="drop", share=0.3),)
    one, same, other = (
        kinds(Script(faults, draw=random.Random(seed).random), 1_000) for seed in (1, 1, 2)
    )
    assert one == same != other
    assert 230 < one.count("drop") < 370


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("status", False),
        ("reject", True),
        ("delay", True),
        ("hang", False),
        ("drop", False),
        ("drop_after_head", True),
        ("reset", False),
        ("truncate", True),
        ("max_body", False),
    ],
)
def test_accept_overrides_what_a_kind_does(kind: Any, taken: bool) -> None:  # noqa: FBT001
    """Each kind has its default; the field decides where it is given."""
    fields: dict[str, Any] = {"seconds": 1.0, "bytes": 1}
    assert Fault(kind=kind, **fields).takes_events is taken
    for accept in (True, False):
        fault = Fault(kind=kind, **fields, accept=accept)
        plan = Script((fault,), draw=never).choose(elapsed=0.0, size=2)
        assert plan.accept is accept


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "delay"},
        {"kind": "hang", "seconds": -1.0},
        {"kind": "drop", "share": 1.1},
        {"kind": "max_body"},
        {"kind": "status", "status": 99},
        {"kind": "reject", "part": -0.1},
    ],
)
def test_a_fault_that_cannot_work_is_refused(fields: dict[str, Any]) -> None:
    """The error names the kind and the field."""
    with pytest.raises(ValueError, match=f"{fields['kind']}: (seconds|share|bytes|status|part)"):
        Fault(**fields)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "ok"),
        (413, "request size exceeds max limit\n"),
        (429, "max requests limit reached\n"),
        (503, "service unavailable\n"),
        (504, "gateway timeout\n"),
        (401, "unauthorized\n"),
        (599, "status 599\n"),
    ],
)
def test_a_status_without_a_body_has_the_gateways_text(status: int, text: str) -> None:
    """Where the gateway has a text for a status, it is that one."""
    assert faulted_answer(Fault(kind="status", status=status), words).text == text


@pytest.mark.parametrize(("given", "sent"), [(0, "0"), (2.0, "2"), (0.5, "0.5"), ("2", "2")])
def test_a_pause_may_be_a_number_of_seconds(given: Any, sent: str) -> None:
    """Or the header's text, such as a date."""
    fault = Fault(kind="status", status=429, retry_after=given)
    assert faulted_answer(fault, words).headers["Retry-After"] == sent


@pytest.mark.whole_way
async def test_a_status_refuses_without_taking(collector: Collector, asker: Asker) -> None:
    """Status, body and Retry-After are as written; then the fault is spent."""
    collector.script(
        Fault(kind="status", status=429, body="slow down", retry_after="2", times=1),
    )
    got = await asker.post(batch("a"))
    assert (got.status, got.text, got.headers["Retry-After"]) == (429, "slow down", "2")
    assert not collector.events
    assert (await asker.post(batch("a"))).status == 200
    assert [(seen.status, seen.fault) for seen in collector.requests] == [
        (429, "status"),
        (200, ""),
    ]


@pytest.mark.whole_way
async def test_what_a_fault_hides_is_not_refused_by_rules(
    collector: Collector, asker: Asker
) -> None:
    """Events behind a 503 were never looked at, so none of them counts as refused."""
    collector.script(Fault(kind="status"))
    assert (await asker.post({"batch": [5]})).status == 503
    assert collector.summary().refused == 0


@pytest.mark.whole_way
async def test_a_delayed_request_is_taken_at_once(collector: Collector, asker: Asker) -> None:
    """Its events are there before its answer: a client that gives up makes a duplicate."""
    collector.script(Fault(kind="delay", seconds=0.3))
    began = time.monotonic()
    answer = asyncio.create_task(asker.post(batch("a")))
    await until(lambda: collector.events)
    assert not answer.done()
    assert (await answer).text == "ok"
    assert time.monotonic() - began >= 0.3


@pytest.mark.whole_way
@pytest.mark.parametrize("kind", ["drop", "reset"])
async def test_a_lost_connection_takes_nothing(
    collector: Collector, asker: Asker, kind: Any
) -> None:
    """The client sees no byte of an answer."""
    collector.script(Fault(kind=kind))
    with pytest.raises(aiohttp.ClientConnectionError):
        await asker.post(batch("a"))
    assert not collector.events
    assert [(seen.status, seen.fault) for seen in collector.requests] == [(None, kind)]


async def answer_bytes(collector: Collector) -> bytes:
    """Post one event over a raw socket and return every byte until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(collector.url.split(":")[-1]))
    body = b'{"batch":[{"userId":"u","messageId":"a"}]}'
    head = (
        "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {basic(KEY)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        writer.write(head.encode() + body)
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.whole_way
async def test_drop_is_an_orderly_end(collector: Collector) -> None:
    """The peer reads the end of the stream, without an error."""
    collector.script(DROP)
    assert await answer_bytes(collector) == b""


@pytest.mark.whole_way
async def test_reset_is_a_reset(collector: Collector) -> None:
    """The peer gets RST, not the end of the stream."""
    collector.script(Fault(kind="reset"))
    with pytest.raises(ConnectionResetError):
        await answer_bytes(collector)


@pytest.mark.whole_way
async def test_drop_after_head_takes_and_loses_the_answer(collector: Collector) -> None:
    """A whole head, no body, and the event was accepted."""
    collector.script(Fault(kind="drop_after_head"))
    head, end, body = (await answer_bytes(collector)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Length: 2" in head
    assert (end, body) == (b"\r\n\r\n", b"")
    assert collector.message_ids() == {"a": 1}


@pytest.mark.whole_way
async def test_truncate_announces_more_than_it_sends(collector: Collector, asker: Asker) -> None:
    """The body stops early, the event was accepted: a repeat is a duplicate."""
    collector.script(Fault(kind="truncate", times=2))
    head, _, body = (await answer_bytes(collector)).partition(b"\r\n\r\n")
    assert body == b"ok"
    assert b"Content-Length: 66" in head
    with pytest.raises(aiohttp.ClientPayloadError):
        await asker.post(batch("a"))
    assert (await asker.post(batch("a"))).status == 200
    assert collector.message_ids() == {"a": 3}
    assert collector.summary().duplicates == 2


@pytest.mark.whole_way
async def test_a_hang_holds_and_then_closes(collector: Collector, asker: Asker) -> None:
    """No byte comes; after its seconds the connection is closed."""
    collector.script(Fault(kind="hang", seconds=0.2))
    began = time.monotonic()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await asker.post(batch("a"))
    assert time.monotonic() - began >= 0.2
    assert not collector.events


@pytest.mark.whole_way
async def test_a_hang_may_take_the_events(collector: Collector, asker: Asker) -> None:
    """With accept=True the server has worked, though it never says so."""
    collector.script(Fault(kind="hang", seconds=0.05, accept=True))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await asker.post(batch("a"))
    assert collector.message_ids() == {"a": 1}


@pytest.mark.whole_way
async def test_max_body_is_413_after_inflation(collector: Collector, asker: Asker) -> None:
    """The size counts uncompressed, in RudderStack's words; smaller ones pass."""
    collector.script(Fault(kind="max_body", bytes=200))
    got = await asker.post(batch(*"abcdefgh"), packed=True)
    assert (got.status, got.text) == (413, "request size exceeds max limit\n")
    assert (await asker.post(batch("a"), packed=True)).status == 200
    assert collector.message_ids() == {"a": 1}


def envelope(*ids: str) -> dict[str, Any]:
    """Build a batch that is answered event by event."""
    return {"events": [{"event": "e", "user_id": "u", "message_id": given} for given in ids]}


@pytest.mark.whole_way
async def test_a_part_of_the_events_is_refused(collector: Collector, asker: Asker) -> None:
    """202 names exactly those that were not taken; what is bad anyway is not drawn for."""
    collector.script(Fault(kind="reject", part=0.3))
    names = [f"m-{number}" for number in range(99)]
    status, said = await asker.said(
        {"events": [{"event": "e"}, *envelope(*names)["events"]]}, path="/v1/events/batch"
    )
    refused = [error["index"] for error in said["errors"]]
    assert (status, said["rejected"], said["accepted"]) == (202, len(refused), 100 - len(refused))
    assert 15 < len(refused) < 45
    assert {error["error"] for error in said["errors"]} == {"validation_error"}
    taken = [name for index, name in enumerate(names, 1) if index not in refused]
    assert [kept.message_id for kept in collector.events] == taken
    assert collector.summary().refused == len(refused)


@pytest.mark.whole_way
async def test_a_refusal_has_the_code_that_was_asked_for(
    collector: Collector, asker: Asker
) -> None:
    """`body` is the code, and the seed decides whose it is; then the fault is spent."""
    stories: list[Any] = []
    for _ in range(2):
        collector.script(Fault(kind="reject", part=0.5, body="rate_limited", times=1))
        path = "/v1/events/batch"
        stories.append((await asker.said(envelope(*"abcdefgh"), path=path))[1]["errors"])
        assert (await asker.said(envelope("z"), path=path))[1]["errors"] == []
    assert stories[0] == stories[1]
    assert 0 < len(stories[0]) < 8
    assert {error["error"] for error in stories[0]} == {"rate_limited"}


@pytest.mark.whole_way
async def test_who_has_no_answer_for_each_event_refuses_none(
    collector: Collector, asker: Asker
) -> None:
    """RudderStack has no words for it, so the fault lets it through."""
    collector.script(Fault(kind="reject"))
    assert (await asker.post(batch("a"))).status == 200
    assert collector.message_ids() == {"a": 1}


@pytest.mark.whole_way
async def test_a_new_script_starts_anew(collector: Collector, asker: Asker) -> None:
    """Counters are fresh each time; an empty script ends all faults."""
    for _ in range(2):
        collector.script(Fault(kind="status", times=1))
        assert [(await asker.post(batch("a"))).status for _ in range(2)] == [503, 200]
    collector.script(REFUSE)
    collector.script()
    assert (await asker.post(batch("a"))).status == 200


@pytest.mark.whole_way
async def test_shares_repeat_with_the_seed() -> None:
    """Two collectors of one seed treat the same requests alike."""
    stories: list[list[int | None]] = []
    for seed in (7, 7, 8):
        faults = [Fault(kind="status", share=0.5)]
        async with Collector(faults=faults, seed=seed) as running, aiohttp.ClientSession() as line:
            for _ in range(30):
                await Asker(line, running).post(batch("a"))
            stories.append([seen.status for seen in running.requests])
    assert stories[0] == stories[1] != stories[2]
    assert set(stories[0]) == {200, 503}


@pytest.mark.whole_way
async def test_a_fault_stands_in_front_of_the_key(collector: Collector, asker: Asker) -> None:
    """A broken proxy does not look at keys."""
    collector.script(Fault(kind="status", times=1))
    assert (await asker.post(batch("a"), key="other")).status == 503
    assert (await asker.post(batch("a"), key="other")).status == 401
