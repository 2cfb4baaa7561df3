"""Starlette: a client in the lifespan, and what requests tell in the events.

app = Starlette(
    routes=routes,
    lifespan=analytics_lifespan(client, wrap=lifespan),
    middleware=[Middleware(AnalyticsContextMiddleware, client=client)],
)
"""

from __future__ import annotations

from asyncsdk.client import AsyncAnalytics
from asyncsdk.hosting.asgi import AnalyticsContextMiddleware
from asyncsdk.hosting.lifespans import STATE, analytics_lifespan, client_in
from asyncsdk.visits import ContextRules, TrustedProxies

try:
    from starlette.requests import HTTPConnection
except ImportError:
    raise ImportError(
        'asyncsdk: asyncsdk.integrations.starlette needs the "starlette" package: '
        'pip install "asyncsdk[starlette]"'
    ) from None

__all__ = [
    "AnalyticsContextMiddleware",
    "ContextRules",
    "TrustedProxies",
    "analytics_lifespan",
    "get_analytics",
]


def get_analytics(connection: HTTPConnection) -> AsyncAnalytics:
    """Return the client that `analytics_lifespan` runs, for a request or a WebSocket.

    Raises:
        ConfigurationError: There is none in the state.
    """
    return client_in(getattr(connection.state, STATE, None))
