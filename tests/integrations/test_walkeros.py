"""The route for browser trackers, in a real uvicorn, asked over real sockets."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from asyncsdk import AsyncAnalytics, ConfigurationError, RudderStack
from asyncsdk.collector import Collector
from asyncsdk.integrations.walkeros import Enrich, Limits, walkeros_route
from asyncsdk.mapping import Mapping
from asyncsdk.options import Delivery
from tests.mapping.events import event

PAGE = "https://www.example.com"
SMALL = Limits(max_bytes=4_000, max_events=3, timeout=0.3)


class Site:
    """A web server with the route, the client behind it, and the collector behind that."""

    def __init__(self, url: str, analytics: AsyncAnalytics, collector: Collector) -> None:
        self.url = url
        self.analytics = analytics
        self._collector = collector

    async def arrived(self) -> list[dict[str, Any]]:
        """Return the events that arrived at the data plane."""
        await self.analytics.flush(10)
        return [one.body for one in self._collector.events]

    async def ask(
        self, body: Any = None, *, method: str = "POST", **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Send one request; return status, content and headers of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url, headers=named, data=raw) as answer,
        ):
            content = (
                await answer.json() if "json" in answer.headers.get("Content-Type", "") else None
            )
            return answer.status, content, dict(answer.headers)


@contextlib.asynccontextmanager
async def running(
    *, origins: Sequence[str] = (PAGE,), enrich: Enrich | None = None, **delivery: Any
) -> AsyncIterator[Site]:
    """Run all three on loopback."""
    async with Collector() as collector:
        destination = RudderStack("K", collector.url, delivery=Delivery(**delivery))
        async with AsyncAnalytics(destination, mapping=Mapping({})) as analytics:
            route = walkeros_route(analytics, origins=origins, limits=SMALL, enrich=enrich)
            own = socket.create_server(("127.0.0.1", 0))
            config = uvicorn.Config(Starlette(routes=[route]), log_level="error", lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server._serve([own]))
            try:
                yield Site(
                    f"http://127.0.0.1:{own.getsockname()[1]}/walkeros", analytics, collector
                )
            finally:
                server.should_exit = True
                await serving
                own.close()


async def test_events_of_a_browser_arrive() -> None:
    """One event, a list, a list in an object, and what sendBeacon posts as plain text."""
    async with running() as site:
        assert (await site.ask(event(id="1"), Origin=PAGE))[:2] == (
            202,
            {"accepted": 1, "refused": []},
        )
        assert (await site.ask([event(id="2"), event(id="3")]))[0] == 202
        assert (await site.ask({"batch": [event(id="4")]}))[0] == 202
        beacon = b'{"events": [{"name": "page view", "id": "5", "user": {"session": "s"}}]}'
        assert (await site.ask(beacon, Content_Type="text/plain"))[0] == 202
        assert [one["messageId"] for one in await site.arrived()] == ["1", "2", "3", "4", "5"]


async def test_a_page_may_post_from_allowed_origins_only() -> None:
    """CORS: the preflight and the answer name the origin; a foreign page gets 403 and no such name."""
    async with running() as site:
        asks = {"Access_Control_Request_Method": "POST"}
        status, _, headers = await site.ask(method="OPTIONS", Origin=PAGE, **asks)
        assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (
            204,
            PAGE,
            "Origin",
        )
        assert headers["Access-Control-Allow-Headers"] == "content-type"
        status, _, headers = await site.ask(event(), Origin=PAGE)
        assert (status, headers["Access-Control-Allow-Origin"]) == (202, PAGE)
        for method in ("OPTIONS", "POST"):
            status, _, headers = await site.ask(
                event(), method=method, Origin="https://evil.example"
            )
            assert (status, "Access-Control-Allow-Origin" in headers) == (403, False)
        assert len(await site.arrived()) == 1
        assert (await site.ask(method="GET"))[0] == 405
    async with running(origins=["*"]) as site:
        _, _, headers = await site.ask(event(), Origin="https://any.example")
        assert headers["Access-Control-Allow-Origin"] == "*"


async def test_a_page_of_the_same_site_needs_no_leave() -> None:
    """Browsers name the origin of such a post too; it is the host that is asked, of any scheme."""
    async with running(origins=()) as site:
        host = site.url.split("/")[2]
        assert (await site.ask(event(), Origin=f"https://{host}"))[0] == 202
        for foreign in ("null", f"https://{host}.example", f"https://x{host}", "https://"):
            assert (await site.ask(event(), Origin=foreign))[0] == 403
        assert len(await site.arrived()) == 1


async def test_a_named_origin_may_send_its_cookies() -> None:
    """Then `enrich` sees the session; where all may post, browsers must not send any."""
    for origins, word in (((PAGE,), "true"), (("*",), None)):
        async with running(origins=origins) as site:
            for method in ("OPTIONS", "POST"):
                _, _, headers = await site.ask(event(), method=method, Origin=PAGE)
                assert headers.get("Access-Control-Allow-Credentials") == word


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"[" * 3_000, 400, "not JSON"),
        (b'"' + b"x" * 5_000 + b'"', 413, "at most 4000 bytes"),
        ([event()] * 4, 413, "at most 3 events"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused(body: Any, status: int, words: str) -> None:
    """What can a stranger send? No more than the limits, and nothing that is no JSON."""
    async with running() as site:
        found, answer, headers = await site.ask(body, Origin=PAGE)
        assert (found, words in answer["error"]) == (status, True)
        assert headers["Access-Control-Allow-Origin"] == PAGE
        assert await site.arrived() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "page"}, "name: two words are needed"),
        ({"name": 5}, "$.name"),
        ({"name": "a b" + "c" * 300}, "$.name"),
        ({"data": {}}, "name"),
        ({"name": "a b", "data": []}, "$.data"),
        ({"name": "a b", "consent": {"x": "yes"}}, "$.consent"),
        ({"name": "a b", "nested": [1]}, "$.nested"),
        ("text", "Expected `object`"),
    ],
)
async def test_what_is_no_event_is_refused_and_the_rest_taken(wrong: Any, words: str) -> None:
    """One bad event in a list: the others arrive, the answer says which was bad, and not what was in it."""
    async with running() as site:
        status, answer, _ = await site.ask([event(id="1"), wrong, event(id="2")])
        assert (status, answer["accepted"]) == (202, 2)
        ((index, reason),) = [(one["index"], one["reason"]) for one in answer["refused"]]
        assert (index, words in reason) == (1, True)
        assert (await site.ask(wrong))[0] == 400
        assert [one["messageId"] for one in await site.arrived()] == ["1", "2"]


async def test_compressed_and_slow_bodies_are_refused() -> None:
    """A bomb is not unpacked; a body that does not come is not waited for."""
    async with running() as site:
        assert (await site.ask(b"\x1f\x8b", Content_Encoding="gzip"))[0] == 415

        async def drips() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(5)

        async with (
            aiohttp.ClientSession() as session,
            session.post(site.url, data=drips()) as answer,
        ):
            assert answer.status == 408


async def test_a_full_queue_is_told_to_the_browser() -> None:
    """503 with Retry-After, where the client is made to raise."""
    async with running(max_queue_events=1, overflow="raise", flush_at=100) as site:
        status, _, headers = await site.ask([event(id="1"), event(id="2")], Origin=PAGE)
        assert (status, int(headers["Retry-After"]) >= 1) == (503, True)
        assert [one["messageId"] for one in await site.arrived()] == ["1"]


async def test_the_session_says_who_it_is() -> None:
    """A browser's word for the user is replaced by the server's, or the event refused."""

    def known(request: Request, one: dict[str, Any]) -> dict[str, Any] | None:
        user = request.headers.get("x-session")
        return None if user is None else {**one, "user": {"id": user}}

    async with running(enrich=known) as site:
        assert (await site.ask(event(user={"id": "admin"}), X_Session="u-7"))[0] == 202
        status, answer, _ = await site.ask(event())
        assert (status, answer["refused"][0]["reason"]) == (400, "it is not wanted here")
        assert [one["userId"] for one in await site.arrived()] == ["u-7"]


async def test_a_browser_that_goes_away_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """A request cut in its body is none."""
    async with running() as site:
        host, port = site.url.split("/")[2].split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /walkeros HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{")
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.05)
        assert (await site.ask(event()))[0] == 202
    assert caplog.text == ""


def test_origins_are_a_list() -> None:
    """A text is a list of letters, and so a mistake."""
    client = AsyncAnalytics(RudderStack("K", "http://127.0.0.1:9"), mapping=Mapping({}))
    with pytest.raises(ConfigurationError, match="origins: a list"):
        walkeros_route(client, origins="https://www.example.com")


async def _waits(_request: Request, one: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0)
    return one


@pytest.mark.parametrize(
    ("mapping", "enrich", "words"),
    [(None, None, "no mapping"), (Mapping({}), _waits, "enrich: a plain function")],
)
def test_a_route_that_could_take_nothing_is_refused(mapping: Any, enrich: Any, words: str) -> None:
    """Told where the route is made, not to the browsers."""
    client = AsyncAnalytics(RudderStack("K", "http://127.0.0.1:9"), mapping=mapping)
    with pytest.raises(ConfigurationError, match=words):
        walkeros_route(client, enrich=enrich)


def test_without_starlette_the_error_says_what_to_install() -> None:
    """What if the extra is missing? The import says how to get it."""
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "try:\n    import asyncsdk.integrations.walkeros\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("ConfigurationError asyncsdk: this route needs")
    assert 'pip install "asyncsdk[starlette]"' in ended.stdout
