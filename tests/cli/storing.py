"""Stores for the commands that work on one: filled as a web process fills them."""

import uuid
from collections.abc import Mapping
from contextlib import suppress

import anyio
from msgspec import structs

from asyncsdk import AsyncAnalytics, RedisStore, RudderStack, SQLiteStore
from asyncsdk.cli.places import Place
from asyncsdk.collector import Collector
from asyncsdk.errors import DeliveryError

#: In every URL and key below; it must not be shown.
SECRET = "planted-secret"


def queue(url: str) -> Place:
    """Return a queue that nobody else uses."""
    return Place(where=url, queue=f"q-{uuid.uuid4().hex[:12]}")


def arguments(place: Place) -> list[str]:
    """Return what a command line says of *place*."""
    return ["--store", place.where, *(["--queue-name", place.queue] if place.is_redis else [])]


def store_at(place: Place) -> RedisStore | SQLiteStore:
    """Open *place* as a client does."""
    if place.is_redis:
        return RedisStore(place.where, **place.redis_options())
    return SQLiteStore(place.where)


def variables(server: Collector, name: str = "there") -> dict[str, str]:
    """Describe a destination to a worker."""
    return {
        "ASYNCSDK_WRITE_KEY": SECRET,
        "ASYNCSDK_DATA_PLANE_URL": server.url,
        "ASYNCSDK_NAME": name,
        "ASYNCSDK_RETRY_BASE": "0.05",
        "ASYNCSDK_MAX_BATCH_EVENTS": "20",
    }


async def write(place: Place, events: int, *, name: str = "there") -> set[str]:
    """Store *events* for somebody else to deliver; return their ids."""
    destination = RudderStack(SECRET, "http://127.0.0.1:1", name=name)
    analytics = AsyncAnalytics(
        destination, store=store_at(place), deliver=False, flush_at=20, max_batch_events=20
    )
    async with analytics:
        receipts = [analytics.track("Step", user_id=f"u{n}") for n in range(events)]
        for receipt in receipts:
            await receipt.stored(30)
    return {receipt.message_id for receipt in receipts}


async def bury(place: Place, server: Collector, properties: Mapping[str, int]) -> set[str]:
    """Let *server* refuse one event for each of *properties*, all in one request; return their ids."""
    alone = structs.replace(
        place, in_order=True
    )  # with others, nobody would hear what becomes of them
    async with AsyncAnalytics(
        RudderStack(SECRET, server.url, name="there"),
        store=store_at(alone),
        max_retries=0,
        flush_at=len(properties),
    ) as analytics:
        receipts = [
            analytics.track(event, user_id="u", properties={"n": n})
            for event, n in properties.items()
        ]
        for receipt in receipts:
            with suppress(DeliveryError):
                await receipt.delivered(30)
    return {receipt.message_id for receipt in receipts}


async def deliver(place: Place, server: Collector) -> None:
    """Deliver what *place* has for one destination, until nothing is left."""
    destination = RudderStack(SECRET, server.url, name="there")
    async with AsyncAnalytics(destination, store=store_at(place)) as analytics:
        with anyio.fail_after(30):
            while (view := analytics.statistics()).in_store or not view.delivered:  # noqa: ASYNC110
                await anyio.sleep(0.05)


def masked(place: Place, password: str) -> Place:
    """Return *place* with *password* in its URL."""
    return structs.replace(place, where=place.where.replace("://", f"://:{password}@"))
