"""Lifespans: a client that lives as long as an application does.

The client is opened before the application's own lifespan and ended after it, so that its start-up and
its teardown can track. It is ended with `shutdown`, not closed for good: tests start an application
again and again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from asyncsdk.client import AsyncAnalytics
from asyncsdk.errors import ConfigurationError

#: Where the client is in the state that a lifespan yields: `request.state.analytics`.
STATE = "analytics"

AppT = TypeVar("AppT")
State = Mapping[str, Any]

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_Application = Callable[[MutableMapping[str, Any], _Receive, _Send], Awaitable[None]]


@asynccontextmanager
async def living(client: AsyncAnalytics) -> AsyncIterator[AsyncAnalytics]:
    """Start *client*; at the end deliver what waits, within its `shutdown_timeout`."""
    await client.start()
    try:
        yield client
    finally:
        await client.shutdown()


def analytics_lifespan(
    client: AsyncAnalytics,
    *,
    wrap: Callable[[AppT], AbstractAsyncContextManager[State | None]] | None = None,
) -> Callable[[AppT], AbstractAsyncContextManager[State]]:
    """Return a lifespan that runs *client* around the application's own.

    Args:
        client: Opened first and ended last, also when the application's own lifespan fails.
        wrap: The application's own lifespan. The state that it yields is kept; the client is added to
            it as ``analytics``, unless something is called so already.
    """

    @asynccontextmanager
    async def lifespan(app: AppT) -> AsyncIterator[State]:
        async with living(client):
            if wrap is None:
                yield {STATE: client}
                return
            async with wrap(app) as state:
                yield {STATE: client, **(state or {})}

    return lifespan


def with_lifespan(app: _Application, client: AsyncAnalytics) -> _Application:
    """Return *app* with a lifespan that runs *client*, for applications without one, like Django's.

    The server's word that it starts and ends is answered here; everything else is the application's.
    The client is in the state, where `AnalyticsContextMiddleware` looks for one.
    """

    async def served(scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            scope.get("state", {}).setdefault(STATE, client)
            await _live(client, receive, send)
        else:
            await app(scope, receive, send)

    return served


async def _live(client: AsyncAnalytics, receive: _Receive, send: _Send) -> None:
    """Answer a server's word that it starts, and its word that it ends."""
    await receive()
    try:
        await client.start()
    except Exception as error:  # noqa: BLE001 - raised, it would mean that there is no lifespan here
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    try:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    finally:
        await client.shutdown()
    await send({"type": "lifespan.shutdown.complete"})


def client_in(found: object) -> AsyncAnalytics:
    """Return what was *found* in the state, if it is a client.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(found, AsyncAnalytics):
        return found
    raise ConfigurationError(
        "asyncsdk: there is no client in the state: give the application "
        "lifespan=analytics_lifespan(client), and in tests enter it: `with TestClient(app)`"
    )
