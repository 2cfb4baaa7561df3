"""Take Redis away from a client under load, in four ways, and count what became of the events.

    python -m tests.stores.redis.outing --seconds 10

Two thousand events a second go through the outage. Prints the figures, and fails if one is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise

from msgspec import Struct

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.collector import Collector
from asyncsdk.stores import RedisStore
from tests.promises.children import numbers
from tests.promises.hostile import Wire, wired
from tests.stores.redis.servers import DURABLE, Server, running
from tests.stores.redis.using import new_queue

#: Events in a second.
RATE = 2_000

Outage = Callable[[Server, Wire, float], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def frozen(server: Server, _wire: Wire, seconds: float) -> AsyncIterator[None]:
    """Every connection stays, and nobody answers."""
    server.freeze()
    try:
        await asyncio.sleep(seconds)
        yield
    finally:
        server.thaw()


@asynccontextmanager
async def killed(server: Server, _wire: Wire, seconds: float) -> AsyncIterator[None]:
    """Dead, and started again."""
    await server.restart(away=seconds)
    yield


@asynccontextmanager
async def cut_often(server: Server, _wire: Wire, seconds: float) -> AsyncIterator[None]:
    """Every connection is cut ten times a second."""
    for _ in range(int(seconds * 10)):
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.ask, "CLIENT", "KILL", "TYPE", "normal")
    yield


@asynccontextmanager
async def unplugged(_server: Server, wire: Wire, seconds: float) -> AsyncIterator[None]:
    """Nothing goes through the line, and nobody is told."""
    wire.flowing.clear()
    try:
        await asyncio.sleep(seconds)
        yield
    finally:
        wire.flowing.set()


async def speak(analytics: AsyncAnalytics, stop: asyncio.Event) -> list[float]:
    """Make calls at an even rate; return how long each took."""
    times: list[float] = []
    began = time.perf_counter()
    while not stop.is_set():
        while len(times) < (time.perf_counter() - began) * RATE:
            before = time.perf_counter()
            analytics.track("E", user_id="u", properties={"n": len(times)})
            times.append(time.perf_counter() - before)
        await asyncio.sleep(0.005)
    return times


#: The ways to be away.
OUTAGES: tuple[Outage, ...] = (frozen, killed, cut_often, unplugged)


class Figures(Struct):
    """What came of it."""

    events: int
    lost: int
    twice: int
    disorder: int
    before_us: float  # what 99 of 100 calls took at most, before the outage
    during_us: float
    drained: float  # seconds from the end of the load until everything was settled

    @property
    def is_right(self) -> bool:
        """Whether every event arrived."""
        return not self.lost


async def survive(outage: Outage, seconds: float, *, strict: bool) -> Figures:
    """Speak through an *outage*, and count."""
    with running("7", *DURABLE) as server:
        async with wired(server.port) as wire, Collector() as collector:
            url = f"redis://127.0.0.1:{wire.port}/0"
            store = RedisStore(
                url, queue_name=new_queue(), strict_order=strict, timeout=0.5, lease=1.0
            )
            client = AsyncAnalytics(
                RudderStack("planted-key", collector.url, name="there"),
                store=store,
                max_queue_events=int(RATE * (seconds + 5)),
                flush_interval=0.05,
                shutdown_timeout=20.0,
            )
            async with client as analytics:
                stop = asyncio.Event()
                speaking = asyncio.create_task(speak(analytics, stop))
                await asyncio.sleep(0.3)
                async with outage(server, wire, seconds):
                    pass
                await asyncio.sleep(0.3)
                stop.set()
                times = await speaking
                began = time.monotonic()
                result = await analytics.flush(timeout=60.0)
                drained = time.monotonic() - began
                now = analytics.statistics()
            assert (result.pending, now.dropped) == (0, 0), now
            # What was in flight while the lease ran out is taken anew, and counted so.
            assert now.accepted == len(times), now
            assert now.delivered == now.accepted + now.taken, now
            return _figures(numbers(collector.events), times, drained)


def _figures(arrived: list[int], times: list[float], drained: float) -> Figures:
    first = list(dict.fromkeys(arrived))
    quiet = int(0.3 * RATE)
    return Figures(
        events=len(times),
        lost=len(set(range(len(times))) - set(first)),
        twice=len(arrived) - len(first),
        disorder=sum(one > two for one, two in pairwise(first)),
        before_us=_p99(times[:quiet]),
        during_us=_p99(times[quiet:]),
        drained=drained,
    )


def _p99(times: list[float]) -> float:
    return round(sorted(times)[int(len(times) * 0.99)] * 1e6, 1)


def main() -> None:
    """Do it as the arguments say, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--strict", action="store_true")
    asked = parser.parse_args()
    right = True
    for outage in OUTAGES:
        figures = asyncio.run(survive(outage, asked.seconds, strict=asked.strict))
        sys.stdout.write(f"{outage.__name__}: {figures}\n")
        right = right and figures.is_right
    if not right:
        sys.exit("events are lost")


if __name__ == "__main__":
    main()
