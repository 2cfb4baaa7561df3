"""This SDK, with its own transport, gzip on, and a queue that holds the whole burst."""

from __future__ import annotations

import asyncio
import math

from asyncsdk import AsyncAnalytics, Delivery, RudderStack
from benchmarks.clients.task import KEY, Figures, Stopwatch, Task, answer
from benchmarks.workload import Call, calls

_NO_BOUND = 2**40


def make_client(task: Task) -> AsyncAnalytics:
    """Return a client as an application would make it, but for the bounds of its queue."""
    return AsyncAnalytics(
        RudderStack(
            KEY,
            f"http://127.0.0.1:{task.port}",
            delivery=Delivery(max_batch_events=task.batch),
        ),
        # More than three quarters full holds an awaiting producer back.
        max_queue_events=task.events * 2,
        max_queue_bytes=_NO_BOUND,
        max_total_bytes=_NO_BOUND,
        shutdown_timeout=600.0,
    )


def call_all(analytics: AsyncAnalytics, todo: list[Call]) -> None:
    """Make all calls in a row, as a burst in a handler does."""
    for user_id, event, properties, context in todo:
        analytics.track(event, user_id=user_id, properties=properties, context=context)


async def await_all(analytics: AsyncAnalytics, todo: list[Call]) -> None:
    """Make all calls in a row and await each, so that delivery goes on meanwhile."""
    for user_id, event, properties, context in todo:
        await analytics.track(event, user_id=user_id, properties=properties, context=context)


async def deliver(task: Task) -> Figures:
    """Send the workload and return what it took."""
    todo = list(calls(task.data, task.events))
    watch = Stopwatch()
    async with make_client(task) as analytics:
        watch.start()
        if task.awaited:
            await await_all(analytics, todo)
        else:
            call_all(analytics, todo)
            watch.called()
        await analytics.flush(math.inf)
    return watch.stop()


if __name__ == "__main__":
    answer(lambda task: asyncio.run(deliver(task)))
