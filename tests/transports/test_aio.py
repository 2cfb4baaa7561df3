"""The transport on aiohttp: kept connections, closing, and what it is told."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator

import pytest

from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.transports import AiohttpTransport
from tests.transports.lines import (
    Act,
    Peer,
    answer,
    drop,
    hang,
    head,
    listening,
    no_tls,
    raw,
    reset,
    trusting,
)
from tests.transports.test_every_transport import SECRET, post

_opened: list[AiohttpTransport] = []


@pytest.fixture(autouse=True)
async def tidy() -> AsyncIterator[None]:
    """Close what a test that failed has left open."""
    yield
    while _opened:
        await _opened.pop().close()


async def opened(transport: AiohttpTransport | None = None) -> AiohttpTransport:
    """Open a transport, by default one that is told nothing."""
    transport = transport or AiohttpTransport()
    _opened.append(transport)
    await transport.open()
    return transport


async def test_connections_are_kept() -> None:
    """Two requests, one connection."""
    transport = await opened()
    async with listening(answer()) as line:
        for _ in range(2):
            await transport.send(post(line.url))
        await transport.close()
    assert line.connections == 1


@pytest.mark.parametrize("end", [drop, reset()])
async def test_a_stale_connection_is_replaced_once_at_once(end: Act) -> None:
    """The server had given the idle connection up: the request goes over a fresh one."""
    transport = await opened()
    async with listening(answer(), end, answer(200, b"again")) as line:
        await transport.send(post(line.url))
        found = await transport.send(post(line.url))
        await transport.close()
    assert found.body == b"again"
    assert [asked.connection for asked in line.asked] == [1, 1, 2]


@pytest.mark.parametrize("end", [drop, reset()])
async def test_a_fresh_connection_that_dies_is_not_replaced(end: Act) -> None:
    """That is the server's trouble, and counts as a failure."""
    transport = await opened()
    async with listening(end) as line:
        with pytest.raises(TransportError):
            await transport.send(post(line.url))
        await transport.close()
    assert len(line.asked) == 1


async def test_a_stale_connection_is_replaced_no_more_than_once() -> None:
    """If the fresh one dies as well, it is a failure."""
    transport = await opened()
    async with listening(answer(), drop, drop, answer()) as line:
        await transport.send(post(line.url))
        with pytest.raises(TransportError):
            await transport.send(post(line.url))
        await transport.close()
    assert len(line.asked) == 3


async def test_a_kept_connection_that_broke_in_the_answer_is_not_replaced() -> None:
    """A byte of an answer came: the server may have done its work."""
    transport = await opened()
    broken = reset(head(200, length=10) + b"o")
    async with listening(answer(), broken, answer()) as line:
        await transport.send(post(line.url))
        with pytest.raises(TransportError):
            await transport.send(post(line.url))
        await transport.close()
    assert len(line.asked) == 2


async def test_the_replacement_shares_the_requests_time() -> None:
    """The timeout is for the whole, the stale connection included."""
    transport = await opened()

    async def late_drop(peer: Peer) -> bool:
        """Close without a byte, after a while."""
        await asyncio.sleep(0.3)
        return not peer

    async with listening(answer(), late_drop, hang) as line:
        await transport.send(post(line.url))
        began = asyncio.get_running_loop().time()
        with pytest.raises(RequestTimeoutError):
            await transport.send(post(line.url, timeout=0.5))
        took = asyncio.get_running_loop().time() - began
        await transport.close()
    assert took < 0.7


async def test_closing_leaves_nothing_open() -> None:
    """Neither idle connections nor ones that wait for an answer."""
    transport = await opened()
    async with listening(answer(), hang) as line:
        await transport.send(post(line.url))
        waiting = asyncio.ensure_future(transport.send(post(line.url)))
        while len(line.asked) < 2:  # noqa: ASYNC110 - the server's side is all there is to see
            await asyncio.sleep(0.005)
        await transport.close()
        with pytest.raises(TransportError):
            await waiting
        async with asyncio.timeout(5):
            while line.open:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    await transport.close()


async def test_a_transport_that_is_not_open_says_so() -> None:
    """As any other trouble on the way: the lane waits and tries again."""
    with pytest.raises(TransportError):
        await AiohttpTransport().send(post("http://127.0.0.1:9"))


