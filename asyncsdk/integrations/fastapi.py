"""FastAPI: a client in the lifespan and in endpoints, and what requests tell in the events.

app = FastAPI(lifespan=analytics_lifespan(client, wrap=lifespan))
app.add_middleware(AnalyticsContextMiddleware, client=client)

@app.post("/orders")
async def order(analytics: Analytics) -> None:
    analytics.track("Order Completed", user_id="user-1")
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from asyncsdk.client import AsyncAnalytics
from asyncsdk.hosting.asgi import AnalyticsContextMiddleware
from asyncsdk.hosting.lifespans import STATE, analytics_lifespan, client_in
from asyncsdk.visits import ContextRules, TrustedProxies

try:
    from fastapi import Depends
    from fastapi.requests import HTTPConnection
except ImportError:
    raise ImportError(
        'asyncsdk: asyncsdk.integrations.fastapi needs the "fastapi" package: '
        'pip install "asyncsdk[fastapi]"'
    ) from None

__all__ = [
    "Analytics",
    "AnalyticsContextMiddleware",
    "ContextRules",
    "TrustedProxies",
    "analytics_lifespan",
    "get_analytics",
]


# Async although it waits for nothing: FastAPI calls a plain function in a thread.
async def get_analytics(connection: HTTPConnection) -> AsyncAnalytics:
    """Return the client that `analytics_lifespan` runs, for a request or a WebSocket.

    Raises:
        ConfigurationError: There is none in the state.
    """
    return client_in(getattr(connection.state, STATE, None))


#: The client as an endpoint's parameter.
Analytics: TypeAlias = Annotated[AsyncAnalytics, Depends(get_analytics)]
