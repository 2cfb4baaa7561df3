"""Serving: applications under a real uvicorn, in this process or in processes of their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from aiohttp import web

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.collector import Collector
from tests.promises.children import TIDY, Child, started

PROGRAMS = Path(__file__).parent / "programs"
SERVE = PROGRAMS / "serve.py"


def client_at(collector: Collector, *, flush_interval: float = 0) -> AsyncAnalytics:
    """Return a client whose events wait for the end of the application, unless told otherwise."""
    destination = RudderStack("planted-key", collector.url, name="there")
    return AsyncAnalytics(destination, flush_interval=flush_interval)


@asynccontextmanager
async def served(app: Any, **config: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve *app* with uvicorn on this loop; hand out a visitor's session."""
    config = {"log_level": "error", "proxy_headers": False, "lifespan": "on", **config}
    server = uvicorn.Server(uvicorn.Config(app, **config))
    with socket.create_server(("127.0.0.1", 0)) as door:
        serving = asyncio.create_task(server.serve(sockets=[door]))
        try:
            async with visitor(door.getsockname()[1]) as session:
                yield session
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def serving(
    app: str, collector: Collector, *words: str
) -> AsyncIterator[tuple[Child, aiohttp.ClientSession]]:
    """Serve the *app* of a module in processes of its own, as `programs/serve.py` does."""
    command = (str(SERVE), app, collector.url, *words)
    # With workers uvicorn itself leaves a socket to the garbage collector.
    flags = () if "workers" in words else TIDY
    async with started(*command, flags=flags, unmeasured=True) as child:
        await child.until(" is it")
        async with visitor(int(child.out.split()[1])) as session:
            yield child, session


@asynccontextmanager
async def visitor(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """Hand out a session with the server at *port*, without cookies of its own."""
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield session


@asynccontextmanager
async def aiohttp_served(app: web.Application) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve *app* as aiohttp does."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with visitor(runner.addresses[0][1]) as session:
            yield session
    finally:
        await runner.cleanup()


async def text_of(session: aiohttp.ClientSession, path: str, **headers: str) -> str:
    """Ask for *path* and return the answer, which must be a yes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.get(path, headers=named) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


def events_of(collector: Collector, name: str) -> list[dict[str, Any]]:
    """Return the bodies of the events of this name."""
    return [one.body for one in collector.events if one.body.get("event") == name]


def context_of(collector: Collector, name: str) -> dict[str, Any]:
    """Return the context of the one event of this name, without the library's name."""
    (body,) = events_of(collector, name)
    return {key: value for key, value in body["context"].items() if key != "library"}
