"""A shop on aiohttp.web, run by itself: `python aiohttp_shop.py URL`; prints its port."""

import logging
import socket
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.aiohttp import (
    ANALYTICS,
    ContextRules,
    analytics_ctx,
    analytics_middleware,
)

# A busy machine's slow steps are said in Python's development mode.
logging.getLogger("asyncio").setLevel("ERROR")


async def awaited(request: web.Request) -> web.Response:
    """Track, and answer with the event's id."""
    number = int(request.match_info["number"])
    told = request.config_dict[ANALYTICS].track("Awaited", user_id="u", properties={"n": number})
    return web.Response(text=told.message_id)


async def page(_request: web.Request) -> web.Response:
    """Answer with a page."""
    return web.Response(text="<p>page</p>", content_type="text/html")


async def talk(request: web.Request) -> web.WebSocketResponse:
    """Say something once."""
    opened = web.WebSocketResponse()
    await opened.prepare(request)
    told = request.config_dict[ANALYTICS].track("Said", user_id="u")
    await opened.send_str(told.message_id)
    await opened.close()
    return opened


def build(client: AsyncAnalytics, rules: ContextRules, *, silent: bool = False) -> web.Application:
    """Return the shop; a silent one says nothing when it starts and ends."""

    async def own(app: web.Application) -> AsyncIterator[None]:
        say(app, "Started")
        yield
        say(app, "Ended")

    def say(app: web.Application, name: str) -> None:
        if not silent:
            app[ANALYTICS].track(name, user_id="u")

    app = web.Application(middlewares=[analytics_middleware(client, rules)])
    app.cleanup_ctx.append(analytics_ctx(client))
    app.cleanup_ctx.append(own)
    app.router.add_get("/awaited/{number}", awaited)
    app.router.add_get("/page/{number}", page)
    app.router.add_get("/socket", talk)
    inner = web.Application()
    inner.router.add_get("/awaited/{number}", awaited)
    app.add_subapp("/inner/", inner)
    return app


def main(url: str) -> None:
    """Serve until told to end."""
    client = AsyncAnalytics(RudderStack("planted-key", url, name="there"))
    app = build(client, ContextRules(), silent=True)

    async def tell(_app: web.Application) -> None:
        sys.stdout.write(f"port {door.getsockname()[1]} is it\n")
        sys.stdout.flush()

    app.on_startup.append(tell)
    with socket.create_server(("127.0.0.1", 0)) as door:
        web.run_app(app, sock=door, print=None, access_log=None, shutdown_timeout=1.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
