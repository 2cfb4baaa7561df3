"""What happens when a certificate is not right? No event leaves, none is lost, the reason is said.

All certificates are made for the test, by authorities that nobody else trusts.
"""

import asyncio
import contextlib
import datetime
import re
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
import trustme

from asyncsdk import AsyncAnalytics, ConfigurationError, RudderStack, Segment, TransportError
from asyncsdk.client.settings import Options
from asyncsdk.receipts import State
from tests.promises.hostile import Wire, ids, mute, planted, server_side, trusting, wired
from tests.street.walking import KEY, adds_up, client, letters, said, track, until
from tests.transports.lines import Line, answer, listening
from tests.transports.lines import server_context as signed_by_itself

pytestmark = pytest.mark.whole_way

HERE = "127.0.0.1"
DAY = datetime.timedelta(days=1)

Leaf = Callable[[trustme.CA], ssl.SSLContext]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Found a private authority."""
    return trustme.CA()


def from_day_to_day(first: int, last: int) -> Leaf:
    """Describe a certificate that is valid from one day to another, counted from today."""

    def leaf(authority: trustme.CA) -> ssl.SSLContext:
        """Issue it."""
        now = datetime.datetime.now(datetime.UTC)
        return server_side(
            authority.issue_cert(HERE, not_before=now + first * DAY, not_after=now + last * DAY)
        )

    return leaf


def good(authority: trustme.CA) -> ssl.SSLContext:
    """Issue a good certificate."""
    return server_side(authority.issue_cert(HERE))


def for_another_host(authority: trustme.CA) -> ssl.SSLContext:
    """Issue a good certificate of somebody else."""
    return server_side(authority.issue_cert("other.example.com"))


def by_another_authority(_: trustme.CA) -> ssl.SSLContext:
    """Issue a good certificate elsewhere."""
    return good(trustme.CA())


def of_old(authority: trustme.CA) -> ssl.SSLContext:
    """Speak TLS 1.1 at most."""
    context = good(authority)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@contextlib.asynccontextmanager
async def secured(context: ssl.SSLContext) -> AsyncIterator[tuple[Line, Wire]]:
    """Run a server behind TLS."""
    async with listening(answer()) as line, wired(line.port, tls=context) as wire:
        yield line, wire


BAD: dict[str, Leaf] = {
    "expired": from_day_to_day(-30, -1),
    "not valid yet": from_day_to_day(1, 30),
    "of another host": for_another_host,
    "of another authority": by_another_authority,
    "signed by itself": lambda _: signed_by_itself(),
    "of an old protocol": of_old,
}
#: The word in the reason; an old server may just hang up.
WORD = dict.fromkeys(BAD, "TLS") | {
    # What is heard of it depends on Python and its OpenSSL: Debian's 3.11.2 names the handshake.
    "of an old protocol": "no answer|TLS: handshake failed"
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_certificate_gets_no_byte_of_a_request(
    what: str, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when it is expired, or somebody else's? Dead letters, with the reason."""
    async with secured(BAD[what](authority)) as (line, wire):
        analytics = client(wire.tls_url, ssl=trusting(authority), max_retries=1)
        receipts = [track(analytics, number) for number in range(3)]
        result = await analytics.flush(timeout=10)
        dead = await letters(analytics)
        with pytest.raises(TransportError, match=WORD[what]) as caught:
            await receipts[0].delivered(timeout=5)
        await analytics.shutdown(timeout=5)
    counts = analytics.statistics().destinations["here"]
    assert (line.asked, bytes(wire.heard)) == ([], b"")
    assert wire.connections == 0  # the server had none that got through the handshake
    assert {receipt.state for receipt in receipts} == {State.DEAD}
    assert (counts.requests, counts.failures, counts.dead) == (2, 2, 3)
    assert adds_up(counts)
    assert [letter.status for letter in dead] == [None] * 3
    assert [error.code for error in result.errors] == ["network_error"]
    heard = re.search(WORD[what], str(caught.value))
    assert heard is not None
    assert len(said(caplog, "no delivery", heard[0])) == 1
    assert planted(caught.value, caplog.text, *(letter.reason for letter in dead)) == []


async def test_a_private_authority_is_trusted_when_it_is_given(authority: trustme.CA) -> None:
    """What happens when our own CA signs? With `ssl=` events arrive, by every destination."""
    async with secured(good(authority)) as (line, wire):
        here = RudderStack(KEY, wire.tls_url, name="here")
        there = Segment(KEY, host=wire.tls_url, name="there")
        analytics = AsyncAnalytics(here, there, ssl=trusting(authority))
        outcome = await track(analytics, 1).delivered(timeout=10)
        await analytics.shutdown(timeout=5)
    assert outcome.state is State.DELIVERED
    assert len(line.asked) == 2
    assert analytics.statistics().failures == 0


