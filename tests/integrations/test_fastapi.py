"""FastAPI under a real uvicorn: every kind of endpoint, the lifespan, and what requests tell."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
import pytest
from fastapi import APIRouter, Depends, FastAPI

from asyncsdk import AsyncAnalytics, ConfigurationError
from asyncsdk.collector import Collector
from asyncsdk.integrations.fastapi import (
    AnalyticsContextMiddleware,
    ContextRules,
    TrustedProxies,
    analytics_lifespan,
)
from tests.integrations.programs.fastapi_shop import build
from tests.integrations.serving import client_at, context_of, events_of, served, text_of

pytestmark = pytest.mark.whole_way

USUAL = ContextRules()
ASKED = ContextRules(
    client_ip=TrustedProxies("127.0.0.1"),
    anonymous_id_cookie="visitor",
    user_id_header="X-User",
    page_events=True,
    accept=lambda _method, path: path != "/plain/0",
)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector."""
    async with Collector() as running:
        yield running


@asynccontextmanager
async def shop(
    collector: Collector, rules: ContextRules = USUAL
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the shop; when it has ended, all its events are at the collector."""
    async with served(build(client_at(collector), rules)) as session:
        yield session


@pytest.mark.parametrize(
    ("path", "name", "route"),
    [
        ("/awaited/1?token=t", "Awaited", "/awaited/{number}"),
        ("/plain/1?token=t", "Plain", "/plain/{number}"),
        ("/later/1?token=t", "Later", "/later/{number}"),
        ("/nested/items/1?token=t", "Item", "/nested/items/{item}"),
        ("/inner/1/items/1?token=t", "Item", "/inner/{shop}/items/{item}"),
    ],
)
async def test_every_kind_of_endpoint_has_the_client_and_its_request(
    collector: Collector, path: str, name: str, route: str
) -> None:
    """On the loop, in a thread, after the answer, below a prefix, in a mounted application."""
    async with shop(collector) as session:
        await text_of(session, path)
    context = context_of(collector, name)
    assert context["request"] == {"method": "GET", "route": route}
    assert context["page"] == {"path": path.partition("?")[0]}
    assert "token" not in str(collector.events)


async def test_a_websocket_has_them_for_as_long_as_it_is_open(collector: Collector) -> None:
    """Each event of it knows its route; it has no method."""
    async with (
        shop(collector) as session,
        session.ws_connect("/socket/7", headers={"X-Request-Id": "r-7"}) as socket,
    ):
        for _ in range(3):
            await socket.send_str("say")
            await socket.receive_str()
    told = [body["context"]["request"] for body in events_of(collector, "Said")]
    assert told == [{"route": "/socket/{number}", "id": "r-7"}] * 3


async def test_nobody_is_told_of_another_ones_request(collector: Collector) -> None:
    """A hundred at the same time, on the loop and in threads."""

    async def visit(session: aiohttp.ClientSession, number: int) -> None:
        kind = "plain" if number % 2 else "awaited"
        await text_of(session, f"/{kind}/{number}", user_agent=f"Browser/{number}")

    async with shop(collector) as session, asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(visit(session, number))
    found = [*events_of(collector, "Plain"), *events_of(collector, "Awaited")]
    assert {one["properties"]["n"]: one["context"]["userAgent"] for one in found} == {
        number: f"Browser/{number}" for number in range(100)
    }
    for one in (*events_of(collector, "Started"), *events_of(collector, "Ended")):
        assert "request" not in one["context"]


async def test_the_applications_own_lifespan_can_track_at_both_ends(collector: Collector) -> None:
    """Its state is kept, beside the client; what its teardown tracks is delivered."""
    async with shop(collector) as session:
        assert await text_of(session, "/greeting") == '"hello"'
        assert len(collector.events) == 0
    assert [one.body["event"] for one in collector.events] == ["Started", "Ended"]


async def test_a_lifespan_that_fails_leaves_no_event_behind(collector: Collector) -> None:
    """The application does not start, but what it said arrives; then it may try again."""
    client = client_at(collector)
    attempts: list[str] = []

    @asynccontextmanager
    async def failing(_app: FastAPI) -> AsyncIterator[None]:
        attempts.append("attempt")
        client.track("Attempt", user_id="u")
        if len(attempts) == 1:
            raise RuntimeError("on purpose")
        yield

    lifespan = analytics_lifespan(client, wrap=failing)
    with pytest.raises(RuntimeError, match="on purpose"):
        async with lifespan(FastAPI()):
            pass
    assert len(collector.events) == 1
    async with lifespan(FastAPI()) as state:
        assert state == {"analytics": client}
    assert len(collector.events) == 2


async def test_the_clients_place_in_the_state_can_be_taken(collector: Collector) -> None:
    """An application that calls something of its own `analytics` keeps it."""

    @asynccontextmanager
    async def own(_app: FastAPI) -> AsyncIterator[dict[str, str]]:
        yield {"analytics": "mine"}

    async with analytics_lifespan(client_at(collector), wrap=own)(FastAPI()) as state:
        assert state == {"analytics": "mine"}


async def test_a_request_that_fails_keeps_its_events(collector: Collector) -> None:
    """The answer is 500, the event is told of the request, the next request is served."""
    async with shop(collector) as session:
        async with session.get("/broken") as answer:
            assert answer.status == 500
        await text_of(session, "/awaited/1")
    assert context_of(collector, "Broken")["request"]["route"] == "/broken"
    assert len(events_of(collector, "Awaited")) == 1


async def test_identity_and_address_are_what_was_asked_for(collector: Collector) -> None:
    """A cookie, a header, and an address behind the listed proxy; the filter leaves one out."""
    headers = {"x_forwarded_for": "192.0.2.66, 198.51.100.1", "cookie": "visitor=v-1"}
    async with shop(collector, ASKED) as session:
        await text_of(session, "/nobody", **headers, x_user="u-7")
        await text_of(session, "/plain/0", **headers)
    (body,) = events_of(collector, "Nobody")
    assert (body["userId"], body["anonymousId"]) == ("u-7", "v-1")
    assert body["context"]["ip"] == "198.51.100.1"
    assert context_of(collector, "Plain") == {}


async def test_headers_name_nobody_unless_asked_to(collector: Collector) -> None:
    """Anybody can write them: by default they are not even read."""
    async with shop(collector) as session:
        await text_of(session, "/awaited/1", x_user="u-7", cookie="visitor=v-1", x_user_id="u-8")
        async with session.get("/nobody", headers={"X-User": "u-7"}) as answer:
            assert answer.status == 500  # the call has no id, and says so
    (body,) = events_of(collector, "Awaited")
    assert body["userId"] == "u"
    assert "v-1" not in str(body)
    assert "u-7" not in str(body)


async def test_pages_are_events_if_asked_for(collector: Collector) -> None:
    """Each page that somebody known got; not an API's answers, not a stranger's pages."""
    async with shop(collector, ASKED) as session:
        await text_of(session, "/page/7?utm_source=mail", cookie="visitor=v-1")
        await text_of(session, "/page/8")
        await text_of(session, "/greeting", cookie="visitor=v-1")
    (page,) = [one.body for one in collector.events if one.body["type"] == "page"]
    assert (page["name"], page["anonymousId"]) == ("/page/{number}", "v-1")
    assert page["properties"] == {"path": "/page/7"}
    assert page["context"]["campaign"] == {"source": "mail"}


async def test_without_a_client_the_first_request_says_what_to_do() -> None:
    """Neither in the state nor given to the middleware."""
    app = FastAPI()
    middleware = AnalyticsContextMiddleware(app)
    with pytest.raises(ConfigurationError, match="analytics_lifespan"):
        await middleware({"type": "http", "path": "/", "headers": []}, hear, say)


async def hear() -> dict[str, Any]:
    """Be a server that has nothing to say."""
    return {"type": "nothing"}


async def say(_message: object) -> None:
    """Be a server that does not listen."""


async def test_a_filter_that_raises_is_said_once_and_breaks_no_request(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Its requests' events are told nothing; they arrive."""

    def filtering(_method: str, _path: str) -> bool:
        raise ZeroDivisionError

    async with shop(collector, ContextRules(accept=filtering)) as session:
        await text_of(session, "/awaited/1")
        await text_of(session, "/awaited/2")
    assert len(events_of(collector, "Awaited")) == 2
    assert [record.message.split(";")[0] for record in caplog.records] == [
        "accept of ContextRules raised (ZeroDivisionError)"
    ]


async def test_a_client_of_the_state_needs_no_name_in_the_middleware(
    collector: Collector,
) -> None:
    """Where the client is made with the application, not with the module."""
    client: AsyncAnalytics = client_at(collector)
    app = FastAPI(lifespan=analytics_lifespan(client))
    app.add_middleware(AnalyticsContextMiddleware)

    @app.get("/here")
    async def here() -> None:
        client.track("Here", user_id="u")

    async with served(app) as session:
        await text_of(session, "/here")
    assert context_of(collector, "Here")["request"]["route"] == "/here"


class Early:
    """A middleware of a mounted application that tracks before its router was asked."""

    def __init__(self, app: Any, client: AsyncAnalytics) -> None:
        self._app = app
        self._client = client

    async def __call__(self, *connection: Any) -> None:
        """Track, and go on."""
        self._client.track("Early", anonymous_id="v")
        await self._app(*connection)


async def test_routes_are_templates_below_mounts_and_prefixes(collector: Collector) -> None:
    """Whatever values a visitor chooses; where no route was found there is none."""
    client = client_at(collector)
    router = APIRouter()

    @router.get("/orders/{order}")
    async def found(order: str) -> str:
        client.track("Found", anonymous_id="v")
        return order

    inner = FastAPI()
    inner.include_router(router, prefix="/users/{user_id}")
    inner.add_middleware(Early, client=client)
    app = FastAPI(lifespan=analytics_lifespan(client))
    app.include_router(router, prefix="/api/users/{user_id}")
    app.mount("/api/{tenant}", inner)
    app.add_middleware(AnalyticsContextMiddleware, client=client)
    async with served(app) as session:
        await text_of(session, "/api/users/users/orders/api")
        await text_of(session, "/api/acme/users/orders/orders/users")
        async with session.get("/api/acme/nothing/7") as answer:
            assert answer.status == 404
    requests = [event["context"]["request"].get("route") for event in events_of(collector, "Found")]
    assert requests == [
        "/api/users/{user_id}/orders/{order}",
        "/api/{tenant}/users/{user_id}/orders/{order}",
    ]
    early = [event["context"]["request"].get("route") for event in events_of(collector, "Early")]
    assert early == [None, None]


async def test_a_dependency_may_bind_whatever_thread_it_ends_in(collector: Collector) -> None:
    """FastAPI enters and leaves one that is no coroutine in two copies of the context."""
    client = client_at(collector)
    ended: list[str] = []

    def user() -> Iterator[str]:
        with client.bind(user_id="u"):
            yield "u"
        ended.append("well")

    app = FastAPI(lifespan=analytics_lifespan(client))

    @app.get("/")
    async def root(who: Annotated[str, Depends(user)]) -> str:
        client.track("Seen", user_id=who)
        return who

    async with served(app) as session:
        for _ in range(3):
            await text_of(session, "/")
    assert len(events_of(collector, "Seen")) == len(ended) == 3


async def test_calls_from_threads_alone_start_a_client_that_nobody_started(
    collector: Collector,
) -> None:
    """The middleware is on the loop, also where the application has no lifespan for it."""
    client = client_at(collector, flush_interval=0.05)
    app = FastAPI()
    app.add_middleware(AnalyticsContextMiddleware, client=client)

    @app.get("/")
    def root() -> str:
        client.track("Plain", anonymous_id="v")
        return ""

    async with served(app) as session:
        for number in range(2):
            await text_of(session, "/")
            async with asyncio.timeout(10):
                while len(events_of(collector, "Plain")) == number:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            await client.shutdown()