async def test_opening_again_begins_anew() -> None:
    """Each run opens; what was open before is closed."""
    transport = await opened()
    async with listening(answer()) as line:
        await transport.send(post(line.url))
        await transport.open()
        await transport.send(post(line.url))
        await transport.close()
    assert line.connections == 2


async def test_cancelling_a_send_frees_its_connection() -> None:
    """The next request does not get the answer of the one that was given up."""
    transport = await opened()
    async with listening(hang, answer(200, b"mine")) as line:
        waiting = asyncio.ensure_future(transport.send(post(line.url)))
        while not line.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        waiting.cancel()
        await asyncio.wait([waiting])
        found = await transport.send(post(line.url))
        await transport.close()
    assert found.body == b"mine"
    assert [asked.connection for asked in line.asked] == [1, 2]


async def test_no_cookie_and_no_encoding_is_offered() -> None:
    """What a server sets is not carried on; what it answers is not to be packed."""
    transport = await opened()
    async with listening(answer(200, b"ok", "Set-Cookie: a=b")) as line:
        for _ in range(2):
            await transport.send(post(line.url))
        await transport.close()
    heads = [asked.head.lower() for asked in line.asked]
    assert not [head for head in heads if "cookie" in head]
    assert all("accept-encoding: identity" in head for head in heads)


async def test_a_proxy_gets_the_request() -> None:
    """With its whole address, as proxies want it."""
    async with listening(answer(200, b"by proxy")) as line:
        transport = await opened(AiohttpTransport(proxy=line.url))
        found = await transport.send(post("http://dataplane.example.com"))
        await transport.close()
    assert found.body == b"by proxy"
    assert line.asked[0].head.startswith("POST http://dataplane.example.com/v1/batch ")


@pytest.mark.parametrize(("trust", "asked"), [(True, 1), (False, 0)])
async def test_the_environments_proxy_is_obeyed_only_when_told(
    monkeypatch: pytest.MonkeyPatch, *, trust: bool, asked: int
) -> None:
    """`trust_env` is off by default: nobody reroutes events by a variable."""
    async with listening(answer()) as line, listening(answer()) as target:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, line.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        transport = await opened(AiohttpTransport(trust_env=trust))
        await transport.send(post(target.url))
        await transport.close()
    assert len(line.asked) == asked


async def test_a_server_that_is_away_leaves_nothing_to_the_garbage_collector() -> None:
    """An outage may last for hours; what each attempt leaves behind would hold up the host's loop."""
    async with listening() as gone:
        url = gone.url
    transport = await opened()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            with pytest.raises(TransportError, match="failed"):
                await transport.send(post(url))
        assert gc.collect() < 20, "objects, where each attempt left ninety"
    finally:
        gc.enable()


async def test_a_host_that_does_not_exist_is_a_transport_error() -> None:
    """`.invalid` never resolves."""
    transport = await opened()
    with pytest.raises(TransportError):
        await transport.send(post("http://nowhere.invalid"))
    await transport.close()


async def test_plain_words_for_tls_against_a_plain_server() -> None:
    """The reason is named, the key is not."""
    transport = await opened(AiohttpTransport(ssl_context=ssl.create_default_context()))
    async with no_tls() as url:
        with pytest.raises(TransportError, match="TLS") as caught:
            await transport.send(post(url))
        await transport.close()
    assert SECRET not in str(caught.value)


async def test_a_length_that_is_no_number_is_no_answer() -> None:
    """Where it ends nobody can say."""
    transport = await opened()
    async with listening(raw(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok")) as line:
        with pytest.raises(TransportError):
            await transport.send(post(line.url))
        await transport.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    """The reason is said, and no byte of the request goes out."""
    transport = await opened()
    async with listening(answer(), tls=True) as line:
        with pytest.raises(TransportError, match=r"TLS|certificate"):
            await transport.send(post(line.tls_url))
        await transport.close()
    assert line.asked == []


async def test_a_private_authority_is_trusted_when_given() -> None:
    """`ssl` is the way to say so."""
    transport = await opened(AiohttpTransport(ssl_context=trusting()))
    async with listening(answer(200, b"safe"), tls=True) as line:
        found = await transport.send(post(line.tls_url))
        await transport.close()
    assert found.body == b"safe"
