"""What happens when the server misbehaves? What it saw, what the receipts say, the counts.

Every fault is met twice: once, and then the server is well again; and by every request there is.
"""

import asyncio
import random
import time
from typing import Unpack

import pytest
from msgspec import Struct

from asyncsdk import AsyncAnalytics, DeliveryError
from asyncsdk.client.settings import Options
from asyncsdk.ledger import LaneStatistics
from asyncsdk.receipts import State
from tests.promises.hostile import (
    after_bytes,
    deaf,
    ids,
    mute,
    planted,
    stall,
    wired,
)
from tests.street.walking import adds_up, client, letters, said, track, until
from tests.transports.lines import (
    Act,
    Line,
    Peer,
    answer,
    drop,
    endless,
    free_port,
    head,
    listening,
    raw,
    reset,
)

pytestmark = pytest.mark.whole_way

CHUNKED = head(200, "Transfer-Encoding: chunked")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
GOOD = head(200, length=2) + b"ok"


async def hit(peer: Peer) -> bool:
    """Reset at once."""
    return await reset()(peer)


class Fault(Struct, frozen=True):
    """What a server does, and how it must read in the error.

    Attributes:
        act: What is done.
        early: Whether it is done at the connection, before a request was read.
        code: Of the error.
        status: The status that counts, if one does.
        slow: Whether only the timeout ends it.
    """

    act: Act
    early: bool = False
    code: str = "network_error"
    status: int | None = None
    slow: bool = False


def slow(act: Act, *, early: bool = False) -> Fault:
    """Describe a fault that only the timeout ends."""
    return Fault(act, early=early, code="request_timeout", slow=True)


