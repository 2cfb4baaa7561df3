"""Scaling: what one queue in Redis carries, and what it costs there, with ever more processes.

First producers write and nobody delivers, so that memory can be seen; then as many workers drain.
What counts is the CPU that Redis itself takes for an event, because a server has one thread: events/s
are bounded by the cores of this machine, on which everybody runs together.
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from statistics import median
from typing import TYPE_CHECKING

from msgspec import Struct

from benchmarks.clients.scaling import make_client
from benchmarks.figures import align, between, number, over
from benchmarks.goals import Goal
from benchmarks.machine import ROOT
from benchmarks.redis import running_redis
from benchmarks.running import Scene, check
from benchmarks.sink import Sink, Way, running_sink

if TYPE_CHECKING:
    from redis import Redis

#: Producers, and after them workers.
CROWDS = (1, 2, 4)
#: Fewer events than this are a try, for which one of each is enough.
_LEAST = 1_000
_MOST = 60_000
_PATIENCE = 300.0

#: The part of a core that a Redis server may be busy in normal times.
BUSY = 0.5
#: Events a second for which the needs are told.
LOADS = (10_000, 100_000, 1_000_000, 10_000_000)


class Run(Struct, frozen=True, kw_only=True):
    """One queue, filled by some producers and drained by as many workers.

    Attributes:
        name: How many they were.
        round: Which round, from 1.
        stored_per_second: Events, from the first call until all were stored.
        delivered_per_second: Events, from the workers' start until the last one was there.
        redis_us: Microseconds of CPU of Redis for one event, written and drained.
        memory_bytes: What an event takes in Redis while it waits.
        network_bytes: What goes in and out of Redis for one event.
        producer_us: Microseconds of CPU of the producers for one event.
        worker_us: The same of the workers.
    """

    name: str
    round: int
    stored_per_second: float
    delivered_per_second: float
    redis_us: float
    memory_bytes: float
    network_bytes: float
    producer_us: float
    worker_us: float


class Need(Struct, frozen=True, kw_only=True):
    """What a load asks for.

    Attributes:
        load: Events a second.
        shards: Redis servers, each busy for half of a core.
        memory_gb: Memory of all, for what comes in an hour in which nothing is delivered.
        network_gbit: Gbit/s in and out of all.
        worker_cores: Cores of workers, at full load.
    """

    load: int
    shards: int
    memory_gb: float
    network_gbit: float
    worker_cores: int


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; no runs where there is no redis-server."""

    needs: list[Need]
    runs: list[Run]


class _Look(Struct, frozen=True):
    """What Redis says of itself."""

    cpu: float
    memory: float
    network: float


def measure(scene: Scene) -> Result:
    """Let crowds write and drain, one after the other, in each round.

    Raises:
        LossError: An event was lost, or came twice.
    """
    runs: list[Run] = []
    crowds = CROWDS if scene.events >= _LEAST else CROWDS[:1]
    with running_sink(Way(core=scene.cores[1])) as sink, running_redis() as redis:
        for round_ in range(1, scene.rounds + 1) if redis else ():
            for crowd in crowds:
                runs.append(_run_once(crowd, sink, scene, redis, round_))
                scene.say(
                    f"scaling {round_}  {runs[-1].name:<26}"
                    f"{runs[-1].stored_per_second:9.0f} stored/s"
                    f"{runs[-1].delivered_per_second:9.0f} delivered/s"
                    f"{runs[-1].redis_us:8.2f} µs CPU of Redis"
                )
    return Result(needs=needs(runs), runs=runs)


def _run_once(crowd: int, sink: Sink, scene: Scene, redis: str, round_: int) -> Run:
    from redis import Redis  # the other scenarios do without it

    each = min(scene.events, _MOST) // crowd
    events, queue = each * crowd, uuid.uuid4().hex
    place = (str(sink.port), redis, queue)
    sink.counts()
    with (
        closing(Redis.from_url(redis)) as line,
        _started("produce", *place, str(each), of=crowd) as (producers),
    ):
        before, began = _look(line), time.monotonic()
        cpu = _run_all(producers, lambda: None)
        stored, full = time.monotonic() - began, _look(line)
        with _started("work", *place, of=crowd) as workers:
            began = time.monotonic()
            worked = _run_all(workers, lambda: asyncio.run(_until_empty(*place)))
            after = _look(line)
    counts = sink.counts()
    check(counts, events, _name(crowd))
    return Run(
        name=_name(crowd),
        round=round_,
        stored_per_second=events / stored,
        delivered_per_second=events / (counts.last - began),
        redis_us=(after.cpu - before.cpu) / events * 1e6,
        memory_bytes=(full.memory - before.memory) / events,
        network_bytes=(after.network - before.network) / events,
        producer_us=cpu / events * 1e6,
        worker_us=worked / events * 1e6,
    )


