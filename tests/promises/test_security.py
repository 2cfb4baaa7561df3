"""What can a hostile text, answer or host do? Nothing to headers, credentials, memory or log lines."""

import ast
import base64
import gzip
import json
import re
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncsdk import AnalyticsError, AsyncAnalytics, ConfigurationError, RudderStack, Segment
from asyncsdk.destinations.secrets import MAX_KEY
from asyncsdk.messages import Message
from asyncsdk.receipts import State
from asyncsdk.seams import Destination
from tests.promises.hostile import ids, planted
from tests.street.walking import KEY, client, letters, said, track, until
from tests.transports.lines import Act, Line, answer, endless, head, listening, raw

pytestmark = pytest.mark.whole_way

ROOT = Path(__file__).parents[2]
ODD = ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\0", "\x1b[31m", "\x85", "\u2028", "\u200b"]
EVIL = "x\r\nX-Evil: 1\r\n\r\nPOST /v1/batch HTTP/1.1\r\nHost: evil.example.com\r\n\r\n"
KINDS = ["rudderstack", "segment"]
OURS = ["accept", "accept-encoding", "authorization", "content-length", "content-type"]
OURS += ["host", "user-agent"]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """Run a server that says yes."""
    async with listening(answer()) as running:
        yield running


def made(kind: str, key: str, url: str, **more: str) -> Destination:
    """Make a destination of *kind*."""
    texts: dict[str, Any] = dict(more)
    if kind == "segment":
        return Segment(key, host=url, **texts)
    return RudderStack(key, url, **texts)


def header_names(text: str) -> list[str]:
    """List the names of the headers of a request, in order of the alphabet."""
    lines = text.removesuffix("\r\n\r\n").split("\r\n")
    return sorted(one.partition(":")[0].lower() for one in lines[1:])


# Headers and lines of the protocol.


@pytest.mark.parametrize("odd", ODD, ids=ascii)
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_path_url_or_name_with_control_characters_is_refused(odd: str, kind: str) -> None:
    """What happens with a line break in a key, a path, a URL or a name? Nothing is made of it."""
    fine = "https://dataplane.example.com"
    wrong: list[dict[str, str]] = [
        {"key": f"key{odd}key", "url": fine},
        {"key": "key", "url": f"{fine}/a{odd}b"},
        {"key": "key", "url": f"https://data{odd}plane.example.com"},
        {"key": "key", "url": fine, "name": f"here{odd}there"},
        {"key": "key", "url": fine, "path": f"/v1{odd}/batch"},
    ]
    for arguments in wrong:
        with pytest.raises(ConfigurationError) as caught:
            made(kind, **arguments)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["", "here"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("url", ["dataplane.example.com", "ftp://a.example.com", "http://a.b.com"])
def test_a_url_that_would_send_events_unprotected_or_nowhere_is_refused(
    url: str, kind: str, name: str
) -> None:
    """What happens with plain http, or no URL at all? The destination is not made."""
    with pytest.raises(ConfigurationError, match="https"):
        made(kind, "key", url, name=name)


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    key=st.text(min_size=1, max_size=MAX_KEY),
    path=st.text(max_size=30),
    kind=st.sampled_from(KINDS),
)
async def test_whatever_is_taken_for_a_key_or_path_adds_no_header(
    line: Line, key: str, path: str, kind: str
) -> None:
    """What can any text do there? It is refused, or goes out as one value on one line."""
    del line.asked[:]
    try:
        destination = made(kind, key, line.url, path=path, name="here")
    except ConfigurationError:
        return
    analytics = AsyncAnalytics(
        destination, gzip=False, max_retries=0, retry_base=0.01, exit_drain=0
    )
    track(analytics, 1)
    await analytics.shutdown(timeout=2)
    for asked in line.asked:
        assert header_names(asked.head) == OURS
        assert len(asked.head.split("\r\n")[0].split(" ")) == 3
        assert asked.head.isascii()
    assert len(line.asked) == 1


async def test_no_argument_of_a_call_gets_out_of_the_body(line: Line) -> None:
    """What happens with line breaks in ids, names, contexts? They are text inside JSON."""
    analytics = client(line.url, gzip=False)
    analytics.track("plain", user_id="u")
    await analytics.flush(timeout=10)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("track", {"event": EVIL, "user_id": EVIL, "message_id": EVIL}),
        ("track", {"event": "e", "anonymous_id": EVIL, "session_id": EVIL, "groups": {EVIL: EVIL}}),
        ("identify", {"user_id": EVIL, "traits": {EVIL: EVIL}, "context": {EVIL: {EVIL: EVIL}}}),
        ("page", {"name": EVIL, "category": EVIL, "user_id": "u", "integrations": {EVIL: True}}),
        ("group", {"group_id": EVIL, "user_id": "u", "group_type": EVIL}),
        ("alias", {"previous_id": EVIL, "user_id": EVIL}),
    ]
    taken = 0
    for name, arguments in calls:
        try:
            getattr(analytics, name)(**arguments)
            taken += 1
        except AnalyticsError as error:
            assert str(error).isprintable()  # noqa: PT017 - either end is right
    await analytics.shutdown(timeout=10)
    heads = [re.sub(r"Content-Length: \d+", "", asked.head) for asked in line.asked]
    assert taken >= 4
    assert sum(len(ids(asked)) for asked in line.asked) == 1 + taken
    assert heads == [heads[0]] * len(heads)
    assert all(b"\nX-Evil" not in asked.body for asked in line.asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_argument_of_a_call_becomes_a_field_of_the_envelope(line: Line, kind: str) -> None:
    """What happens with a property called `type` or `writeKey`? It stays a property."""
    names = ["type", "messageId", "writeKey", "batch", "sentAt", "userId", "channel", "__proto__"]
    hostile = dict.fromkeys(names, "planted")
    analytics = AsyncAnalytics(made(kind, KEY, line.url), gzip=False)
    receipt = analytics.track("e", user_id="u", properties=hostile, context=hostile)
    await analytics.shutdown(timeout=10)
    (asked,) = line.asked
    (event,) = batch(asked.body)
    assert (event["type"], event["messageId"], event["userId"]) == (
        "track",
        receipt.message_id,
        "u",
    )
    assert event["properties"] == hostile
    assert all(event["context"][name] == "planted" for name in names)
    assert "planted" not in {str(value) for value in event.values()}


def batch(body: bytes) -> list[dict[str, Any]]:
    """Return the events of a body."""
    found: list[dict[str, Any]] = json.loads(body)["batch"]
    return found


# Credentials.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_credential_and_no_event_goes_to_another_host(status: int) -> None:
    """What happens when an answer names another place? Nobody there hears of it."""
    async with listening(answer()) as elsewhere, listening(answer()) as line:
        moved = [
            f"Location: {elsewhere.url}/v1/batch",
            f"Refresh: 0; url={elsewhere.url}/",
            f'Link: <{elsewhere.url}/>; rel="preload"',
            f'Alt-Svc: http/1.1="127.0.0.1:{elsewhere.port}"',
            "Set-Cookie: track=me; Path=/",
        ]
        line.play(answer(status, b"", *moved))
        analytics = client(line.url, probe_after=0.1, probe_cap=0.1)
        receipt = track(analytics, 1)
        await until(lambda: len(line.asked) >= 3)
        await analytics.shutdown(timeout=0.2)
    assert elsewhere.connections == 0
    assert receipt.state is State.DROPPED
    assert not [asked for asked in line.asked if "cookie" in asked.head.lower()]


async def test_each_host_gets_its_own_key_and_no_other() -> None:
    """What happens with two destinations? One transport carries both; keys are never mixed."""
    keys = ["first-planted-key", "second-planted-key"]
    async with listening(answer()) as one, listening(answer()) as two:
        analytics = AsyncAnalytics(
            RudderStack(keys[0], one.url), Segment(keys[1], host=two.url), gzip=False
        )
        for number in range(10):
            track(analytics, number)
            await analytics.flush(timeout=10)
        await analytics.shutdown(timeout=10)
    for line, other in ((one, keys[1]), (two, keys[0])):
        assert len(line.asked) == 10
        assert not planted_in(line, other)
        assert planted_in(line, keys[line is two])


def planted_in(line: Line, key: str) -> bool:
    """Say whether a line was told a key, in whatever form."""
    forms = (key.encode(), base64.b64encode(f"{key}:".encode()))
    return any(
        form in asked.body or form.decode() in asked.head for asked in line.asked for form in forms
    )


@pytest.mark.parametrize("url", ["https://user:password@example.com", "https://token@example.com"])
@pytest.mark.parametrize("kind", KINDS)
def test_credentials_in_a_url_are_refused_and_not_shown(url: str, kind: str) -> None:
    """What happens with a password in the URL? It would show wherever the URL does."""
    with pytest.raises(ConfigurationError) as caught:
        made(kind, "key", url)
    assert "password" not in str(caught.value)
    assert "token" not in str(caught.value)


# Bounds.

BOMBS: dict[str, Act] = {
    "an answer without an end": endless(head(200, "Connection: close"), b"x" * 65_536),
    "chunks without an end": endless(
        head(200, "Transfer-Encoding: chunked"), b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    ),
    "an error without an end": endless(head(400, "Connection: close"), b"x" * 65_536),
    "gzip": answer(200, gzip.compress(bytes(60_000_000), 9), "Content-Encoding: gzip"),
    "gzip in an error": answer(400, gzip.compress(bytes(60_000_000), 9), "Content-Encoding: gzip"),
    "deflate": answer(200, zlib.compress(bytes(60_000_000), 9), "Content-Encoding: deflate"),
    "a header without an end": endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65_536),
    "headers without an end": endless(b"HTTP/1.1 200 OK\r\n", b"X: aaaaaaaaaa\r\n" * 5_000),
    "interim answers without an end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000),
    "nested json": answer(400, b"[" * 1_000_000),
}