async def test_a_private_authority_is_not_trusted_unasked(authority: trustme.CA) -> None:
    """What happens without `ssl=`? The system's authorities decide, and they do not know it."""
    async with secured(good(authority)) as (line, wire):
        analytics = client(wire.tls_url, max_retries=0)
        receipt = track(analytics, 1)
        await analytics.shutdown(timeout=10)
    assert (line.asked, receipt.state) == ([], State.DEAD)


async def test_a_certificate_that_is_renewed_gets_what_waited(authority: trustme.CA) -> None:
    """What happens when it expired on Sunday and is renewed on Monday? Nothing is lost."""
    contexts = [BAD["expired"](authority), good(authority)]

    async with listening(answer()) as line:
        async with wired(line.port, tls=contexts[0]) as wire:
            port = wire.port
            analytics = client(
                wire.tls_url, ssl=trusting(authority), max_retries=10_000, gzip=False
            )
            receipts = [track(analytics, number) for number in range(30)]
            await until(lambda: analytics.statistics().failures >= 2)
        assert {receipt.state for receipt in receipts} == {State.PENDING}
        renewed = Wire(line.port, ())

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Carry to the server, until the client has had enough."""
            with contextlib.suppress(OSError):
                await renewed.join(_peer(reader, writer), line.port)
            writer.close()

        server = await asyncio.start_server(serve, HERE, port, ssl=contexts[1])
        result = await analytics.shutdown(timeout=20)
        server.close()
        await asyncio.sleep(0.05)
    assert (result.delivered, result.pending, result.dropped) == (30, 0, 0)
    assert [one for asked in line.asked for one in ids(asked)] == [
        receipt.message_id for receipt in receipts
    ]


def _peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
    from tests.transports.lines import Peer

    return Peer(reader, writer)


async def test_a_client_certificate_is_shown_when_it_is_given(authority: trustme.CA) -> None:
    """What happens when the server wants to know us? What `ssl=` holds is shown; else refused."""
    demanding = good(authority)
    demanding.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(demanding)
    known = trusting(authority)
    authority.issue_cert("client.example.com").configure_cert(known)
    async with secured(demanding) as (line, wire):
        states = []
        for context in (trusting(authority), known):
            analytics = client(wire.tls_url, ssl=context, max_retries=0)
            receipt = track(analytics, 1)
            await analytics.shutdown(timeout=10)
            states.append(receipt.state)
    assert states == [State.DEAD, State.DELIVERED]
    assert len(line.asked) == 1


async def test_a_handshake_that_hangs_is_ended_by_the_timeout() -> None:
    """What happens when the server never speaks? `timeout` is for the whole, handshake included."""
    async with listening(answer()) as line, wired(line.port, mute) as wire:
        analytics = client(wire.tls_url, timeout=0.3, max_retries=0)
        receipt = track(analytics, 1)
        await analytics.flush(timeout=10)
        (letter,) = await letters(analytics)
        await analytics.shutdown(timeout=5)
    assert (receipt.state, letter.reason) == (State.DEAD, "no whole answer within 0.3 s")


async def test_tls_to_a_plain_server_and_plain_to_tls_deliver_nothing(
    authority: trustme.CA,
) -> None:
    """What happens with the wrong scheme in the URL? It fails, and no secret is in its words."""
    async with secured(good(authority)) as (line, wire):
        for url in (line.url.replace("http:", "https:"), wire.url):
            analytics = client(url, ssl=trusting(authority), max_retries=0, timeout=0.5)
            receipt = track(analytics, 1)
            await analytics.shutdown(timeout=10)
            (letter,) = await letters(analytics)
            assert (receipt.state, letter.status) == (State.DEAD, None)
            assert planted(letter.reason) == []
        assert line.asked == []


@pytest.mark.parametrize("value", [False, True, "no", 0])
def test_verification_cannot_be_switched_off(value: Any) -> None:
    """What happens with `ssl=False`? The client is not made: there is no such switch."""
    options: Options = {"ssl": value}
    with pytest.raises(ConfigurationError, match="ssl"):
        AsyncAnalytics(RudderStack(KEY, "https://dataplane.example.com"), **options)


_AT_EXIT = """
import ssl, sys
from asyncsdk import AsyncAnalytics, RudderStack
url, certificate = sys.argv[1:]
context = ssl.create_default_context(cadata=certificate) if certificate else None
analytics = AsyncAnalytics(RudderStack("key", url), ssl=context, exit_drain=2.0)
analytics.track("Step", user_id="u")
"""


@pytest.mark.parametrize("given", [True, False])
async def test_the_exit_verifies_certificates_too(authority: trustme.CA, *, given: bool) -> None:
    """What happens at the interpreter's exit? The same authorities decide."""
    certificate = authority.cert_pem.bytes().decode() if given else ""
    async with secured(good(authority)) as (line, wire):
        with anyio.fail_after(30):
            ended = await anyio.run_process(
                [sys.executable, "-c", _AT_EXIT, wire.tls_url, certificate]
            )
    assert len(line.asked) == given
    assert (b"1 events were still queued" in ended.stderr) is not given
