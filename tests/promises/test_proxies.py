"""What happens when a proxy stands between? It carries events, and sees no more than it must."""

import asyncio
import sys
from pathlib import Path

import anyio
import pytest
import trustme

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.client.settings import Options
from asyncsdk.receipts import State
from tests.promises.hostile import (
    Proxy,
    Wire,
    ids,
    mute,
    planted,
    proxying,
    server_side,
    trusting,
    wired,
)
from tests.street.walking import KEY, adds_up, client, letters, said, track, until
from tests.transports.lines import Act, answer, drop, free_port, listening, raw, reset

pytestmark = pytest.mark.whole_way

#: A name that only the proxy knows: it leads to this machine.
NAME = "dataplane.example.com"
PASSWORD = "cHJveHkt"  # how the proxy's password begins on the wire

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ws_proxy", "wss_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the machine's own proxies."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Found a private authority."""
    return trustme.CA()


def plain(port: int, proxy: Proxy | str | None, **options: object) -> AsyncAnalytics:
    """Make a client for a plain server behind a proxy."""
    return through(f"http://{NAME}:{port}", proxy, options)


def tunnelled(wire: Wire, proxy: Proxy | str | None, authority: trustme.CA) -> AsyncAnalytics:
    """Make a client for a TLS server behind a proxy."""
    return through(f"https://{NAME}:{wire.port}", proxy, {"ssl": trusting(authority)})


def through(url: str, proxy: Proxy | str | None, options: object) -> AsyncAnalytics:
    """Make a client for *url* behind a proxy."""
    assert isinstance(options, dict)
    settings: Options = {"retry_base": 0.01, "retry_cap": 0.05, "flush_interval": 0.05}
    settings.update({"gzip": False, "max_retries": 10_000})
    settings.update({"proxy": proxy.url if isinstance(proxy, Proxy) else proxy})
    settings.update(options)  # type: ignore[typeddict-item]
    destination = RudderStack(KEY, url, name="here", allow_insecure_http=True)
    return AsyncAnalytics(destination, **settings)


async def test_an_http_proxy_carries_events() -> None:
    """What happens with `proxy=`? Everything goes through it; names are its business."""
    async with listening(answer()) as line, proxying() as proxy:
        analytics = plain(line.port, proxy)
        receipts = []
        for number in range(3):
            receipts.append(track(analytics, number))
            await analytics.flush(timeout=10)
        await analytics.shutdown(timeout=5)
    assert {receipt.state for receipt in receipts} == {State.DELIVERED}
    assert proxy.heads[0].startswith(f"POST http://{NAME}:{line.port}/v1/batch HTTP/1.1\r\n")
    assert [ids(asked) for asked in line.asked] == [[one.message_id] for one in receipts]
    assert analytics.statistics().failures == 0


async def test_a_tunnel_shows_the_proxy_no_key_and_no_event(authority: trustme.CA) -> None:
    """What does a proxy see of https? The name and the port; all else is TLS to the server."""
    context = server_side(authority.issue_cert(NAME))
    async with (
        listening(answer()) as line,
        wired(line.port, tls=context) as wire,
        proxying() as proxy,
    ):
        analytics = tunnelled(wire, proxy, authority)
        receipt = analytics.track("Planted Event", user_id="planted-user")
        await analytics.shutdown(timeout=10)
    seen = proxy.heads[0] + proxy.heard.decode("latin-1")
    assert receipt.state is State.DELIVERED
    assert [head.split("\r\n")[0] for head in proxy.heads] == [
        f"CONNECT {NAME}:{wire.port} HTTP/1.1"
    ]
    assert len(proxy.heard) > 200
    assert planted(seen) == []
    assert "lanted" not in seen
    assert ids(line.asked[0]) == [receipt.message_id]


