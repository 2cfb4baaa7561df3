"""Workers: how much faster several processes drain a queue in Redis than one does.

The destination answers after 20 ms, and a request carries 20 events, so that a worker waits for
most of its time. Part of the scenario `durable`, where there is a redis-server.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence

from msgspec import Struct

from benchmarks.clients.worker import make_client
from benchmarks.figures import Spread, align, between, number, over, ratio
from benchmarks.goals import Goal, ask, faster
from benchmarks.machine import ROOT
from benchmarks.running import Scene, check
from benchmarks.sink import Sink, Way, running_sink
from benchmarks.workload import calls

#: Seconds before each answer of the destination.
DELAY = 0.02
#: Most events: a worker delivers fewer than a thousand a second.
_MOST = 6_000
_CROWDS = (1, 2)
_PATIENCE = 300.0


class Run(Struct, frozen=True, kw_only=True):
    """One queue, drained by some workers.

    Attributes:
        name: How many they were.
        round: Which round, from 1.
        events_per_second: From the first call until the last event was there.
    """

    name: str
    round: int
    events_per_second: float


def measure(scene: Scene, redis: str) -> list[Run]:
    """Fill a queue before one waiting worker, and before two, in each round."""
    runs: list[Run] = []
    with running_sink(Way(delay=DELAY)) as sink:
        for round_ in range(1, scene.rounds + 1):
            for crowd in _CROWDS:
                runs.append(_run_once(crowd, sink, scene, redis, round_))
                scene.say(
                    f"durable {round_}  {runs[-1].name:<26}"
                    f"{runs[-1].events_per_second:9.0f} events/s"
                )
    return runs


def _run_once(crowd: int, sink: Sink, scene: Scene, redis: str, round_: int) -> Run:
    queue, events = uuid.uuid4().hex, min(scene.events, _MOST)
    line = (sys.executable, "-m", "benchmarks.clients.worker", str(sink.port), redis, queue)
    workers = [_start(line) for _ in range(crowd)]
    try:
        for worker in workers:
            assert worker.stdout is not None  # noqa: S101 - it is a pipe
            worker.stdout.readline()
        sink.counts()
        began = time.monotonic()
        asyncio.run(_fill_and_wait(sink.port, redis, queue, events))
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    counts = sink.counts()
    check(counts, events, f"{crowd} workers")
    return Run(name=_name(crowd), round=round_, events_per_second=events / (counts.last - began))


def _start(line: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - a program of ours
        line, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


async def _fill_and_wait(port: int, redis: str, queue: str, events: int) -> None:
    """Fill the queue, and wait until nothing is left in it."""
    async with make_client(port, redis, queue, deliver=False) as analytics:
        for user_id, event, properties, context in calls("varied", events):
            analytics.track(event, user_id=user_id, properties=properties, context=context)
        await analytics.flush(timeout=60.0)
        async with asyncio.timeout(_PATIENCE):
            while analytics.statistics().in_store:  # noqa: ASYNC110 - counted now and then
                await asyncio.sleep(0.1)


def _name(crowd: int) -> str:
    return f"{crowd} of Redis, 20 ms"


def table(runs: Sequence[Run]) -> str:
    """Write *runs* as an aligned table."""
    spreads: list[tuple[str, Spread | None]] = [
        (name, over(runs, name, lambda run: run.events_per_second)) for name in map(_name, _CROWDS)
    ]
    lines = [("workers", "events/s", "spread")]
    lines += [(name, number(spread, 0), between(spread, 0)) for name, spread in spreads]
    node = (
        "The RudderStack Node SDK waits a second before each batch: 20 events/s with its defaults"
    )
    return f"workers that drain one queue, {DELAY * 1e3:g} ms an answer\n{align(lines)}\n{node}"


def goals(runs: Sequence[Run]) -> list[Goal]:
    """Return what is asked of a second worker."""

    def against(_ours: str) -> float | None:
        one = ratio(runs, _name(1), _name(2), lambda run: run.events_per_second)
        return None if one is None else one.median

    return [ask("Two workers of Redis, against one", "≥ 1.7 x", 1 / 1.7, faster, against)]
