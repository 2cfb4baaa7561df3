"""Backlog: whether an event costs more when many others wait."""

from __future__ import annotations

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, between, number, over, ratio
from benchmarks.goals import Goal, ask, times, worst
from benchmarks.lineup import PLAIN, WITH_FAST, Contender, turned
from benchmarks.plays.backlog import Figures
from benchmarks.running import Scene, check, run
from benchmarks.sink import Sink, Way, running_sink

CAST = (PLAIN, WITH_FAST)

#: How many wait at a time.
SIZES = (1_000, 10_000, 100_000)

#: In the smallest benchmarks, no more than this many times the events of the burst.
_LIMIT = 5


class Run(Struct, frozen=True, kw_only=True):
    """One run: microseconds of CPU of the process for one event, where `queued` wait."""

    name: str
    round: int
    queued: int
    cpu_us: float


class Row(Struct, frozen=True, kw_only=True):
    """One of ours with `queued` waiting, over all rounds; `ratio` is over the fewest."""

    name: str
    queued: int
    cpu_us: Spread | None
    ratio: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let ours run in each round, with each size.

    Raises:
        LossError: An event was lost, or delivered twice.
        RuntimeError: A client ended with an error.
    """
    runs: list[Run] = []
    with running_sink(Way(core=scene.cores[1])) as sink:
        for round_ in range(1, scene.rounds + 1):
            for one in turned(CAST, round_):
                runs += [_run_once(one, sink, scene, round_, size) for size in SIZES]
    rows = [_row(one.name, size, runs) for one in CAST for size in SIZES]
    return Result(rows=rows, runs=runs)


def _run_once(one: Contender, sink: Sink, scene: Scene, round_: int, size: int) -> Run:
    most = scene.events * _LIMIT
    task = Task(
        play="backlog",
        port=sink.port,
        data="varied",
        events=min(max(SIZES), most),
        core=scene.cores[0],
        turns=min(size, most),
    )
    sink.counts()
    figures = run(one, task, Figures)
    check(sink.counts(), figures.calls, f"{one.name}, backlog")
    scene.say(f"backlog {round_}  {one.name:<26}{size:8} waiting {figures.cpu * 1e6:8.2f} µs/event")
    return Run(name=one.name, round=round_, queued=size, cpu_us=figures.cpu * 1e6)


def _cpu(run: Run) -> float:
    return run.cpu_us


def _row(name: str, size: int, runs: list[Run]) -> Row:
    named = [
        Run(name=str(run.queued), round=run.round, queued=run.queued, cpu_us=run.cpu_us)
        for run in runs
        if run.name == name
    ]
    return Row(
        name=name,
        queued=size,
        cpu_us=over(named, str(size), _cpu),
        ratio=ratio(named, str(size), str(SIZES[0]), _cpu),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("client", "waiting", "CPU µs/event", "spread", "ratio")]
    lines += [
        (
            row.name,
            str(row.queued),
            number(row.cpu_us, 2),
            between(row.cpu_us, 2),
            number(row.ratio, 2),
        )
        for row in found.rows
    ]
    return f"backlog, varied events, called and delivered\n{align(lines)}"


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a backlog."""

    def read(ours: str) -> float | None:
        more = [row.ratio for row in found.rows if row.name == ours and row.queued > SIZES[0]]
        return worst([None if one is None else one.median for one in more])

    figure = f"cost per event with {SIZES[1]:,} and {SIZES[2]:,} queued, against {SIZES[0]:,}"
    return [ask(figure, "≤ 1.2 x", 1.2, times, read)]
