"""Running: one soak, from the server's start to the findings."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Unpack

import anyio
from msgspec import Struct

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.cli.wording import Reading
from asyncsdk.client.settings import Options
from asyncsdk.stores import MemoryStore
from benchmarks.soak.producing import Producers
from benchmarks.soak.rules import Counts, Finding, judge
from benchmarks.soak.sampling import Sample, look, look_held
from benchmarks.soak.server import Arrived, running_server
from benchmarks.soak.stream import PRODUCERS, poisoned, share

KEY = "soak-write-key"
_SHOW_EVERY = 0.1

# Events that the client may hold: its default, or a hundredth of a smaller soak, so that calls and
# deliveries go on side by side from the start to the end.
_QUEUE = (500, 20_000)

# Quick retries, because the server recovers quickly; a short timeout, because hung requests last as
# long as that; few letters, so that the box is full before the samples count.
_OPTIONS: Options = {
    "flush_interval": 0.5,
    "max_retries": 100,
    "retry_base": 0.01,
    "retry_cap": 0.1,
    "timeout": 0.5,
    "concurrency": 4,
    "probe_after": 0.1,
    "probe_cap": 0.5,
}


class Soaked(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        events: How many calls were to be made.
        seconds: From the first call to the last outcome.
        in_time: Whether it ended before its limit.
        requests: Requests that the client sent.
        retries: Of these, sent again.
        arrived: What the server got, and did on purpose.
        samples: All of them, the warm-up included.
        findings: How each rule fared.
    """

    events: int
    seconds: float
    in_time: bool
    requests: int
    retries: int
    arrived: Arrived
    samples: list[Sample]
    findings: list[Finding]

    @property
    def holds(self) -> bool:
        """Whether every rule was kept, in time."""
        return self.in_time and all(finding.holds for finding in self.findings)


async def soak(
    events: int,
    *,
    every: float,
    limit: float,
    show: Callable[[Reading], None],
    **options: Unpack[Options],
) -> Soaked:
    """Send *events* through one client and judge what it gathered and lost.

    Args:
        events: How many calls to make.
        every: Seconds between two samples.
        limit: Seconds after which it ends, whatever is left.
        show: Hears how far things are.
        options: Options of the client, over the soak's own.

    Raises:
        RuntimeError: The server failed.
        ExceptionGroup: A call raised.
    """
    with running_server([share(events, producer) for producer in range(PRODUCERS)]) as server:
        before = look_held()
        queue = min(max(events // 100, _QUEUE[0]), _QUEUE[1])
        wanted: Options = {
            **_OPTIONS,
            "max_queue_events": queue,
            "store": MemoryStore(max_letters=20),
            **options,
        }
        analytics = AsyncAnalytics(RudderStack(KEY, server.url), **wanted)
        producers = Producers(analytics, events, crowded_at=queue // 2)
        samples: list[Sample] = []
        in_time = False
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_sample, analytics, samples, every)
            tasks.start_soon(_show, analytics, events, show)
            in_time = await _deliver_within(limit, analytics, producers)
            tasks.cancel_scope.cancel()
        seconds = time.monotonic() - began
        await analytics.shutdown(5.0)
        await asyncio.sleep(0.05)  # closed connections leave the loop in its next rounds
        after = look_held()
        counts = Counts(
            calls=sum(producers.made),
            wanted=events,
            poisoned=poisoned(events),
            view=analytics.statistics(),
            arrived=server.arrived(),
            queue=queue,
            before=before,
            after=after,
        )
    return Soaked(
        events=events,
        seconds=seconds,
        in_time=in_time,
        requests=counts.view.requests,
        retries=counts.view.retries,
        arrived=counts.arrived,
        samples=samples,
        findings=judge(samples, counts),
    )


async def _deliver_within(limit: float, analytics: AsyncAnalytics, producers: Producers) -> bool:
    """Make all calls and wait for their outcomes; return whether there was time for it."""
    with anyio.move_on_after(limit) as bounds:
        await producers.run()
        while analytics.pending:
            # A flush ends early where a lane stands still for a moment.
            await analytics.flush(math.inf)
            await asyncio.sleep(0.02)
    return not bounds.cancelled_caught


async def _sample(analytics: AsyncAnalytics, samples: list[Sample], every: float) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(every)
        samples.append(look(analytics, time.monotonic() - began))


async def _show(analytics: AsyncAnalytics, events: int, show: Callable[[Reading], None]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_SHOW_EVERY)
        view = analytics.statistics()
        settled = view.delivered + view.rejected + view.dead + view.dropped
        show(
            Reading(
                seconds=time.monotonic() - began,
                settled=settled,
                waiting=view.pending,
                retries=view.retries,
                share=settled / events,
            )
        )
