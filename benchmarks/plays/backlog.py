"""Backlog: what an event costs when many others wait, from the call to the delivery."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from benchmarks.clients.client import Client
from benchmarks.clients.task import Task
from benchmarks.workload import Call, calls


class Flushing(Client, Protocol):
    """A client that can deliver what waits without closing."""

    async def flush(self) -> None:
        """Deliver what waits."""
        ...


class Figures(Struct, frozen=True, kw_only=True):
    """What a client measured of itself.

    Attributes:
        calls: All calls, those of the warm-up included; as many events must arrive.
        cpu: Seconds of CPU of the whole process for one event.
    """

    calls: int
    cpu: float


async def play(make: Callable[[Task], Flushing], task: Task) -> Figures:
    """Queue `turns` events and deliver them, until there were `events` in all."""
    todo = list(calls(task.data, task.turns))
    client = make(task)
    await client.open()
    await _once(client, todo[:1_000])
    times = max(task.events // len(todo), 1)
    gc.collect()
    began = time.process_time()
    for _ in range(times):
        await _once(client, todo)
    cpu = time.process_time() - began
    await client.close()
    made = times * len(todo)
    return Figures(calls=made + len(todo[:1_000]), cpu=cpu / made)


async def _once(client: Flushing, todo: list[Call]) -> None:
    client.send(todo)
    await client.flush()
