"""Threads: what a call from another thread costs more than the same call on the loop."""

from __future__ import annotations

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, number, over, spread
from benchmarks.goals import Goal, ask, part
from benchmarks.lineup import OURS, PLAIN, WITH_FAST, turned
from benchmarks.plays.threads import Figures
from benchmarks.running import Scene, run
from benchmarks.sink import Way, running_sink

CAST = (PLAIN, WITH_FAST)

#: Most events called at a time.
_MOST = 20_000


class Run(Struct, frozen=True, kw_only=True):
    """One run: microseconds of CPU of the whole process for one event, as in the play."""

    name: str
    round: int
    loop_us: float
    thread_us: float
    extra_us: float
    threadsafe_us: float


class Row(Struct, frozen=True, kw_only=True):
    """One of ours over all rounds.

    Attributes:
        part: `extra_us` over the `threadsafe_us` of asyncio's loop in the same round; that of
            uvloop is no measure, for it wakes up once for many.
    """

    name: str
    loop_us: Spread | None
    thread_us: Spread | None
    extra_us: Spread | None
    threadsafe_us: Spread | None
    part: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let ours run in each round.

    Raises:
        RuntimeError: A client ended with an error.
    """
    runs: list[Run] = []
    count = min(scene.events, _MOST)
    with running_sink(Way(core=scene.cores[1])) as sink:
        # Chunks are sealed by their size alone: both ways send the same requests.
        task = Task(
            play="threads",
            port=sink.port,
            data="varied",
            events=count,
            core=scene.cores[0],
            flush_at=count + 1,
        )
        for round_ in range(1, scene.rounds + 1):
            for one in turned(CAST, round_):
                figures = run(one, task, Figures)
                sink.counts()
                runs.append(
                    Run(
                        name=one.name,
                        round=round_,
                        loop_us=figures.loop,
                        thread_us=figures.thread,
                        extra_us=figures.extra,
                        threadsafe_us=figures.threadsafe,
                    )
                )
                scene.say(f"threads {round_}  {one.name:<26}{figures.extra:8.2f} µs more")
    return Result(rows=[_row(one.name, runs) for one in CAST], runs=runs)


def _row(name: str, runs: list[Run]) -> Row:
    threadsafe = {run.round: run.threadsafe_us for run in runs if run.name == OURS}
    extras = {run.round: run.extra_us for run in runs if run.name == name}
    return Row(
        name=name,
        loop_us=over(runs, name, lambda run: run.loop_us),
        thread_us=over(runs, name, lambda run: run.thread_us),
        extra_us=over(runs, name, lambda run: run.extra_us),
        threadsafe_us=over(runs, name, lambda run: run.threadsafe_us),
        part=spread([extra / threadsafe[round_] for round_, extra in extras.items()]),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("client", "on the loop", "from a thread", "more", "call_soon_threadsafe")]
    lines += [
        (
            row.name,
            number(row.loop_us, 2),
            number(row.thread_us, 2),
            number(row.extra_us, 2),
            number(row.threadsafe_us, 2),
        )
        for row in found.rows
    ]
    return f"threads, CPU µs of the process for one event, delivered\n{align(lines)}"


def goals(found: Result) -> list[Goal]:
    """Return what is asked of calls from other threads."""
    parts = {row.name: row.part for row in found.rows}

    def read(ours: str) -> float | None:
        one = parts[ours]
        return None if one is None else max(one.median, 0.0)

    figure = "extra CPU of a call from another thread, against asyncio's call_soon_threadsafe"
    return [ask(figure, "≤ 1/10", 1 / 10, part, read)]
