"""Lifespans: a client that starts and ends with an application, whatever becomes of either."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.collector import Collector
from asyncsdk.hosting.asgi import AnalyticsContextMiddleware
from asyncsdk.hosting.lifespans import STATE, analytics_lifespan, with_lifespan

Lifespan = Callable[[str], AbstractAsyncContextManager[object]]


class BrokenError(Exception):
    """Nothing that this package raises."""


class Server:
    """One that says what it is told to say, and keeps what it hears."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[str] = asyncio.Queue()
        self.heard: list[str] = []
        self.started = asyncio.Event()
        self.state: dict[str, Any] = {}

    async def receive(self) -> dict[str, Any]:
        """Say the next word."""
        return {"type": f"lifespan.{await self.words.get()}"}

    async def send(self, message: Any) -> None:
        """Hear an answer."""
        self.heard.append(message["type"].removeprefix("lifespan."))
        self.started.set()

    async def run(self, app: Any) -> None:
        """Run the lifespan of *app*."""
        await app({"type": "lifespan", "state": self.state}, self.receive, self.send)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector."""
    async with Collector() as running:
        yield running


@pytest.fixture
def client(collector: Collector) -> AsyncAnalytics:
    """Make a client that nobody has started."""
    return AsyncAnalytics(RudderStack("planted-key", collector.url))


async def nothing(*_arguments: object) -> None:
    """Be an application without a lifespan."""


async def test_the_client_is_in_the_state_of_an_application_without_a_lifespan(
    collector: Collector, client: AsyncAnalytics
) -> None:
    """So the middleware needs no name for it there either."""
    server = Server()
    server.words.put_nowait("startup")

    async def endpoint(*_arguments: object) -> None:
        client.track("Here", user_id="u")

    app = with_lifespan(AnalyticsContextMiddleware(endpoint), client)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run(app))
        await server.started.wait()
        scope = {"type": "http", "method": "GET", "path": "/here", "headers": []}
        await app({**scope, "state": server.state}, server.receive, server.send)
        server.words.put_nowait("shutdown")
    assert server.state == {STATE: client}
    assert server.heard == ["startup.complete", "shutdown.complete"]
    assert [one.body["context"]["page"] for one in collector.events] == [{"path": "/here"}]


async def test_a_lifespan_that_is_cancelled_delivers(
    collector: Collector, client: AsyncAnalytics
) -> None:
    """Some servers cancel it where others say that they end."""
    server = Server()
    server.words.put_nowait("startup")
    running = asyncio.create_task(server.run(with_lifespan(nothing, client)))
    await server.started.wait()
    client.track("Last", user_id="u")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [one.body["event"] for one in collector.events] == ["Last"]


async def test_a_start_that_fails_for_any_reason_stops_the_server(
    collector: Collector, client: AsyncAnalytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that gets through reads as "no lifespan here": servers then go on without a client."""

    async def start() -> None:
        raise BrokenError("no way")

    monkeypatch.setattr(client, "start", start)
    server = Server()
    server.words.put_nowait("startup")
    await server.run(with_lifespan(nothing, client))
    assert server.heard == ["startup.failed"]
    assert collector.events == []


async def test_two_applications_can_share_a_client(
    collector: Collector, client: AsyncAnalytics
) -> None:
    """The one that ends first delivers; the next call of the other one starts the client again."""
    lifespan: Lifespan = analytics_lifespan(client)
    async with lifespan("shop"):
        async with lifespan("office"):
            client.track("Office", user_id="u")
        assert [one.body["event"] for one in collector.events] == ["Office"]
        client.track("Shop", user_id="u")
    assert [one.body["event"] for one in collector.events] == ["Office", "Shop"]
