"""A shop on Starlette alone, with a mounted part."""

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.starlette import (
    AnalyticsContextMiddleware,
    analytics_lifespan,
    get_analytics,
)


async def awaited(request: Request) -> PlainTextResponse:
    """Be called on the loop."""
    return say(request, "Awaited")


def plain(request: Request) -> PlainTextResponse:
    """Be called in a thread."""
    return say(request, "Plain")


def say(request: Request, name: str) -> PlainTextResponse:
    """Track, and answer with the event's id."""
    number = request.path_params["number"]
    analytics = get_analytics(request)
    return PlainTextResponse(
        analytics.track(name, user_id="u", properties={"n": number}).message_id
    )


def build(client: AsyncAnalytics) -> Starlette:
    """Return the shop."""
    routes = [Route("/awaited/{number:int}", awaited), Route("/plain/{number:int}", plain)]
    return Starlette(
        routes=[*routes, Mount("/inner/{shop}", routes=routes)],
        lifespan=analytics_lifespan(client),
        middleware=[Middleware(AnalyticsContextMiddleware, client=client)],
    )


def shop() -> Starlette:
    """Return the shop of a process of its own."""
    return build(AsyncAnalytics(RudderStack("planted-key", os.environ["COLLECTOR"], name="there")))