@pytest.mark.parametrize("what", BOMBS)
async def test_no_answer_takes_more_memory_than_its_bound(what: str) -> None:
    """What happens when an answer is a bomb? A little of it is read, nothing is inflated."""
    async with listening(BOMBS[what]) as line:
        analytics = client(line.url, max_retries=1, timeout=0.5)
        track(analytics, 0)
        tracemalloc.start()
        try:
            await analytics.flush(timeout=10)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await analytics.shutdown(timeout=0.2)
    assert analytics.pending == 0
    assert peak < 8_000_000


@pytest.mark.parametrize(
    "value",
    ["9" * 400, "1e308", "-1", "nan", "inf", "", "soon", "١٢", "Fri, 31 Dec 9999 23:59:59 GMT"],
    ids=ascii,
)
async def test_no_retry_after_breaks_the_lane_or_a_shutdown(value: str) -> None:
    """What happens when a server asks for nonsense, or for ever? Delivery ends as it is told."""
    act = raw(head(503, f"Retry-After: {value}", length=0))
    async with listening(act) as line:
        analytics = client(line.url, max_retries=10_000)
        receipt = track(analytics, 1)
        await until(lambda: line.asked)
        result = await analytics.shutdown(timeout=0.1)
    counts = analytics.statistics()
    assert (receipt.state, result.dropped, result.pending) == (State.DROPPED, 1, 0)
    assert result.duration < 5.0
    assert counts.failures >= 1


