"""Starlette, Litestar, aiohttp.web and Django: the client in handlers, and what requests tell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import aiohttp
import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.plugins import InitPlugin
from multidict import CIMultiDict

from asyncsdk import ConfigurationError
from asyncsdk.collector import Collector
from asyncsdk.integrations.django import AnalyticsMiddleware, ContextRules, with_lifespan
from asyncsdk.integrations.litestar import AnalyticsPlugin
from asyncsdk.integrations.starlette import get_analytics
from tests.integrations.programs import (
    aiohttp_shop,
    django_shop,
    litestar_shop,
    starlette_shop,
)
from tests.integrations.serving import (
    aiohttp_served,
    client_at,
    context_of,
    events_of,
    served,
    text_of,
)

pytestmark = pytest.mark.whole_way

USUAL = ContextRules()
PAGES = ContextRules(page_events=True, anonymous_id_cookie="visitor")


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector."""
    async with Collector() as running:
        yield running


def routes(collector: Collector, name: str) -> list[str]:
    """List the routes of the events of this name."""
    return [one["context"]["request"]["route"] for one in events_of(collector, name)]


def page_of(collector: Collector) -> tuple[str, str]:
    """Return name and visitor of the one page."""
    (page,) = [one.body for one in collector.events if one.body["type"] == "page"]
    return page["name"], page["anonymousId"]


async def test_starlette_finds_routes_below_mounts(collector: Collector) -> None:
    """On the loop and in threads; the mount's parameter is one of the route."""
    async with served(starlette_shop.build(client_at(collector))) as session:
        await text_of(session, "/awaited/007")
        await text_of(session, "/inner/7/plain/7")
    assert routes(collector, "Awaited") == ["/awaited/{number}"]
    assert routes(collector, "Plain") == ["/inner/{shop}/plain/{number}"]


async def test_starlette_says_what_to_do_without_a_client() -> None:
    """A request of an application that has no lifespan."""
    from starlette.requests import HTTPConnection

    with pytest.raises(ConfigurationError, match="with TestClient"):
        get_analytics(HTTPConnection({"type": "http"}))


async def test_litestar_has_it_all_in_a_plugin(collector: Collector) -> None:
    """Handlers of both kinds, routers, WebSockets, pages; hooks and lifespans track at both ends."""
    app = litestar_shop.build(client_at(collector), PAGES)
    async with served(app) as session:
        await text_of(session, "/awaited/1")
        await text_of(session, "/plain/1")
        await text_of(session, "/inner/awaited/1")
        await text_of(session, "/page/1", cookie="visitor=v-1")
        async with session.ws_connect("/socket/1") as socket:
            await socket.receive_str()
    assert routes(collector, "Awaited") == ["/awaited/{number}", "/inner/awaited/{number}"]
    assert routes(collector, "Plain") == ["/plain/{number}"]
    assert routes(collector, "Said") == ["/socket/{number}"]
    assert page_of(collector) == ("/page/{number}", "v-1")
    names = [one.body.get("event") for one in collector.events]
    assert (names[0], names[-2:]) == ("Started", ["Ended", "Ended at last"])


