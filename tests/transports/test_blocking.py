"""The transport of the last resort: within its budget, whatever the server does."""

import asyncio
import time

import pytest

from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.transports.blocking import BlockingTransport
from asyncsdk.transports.proxies import Proxies
from tests.transports.lines import answer, hang, listening, no_tls, trusting
from tests.transports.test_every_transport import Aside, post

DIRECT = Proxies(None, trust_env=False)


async def test_all_requests_share_one_budget() -> None:
    """Without a timeout of their own they get what is left; after that, nothing is sent."""
    transport = Aside(BlockingTransport(ssl_context=None, proxies=DIRECT, budget=0.3))
    async with listening(hang) as line:
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(RequestTimeoutError):
                await transport.send(post(line.url, timeout=0))
    assert time.monotonic() - began < 2.0
    assert len(line.asked) == 1


async def test_each_request_has_a_connection_of_its_own() -> None:
    """Nothing is left open at the interpreter's exit."""
    transport = Aside(BlockingTransport(ssl_context=None, proxies=DIRECT, budget=5.0))
    async with listening(answer()) as line:
        for _ in range(2):
            assert (await transport.send(post(line.url))).status == 200
        async with asyncio.timeout(5):
            while line.open:  # noqa: ASYNC110 - the server's side is all there is to see
                await asyncio.sleep(0.005)
    assert line.connections == 2


async def test_https_is_verified() -> None:
    """A server that does not speak TLS gets no request."""
    transport = Aside(BlockingTransport(ssl_context=None, proxies=DIRECT, budget=5.0))
    async with no_tls() as url:
        with pytest.raises(TransportError, match="SSL"):
            await transport.send(post(url))


async def test_it_opens_and_closes_without_ado() -> None:
    """There is nothing to keep."""
    transport = BlockingTransport(ssl_context=None, proxies=DIRECT, budget=1.0)
    await transport.open()
    await transport.close()


async def test_certificates_are_verified() -> None:
    """By the system's authorities, or by the one that is given."""
    strict = Aside(BlockingTransport(ssl_context=None, proxies=DIRECT, budget=5.0))
    private = Aside(BlockingTransport(ssl_context=trusting(), proxies=DIRECT, budget=5.0))
    async with listening(answer(200, b"safe"), tls=True) as line:
        with pytest.raises(TransportError):
            await strict.send(post(line.tls_url))
        assert line.asked == []
        assert (await private.send(post(line.tls_url))).body == b"safe"
