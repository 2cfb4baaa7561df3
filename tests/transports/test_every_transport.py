"""What every transport promises, over real sockets and against everything a server may do."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.seams import HttpRequest, HttpResponse, Transport
from asyncsdk.transports import AiohttpTransport
from asyncsdk.transports.blocking import BlockingTransport
from asyncsdk.transports.proxies import Proxies
from tests.transports.lines import (
    Act,
    answer,
    drop,
    endless,
    free_port,
    hang,
    head,
    listening,
    raw,
    reset,
)

SECRET = "Basic c2VjcmV0LWtleTo="
MOST = 65_536

DIRECT = Proxies(None, trust_env=False)


def post(url: str, *, timeout: float = 2.0, body: bytes = b'{"batch":[]}') -> HttpRequest:
    """Make a request that carries a key."""
    headers = {"Authorization": SECRET, "Content-Type": "application/json"}
    return HttpRequest(url=f"{url}/v1/batch", headers=headers, body=body, timeout=timeout)


class Aside:
    """A blocking transport in a thread of its own, so that the server's loop goes on."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def open(self) -> None:
        """Open it; that touches nothing of the thread."""
        await self._transport.open()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send there."""

        async def sending() -> HttpResponse:
            """Send, as a coroutine that `asyncio.run` takes."""
            return await self._transport.send(request)

        return await asyncio.to_thread(lambda: asyncio.run(sending()))

    async def close(self) -> None:
        """Close it there."""


@pytest.fixture(params=["aiohttp", "blocking"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Run each transport."""
    if request.param == "aiohttp":
        one: Transport = AiohttpTransport()
    else:
        one = Aside(BlockingTransport(ssl_context=None, proxies=DIRECT, budget=30.0))
    await one.open()
    yield one
    await one.close()


async def test_a_whole_answer_comes_back_as_it_was_sent(transport: Transport) -> None:
    """Status, headers in lower case, body; the request went out byte for byte."""
    async with listening(answer(429, b"slow down", "Retry-After: 7")) as line:
        found = await transport.send(post(line.url, body=b"\x00\xff{}"))
    assert (found.status, found.body) == (429, b"slow down")
    assert found.headers["retry-after"] == "7"
    assert line.asked[0].body == b"\x00\xff{}"
    assert line.asked[0].head.startswith("POST /v1/batch HTTP/1.1\r\n")
    assert f"Authorization: {SECRET}\r\n" in line.asked[0].head


async def test_a_refused_connection_is_a_transport_error(transport: Transport) -> None:
    """Nobody listens."""
    with pytest.raises(TransportError) as caught:
        await transport.send(post(f"http://127.0.0.1:{free_port()}"))
    assert caught.value.retryable
    assert caught.value.status is None


BROKEN: dict[str, Act] = {
    "reset before the head": reset(),
    "reset in the head": reset(b"HTTP/1.1 20"),
    "reset in the body": reset(head(length=100) + b"o"),
    "closed before the head": drop,
    "closed in the head": raw(b"HTTP/1.1 200 O"),
    "closed after the head": raw(head(length=2)),
    "closed in the body": raw(head(length=100) + b"ok"),
    "chunks that break off": raw(head(200, "Transfer-Encoding: chunked") + b"5\r\nhel"),
    "chunks that do not end": raw(head(200, "Transfer-Encoding: chunked") + b"2\r\nok\r\n"),
    "chunks of no number": raw(head(200, "Transfer-Encoding: chunked") + b"zz\r\nok\r\n0\r\n\r\n"),
    "garbage for a status line": raw(b"\x16\x03\x01 nonsense\r\n\r\n"),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "no number for a status": raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a header without end": endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096),
    "headers without end": endless(b"HTTP/1.1 200 OK\r\n", b"X-Much: aaaaaaaaaaaa\r\n" * 200),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_half_an_answer_is_no_answer(transport: Transport, what: str) -> None:
    """Whatever was read before it broke: no status comes out of it, and so none is obeyed."""
    async with listening(BROKEN[what]) as line:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(line.url))
    assert caught.value.status is None
    assert caught.value.retryable


@pytest.mark.parametrize("what", [*BROKEN, "refused", "hang"])
async def test_error_texts_show_no_header_and_no_key(transport: Transport, what: str) -> None:
    """Nor does anything that hangs on the error: a traceback shows its causes too."""
    async with listening(BROKEN.get(what, hang)) as line:
        url = f"http://127.0.0.1:{free_port()}" if what == "refused" else line.url
        with pytest.raises(TransportError) as caught:
            await transport.send(post(url, timeout=0.2))
    error = caught.value
    shown = [str(error), repr(error), repr(error.details)]
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert not [text for text in shown if "c2VjcmV0" in text or "Authorization" in text]


