"""The shop: one endpoint on FastAPI that reads an order and answers with its total.

`silent` has no client; `telling` has one in its lifespan, its endpoint and its middleware, and tracks
each order. Each worker prints its process id once it serves, and a word once it has ended well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.fastapi import Analytics, AnalyticsContextMiddleware, analytics_lifespan
from benchmarks.clients.task import KEY

#: What a worker says last.
ENDED = "ended"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


class Item(BaseModel):
    """One line of an order."""

    sku: str
    quantity: int
    price: float


class Order(BaseModel):
    """What a visitor orders."""

    order_id: str
    user_id: str
    currency: str
    items: list[Item]


class Answer(BaseModel):
    """What the shop says to it."""

    order_id: str
    total: float
    items: int


def answer(order: Order) -> Answer:
    """Add up an order."""
    total = sum(item.price * item.quantity for item in order.items)
    return Answer(order_id=order.order_id, total=total, items=len(order.items))


def silent() -> FastAPI:
    """Return the shop without a client."""
    app = FastAPI(lifespan=_told(_plain))

    @app.post("/shops/{shop}/orders")
    async def order(shop: str, order: Order) -> Answer:
        del shop
        return answer(order)

    return app


def telling() -> FastAPI:
    """Return the shop with a client, which delivers to the address in the environment."""
    client = AsyncAnalytics(
        RudderStack(KEY, os.environ["SINK"]),
        flush_at=int(os.environ["FLUSH_AT"]),
        flush_interval=float(os.environ["FLUSH_INTERVAL"]),
    )
    app = FastAPI(lifespan=_told(analytics_lifespan(client)))
    app.add_middleware(AnalyticsContextMiddleware, client=client)

    @app.post("/shops/{shop}/orders")
    async def order(shop: str, order: Order, analytics: Analytics) -> Answer:
        done = answer(order)
        analytics.track(
            "Order Completed",
            user_id=order.user_id,
            properties={"order_id": done.order_id, "total": done.total, "shop": shop},
        )
        return done

    return app


def _told(inner: Lifespan) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with inner(app) as state:
            _say(str(os.getpid()))
            yield state
        _say(ENDED)

    return lifespan


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


@asynccontextmanager
async def _plain(_app: FastAPI) -> AsyncIterator[None]:
    yield