FAULTS: dict[str, Fault] = {
    "reset at the connection": Fault(hit, early=True),
    "reset in the request": Fault(after_bytes(200, hit), early=True),
    "reset after the request": Fault(reset()),
    "reset in the head": Fault(reset(b"HTTP/1.1 20")),
    "reset after the head": Fault(reset(head(length=100))),
    "reset in the body": Fault(reset(head(length=100) + b"o")),
    "closed at the connection": Fault(drop, early=True),
    "closed in the request": Fault(after_bytes(200, drop), early=True),
    "closed after the request": Fault(drop),
    "closed in the head": Fault(raw(b"HTTP/1.1 200 O")),
    "closed after the head": Fault(raw(head(length=2))),
    "closed in the body": Fault(raw(head(length=100) + b"ok")),
    "hang at the connection": slow(mute, early=True),
    "hang without reading": slow(deaf, early=True),
    "hang in the request": slow(after_bytes(200, deaf), early=True),
    "hang after the request": slow(mute),
    "hang in the head": slow(stall(b"HTTP/1.1 200 O")),
    "hang after the head": slow(stall(head(length=2))),
    "hang in the body": slow(stall(head(length=100) + b"ok")),
    "a drip": slow(raw(head(length=1_000), *([b"x"] * 500), pause=0.02)),
    "a longer length than there is": slow(stall(head(length=3) + b"ok")),
    "chunks that break off": Fault(raw(CHUNKED + b"5\r\nhel")),
    "chunks without an end": slow(stall(CHUNKED + b"2\r\nok\r\n")),
    "chunks of no number": Fault(raw(CHUNKED + b"zz\r\nok\r\n0\r\n\r\n")),
    "a length below zero": Fault(raw(head(200, "Content-Length: -5") + b"ok")),
    "two lengths": Fault(raw(head(200, "Content-Length: 3", length=2) + b"ok")),
    "a length and chunks": Fault(
        raw(head(200, "Transfer-Encoding: chunked", length=2) + b"2\r\nok\r\n0\r\n\r\n")
    ),
    "a header without an end": Fault(endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096)),
    "headers without an end": Fault(endless(b"HTTP/1.1 200 OK\r\n", b"X: aaaaaaaaaa\r\n" * 200)),
    "a zero in a header": Fault(raw(head(200, "X: a\0b", length=2) + b"ok")),
    "no protocol at all": Fault(raw(b"\x16\x03\x01 nonsense\r\n\r\n")),
    "another protocol": Fault(raw(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "the body alone": Fault(raw(b'{"success": true}')),
    "interim answers without an end": slow(endless(b"", CONTINUE * 100)),
    "a login page": Fault(
        answer(200, b"<html>log in</html>", "Content-Type: text/html; charset=utf-8"),
        code="invalid_response",
        status=200,
    ),
    "an error without an end": Fault(
        endless(head(503, "Connection: close"), b"x" * 4096), code="http_503", status=503
    ),
    "a changed protocol": Fault(
        raw(head(101, "Upgrade: x", "Connection: upgrade")), code="http_101", status=101
    ),
}


def hurried(line: Line | str, fault: Fault, **options: Unpack[Options]) -> AsyncAnalytics:
    """Make a client whose timeout is short if only that ends the fault; bodies are readable."""
    url = line if isinstance(line, str) else line.url
    settings: Options = {"timeout": 0.2 if fault.slow else 10.0, "gzip": False}
    settings.update(options)
    return client(url, **settings)


def counts(analytics: AsyncAnalytics) -> LaneStatistics:
    """Return the lane's counts; they must add up."""
    found = analytics.statistics().destinations["here"]
    assert adds_up(found)
    return found


@pytest.mark.parametrize("what", FAULTS)
async def test_a_fault_costs_one_attempt_and_no_event(what: str) -> None:
    """What happens when one request meets it? It is sent again, with the same ids."""
    fault = FAULTS[what]
    early, acts = ([fault.act], [answer()]) if fault.early else ([], [fault.act, answer()])
    async with listening(*acts) as line, wired(line.port, *early) as wire:
        analytics = hurried(wire.url, fault, timeout=0.5 if fault.slow else 10.0)
        receipts = [track(analytics, number) for number in range(3)]
        result = await analytics.shutdown(timeout=30)
    mine = [receipt.message_id for receipt in receipts]
    found = counts(analytics)
    assert [ids(asked) for asked in line.asked] == [mine] * (1 if fault.early else 2)
    assert wire.connections == 2 or not fault.early
    assert {receipt.state for receipt in receipts} == {State.DELIVERED}
    assert (found.requests, found.retries, found.failures) == (2, 1, 1)
    assert (result.delivered, result.pending, result.errors) == (3, 0, ())


@pytest.mark.parametrize("what", FAULTS)
async def test_a_fault_that_stays_ends_in_dead_letters(what: str) -> None:
    """What happens when every request meets it? Events are kept, readable, with the reason."""
    fault = FAULTS[what]
    early, act = ([fault.act] * 9, answer()) if fault.early else ([], fault.act)
    async with listening(act) as line, wired(line.port, *early) as wire:
        analytics = hurried(wire.url, fault, max_retries=1)
        receipts = [track(analytics, number) for number in range(3)]
        result = await analytics.flush(timeout=30)
        found = counts(analytics)
        dead = await letters(analytics)
        with pytest.raises(DeliveryError) as caught:
            await receipts[0].delivered(timeout=5)
        await analytics.shutdown(timeout=5)
    mine = [receipt.message_id for receipt in receipts]
    assert wire.connections == 2 or not fault.early
    assert [ids(asked) for asked in line.asked] == ([] if fault.early else [mine] * 2)
    assert {receipt.state for receipt in receipts} == {State.DEAD}
    assert (caught.value.code, caught.value.status) == (fault.code, fault.status)
    assert (found.requests, found.failures, found.dead, found.pending) == (2, 2, 3, 0)
    assert [(one.message_id, one.state, one.attempts, one.status) for one in dead] == [
        (one, "dead", 2, fault.status) for one in mine
    ]
    assert [error.code for error in result.errors] == [fault.code]
    assert all(len(letter.reason) < 250 for letter in dead)
    assert planted(caught.value, *(letter.reason for letter in dead)) == []


async def test_a_server_that_is_not_there_yet_gets_everything_once_it_is() -> None:
    """What happens when nobody listens? Events wait; nothing of them is lost or doubled."""
    port = free_port()
    analytics = client(f"http://127.0.0.1:{port}", gzip=False, max_retries=10_000)
    receipts = [track(analytics, number) for number in range(3)]
    await until(lambda: analytics.statistics().failures >= 2)
    assert {receipt.state for receipt in receipts} == {State.PENDING}
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head_read = await reader.readuntil(b"\r\n\r\n")
        length = int(head_read.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        seen.append(await reader.readexactly(length))
        writer.write(GOOD)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    result = await analytics.shutdown(timeout=30)
    server.close()
    await asyncio.sleep(0.05)
    found = counts(analytics)
    assert (found.delivered, found.failures, result.pending) == (3, found.requests - 1, 0)
    assert len(seen) == 1


async def test_all_faults_in_a_row_lose_nothing_and_keep_the_order() -> None:
    """What happens when a server does everything wrong in a row? All arrives, in order."""
    faults = [fault.act for fault in FAULTS.values() if not fault.early and not fault.slow]
    random.Random(7).shuffle(faults)
    script = [act for fault in faults for act in (fault, answer())]
    async with listening(*script, answer()) as line:
        analytics = client(line.url, gzip=False, flush_at=5, max_batch_events=5, max_retries=99)
        receipts = [track(analytics, number) for number in range(5 * len(script))]
        result = await analytics.shutdown(timeout=60)
    arrived = list(dict.fromkeys(one for asked in line.asked for one in ids(asked)))
    found = counts(analytics)
    assert arrived == [receipt.message_id for receipt in receipts]
    assert (result.delivered, result.pending, result.dropped) == (len(receipts), 0, 0)
    assert len(line.asked) == len(script) + len(faults)
    assert found.failures <= len(faults)  # some met a kept connection, which is forgiven
    assert {receipt.state for receipt in receipts} == {State.DELIVERED}


# Answers that are a yes, in an odd form.

YES: dict[str, Act] = {
    "no body": answer(200, b""),
    "204": raw(head(204)),
    "201": answer(201),
    "202": answer(202),
    "binary": answer(200, bytes(range(256))),
    "ten megabytes": answer(200, b"x" * 10_000_000),
    "no end": endless(head(200, "Connection: close"), b"x" * 4096),
    "no end, chunked": endless(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "to the end of the connection": raw(head(200, "Connection: close") + b"ok"),
    "in pieces": raw(*(bytes([byte]) for byte in GOOD), pause=0.001),
    "after ten thousand interim answers": raw(CONTINUE * 10_000 + GOOD),
    "after a thousand hints": raw(HINTS * 1_000 + GOOD),
}


@pytest.mark.parametrize("what", YES)
async def test_a_yes_is_a_yes_in_whatever_form_it_comes(what: str) -> None:
    """What happens when the answer is large, empty or late? It is read to a bound; once is enough."""
    async with listening(YES[what], answer()) as line:
        analytics = client(line.url, gzip=False, timeout=10.0)
        receipt = track(analytics, 1)
        first = await analytics.flush(timeout=30)
        second = track(analytics, 2)
        await analytics.shutdown(timeout=30)
    found = counts(analytics)
    assert [ids(asked) for asked in line.asked] == [[receipt.message_id], [second.message_id]]
    assert (first.delivered, found.delivered, found.failures) == (1, 2, 0)


async def test_a_flood_of_interim_answers_leaves_the_loop_to_its_host() -> None:
    """What happens to my application meanwhile? It goes on; the timeout ends the flood."""
    beats = 0
    async with listening(endless(b"", CONTINUE * 1_000)) as line:
        analytics = client(line.url, timeout=0.5, max_retries=0)
        receipt = track(analytics, 1)
        began = time.monotonic()
        while receipt.state is State.PENDING:
            await asyncio.sleep(0.01)
            beats += 1
        took = time.monotonic() - began
        await analytics.shutdown(timeout=1)
    assert beats >= 5
    assert took < 5.0


@pytest.mark.parametrize("together", [True, False], ids=["at once", "later"])
async def test_an_answer_that_nobody_asked_for_settles_nothing(*, together: bool) -> None:
    """What happens when a server answers twice? The second is no answer to the next batch."""

    async def twice(peer: Peer) -> bool:
        """Answer, and once more."""
        await peer.say(*([GOOD + GOOD] if together else [GOOD, GOOD]), pause=0.05)
        return True

    async with listening(twice, answer(503), answer()) as line:
        analytics = client(line.url, gzip=False)
        first = track(analytics, 1)
        await analytics.flush(timeout=10)
        await asyncio.sleep(0.2)
        second = track(analytics, 2)
        result = await analytics.shutdown(timeout=10)
    seen = [ids(asked) for asked in line.asked]
    assert seen == [[first.message_id], [second.message_id], [second.message_id]]
    assert (result.delivered, counts(analytics).failures) == (1, 1)


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_loop_costs_one_request_and_holds_the_events(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when the URL moved? Nobody is followed; the lane stands still and says so."""
    async with listening(answer()) as there, listening(answer()) as here:
        here.play(answer(status, b"", f"Location: {there.url}/v1/batch"))
        there.play(answer(status, b"", f"Location: {here.url}/v1/batch"))
        analytics = client(here.url, gzip=False, probe_after=0.3)
        receipts = [track(analytics, number) for number in range(3)]
        waited = await analytics.flush(timeout=10)
        stopped = analytics.statistics().stopped
        assert {receipt.state for receipt in receipts} == {State.PENDING}
        assert (len(here.asked), there.connections) == (1, 0)
        here.play(answer())
        await until(lambda: not analytics.pending)
        result = await analytics.shutdown(timeout=10)
    found = counts(analytics)
    assert [error.code for error in waited.errors] == [f"http_{status}"]
    assert str(status) in stopped
    assert len(said(caplog, f"HTTP {status}")) == 1
    assert {tuple(ids(asked)) for asked in here.asked} == {
        tuple(receipt.message_id for receipt in receipts)
    }
    assert (found.delivered, found.rejected, found.dead, result.pending) == (3, 0, 0, 0)
    assert there.connections == 0


# Kept connections.


@pytest.mark.parametrize("end", [drop, hit], ids=["closed", "reset"])
async def test_a_stale_connection_costs_neither_an_attempt_nor_a_pause(
    end: Act, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when the server gave an idle connection up? The batch goes again at once."""
    told: list[str] = []
    async with listening(answer(), end, answer()) as line:
        analytics = client(
            line.url,
            gzip=False,
            retry_base=30.0,
            retry_cap=30.0,
            timeout=10.0,
            on_event=lambda kind, _: told.append(kind),
        )
        first = track(analytics, 1)
        await analytics.flush(timeout=10)
        second = track(analytics, 2)
        result = await analytics.flush(timeout=10)
        await analytics.shutdown(timeout=5)
    found = counts(analytics)
    assert [(asked.connection, ids(asked)) for asked in line.asked] == [
        (1, [first.message_id]),
        (1, [second.message_id]),
        (2, [second.message_id]),
    ]
    assert (found.delivered, found.failures, found.retries) == (2, 0, 0)
    assert result.duration < 5.0
    assert (told, said(caplog)) == ([], [])


async def test_a_stale_connection_is_forgiven_once_a_batch() -> None:
    """What happens when the fresh one dies too? That is a failure like any other."""
    async with listening(answer(), drop, drop, answer()) as line:
        analytics = client(line.url, gzip=False)
        track(analytics, 1)
        await analytics.flush(timeout=10)
        second = track(analytics, 2)
        await analytics.shutdown(timeout=10)
    found = counts(analytics)
    assert [ids(asked) for asked in line.asked[1:]] == [[second.message_id]] * 3
    assert (found.delivered, found.failures, found.retries) == (2, 1, 1)


async def test_a_server_that_closes_after_every_answer_costs_no_attempt() -> None:
    """What happens when it never keeps a connection, and never says so? No attempt is lost."""
    async with listening(answer(keep=False)) as line:
        analytics = client(line.url, gzip=False)
        for number in range(10):
            track(analytics, number)
            await analytics.flush(timeout=10)
            await asyncio.sleep(0.005)
        await analytics.shutdown(timeout=10)
    found = counts(analytics)
    assert (found.delivered, found.requests, found.failures) == (10, 10, 0)
    assert (len(line.asked), line.connections) == (10, 10)
