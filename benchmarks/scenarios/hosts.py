"""Hosts: what a web application's request costs more with a client, and how late its answers are.

A FastAPI application in uvicorn with two workers, 500 requests a second, one event each; told to end
while visitors still come. Each event of an answered request must have arrived, and none twice.
"""

from __future__ import annotations

import asyncio
from itertools import product

from msgspec import Struct

from benchmarks.figures import Spread, align, number, over, ratio
from benchmarks.goals import Goal, ask, times
from benchmarks.hosts.load import CONNECTIONS, Visits, visit, warm_up
from benchmarks.hosts.serving import can_serve, running
from benchmarks.lineup import FAST, OURS, turned
from benchmarks.running import LossError, Scene
from benchmarks.sink import Sink, running_sink

_RATE = 500
#: How often the scene's seconds; the rounds where others have their usual ones.
_SECONDS, _ROUNDS, _USUAL = 4, 7, 3
_WARM_UP = 400

#: Events that seal a chunk: the default, and what docs/frameworks.md says for a busy server.
_DEFAULT, _MANY = 20, 500
SILENT = "without a client"
SILENT_FAST = "without, uvloop"
MERGED = "asyncsdk, flush_at=500"
MERGED_FAST = "asyncsdk[fast], flush_at=500"


class Shop(Struct, frozen=True, kw_only=True):
    """One way to run the shop; *base* is what it is compared with."""

    name: str
    base: str
    app: str
    flush_at: int = _DEFAULT
    fast: bool = False


CAST = (
    Shop(name=SILENT, base=SILENT, app="silent"),
    Shop(name=OURS, base=SILENT, app="telling"),
    Shop(name=MERGED, base=SILENT, app="telling", flush_at=_MANY),
    Shop(name=SILENT_FAST, base=SILENT_FAST, app="silent", fast=True),
    Shop(name=FAST, base=SILENT_FAST, app="telling", fast=True),
    Shop(name=MERGED_FAST, base=SILENT_FAST, app="telling", flush_at=_MANY, fast=True),
)


class Run(Struct, frozen=True, kw_only=True):
    """One run of one shop.

    Attributes:
        name: Its name.
        round: Which round, from 1.
        requests: How many were answered.
        cpu_us: CPU of the workers for one request, delivery included.
        p50_ms: How late answers were after their requests were due.
        p99_ms: The same, of the slowest hundredth.
    """

    name: str
    round: int
    requests: int
    cpu_us: float
    p50_ms: float
    p99_ms: float


class Row(Struct, frozen=True, kw_only=True):
    """One shop over all rounds; ratios are of two runs of one round."""

    name: str
    cpu_us: Spread | None
    cpu_ratio: Spread | None
    p50_ms: Spread | None
    p99_ms: Spread | None
    p99_ratio: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let each shop serve in each round; a short benchmark leaves uvloop out.

    Raises:
        LossError: An event of an answered request did not arrive, or one arrived twice.
        RuntimeError: A shop did not end as it should.
    """
    if not can_serve():
        scene.say("hosts: needs fastapi and uvicorn, and a system that hands sockets on")
        return Result(rows=[], runs=[])
    rounds = _ROUNDS if scene.rounds >= _USUAL else scene.rounds
    cast = CAST if scene.rounds > 1 else CAST[:2]
    runs: list[Run] = []
    with running_sink() as sink:
        for round_ in range(1, rounds + 1):
            for one in turned(cast, round_):
                done = asyncio.run(_run_once(one, sink, scene.seconds * _SECONDS, round_))
                runs.append(done)
                scene.say(f"hosts   {round_}  {one.name:<30}{done.cpu_us:8.1f} µs/request")
    return Result(rows=[_row(one, runs) for one in cast], runs=runs)


async def _run_once(one: Shop, sink: Sink, seconds: float, round_: int) -> Run:
    url = f"http://127.0.0.1:{sink.port}"
    async with running(one.app, sink=url, flush_at=one.flush_at, fast=one.fast) as server:
        warm = await warm_up(server.port, _WARM_UP)
        ending: list[asyncio.Task[float]] = []
        visits = await visit(
            server.port,
            rate=_RATE,
            seconds=seconds,
            end=lambda: ending.append(asyncio.create_task(server.end())),
        )
        cpu = await ending[0]
    answered = warm + len(visits.times)
    _check(one, sink, answered, visits)
    late = sorted(visits.times)
    return Run(
        name=one.name,
        round=round_,
        requests=answered,
        cpu_us=cpu / answered * 1e6,
        p50_ms=late[len(late) // 2] * 1e3,
        p99_ms=late[len(late) * 99 // 100] * 1e3,
    )


def _check(one: Shop, sink: Sink, answered: int, visits: Visits) -> None:
    """See that what was answered has arrived; what was not answered may have happened too."""
    counts = sink.counts()
    least, most = (answered, answered + CONNECTIONS) if one.app == "telling" else (0, 0)
    if visits.refused or counts.events != counts.distinct or not least <= counts.events <= most:
        raise LossError(
            f"{one.name}: {answered} requests answered, {visits.refused} of them with a no; "
            f"{counts.events} events arrived, {counts.distinct} of them different"
        )


def _row(one: Shop, runs: list[Run]) -> Row:
    return Row(
        name=one.name,
        cpu_us=over(runs, one.name, lambda run: run.cpu_us),
        cpu_ratio=ratio(runs, one.name, one.base, lambda run: run.cpu_us),
        p50_ms=over(runs, one.name, lambda run: run.p50_ms),
        p99_ms=over(runs, one.name, lambda run: run.p99_ms),
        p99_ratio=ratio(runs, one.name, one.base, lambda run: run.p99_ms),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("shop", "CPU µs/request", "ratio", "p50 ms", "p99 ms", "ratio")]
    lines += [
        (
            row.name,
            number(row.cpu_us, 1),
            number(row.cpu_ratio, 3),
            number(row.p50_ms, 2),
            number(row.p99_ms, 2),
            number(row.p99_ratio, 2),
        )
        for row in found.rows
    ]
    return f"hosts, FastAPI in uvicorn, two workers, {_RATE} requests/s\n{align(lines)}"


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a web application's requests, with default options and merged."""
    rows = {row.name: row for row in found.rows}
    asked: list[Goal] = []
    for (plain, fast, how), (figure, limit) in product(
        ((OURS, FAST, ""), (MERGED, MERGED_FAST, ", flush_at=500")),
        (("cpu_ratio", 1.05), ("p99_ratio", 1.25)),
    ):
        names = {OURS: plain, FAST: fast}

        def read(ours: str, names: dict[str, str] = names, figure: str = figure) -> float | None:
            found: Spread | None = getattr(rows.get(names[ours]), figure, None)
            return None if found is None else found.median

        what = "CPU of a web request" if figure == "cpu_ratio" else "p99 of its answer"
        asked.append(
            ask(f"{what}, over that without a client{how}", f"≤ {limit} x", limit, times, read)
        )
    return asked
