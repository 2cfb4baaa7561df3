"""This SDK, with its own transport, gzip on, and a queue that holds the whole burst."""

from __future__ import annotations

import atexit
import math
import tempfile
import uuid
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING

from asyncsdk import AsyncAnalytics, Delivery, MemoryStore, RedisStore, RudderStack, SQLiteStore
from asyncsdk.client.settings import Options
from asyncsdk.seams import Store
from benchmarks.clients.client import drive
from benchmarks.clients.task import KEY, Task
from benchmarks.workload import Call

if TYPE_CHECKING:
    from asyncsdk.mapping import Mapping  # no other client of ours pays for it

_NO_BOUND = 2**40


def make_analytics(task: Task, mapping: Mapping | None = None) -> AsyncAnalytics:
    """Return a client as an application would make it, but for the bounds of its queue."""
    delivery = Delivery(
        max_batch_events=task.batch, concurrency=task.concurrency, flush_at=task.flush_at
    )
    options: Options = {**unbounded(task), "mapping": mapping}
    return AsyncAnalytics(RudderStack(KEY, task.url, delivery=delivery), **options)


def unbounded(task: Task) -> Options:
    """Return the options that let a client hold all events of *task*."""
    return {
        # More than three quarters full holds an awaiting producer back.
        "max_queue_events": max(task.events, 1_000) * 2,
        "max_queue_bytes": _NO_BOUND,
        "max_total_bytes": _NO_BOUND,
        "shutdown_timeout": 600.0,
        "store": _store(task),
    }


def _store(task: Task) -> Store:
    """Return the store that the task asks for; a folder lasts as long as its store."""
    if task.redis:
        name = uuid.uuid4().hex
        return RedisStore(task.redis, queue_name=name, max_bytes=_NO_BOUND, timeout=10.0)
    if not task.durability:
        return MemoryStore()
    folder = tempfile.TemporaryDirectory(prefix="asyncsdk-bench-")
    atexit.register(folder.cleanup)
    return SQLiteStore(folder.name, durability=task.durability, max_bytes=_NO_BOUND)


class Ours:
    """`AsyncAnalytics`, entered where the application starts."""

    def __init__(self, task: Task) -> None:
        self._awaited = task.awaited
        self._analytics = make_analytics(task)

    async def open(self) -> None:
        """Start it; aiohttp is imported here."""
        await self._analytics.start()

    def send(self, todo: Iterable[Call]) -> Awaitable[None] | None:
        """Make all calls in a row, as a burst in a handler does, or await each."""
        if self._awaited:
            return self._await_all(todo)
        track = self._analytics.track
        for user_id, event, properties, context in todo:
            track(event, user_id=user_id, properties=properties, context=context)
        return None

    async def _await_all(self, todo: Iterable[Call]) -> None:
        track = self._analytics.track
        for user_id, event, properties, context in todo:
            await track(event, user_id=user_id, properties=properties, context=context)

    async def flush(self) -> None:
        """Deliver what waits."""
        await self._analytics.flush(math.inf)

    async def close(self) -> None:
        """Drain and close."""
        result = await self._analytics.shutdown(timeout=math.inf)
        if result.errors or result.pending or result.dropped:
            raise RuntimeError(f"the client reported {result!r}")


if __name__ == "__main__":
    drive(Ours)