async def test_the_answer_that_never_comes_hits_the_timeout(transport: Transport) -> None:
    """It is named as such."""
    async with listening(hang) as line:
        began = time.monotonic()
        with pytest.raises(RequestTimeoutError):
            await transport.send(post(line.url, timeout=0.2))
    assert 0.15 <= time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "start",
    [b"", head(length=1_000), b"HTTP/1.1 200 OK\r\nX: "],
    ids=["status line", "body", "header"],
)
async def test_a_slow_drip_hits_the_total_timeout(transport: Transport, start: bytes) -> None:
    """Each byte in time, the whole never: the limit is for the whole."""
    drip = raw(start, *([b"x"] * 100), pause=0.05)
    async with listening(drip) as line:
        began = time.monotonic()
        with pytest.raises(TransportError):
            await transport.send(post(line.url, timeout=0.3))
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(transport: Transport, status: int) -> None:
    """The answer is the redirect itself; nothing is sent on, the key least of all."""
    async with listening(answer()) as elsewhere:
        moved = answer(status, b"", f"Location: {elsewhere.url}/v1/batch")
        async with listening(moved) as line:
            found = await transport.send(post(line.url))
        assert found.status == status
        assert (len(line.asked), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize("size", [MOST - 1, MOST, MOST + 1, 1_000_000])
async def test_an_answer_is_read_up_to_the_bound(transport: Transport, size: int) -> None:
    """Its status counts, its beginning is kept, and the next request is not confused by the rest."""
    async with listening(answer(200, b"x" * size), answer(201, b"next")) as line:
        found = await transport.send(post(line.url))
        after = await transport.send(post(line.url))
    assert (found.status, len(found.body)) == (200, min(size, MOST))
    assert (after.status, after.body) == (201, b"next")


async def test_a_request_may_bound_its_answer_otherwise(transport: Transport) -> None:
    """Flag definitions are megabytes; what is larger than they may be is cut as well."""
    async with listening(answer(200, b"x" * 3_000_000)) as line:
        large = structs.replace(post(line.url), max_answer_bytes=2_000_000)
        small = structs.replace(post(line.url), max_answer_bytes=10)
        sizes = [len((await transport.send(one)).body) for one in (large, small)]
    assert sizes == [2_000_000, 10]


async def test_what_is_asked_for_with_get_has_a_query_and_no_body(transport: Transport) -> None:
    """Its address goes out as it is, and nothing is said of a body that is not there."""
    async with listening(answer(200, b"ok")) as line:
        url = f"{line.url}/flags/definitions?token=phc_1&send_cohorts"
        found = await transport.send(
            HttpRequest(url=url, headers={"Authorization": SECRET}, body=b"", method="GET")
        )
    assert found.body == b"ok"
    said = line.asked[0].head
    assert said.startswith("GET /flags/definitions?token=phc_1&send_cohorts HTTP/1.1\r\n")
    assert "content-" not in said.lower()


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (head(200, "Connection: close"), b"x" * 4096),
        (head(200, "Transfer-Encoding: chunked"), b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    ],
    ids=["to the end of the connection", "chunked"],
)
async def test_an_answer_without_end_is_bounded(
    transport: Transport, start: bytes, piece: bytes
) -> None:
    """A server that talks for ever holds neither memory nor the lane."""
    async with listening(endless(start, piece)) as line:
        found = await transport.send(post(line.url))
    assert (found.status, len(found.body)) == (200, MOST)


async def test_a_gzip_bomb_is_not_inflated(transport: Transport) -> None:
    """The body is what came over the wire."""
    bomb = gzip.compress(bytes(50_000_000))
    async with listening(answer(200, bomb[:MOST], "Content-Encoding: gzip")) as line:
        found = await transport.send(post(line.url))
    assert found.body == bomb[:MOST]


async def test_an_answer_that_closes_the_connection_is_a_whole_one(transport: Transport) -> None:
    """With a length, or read to the end of the connection."""
    closing = head(200, "Connection: close")
    with_length = head(200, "Connection: close", length=2)
    async with listening(raw(with_length + b"ok"), raw(closing + b"ok")) as line:
        bodies = [(await transport.send(post(line.url))).body for _ in range(2)]
    assert bodies == [b"ok", b"ok"]


async def test_an_empty_answer_is_a_whole_one(transport: Transport) -> None:
    """204, and a length of zero."""
    async with listening(raw(head(204, "Server: x")), answer(200, b"")) as line:
        statuses = [(await transport.send(post(line.url))).status for _ in range(2)]
    assert statuses == [204, 200]
