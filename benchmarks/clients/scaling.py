"""One of many processes on a queue in Redis: a producer that only writes, or a worker.

    python -m benchmarks.clients.scaling produce PORT REDIS QUEUE EVENTS
    python -m benchmarks.clients.scaling work PORT REDIS QUEUE

Each says that it is ready, begins with the first line that it is given, and at its end (a worker's is
the end of its stdin) prints the seconds of CPU that it took since.
"""

from __future__ import annotations

import asyncio
import sys
import time

from asyncsdk import AsyncAnalytics, RedisStore, RudderStack
from benchmarks.clients.task import KEY
from benchmarks.workload import calls


def make_client(port: int, redis: str, queue: str, *, deliver: bool) -> AsyncAnalytics:
    """Return a client with its defaults, on a queue that any number of processes share."""
    return AsyncAnalytics(
        RudderStack(KEY, f"http://127.0.0.1:{port}", name="sink"),
        store=RedisStore(redis, queue_name=queue, multi_processor=True),
        deliver=deliver,
        shutdown_timeout=600.0,
    )


async def produce(port: int, redis: str, queue: str, events: int) -> None:
    """Write *events*, each call awaited, until all are stored."""
    async with make_client(port, redis, queue, deliver=False) as analytics:
        began = await _begin()
        for user_id, event, properties, context in calls("varied", events):
            await analytics.track(event, user_id=user_id, properties=properties, context=context)
        await analytics.flush(timeout=600.0)
    _say(f"{time.process_time() - began}")


async def work(port: int, redis: str, queue: str) -> None:
    """Deliver what is there, until stdin ends."""
    analytics = make_client(port, redis, queue, deliver=True)
    began = await _begin()
    async with analytics:
        await asyncio.to_thread(sys.stdin.read)
    _say(f"{time.process_time() - began}")


async def _begin() -> float:
    """Wait for the word to begin; return the CPU that was taken before."""
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    return time.process_time()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _, role, port, redis, queue, *rest = sys.argv
    if role == "produce":
        asyncio.run(produce(int(port), redis, queue, int(rest[0])))
    else:
        asyncio.run(work(int(port), redis, queue))
