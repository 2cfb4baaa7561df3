"""Threads: what a call costs the process when it comes from a thread that is not the loop's."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from benchmarks.clients.client import Make
from benchmarks.clients.task import Task
from benchmarks.workload import Call, calls

#: How often each way is measured; the median counts.
_TIMES = 7


class Figures(Struct, frozen=True, kw_only=True):
    """Microseconds of CPU of the whole process for one event.

    Attributes:
        loop: Called on the loop, and delivered.
        thread: Called from another thread, and delivered.
        extra: What `thread` took more than `loop`, each time beside each other.
        threadsafe: One `loop.call_soon_threadsafe` from another thread that does nothing.
    """

    loop: float
    thread: float
    extra: float
    threadsafe: float


async def play(make: Make, task: Task) -> Figures:
    """Call in both ways in turns, and return what it took."""
    todo = list(calls(task.data, task.events))
    await _deliver(make, task, todo, foreign=True)  # threads are there, caches warm
    loop: list[float] = []
    thread: list[float] = []
    threadsafe: list[float] = []
    for _ in range(_TIMES):
        loop.append(await _deliver(make, task, todo, foreign=False))
        thread.append(await _deliver(make, task, todo, foreign=True))
        threadsafe.append(await _call_soon(len(todo)))
    return Figures(
        loop=median(loop),
        thread=median(thread),
        extra=median(there - here for here, there in zip(loop, thread, strict=True)),
        threadsafe=median(threadsafe),
    )


async def _deliver(make: Make, task: Task, todo: Sequence[Call], *, foreign: bool) -> float:
    client = make(task)
    await client.open()
    gc.collect()
    began = time.process_time()
    if foreign:
        await asyncio.to_thread(client.send, todo)
    else:
        client.send(todo)
    await client.close()
    return (time.process_time() - began) / len(todo) * 1e6


async def _call_soon(count: int) -> float:
    loop = asyncio.get_running_loop()

    def call() -> None:
        for _ in range(count):
            loop.call_soon_threadsafe(_nothing)

    gc.collect()
    began = time.process_time()
    await asyncio.to_thread(call)
    await asyncio.sleep(0)  # what was called last has run
    return (time.process_time() - began) / count * 1e6


def _nothing() -> None:
    pass
