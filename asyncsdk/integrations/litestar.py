"""Litestar: one plugin runs the client, hands it to handlers, and tells events of their requests.

@get("/items/{item:int}")
async def item(item: int, analytics: AsyncAnalytics) -> None:
    analytics.track("Item Viewed", user_id="user-1")

app = Litestar([items], plugins=[AnalyticsPlugin(client)])
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from asyncsdk.client import AsyncAnalytics
from asyncsdk.hosting.asgi import AnalyticsContextMiddleware, Application
from asyncsdk.reporting import logger
from asyncsdk.visits import ContextRules, TrustedProxies

try:
    from litestar import Litestar
    from litestar.config.app import AppConfig
    from litestar.di import Provide
    from litestar.middleware import DefineMiddleware
    from litestar.plugins import InitPlugin
    from litestar.types import ASGIApp
except ImportError:
    raise ImportError(
        'asyncsdk: asyncsdk.integrations.litestar needs the "litestar" package: '
        'pip install "asyncsdk[litestar]"'
    ) from None

__all__ = ["AnalyticsPlugin", "ContextRules", "TrustedProxies"]


class AnalyticsPlugin(InitPlugin):
    """Start a client before everything else, and end it after everything else.

    The application's lifespans and its `on_startup` and `on_shutdown` hooks can track.

    Args:
        client: Whose events.
        rules: What is read of a request; None tells events nothing of it.
        dependency: By which name handlers ask for the client.
    """

    def __init__(
        self,
        client: AsyncAnalytics,
        *,
        rules: ContextRules | None = ContextRules(),  # noqa: B008 - it is a frozen value
        dependency: str = "analytics",
    ) -> None:
        self._client = client
        self._rules = rules
        self._dependency = dependency

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add what the application needs; Litestar's own call."""
        client = self._client
        app_config.lifespan.insert(0, self._starting)
        # Litestar calls these hooks after the last lifespan has ended.
        app_config.on_shutdown.append(self._end)
        app_config.dependencies[self._dependency] = Provide(
            lambda: client, use_cache=True, sync_to_thread=False
        )
        app_config.signature_types.append(AsyncAnalytics)
        if self._rules is not None:
            app_config.middleware.insert(
                0, DefineMiddleware(_middleware, client=client, rules=self._rules)
            )
        return app_config

    @asynccontextmanager
    async def _starting(self, app: Litestar) -> AsyncIterator[None]:
        mine = [getattr(one, "__func__", None) is AnalyticsPlugin._end for one in app.on_shutdown]
        # None is ours if another plugin has wrapped them all: then nothing is known.
        if True in mine and not all(mine[mine.index(True) :]):
            logger.warning(
                "asyncsdk: other plugins end after AnalyticsPlugin; what they track then is lost. "
                "Put AnalyticsPlugin behind them in plugins=[…]"
            )
        await self._client.start()
        yield

    async def _end(self, _app: Litestar) -> None:
        await self._client.shutdown()


# Litestar names the messages of ASGI one by one where we take any.
def _middleware(app: ASGIApp, client: AsyncAnalytics, rules: ContextRules) -> ASGIApp:
    return cast("ASGIApp", AnalyticsContextMiddleware(cast("Application", app), client, rules))
