"""Steady: calls at a fixed rate from a coroutine, while a ticker sees how late the loop is."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence

from msgspec import Struct

from benchmarks.clients.client import Client, Make
from benchmarks.clients.task import Task
from benchmarks.workload import Call, calls

#: Seconds of calls before the clocks start: connections are open, caches warm.
WARM_UP = 0.5

#: Seconds that the ticker sleeps.
_TICK = 0.001


class Shape(Struct, frozen=True, kw_only=True):
    """Where values lie, in milliseconds."""

    p50: float
    p99: float
    p999: float
    most: float


class Figures(Struct, frozen=True, kw_only=True):
    """What a client measured of itself.

    Attributes:
        calls: All calls, those of the warm-up included; as many events must arrive.
        rate: Calls in a second that were really made.
        cpu: Seconds of CPU of the whole process for one call, the loop and the ticker included.
        track: How long one call took on the clock.
        lag: How much later than asked the ticker woke.
        close: Seconds that closing took.
    """

    calls: int
    rate: float
    cpu: float
    track: Shape
    lag: Shape
    close: float


async def play(make: Make, task: Task) -> Figures:
    """Make the calls at their rate and return what it took."""
    before = int(WARM_UP * task.rate)
    todo = list(calls(task.data, before + task.events))
    client = make(task)
    await client.open()
    await _produce(client, todo[:before], task.rate)
    lags: list[float] = []
    ticker = asyncio.create_task(_tick(lags))
    gc.collect()
    cpu, began = time.process_time(), time.perf_counter()
    took = await _produce(client, todo[before:], task.rate)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    ticker.cancel()
    began = time.perf_counter()
    await client.close()
    return Figures(
        calls=len(todo),
        rate=task.events / wall,
        cpu=cpu / task.events,
        track=_shape(took),
        lag=_shape(lags),
        close=time.perf_counter() - began,
    )


async def _produce(client: Client, todo: Sequence[Call], rate: int) -> list[float]:
    """Make each call when it is due, and give the loop a turn before each, as requests do."""
    took: list[float] = []
    clock = time.perf_counter
    start = clock()
    for number, call in enumerate(todo):
        await asyncio.sleep(max(start + number / rate - clock(), 0.0))
        began = clock()
        waiting = client.send((call,))
        if waiting is not None:
            await waiting
        took.append(clock() - began)
    return took


async def _tick(lags: list[float]) -> None:
    clock = time.perf_counter
    while True:
        began = clock()
        await asyncio.sleep(_TICK)
        lags.append(clock() - began - _TICK)


def _shape(seconds: Sequence[float]) -> Shape:
    found = sorted(value * 1e3 for value in seconds) or [0.0]

    def at(share: float) -> float:
        return found[min(int(len(found) * share), len(found) - 1)]

    return Shape(p50=at(0.5), p99=at(0.99), p999=at(0.999), most=found[-1])
