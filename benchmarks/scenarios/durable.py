"""Durable: what it costs to write each batch down before it is sent.

Calls are awaited, as in handlers that take turns with delivery, so that batches are as small as
they get. The folder is on the disk of this machine's temporary files: what a commit takes there is
what `power` waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, between, number, over, ratio
from benchmarks.goals import Goal, ask, times
from benchmarks.lineup import PLAIN, WITH_FAST, Contender, turned
from benchmarks.plays.burst import Figures
from benchmarks.redis import running_redis
from benchmarks.running import Scene, check, run
from benchmarks.scenarios import workers
from benchmarks.sink import Sink, Way, running_sink

CAST = (PLAIN, WITH_FAST)

Survives = Literal["", "process", "power"]
Place = Literal["", "process", "power", "redis"]
#: What a store survives; "" is the one in memory, and "redis" is Redis.
STORES: tuple[Place, ...] = ("", "process", "power", "redis")
_SQLITE: Mapping[Place, Survives] = {"process": "process", "power": "power"}


class Run(Struct, frozen=True, kw_only=True):
    """One run of one of ours with one store.

    Attributes:
        name: The variant and its store.
        round: Which round, from 1.
        events_per_second: From the first call until the client was closed.
        cpu_us: Microseconds of CPU of the process for one event, the store's thread included.
    """

    name: str
    round: int
    events_per_second: float
    cpu_us: float


class Row(Struct, frozen=True, kw_only=True):
    """One of them over all rounds."""

    name: str
    events_per_second: Spread | None
    cpu_us: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]
    workers: list[workers.Run] = []


def measure(scene: Scene) -> Result:
    """Let both variants run with each store in each round.

    Raises:
        LossError: Somebody lost an event, or delivered one twice.
        RuntimeError: A client ended with an error.
    """
    cast = scene.cast(CAST)
    runs: list[Run] = []
    crowds: list[workers.Run] = []
    with running_sink(Way(core=scene.cores[1])) as sink, running_redis() as redis:
        stores = STORES if redis else STORES[:-1]
        for round_ in range(1, scene.rounds + 1):
            for one in turned(cast, round_):
                for store in turned(stores, round_):
                    done = _run_once(one, store, sink, scene, round_, redis)
                    runs.append(done)
                    scene.say(
                        f"durable {round_}  {done.name:<26}{done.events_per_second:9.0f} events/s"
                        f"{done.cpu_us:8.2f} µs CPU"
                    )
        crowds += workers.measure(scene, redis) if redis else []
    names = [name_of(one.name, store) for one in cast for store in stores]
    return Result(rows=[_row(name, runs) for name in names], runs=runs, workers=crowds)


def _run_once(
    one: Contender, store: Place, sink: Sink, scene: Scene, round_: int, redis: str
) -> Run:
    task = Task(
        play="burst",
        port=sink.port,
        data="varied",
        events=scene.events,
        core=scene.cores[0],
        durability=_SQLITE.get(store, ""),
        redis=redis if store == "redis" else "",
    )
    sink.counts()
    figures = run(_awaiting(one), task, Figures)
    name = name_of(one.name, store)
    check(sink.counts(), scene.events, f"{name}, durable")
    return Run(
        name=name,
        round=round_,
        events_per_second=scene.events / figures.wall,
        cpu_us=figures.cpu / scene.events * 1e6,
    )


def _awaiting(one: Contender) -> Contender:
    return Contender(name=one.name, module=one.module, fast=one.fast, awaited=True)


def name_of(variant: str, store: str) -> str:
    """Return what reports call a variant with a store."""
    if store == "redis":
        return f"{variant}, Redis"
    return f"{variant}, SQLite, {store}" if store else f"{variant}, memory"


def _row(name: str, runs: Sequence[Run]) -> Row:
    return Row(
        name=name,
        events_per_second=over(runs, name, lambda run: run.events_per_second),
        cpu_us=over(runs, name, lambda run: run.cpu_us),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("client and store", "events/s", "spread", "CPU µs/event", "spread")]
    lines += [
        (
            row.name,
            number(row.events_per_second, 0),
            between(row.events_per_second, 0),
            number(row.cpu_us, 2),
            between(row.cpu_us, 2),
        )
        for row in found.rows
    ]
    own = f"durable, varied events, each call awaited\n{align(lines)}"
    return f"{own}\n\n{workers.table(found.workers)}" if found.workers else own


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a store on disk."""

    def against(
        store: str, read: Callable[[Run], float], *, inverse: bool
    ) -> Callable[[str], float | None]:
        def of(ours: str) -> float | None:
            first, second = name_of(ours, store), name_of(ours, "")
            names = (second, first) if inverse else (first, second)
            one = ratio(found.runs, *names, read)
            return None if one is None else one.median

        return of

    speed = against("process", lambda run: run.events_per_second, inverse=True)
    shared = against("redis", lambda run: run.events_per_second, inverse=True)
    cost = against("process", lambda run: run.cpu_us, inverse=False)
    return [
        ask("events/s in memory, against those with SQLite", "≤ 2.5 x", 2.5, times, speed),
        ask("CPU an event with SQLite, against memory", "≤ 2 x", 2.0, times, cost),
        ask("events/s in memory, against those with Redis", "≤ 4 x", 4.0, times, shared),
        *workers.goals(found.workers),
    ]
