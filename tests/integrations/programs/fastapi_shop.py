"""A shop on FastAPI, with endpoints of every kind; each answers with the id of its event."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
from fastapi import APIRouter, BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.fastapi import (
    Analytics,
    AnalyticsContextMiddleware,
    ContextRules,
    analytics_lifespan,
)

USUAL = ContextRules()


def build(client: AsyncAnalytics, rules: ContextRules = USUAL, *, silent: bool = False) -> FastAPI:
    """Return the shop; a silent one says nothing when it starts and ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, str]]:
        if not silent:
            client.track("Started", user_id="u")
        yield {"greeting": "hello"}
        if not silent:
            await anyio.lowlevel.checkpoint()
            client.track("Ended", user_id="u")

    app = FastAPI(lifespan=analytics_lifespan(client, wrap=lifespan))
    app.add_middleware(AnalyticsContextMiddleware, client=client, rules=rules)
    add_endpoints(app)
    add_other_kinds(app)
    nested = APIRouter(prefix="/nested")
    nested.add_api_route("/items/{item:int}", item)
    app.include_router(nested)
    inner = FastAPI()
    inner.add_api_route("/items/{item}", item)
    app.mount("/inner/{shop}", inner)
    return app


async def item(analytics: Analytics, item: int) -> str:
    """Be an endpoint of several routers."""
    return analytics.track("Item", user_id="u", properties={"n": item}).message_id


def add_endpoints(app: FastAPI) -> None:
    """Add what runs on the loop, and what runs in threads."""

    @app.get("/awaited/{number}")
    async def awaited(analytics: Analytics, number: int) -> str:
        await anyio.sleep(0.001)  # others come in between
        return analytics.track("Awaited", user_id="u", properties={"n": number}).message_id

    @app.get("/plain/{number}")
    def plain(analytics: Analytics, number: int) -> str:
        return analytics.track("Plain", user_id="u", properties={"n": number}).message_id

    @app.get("/greeting")
    async def greeting(request: Request) -> str:
        return str(request.state.greeting)

    @app.get("/nobody")
    async def nobody(analytics: Analytics) -> str:
        return analytics.track("Nobody").message_id

    @app.get("/page/{number}")
    async def page(number: int) -> HTMLResponse:
        return HTMLResponse(f"<p>{number}</p>")

    @app.get("/broken")
    async def broken(analytics: Analytics) -> str:
        analytics.track("Broken", user_id="u")
        raise RuntimeError("broken on purpose")


def add_other_kinds(app: FastAPI) -> None:
    """Add a background task, a WebSocket and a task that outlives its request."""

    @app.get("/later/{number}")
    async def later(analytics: Analytics, number: int, tasks: BackgroundTasks) -> str:
        tasks.add_task(analytics.track, "Later", user_id="u", properties={"n": number})
        return "later"

    @app.websocket("/socket/{number}")
    async def socket(analytics: Analytics, websocket: WebSocket, number: int) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            said = analytics.track("Said", user_id="u", properties={"n": number})
            await websocket.send_text(said.message_id)


def shop() -> FastAPI:
    """Return the shop of a process of its own, silent at its ends."""
    destination = RudderStack("planted-key", os.environ["COLLECTOR"], name="there")
    return build(AsyncAnalytics(destination), silent=True)
