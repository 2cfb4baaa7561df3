"""A worker: delivers what comes into a queue in Redis."""

from __future__ import annotations

import asyncio
import sys

from asyncsdk import AsyncAnalytics, RedisStore, RudderStack
from benchmarks.clients.task import KEY

#: Events of one request: many requests, so that their answers are what takes the time.
PER_REQUEST = 20


def make_client(port: int, redis: str, queue: str, *, deliver: bool) -> AsyncAnalytics:
    """Return a client of a queue that several share."""
    return AsyncAnalytics(
        RudderStack(KEY, f"http://127.0.0.1:{port}", name="sink"),
        store=RedisStore(redis, queue_name=queue, multi_processor=True),
        deliver=deliver,
        flush_at=PER_REQUEST,
        max_batch_events=PER_REQUEST,
        max_queue_events=1_000_000,
        shutdown_timeout=600.0,
    )


async def work(port: int, redis: str, queue: str) -> None:
    """Deliver what comes, until somebody ends this process."""
    async with make_client(port, redis, queue, deliver=True):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
