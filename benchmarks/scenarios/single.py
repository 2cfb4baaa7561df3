"""Single: one event in a warm process, as in a function that is called again and again."""

from __future__ import annotations

from statistics import median

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, between, number, over
from benchmarks.goals import Goal, ask, milliseconds
from benchmarks.lineup import PEERS, PLAIN, WITH_FAST, Contender, turned
from benchmarks.plays.single import Figures
from benchmarks.running import Scene, check, run
from benchmarks.sink import Sink, Way, running_sink

CAST = (PLAIN, WITH_FAST, *PEERS)

#: How often a client does it in one run; peers wait for up to a second each time.
_TIMES, _PEER_TIMES = 21, 3


class Run(Struct, frozen=True, kw_only=True):
    """One run of one contender: milliseconds from the call until it was shut down."""

    name: str
    round: int
    took_ms: float


class Row(Struct, frozen=True, kw_only=True):
    """One contender over all rounds."""

    name: str
    took_ms: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let everybody run in each round.

    Raises:
        LossError: Somebody lost an event, or delivered one twice.
        RuntimeError: A client ended with an error.
    """
    cast = scene.cast(CAST)
    runs: list[Run] = []
    with running_sink(Way(core=scene.cores[1])) as sink:
        for round_ in range(1, scene.rounds + 1):
            for one in turned(cast, round_):
                done = _run_once(one, sink, scene, round_)
                runs.append(done)
                scene.say(f"single  {round_}  {one.name:<26}{done.took_ms:8.2f} ms")
    rows = [Row(name=one.name, took_ms=over(runs, one.name, _took)) for one in cast]
    return Result(rows=rows, runs=runs)


def _run_once(one: Contender, sink: Sink, scene: Scene, round_: int) -> Run:
    count = _PEER_TIMES if one.peer else _TIMES
    task = Task(play="single", port=sink.port, data="varied", events=count, core=scene.cores[0])
    sink.counts()
    figures = run(one, task, Figures)
    check(sink.counts(), count, f"{one.name}, single")
    return Run(name=one.name, round=round_, took_ms=median(figures.took) * 1e3)


def _took(run: Run) -> float:
    return run.took_ms


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("client", "ms", "spread")]
    lines += [(row.name, number(row.took_ms, 2), between(row.took_ms, 2)) for row in found.rows]
    return f"single, one event until the client was shut down\n{align(lines)}"


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a single event."""
    took = {row.name: row.took_ms for row in found.rows}

    def read(ours: str) -> float | None:
        one = took[ours]
        return None if one is None else one.median

    return [ask("one event, track() to shutdown() returned", "≤ 5 ms", 5.0, milliseconds, read)]
