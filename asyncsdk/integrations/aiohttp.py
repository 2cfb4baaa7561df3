"""aiohttp.web: a client in the application's cleanup context, and what requests tell in the events.

app = web.Application(middlewares=[analytics_middleware(client)])
app.cleanup_ctx.append(analytics_ctx(client))  # before others that track when they end

async def item(request: web.Request) -> web.Response:
    request.config_dict[ANALYTICS].track("Item Viewed", user_id="user-1")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from asyncsdk.client import AsyncAnalytics
from asyncsdk.hosting.lending import Lending, accepts, tell_page
from asyncsdk.hosting.lifespans import living
from asyncsdk.visits import ContextRules, TrustedProxies
from asyncsdk.visits.reading import Facts, Reader, is_page

__all__ = [
    "ANALYTICS",
    "ContextRules",
    "TrustedProxies",
    "analytics_ctx",
    "analytics_middleware",
]

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Under which the client is in the application: ``request.config_dict[ANALYTICS]``.
ANALYTICS: web.AppKey[AsyncAnalytics] = web.AppKey("analytics", AsyncAnalytics)


def analytics_ctx(client: AsyncAnalytics) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return a cleanup context that runs *client*.

    aiohttp ends the contexts in the order of their being added, backwards: add this one first. Its
    `on_shutdown` handlers run before all of them and can track; its `on_cleanup` handlers run after.
    """

    async def run(app: web.Application) -> AsyncIterator[None]:
        async with living(client):
            app[ANALYTICS] = client
            yield

    return run


def analytics_middleware(
    client: AsyncAnalytics,
    rules: ContextRules = ContextRules(),  # noqa: B008 - it is a frozen value
) -> Middleware:
    """Return a middleware that tells each event of a request what the request tells of itself.

    What a call or an inner `bind` says itself wins.
    """
    reader = Reader(rules)

    @web.middleware
    async def tell(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not accepts(rules, request.method, request.path):
            return await handler(request)
        lending = Lending(reader, _Request(reader, request))
        with client.bind_from(lending):
            response = await handler(request)
            if rules.page_events and is_page(
                request.method, response.status, response.content_type
            ):
                tell_page(client, lending)
            return response

    return tell


class _Request:
    """What aiohttp tells of a request; the router has been there before."""

    __slots__ = ("_reader", "_request")

    def __init__(self, reader: Reader, request: web.Request) -> None:
        self._reader = reader
        self._request = request

    def facts(self) -> Facts:
        """Read the request; a header that comes twice is one with commas, but for cookies."""
        request = self._request
        headers = request.headers
        return Facts(
            request.path,
            request.rel_url.raw_query_string,
            {
                name: ("; " if name == "cookie" else ", ").join(headers.getall(name))
                for name in self._reader.headers & _names(request)
            },
            request.method,
            request.remote or None,
        )

    def route(self) -> str | None:
        """Return the resource's template; there is none for what was not found."""
        resource = self._request.match_info.route.resource
        return None if resource is None else resource.canonical


def _names(request: web.Request) -> set[str]:
    return {name.lower() for name in request.headers}
