"""A shop on Litestar, whose hooks and lifespan have something to say as well."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Router, WebSocket, get, websocket
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.litestar import AnalyticsPlugin, ContextRules

Analytics = NamedDependency[AsyncAnalytics]


@get("/awaited/{number:int}")
async def awaited(analytics: Analytics, number: FromPath[int]) -> str:
    """Be called on the loop."""
    return analytics.track("Awaited", user_id="u", properties={"n": number}).message_id


@get("/plain/{number:int}", sync_to_thread=True)
def plain(analytics: Analytics, number: FromPath[int]) -> str:
    """Be called in a thread."""
    return analytics.track("Plain", user_id="u", properties={"n": number}).message_id


@get("/page/{number:int}", media_type="text/html")
async def page(number: FromPath[int]) -> Response[str]:
    """Answer with a page."""
    return Response(f"<p>{number}</p>")


@websocket("/socket/{number:int}")
async def socket(
    analytics: Analytics, socket: WebSocket[Any, Any, Any], number: FromPath[int]
) -> None:
    """Say something once."""
    await socket.accept()
    said = analytics.track("Said", user_id="u", properties={"n": number})
    await socket.send_text(said.message_id)
    await socket.close()


def build(client: AsyncAnalytics, rules: ContextRules, *, silent: bool = False) -> Litestar:
    """Return the shop; a silent one says nothing when it starts and ends."""

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        say("Started")
        yield
        say("Ended")

    def say(name: str) -> None:
        if not silent:
            client.track(name, user_id="u")

    async def at_the_end() -> None:
        say("Ended at last")

    inner = Router("/inner", route_handlers=[awaited])
    return Litestar(
        [awaited, plain, page, socket, inner],
        lifespan=[lifespan],
        on_shutdown=[at_the_end],
        plugins=[AnalyticsPlugin(client, rules=rules)],
        openapi_config=None,
        logging_config=None,  # else it sets up the whole process's, and the tests' after this one
    )


def shop() -> Litestar:
    """Return the shop of a process of its own."""
    destination = RudderStack("planted-key", os.environ["COLLECTOR"], name="there")
    return build(AsyncAnalytics(destination), ContextRules(), silent=True)