# Log lines and errors.


@pytest.mark.parametrize("status", [200, 400, 401, 500, 503])
async def test_no_word_of_a_server_forges_a_log_line(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens with line breaks and escapes in an answer? Errors show one printable line."""
    words = b"\x1b[2J\r\n2026-01-01 CRITICAL forged\n\xe2\x80\xa8\x00" + b"long " * 100
    kind = "Content-Type: text/html" if status == 200 else "X: y"
    async with listening(answer(status, words, kind)) as line:
        analytics = client(line.url, max_retries=1, probe_after=0.05)
        track(analytics, 1)
        result = await analytics.flush(timeout=5)
        found = await letters(analytics)
        await analytics.shutdown(timeout=0.1)
    lines = [record.getMessage() for record in caplog.records]
    shown = [*lines, *(str(error) for error in result.errors), *(one.reason for one in found)]
    assert len(said(caplog, "here")) >= 1
    assert [text for text in shown if not text.isprintable() or len(text) > 500] == []
    assert not [text for text in lines if "forged" in text]
    assert planted(*shown) == []


async def test_no_word_of_an_application_forges_a_log_line(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens with line breaks in names and values? They are in no line, or escaped."""

    def broken(message: Message) -> Message:
        """Raise, with what it has seen."""
        if message.event == "raise":
            raise ValueError(EVIL)
        return message

    analytics = client(line.url, invalid="drop", before_send=broken)
    analytics.track("e", user_id="u", properties={EVIL: object(), "ok": {EVIL: {1, object()}}})
    analytics.track("raise", user_id="u")
    analytics.track("e", user_id="u", timestamp=EVIL)
    analytics.track(EVIL)
    await analytics.shutdown(timeout=10)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) >= 3
    assert [text for text in lines if not text.isprintable()] == []
    # The path of a value that had to go as text is named, in one line, without what it says.
    assert [text.partition(": object was sent")[1] for text in lines if "evil" in text] == [
        ": object was sent"
    ]


# The paper.


def test_every_test_that_the_security_notes_name_is_there() -> None:
    """What is SECURITY.md worth? Each threat names tests, and each of them exists."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) >= 15
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        defined = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert not test or test in defined, f"{file}::{test}"
