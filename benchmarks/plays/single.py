"""Single: one event, from the call until the client was shut down, in a warm process."""

from __future__ import annotations

import time

from msgspec import Struct

from benchmarks.clients.client import Make
from benchmarks.clients.task import Task
from benchmarks.workload import calls


class Figures(Struct, frozen=True, kw_only=True):
    """What a client measured of itself.

    Attributes:
        took: Seconds from the call until the client was shut down, of each time but the first.
    """

    took: list[float]


async def play(make: Make, task: Task) -> Figures:
    """Deliver one event, again and again, each time with a client that was not open before.

    The first time is not counted: it imports and fills caches.
    """
    took: list[float] = []
    for call in calls(task.data, task.events):
        client = make(task)
        began = time.perf_counter()
        await client.open()
        waiting = client.send((call,))
        if waiting is not None:
            await waiting
        await client.close()
        took.append(time.perf_counter() - began)
    return Figures(took=took[1:])