async def test_litestar_says_which_plugins_end_too_late(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Litestar calls what plugins add in their order."""

    class Other(InitPlugin):
        """Somebody else's plugin."""

        def on_app_init(self, app_config: AppConfig) -> AppConfig:
            """Add a hook."""

            async def down() -> None:
                """End."""

            app_config.on_shutdown.append(down)
            return app_config

    for plugins, said in (([0, 1], True), ([1, 0], False), ([0], False)):
        caplog.clear()
        both = (AnalyticsPlugin(client_at(collector)), Other())
        app = Litestar([], plugins=[both[one] for one in plugins], logging_config=None)
        async with served(app):
            pass
        assert ("Put AnalyticsPlugin behind them" in caplog.text) is said


async def test_litestar_starts_whatever_others_make_of_its_hooks(collector: Collector) -> None:
    """A plugin that wraps them, to measure them say, hides whose they are."""

    class Wrapping(InitPlugin):
        """Somebody else's plugin."""

        def on_app_init(self, app_config: AppConfig) -> AppConfig:
            """Wrap every hook."""
            app_config.on_shutdown = [partial(_called, hook) for hook in app_config.on_shutdown]
            return app_config

    client = client_at(collector)
    app = Litestar([], plugins=[AnalyticsPlugin(client), Wrapping()], logging_config=None)
    async with served(app):
        client.track("E", anonymous_id="v")
    assert len(events_of(collector, "E")) == 1


async def _called(hook: Any, app: Litestar) -> None:
    await hook(app)


async def test_aiohttp_has_a_cleanup_context_and_a_middleware(collector: Collector) -> None:
    """Also in a sub-application; contexts that were added later can track when they end."""
    app = aiohttp_shop.build(client_at(collector), PAGES)
    async with aiohttp_served(app) as session:
        await text_of(session, "/awaited/1?utm_source=mail", referer="https://a.example/?q=1")
        await text_of(session, "/inner/awaited/1")
        await text_of(session, "/page/1", cookie="visitor=v-1")
        async with session.ws_connect("/socket") as socket:
            await socket.receive_str()
        async with session.get("/not-there", headers={"Cookie": "visitor=v-1"}) as answer:
            assert answer.status == 404
    assert routes(collector, "Awaited") == ["/awaited/{number}", "/inner/awaited/{number}"]
    assert routes(collector, "Said") == ["/socket"]
    first = events_of(collector, "Awaited")[0]["context"]
    assert first["page"] == {"path": "/awaited/1", "referrer": "https://a.example/"}
    assert first["campaign"] == {"source": "mail"}
    assert page_of(collector) == ("/page/{number}", "v-1")
    names = [one.body.get("event") for one in collector.events]
    assert (names[0], names[-1]) == ("Started", "Ended")


async def test_aiohttp_leaves_out_what_is_filtered(collector: Collector) -> None:
    """Its events arrive, and are told nothing."""
    rules = ContextRules(accept=lambda _method, _path: False)
    async with aiohttp_served(aiohttp_shop.build(client_at(collector), rules)) as session:
        await text_of(session, "/awaited/1")
    assert context_of(collector, "Awaited") == {}


async def test_aiohttp_finds_cookies_that_come_apart(collector: Collector) -> None:
    """Over HTTP/2 each has a line of its own, and not every proxy puts them together."""
    rules = ContextRules(anonymous_id_cookie="visitor")
    headers = CIMultiDict([("Cookie", "a=b"), ("Cookie", "visitor=v-1")])
    async with (
        aiohttp_served(aiohttp_shop.build(client_at(collector), rules)) as session,
        session.get("/awaited/1", headers=headers) as answer,
    ):
        assert answer.status == 200
    assert events_of(collector, "Awaited")[0]["anonymousId"] == "v-1"


@asynccontextmanager
async def django_served(
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    rules: ContextRules = USUAL,
    *,
    lifespan: Literal["on", "off"] = "on",
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the shop on Django, which reads its settings once in a process."""
    django_shop.configure()
    client = client_at(collector, flush_interval=0.05)
    monkeypatch.setattr(django_shop, "analytics", client)
    monkeypatch.setattr(settings, "ASYNCSDK_RULES", rules, raising=False)
    app = get_asgi_application()
    if lifespan == "on":
        app = with_lifespan(app, client)
    async with served(app, lifespan=lifespan) as session:
        yield session
    await client.shutdown()


async def test_django_tells_views_of_both_kinds(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converters are left out of the route, which included ones are part of."""
    async with django_served(collector, monkeypatch, PAGES) as session:
        await text_of(session, "/awaited/7", user_agent="Browser/1.0")
        await text_of(session, "/plain/7")
        await text_of(session, "/inner/7/plain/7")
        await text_of(session, "/page/7", cookie="visitor=v-1")
    assert context_of(collector, "Awaited") == {
        "page": {"path": "/awaited/7"},
        "request": {"method": "GET", "route": "/awaited/{number}"},
        "userAgent": "Browser/1.0",
    }
    assert routes(collector, "Plain") == ["/plain/{number}", "/inner/{shop}/plain/{number}"]
    name, who = page_of(collector)
    assert (name, who) == ("/page/{number}", "v-1")


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")
async def test_django_tells_streams_of_both_kinds(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made when the view is over; a file goes as it is."""
    rules = ContextRules(anonymous_id_cookie="visitor")
    async with django_served(collector, monkeypatch, rules) as session:
        for path in ("/stream/awaited/7", "/stream/plain/7"):
            assert await text_of(session, path, cookie="visitor=v-1") == "ab"
        assert "class" not in await text_of(session, "/file", cookie="visitor=v-1")
    streamed = events_of(collector, "Streamed")
    assert [event["anonymousId"] for event in streamed] == ["v-1"] * 4
    assert routes(collector, "Streamed") == [
        *["/stream/awaited/{number}"] * 2,
        *["/stream/plain/{number}"] * 2,
    ]


async def test_django_without_a_lifespan_starts_the_client_with_the_first_request(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view in a thread has no loop that it could start the client on."""
    async with django_served(collector, monkeypatch, lifespan="off") as session:
        await text_of(session, "/plain/7")
        async with asyncio.timeout(10):
            while not collector.events:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
    assert len(events_of(collector, "Plain")) == 1


async def test_django_is_told_what_its_settings_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, where the middleware is made."""
    django_shop.configure()
    monkeypatch.setattr(settings, "ASYNCSDK_CLIENT", None)
    with pytest.raises(ConfigurationError, match="ASYNCSDK_CLIENT"):
        AnalyticsMiddleware(lambda _request: HttpResponse())


async def test_a_client_that_cannot_start_here_stops_the_server(collector: Collector) -> None:
    """It is running on another loop: the server's log says so, instead of events that never go."""
    client = client_at(collector)
    sent: list[Any] = []

    async def app(*_arguments: object) -> None:
        raise AssertionError("a lifespan is not the application's")

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def serve() -> None:
        await with_lifespan(app, client)({"type": "lifespan"}, receive, send)

    async with client:
        await asyncio.to_thread(lambda: asyncio.run(serve()))
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "another event loop" in sent[0]["message"]
