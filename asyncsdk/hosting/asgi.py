"""The middleware for every ASGI application.

Plain ASGI: it wraps no request in a task, so context variables of the application work as before, and
a request without events costs it two context variables' changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any
from urllib.parse import unquote_to_bytes

from asyncsdk.client import AsyncAnalytics
from asyncsdk.hosting.lending import Lending, accepts, tell_page
from asyncsdk.hosting.lifespans import STATE, client_in
from asyncsdk.visits.reading import Facts, Reader, is_page
from asyncsdk.visits.routes import template_of
from asyncsdk.visits.rules import ContextRules

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_KINDS = ("http", "websocket")
_VIEWS = (FunctionType, MethodType, partial, type)
_DEFAULT = ContextRules()


class AnalyticsContextMiddleware:
    """Tell each event of a request what the request tells of itself.

    For HTTP and WebSockets, in endpoints of both kinds, background tasks and tasks that start inside.
    What a call or an inner `bind` says itself wins.

    Args:
        app: The application inside.
        client: Whose events; None is the one that the lifespan put into the state.
        rules: What is read of a request.
    """

    def __init__(
        self,
        app: Application,
        client: AsyncAnalytics | None = None,
        rules: ContextRules = _DEFAULT,
    ) -> None:
        self.app = app
        self._client = client
        self._rules = rules
        self._reader = Reader(rules)
        self._wanted = [(name.encode("latin-1"), name) for name in self._reader.headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in _KINDS or not self._wants(scope):
            await self.app(scope, receive, send)
            return
        client = self._client or client_in(scope.get("state", {}).get(STATE))
        lending = Lending(self._reader, _Connection(scope, self._wanted))
        if self._rules.page_events:
            send = _telling(send, scope, client, lending)
        with client.bind_from(lending):
            await self.app(scope, receive, send)

    def _wants(self, scope: Scope) -> bool:
        rules = self._rules
        return rules.accept is None or accepts(rules, scope.get("method", "GET"), _path_of(scope))


def _path_of(scope: Scope) -> str:
    """Return the path that was asked for; Litestar keeps no more than the rest of it for a mount."""
    path: str = scope["path"]
    if scope.get("path_template") == "" and "raw_path" in scope:
        return unquote_to_bytes(scope["raw_path"]).decode(errors="replace")
    return path


class _Connection:
    """What an ASGI scope tells of its request."""

    __slots__ = ("_path", "_scope", "_wanted")

    def __init__(self, scope: Scope, wanted: list[tuple[bytes, str]]) -> None:
        self._scope = scope
        self._path: str = scope["path"]  # before mounts change it
        self._wanted = wanted

    def facts(self) -> Facts:
        """Read the scope; a header that comes twice is one with commas, but for cookies."""
        scope = self._scope
        given = scope["headers"]
        found: dict[bytes, bytes] = dict(given)
        if len(found) != len(given):
            found = _joined(given)
        headers = {
            text: found[name].decode("latin-1") for name, text in self._wanted if name in found
        }
        peer = scope.get("client")
        return Facts(
            self._path if scope.get("path_template") != "" else _path_of(scope),
            scope.get("query_string", b"").decode("latin-1"),
            headers,
            scope.get("method"),
            None if peer is None else peer[0],
        )

    def route(self) -> str | None:
        """Return what Starlette's router, FastAPI's or Litestar's left in the scope."""
        scope = self._scope
        template = scope.get("path_template")  # Litestar; empty for what is mounted
        if template:
            return str(template)
        route = scope.get("route")
        if route is None:
            # Nothing was found, or an application that is mounted; older Starlettes say no more.
            if not isinstance(scope.get("endpoint"), _VIEWS):
                return None
        elif hasattr(route, "routes"):  # a mount: what is inside of it says more, or nothing
            return None
        # FastAPI's own route leaves out the prefixes of routers.
        within = scope.get("fastapi")
        whole = within.get("effective_route_context") if type(within) is dict else None
        tail = getattr(whole or route, "path_format", None)
        return template_of(self._path, scope.get("path_params") or {}, tail)


def _joined(given: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers of which some come twice, each once; HTTP/2 takes cookies apart."""
    found: dict[bytes, bytes] = {}
    for name, value in given:
        between = b"; " if name == b"cookie" else b", "
        found[name] = found[name] + between + value if name in found else value
    return found


def _telling(send: Send, scope: Scope, client: AsyncAnalytics, lending: Lending) -> Send:
    """Return a `send` that tracks a page once its answer begins."""
    method = scope.get("method")

    async def tell(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.start" and is_page(
            method, message["status"], _content_type(message)
        ):
            tell_page(client, lending)

    return tell


def _content_type(message: Message) -> str:
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-type":
            return str(value.decode("latin-1"))
    return ""