async def test_a_certificate_is_verified_behind_a_proxy_too(authority: trustme.CA) -> None:
    """What happens when a proxy answers in the server's place? It gets no byte of a request."""
    context = server_side(trustme.CA().issue_cert(NAME))
    async with (
        listening(answer()) as line,
        wired(line.port, tls=context) as wire,
        proxying() as proxy,
    ):
        analytics = tunnelled(wire, proxy, authority)
        receipt = track(analytics, 1)
        await until(lambda: analytics.statistics().failures >= 2)
        await analytics.shutdown(timeout=0.5)
    assert (line.asked, receipt.state) == ([], State.DROPPED)


TROUBLE: dict[str, Act] = {
    "reset": reset(),
    "closed": drop,
    "502": answer(502, b"bad gateway", keep=False),
    "503": answer(503, b"busy", keep=False),
    "garbage": raw(b"\x16\x03\x01 nonsense\r\n\r\n"),
}


@pytest.mark.parametrize("what", TROUBLE)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_in_trouble_loses_nothing(
    what: str, scheme: str, authority: trustme.CA
) -> None:
    """What happens when it fails? That is a failure like the server's own: again, in order."""
    context = server_side(authority.issue_cert(NAME)) if scheme == "https" else None
    async with (
        listening(answer()) as line,
        wired(line.port, tls=context) as wire,
        proxying(TROUBLE[what], TROUBLE[what]) as proxy,
    ):
        tls = scheme == "https"
        analytics = tunnelled(wire, proxy, authority) if tls else plain(wire.port, proxy)
        receipts = [track(analytics, number) for number in range(3)]
        result = await analytics.shutdown(timeout=10)
    counts = analytics.statistics().destinations["here"]
    assert [ids(asked) for asked in line.asked] == [[one.message_id for one in receipts]]
    assert (result.delivered, counts.failures, counts.requests) == (3, 2, 3)
    assert (len(proxy.heads), adds_up(counts)) == (3, True)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_password_burns_no_event(
    scheme: str, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when it says 407? Nothing was refused by the server: events wait."""
    want = answer(407, b"", "Proxy-Authenticate: Basic", keep=False)
    context = server_side(authority.issue_cert(NAME)) if scheme == "https" else None
    async with (
        listening(answer()) as line,
        wired(line.port, tls=context) as wire,
        proxying(*[want] * 99) as proxy,
    ):
        tls = scheme == "https"
        analytics = tunnelled(wire, proxy, authority) if tls else plain(wire.port, proxy)
        receipt = track(analytics, 1)
        await analytics.flush(timeout=0.3)
        waits, failures = analytics.pending, analytics.statistics().failures
        await analytics.shutdown(timeout=0.2)
    assert (line.asked, waits, receipt.state) == ([], 1, State.DROPPED)
    assert failures >= 1
    assert planted(caplog.text) == []


async def test_a_proxy_that_is_not_there_or_mute_is_a_failure_to_be_tried_again() -> None:
    """What happens when nobody answers at the proxy's address? Nothing goes round it."""
    async with listening(answer()) as line, proxying(mute, mute) as silent:
        for address in (f"http://127.0.0.1:{free_port()}", silent.url):
            analytics = plain(line.port, address, timeout=0.2, max_retries=1)
            receipt = track(analytics, 1)
            await analytics.flush(timeout=10)
            (letter,) = await letters(analytics)
            await analytics.shutdown(timeout=5)
            assert (receipt.state, letter.attempts, letter.status) == (State.DEAD, 2, None)
        assert line.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxys_password_is_for_the_proxy_alone(
    scheme: str, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens to `http://user:password@proxy`? The server never hears it, nor does a log."""
    context = server_side(authority.issue_cert(NAME)) if scheme == "https" else None
    async with (
        listening(answer()) as line,
        wired(line.port, tls=context) as wire,
        proxying(drop) as proxy,
    ):
        address = proxy.url.replace("//", "//proxy-user:proxy-secret@")
        tls = scheme == "https"
        analytics = tunnelled(wire, address, authority) if tls else plain(wire.port, address)
        track(analytics, 1)
        result = await analytics.shutdown(timeout=10)
    shown = f"{caplog.text} {analytics!r} {result} {analytics.statistics()}"
    assert result.delivered == 1
    assert len(said(caplog, "no delivery")) == 1
    assert f"Proxy-Authorization: Basic {PASSWORD}" in proxy.heads[0]
    assert "proxy-secret" not in shown
    assert PASSWORD not in shown
    if tls:
        assert PASSWORD not in line.asked[0].head
        assert planted(*proxy.heads) == []


# The environment.


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("trust", [True, False])
async def test_the_environments_proxy_is_taken_when_told_and_never_else(
    scheme: str, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, *, trust: bool
) -> None:
    """What happens when somebody sets `HTTPS_PROXY`? Only `trust_env=True` obeys it."""
    context = server_side(authority.issue_cert("127.0.0.1")) if scheme == "https" else None
    async with (
        listening(answer()) as line,
        wired(line.port, tls=context) as wire,
        proxying() as proxy,
    ):
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        url = wire.tls_url if scheme == "https" else wire.url
        analytics = client(url, trust_env=trust, ssl=trusting(authority))
        receipt = track(analytics, 1)
        await analytics.shutdown(timeout=10)
    assert receipt.state is State.DELIVERED
    assert (len(proxy.heads), len(line.asked)) == (trust, 1)


async def test_no_proxy_is_obeyed_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens when the environment exempts the host? It is asked directly."""
    async with listening(answer()) as line, proxying() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        analytics = client(line.url, trust_env=True)
        track(analytics, 1)
        result = await analytics.shutdown(timeout=10)
    assert (result.delivered, proxy.heads) == (1, [])


async def test_an_option_is_stronger_than_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What happens with both? `proxy=` was said here, the variable somewhere."""
    async with listening(answer()) as line, proxying() as mine, proxying() as theirs:
        monkeypatch.setenv("http_proxy", theirs.url)
        analytics = plain(line.port, mine, trust_env=True)
        track(analytics, 1)
        result = await analytics.shutdown(timeout=10)
    assert (result.delivered, len(mine.heads), theirs.heads) == (1, 1, [])


async def test_the_environments_passwords_are_not_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What happens when a netrc knows the host? The write key goes, and no other credential."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login netrc-user password netrc-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with listening(answer()) as line:
        analytics = client(line.url, trust_env=True, max_retries=0)
        receipt = track(analytics, 1)
        await analytics.shutdown(timeout=10)
    assert receipt.state is State.DELIVERED
    assert planted(line.asked[0].head) == [line.asked[0].head]
    assert line.asked[0].head.lower().count("authorization:") == 1


# The exit.

_AT_EXIT = """
import ssl, sys
from asyncsdk import AsyncAnalytics, RudderStack
key, url, certificate, proxy = sys.argv[1:]
destination = RudderStack(key, url, allow_insecure_http=True)
context = ssl.create_default_context(cadata=certificate) if certificate else None
options = {"trust_env": True} if proxy == "environment" else {"proxy": proxy}
analytics = AsyncAnalytics(destination, ssl=context, exit_drain=5.0, **options)
analytics.track("Step", user_id="u")
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("how", ["option", "environment"])
async def test_the_exit_goes_through_the_proxy_too(
    scheme: str, how: str, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens at the interpreter's exit? Events take the same way out as before."""
    context = server_side(authority.issue_cert(NAME)) if scheme == "https" else None
    certificate = authority.cert_pem.bytes().decode() if context else ""
    async with (
        listening(answer()) as line,
        wired(line.port, tls=context) as wire,
        proxying() as proxy,
    ):
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        address = proxy.url if how == "option" else how
        url = f"{scheme}://{NAME}:{wire.port}"
        with anyio.fail_after(30):
            ended = await anyio.run_process(
                [sys.executable, "-c", _AT_EXIT, KEY, url, certificate, address]
            )
        await asyncio.sleep(0)
    assert ended.stderr == b""
    assert (len(proxy.heads), len(line.asked)) == (1, 1)
    if context:
        assert planted(*proxy.heads, proxy.heard.decode("latin-1")) == []
