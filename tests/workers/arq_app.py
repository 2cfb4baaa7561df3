"""A shop whose work is done by arq: python -m arq tests.workers.arq_app.WorkerSettings"""

import os
from typing import Any

from arq import Retry  # pyright: ignore[reportMissingImports]
from arq.connections import RedisSettings  # pyright: ignore[reportMissingImports]

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.arq import analytics_worker

analytics = AsyncAnalytics(
    RudderStack("planted-key", os.environ["SHOP_URL"], name="there"),
    flush_interval=0,
    flush_at=1000,
)


async def buy(ctx: dict[str, Any], number: int) -> None:
    """Do something for whoever enqueued this, the second time."""
    if ctx["job_try"] == 1 and number % 3 == 0:
        raise Retry
    ctx["analytics"].track("Bought", properties={"n": number})
    if number % 2:
        await ctx["redis"].enqueue_job("charge", number)


async def charge(ctx: dict[str, Any], number: int) -> None:
    """Do something more for the same one."""
    ctx["analytics"].track("Charged", properties={"n": number})


async def begin(_ctx: dict[str, Any]) -> None:
    """Say that the worker begins."""
    analytics.track("Begun", anonymous_id="shop")


async def begin_job(ctx: dict[str, Any]) -> None:
    """Say that a job begins; whose it is, is bound already."""
    analytics.track("Job", properties={"id": ctx["job_id"]})


async def end(_ctx: dict[str, Any]) -> None:
    """Say that the worker ends; this goes as well."""
    analytics.track("Ended", anonymous_id="shop")


@analytics_worker(analytics)
class WorkerSettings:
    """The worker, with hooks of its own."""

    functions = (buy, charge)
    redis_settings = RedisSettings.from_dsn(os.environ["SHOP_REDIS"])
    on_startup = begin
    on_job_start = begin_job
    on_shutdown = end
