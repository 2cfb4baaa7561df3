"""Slow: what gets through to a server that takes 20 ms for each answer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, number, over, ratio
from benchmarks.goals import Goal, ask, faster
from benchmarks.lineup import FAST, OURS, PLAIN, WITH_FAST, Contender, turned
from benchmarks.plays.burst import Figures
from benchmarks.running import Scene, check, run
from benchmarks.sink import Sink, Way, running_sink

#: Seconds that the server takes.
DELAY = 0.02

#: Events that seal a chunk, and those of one request of the sender that is compared with.
FLUSH_AT = 100

#: It sends what is there, one request at a time, and waits for each answer: the floor's loop.
SENDER = "one at a time"

#: It makes one call for this many of ours.
_SENDER_SHARE = 10

_IN_FLIGHT = 4


class Entrant(Struct, frozen=True, kw_only=True):
    """A contender, and how many requests it may have in flight."""

    name: str
    contender: Contender
    concurrency: int = 1


CAST = (
    Entrant(
        name=SENDER,
        contender=Contender(
            name=SENDER, module="benchmarks.clients.floor", batch=FLUSH_AT, share=_SENDER_SHARE
        ),
    ),
    Entrant(name=OURS, contender=PLAIN),
    Entrant(name=FAST, contender=WITH_FAST),
    Entrant(name=f"{OURS}, {_IN_FLIGHT} in flight", contender=PLAIN, concurrency=_IN_FLIGHT),
    Entrant(name=f"{FAST}, {_IN_FLIGHT} in flight", contender=WITH_FAST, concurrency=_IN_FLIGHT),
)


class Run(Struct, frozen=True, kw_only=True):
    """One run of one contender: events in a second until the last one arrived, and requests."""

    name: str
    round: int
    events: int
    events_per_second: float
    requests: int


class Row(Struct, frozen=True, kw_only=True):
    """One contender over all rounds; `ratio` is its speed over the sender's."""

    name: str
    events: int
    events_per_second: Spread | None
    requests: Spread | None
    ratio: Spread | None


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
    runs: list[Run] = []
    with running_sink(Way(core=scene.cores[1], delay=DELAY)) as sink:
        for round_ in range(1, scene.rounds + 1):
            for entrant in turned(CAST, round_):
                done = _run_once(entrant, sink, scene, round_)
                runs.append(done)
                scene.say(
                    f"slow    {round_}  {entrant.name:<26}{done.events_per_second:8.0f} events/s"
                )
    return Result(rows=[_row(entrant.name, runs) for entrant in CAST], runs=runs)


def _run_once(entrant: Entrant, sink: Sink, scene: Scene, round_: int) -> Run:
    count = max(scene.events // entrant.contender.share, 1)
    task = Task(
        play="burst",
        port=sink.port,
        data="varied",
        events=count,
        core=scene.cores[0],
        flush_at=FLUSH_AT,
        concurrency=entrant.concurrency,
    )
    sink.counts()
    figures = run(entrant.contender, task, Figures)
    counts = sink.counts()
    check(counts, count, f"{entrant.name}, slow")
    return Run(
        name=entrant.name,
        round=round_,
        events=count,
        events_per_second=count / (counts.last - figures.began),
        requests=counts.requests,
    )


def _speed(run: Run) -> float:
    return run.events_per_second


def _row(name: str, runs: Sequence[Run]) -> Row:
    return Row(
        name=name,
        events=next(run.events for run in runs if run.name == name),
        events_per_second=over(runs, name, _speed),
        requests=over(runs, name, lambda run: run.requests),
        ratio=ratio(runs, name, SENDER, _speed),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("client", "events", "events/s", "requests", "times the sender")]
    lines += [
        (
            row.name,
            str(row.events),
            number(row.events_per_second, 0),
            number(row.requests, 0),
            number(row.ratio, 1),
        )
        for row in found.rows
    ]
    head = f"slow, a server that takes {DELAY * 1e3:.0f} ms, flush_at={FLUSH_AT}, varied events"
    return f"{head}\n{align(lines)}"


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a slow server."""
    ratios = {row.name: row.ratio for row in found.rows}

    def slower(name: str) -> float | None:
        one = ratios[name]
        return None if one is None else 1 / one.median

    server = f"events/s to a {DELAY * 1e3:.0f} ms server, against one request at a time"
    return [
        ask(f"{server}: merging", "≥ 5 x", 1 / 5, faster, slower),
        ask(
            f"{server}: concurrency={_IN_FLIGHT}",
            "≥ 10 x",
            1 / 10,
            faster,
            lambda ours: slower(f"{ours}, {_IN_FLIGHT} in flight"),
        ),
    ]