@contextmanager
def _started(*words: str, of: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start some processes, and wait until each is ready; none is left behind."""
    line = [sys.executable, "-m", "benchmarks.clients.scaling", *words]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(line, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)  # noqa: S603 - ours
        for _ in range(of)
    ]
    try:
        for process in processes:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            process.stdout.readline()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _run_all(processes: Sequence[subprocess.Popen[str]], wait: Callable[[], None]) -> float:
    """Let all begin, *wait*, and end them; return the seconds of CPU that they took."""
    for process in processes:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.write("\n")
        process.stdin.flush()
    wait()
    return sum(float(process.communicate(timeout=_PATIENCE)[0]) for process in processes)


async def _until_empty(port: str, redis: str, queue: str) -> None:
    """Wait until nothing is left in the queue."""
    async with make_client(int(port), redis, queue, deliver=False) as analytics:
        async with asyncio.timeout(_PATIENCE):
            while analytics.statistics().in_store:  # noqa: ASYNC110 - counted now and then
                await asyncio.sleep(0.1)


def _look(line: Redis) -> _Look:
    found = {**line.info("cpu"), **line.info("memory"), **line.info("stats")}
    return _Look(
        cpu=found["used_cpu_sys"] + found["used_cpu_user"],
        memory=found["used_memory"],
        network=found["total_net_input_bytes"] + found["total_net_output_bytes"],
    )


def needs(runs: Sequence[Run]) -> list[Need]:
    """Say what some loads ask for, by the figures of *runs*: the medians over all of them."""
    if not runs:
        return []
    cpu = median([run.redis_us for run in runs])
    memory = median([run.memory_bytes for run in runs])
    network = median([run.network_bytes for run in runs])
    worker = median([run.worker_us for run in runs])
    return [
        Need(
            load=load,
            shards=math.ceil(load * cpu / 1e6 / BUSY),
            memory_gb=load * 3_600 * memory / 1e9,
            network_gbit=load * network * 8 / 1e9,
            worker_cores=math.ceil(load * worker / 1e6),
        )
        for load in LOADS
    ]


def _name(crowd: int) -> str:
    return f"{crowd} producers, {crowd} workers" if crowd > 1 else "1 producer, 1 worker"


_COLUMNS: Sequence[tuple[str, Callable[[Run], float], int]] = (
    ("stored/s", lambda run: run.stored_per_second, 0),
    ("delivered/s", lambda run: run.delivered_per_second, 0),
    ("Redis µs/event", lambda run: run.redis_us, 2),
    ("Redis bytes/event", lambda run: run.memory_bytes, 0),
    ("network bytes/event", lambda run: run.network_bytes, 0),
    ("producer µs/event", lambda run: run.producer_us, 1),
    ("worker µs/event", lambda run: run.worker_us, 1),
)


def table(found: Result) -> str:
    """Write *found* as two aligned tables: what was measured, and what follows from it."""
    if not found.needs:
        return "scaling: redis-server or redis-py is not here"
    names = list(dict.fromkeys(run.name for run in found.runs))
    lines = [("processes", *(title for title, _, _ in _COLUMNS), "spread of Redis µs")]
    for name in names:
        spreads = [(over(found.runs, name, read), digits) for _, read, digits in _COLUMNS]
        shown = [number(one, digits) for one, digits in spreads]
        lines.append((name, *shown, between(spreads[2][0], 2)))
    asked = [("events/s", "Redis servers", "GB for an hour", "Gbit/s", "cores of workers")]
    asked += [
        (
            f"{need.load:,}",
            f"{need.shards:,}",
            f"{need.memory_gb:,.0f}",
            f"{need.network_gbit:,.1f}",
            f"{need.worker_cores:,}",
        )
        for need in found.needs
    ]
    return (
        f"scaling, varied events, one redis-server with appendonly\n{align(lines)}\n\n"
        f"what follows from it, each Redis busy for {BUSY:.0%} of a core\n{align(asked)}"
    )


def goals(_found: Result) -> list[Goal]:
    """Return nothing: these figures are for planning, and promise nothing."""
    return []
