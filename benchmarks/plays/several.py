"""Several: three destinations on one client, and up to five hundred tenants; ours alone."""

from __future__ import annotations

import asyncio
import gc
import math
import time

from msgspec import Struct

from asyncsdk import AsyncAnalytics, RudderStack
from benchmarks.clients.client import Make
from benchmarks.clients.task import KEY, Task
from benchmarks.plays.hold import can_look, resident
from benchmarks.workload import Call, calls

#: Calls in a second while calls are timed, and for how many seconds at the most.
RATE, SECONDS = 2_000, 3.0

#: Tenants at the most, no more than calls of the burst; and what each says.
TENANTS, EACH = 500, 20

_NO_BOUND = 2**40


class Figures(Struct, frozen=True, kw_only=True):
    """What the process measured of itself.

    Attributes:
        calls: All calls, as many as must arrive at the first destination.
        track_p99: Seconds of one call at a steady rate.
        events_per_second: What the first destination delivered of a burst.
        tenants: How many there were.
        tenants_seconds: Seconds from the first call for the tenants until all had arrived.
        tenants_bytes: What the process grew by for them; None where it cannot tell.
    """

    calls: int
    track_p99: float
    events_per_second: float
    tenants: int
    tenants_seconds: float
    tenants_bytes: int | None


async def play(_make: Make, task: Task) -> Figures:
    """Say everything to three destinations, of which the first one is well."""
    ports = (task.port, *task.others)
    todo = list(calls(task.data, task.events))
    steady = list(calls(task.data, int(RATE * min(task.seconds, SECONDS))))
    async with AsyncAnalytics(
        *(
            RudderStack(KEY, f"http://127.0.0.1:{port}", name=f"{n}")
            for n, port in enumerate(ports)
        ),
        max_queue_events=_NO_BOUND,
        max_queue_bytes=_NO_BOUND,
        max_total_bytes=_NO_BOUND,
        shutdown_timeout=0.0,
    ) as analytics:
        took = await _at_a_steady_rate(analytics, steady)
        speed = await _in_a_burst(analytics, todo)
    tenants = min(TENANTS, task.events)
    seconds, grown = await _for_tenants(task, tenants)
    return Figures(
        calls=len(todo) + len(steady) + tenants * EACH,
        track_p99=sorted(took)[int(len(took) * 0.99)],
        events_per_second=speed,
        tenants=tenants,
        tenants_seconds=seconds,
        tenants_bytes=grown,
    )


def _say(analytics: AsyncAnalytics, call: Call) -> None:
    analytics.track(
        call.event, user_id=call.user_id, properties=call.properties, context=call.context
    )


async def _at_a_steady_rate(analytics: AsyncAnalytics, todo: list[Call]) -> list[float]:
    took: list[float] = []
    clock = time.perf_counter
    start = clock()
    for number, call in enumerate(todo):
        await asyncio.sleep(max(start + number / RATE - clock(), 0.0))
        began = clock()
        _say(analytics, call)
        took.append(clock() - began)
    await _until_delivered(analytics, len(todo))
    return took


async def _in_a_burst(analytics: AsyncAnalytics, todo: list[Call]) -> float:
    before = analytics.statistics().destinations["0"].delivered
    began = time.perf_counter()
    for number, call in enumerate(todo):
        _say(analytics, call)
        if number % 500 == 499:
            await asyncio.sleep(0)
    await _until_delivered(analytics, before + len(todo))
    return len(todo) / (time.perf_counter() - began)


async def _until_delivered(analytics: AsyncAnalytics, count: int) -> None:
    """Wait until the first destination has delivered *count* events; the others may never."""
    now = analytics.statistics
    while now().destinations["0"].delivered < count:  # noqa: ASYNC110 - nobody tells of one lane
        await asyncio.sleep(0.002)


async def _for_tenants(task: Task, tenants: int) -> tuple[float, int | None]:
    """Let every tenant say things under a key of its own, to the first destination's server."""
    todo = list(calls(task.data, EACH))
    async with AsyncAnalytics(RudderStack(KEY, task.url, name="own")) as analytics:
        gc.collect()
        before = resident("VmRSS") if can_look() else 0
        began = time.perf_counter()
        for call in todo:
            for tenant in range(tenants):
                view = analytics.to(RudderStack(f"tenant-{tenant}", task.url))
                view.track(
                    call.event,
                    user_id=call.user_id,
                    properties=call.properties,
                    context=call.context,
                )
            await asyncio.sleep(0)
        await analytics.flush(math.inf)
        seconds = time.perf_counter() - began
        return seconds, resident("VmRSS") - before if can_look() else None
