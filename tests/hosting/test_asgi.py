"""The middleware in any ASGI application: what it reads of a scope, whoever wrote it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, Message, RudderStack
from asyncsdk.collector import Collector
from asyncsdk.hosting.asgi import AnalyticsContextMiddleware
from asyncsdk.visits import ContextRules, TrustedProxies

RULES = ContextRules(
    client_ip=TrustedProxies("10.0.0.0/8"),
    anonymous_id_cookie="visitor",
    session_id_header="X-Session",
)
USUAL: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "query_string": b""}


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector."""
    async with Collector() as running:
        yield running


async def hear() -> dict[str, Any]:
    """Be a server that has nothing to say."""
    return {"type": "nothing"}


async def say(_message: object) -> None:
    """Be a server that does not listen."""


async def told(
    collector: Collector, headers: list[tuple[bytes, bytes]], **scope: Any
) -> dict[str, Any]:
    """Return the event that a request with these *headers* is told."""
    async with AsyncAnalytics(RudderStack("planted-key", collector.url)) as client:

        async def app(*_arguments: object) -> None:
            client.track("E", anonymous_id=None if b"cookie" in dict(headers) else "a")

        middleware = AnalyticsContextMiddleware(app, client, RULES)
        await middleware({**USUAL, "headers": headers, **scope}, hear, say)
    (event,) = collector.events
    return event.body


async def test_cookies_that_come_apart_are_found(collector: Collector) -> None:
    """Over HTTP/2 each has a line of its own, and not every server puts them together."""
    headers = [(b"cookie", b"session=s"), (b"cookie", b"visitor=v-1"), (b"cookie", b"a=b")]
    assert (await told(collector, headers))["anonymousId"] == "v-1"


async def test_what_stands_left_of_a_proxys_word_is_a_claim(collector: Collector) -> None:
    """Also if the visitor sent a line of its own, and the proxy added another one."""
    headers = [(b"x-forwarded-for", b"203.0.113.6"), (b"x-forwarded-for", b"192.0.2.7, 10.0.0.2")]
    event = await told(collector, headers, client=("10.0.0.1", 80))
    assert event["context"]["ip"] == "192.0.2.7"


async def test_bytes_that_are_no_text_are_told_as_far_as_they_can_be(collector: Collector) -> None:
    """Headers have no encoding: each byte is a character, as HTTP has it."""
    headers = [
        (b"user-agent", b"\xff\x80 agent"),
        (b"accept-language", b"\xff,de"),
        (b"referer", b"https://u:p\xff@e.example/\xe9?x"),
        (b"x-session", b"\x00"),
    ]
    event = await told(collector, headers, query_string=b"utm_source=%ff&utm_campaign=\xff")
    assert event["context"] == {
        "page": {"path": "/", "referrer": "https://e.example/\xe9"},
        "request": {"method": "GET"},
        "userAgent": "\xff\x80 agent",
        "locale": "de",
        "campaign": {"source": "\ufffd", "name": "\xff"},
        "library": event["context"]["library"],
    }


async def test_one_request_leaves_no_trace_in_the_next_one(collector: Collector) -> None:
    """What is remembered of texts that repeat is shared; what hooks are given is a copy of it."""

    def shout(message: Message) -> Message:
        message.context["campaign"]["source"] += "!"
        return message

    destination = RudderStack("planted-key", collector.url)
    async with AsyncAnalytics(destination, before_send=[shout]) as client:

        async def app(*_arguments: object) -> None:
            client.track("E", anonymous_id="a")

        middleware = AnalyticsContextMiddleware(app, client)
        for _ in range(2):
            scope = {**USUAL, "query_string": b"utm_source=mail", "headers": []}
            await middleware(scope, hear, say)
    campaigns = [one.body["context"]["campaign"] for one in collector.events]
    assert campaigns == [{"source": "mail!"}] * 2


async def test_what_litestar_mounts_has_its_whole_path(collector: Collector) -> None:
    """It leaves the rest of the path in the scope, and no template."""
    event = await told(collector, [], path="/a/5/", raw_path=b"/mnt/a%20b/5", path_template="")
    assert event["context"]["page"] == {"path": "/mnt/a b/5"}
    assert "route" not in event["context"]["request"]
