"""Steady: what a call takes at 2,000 events/s, and how late the loop gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, number, over, paired, ratio
from benchmarks.goals import Goal, ask, milliseconds, part, times
from benchmarks.lineup import ASYNC_POSTHOG, FAST, PEERS, PLAIN, WITH_FAST, Contender, turned
from benchmarks.plays.steady import Figures, Shape
from benchmarks.running import Scene, check, run
from benchmarks.sink import Sink, Way, running_sink

#: Calls in a second.
RATE = 2_000

#: The loops without an SDK: asyncio's, and uvloop's.
BARE = "no SDK"
FAST_BARE = "no SDK, uvloop"

CAST = (
    Contender(name=BARE, module="benchmarks.clients.bare"),
    Contender(name=FAST_BARE, module="benchmarks.clients.bare", fast=True),
    PLAIN,
    WITH_FAST,
    *PEERS,
)

#: Less than this, in milliseconds, cannot be told from nothing.
_LEAST_LAG = 0.05


class Run(Struct, frozen=True, kw_only=True):
    """One run of one contender.

    Attributes:
        name: The contender's.
        round: Which round, from 1.
        rate: Calls in a second that were really made.
        cpu_us: Microseconds of CPU of the process for one call, the loop included.
        track: Milliseconds of one call.
        lag: Milliseconds by which the loop was late.
        close_ms: Milliseconds that closing took.
    """

    name: str
    round: int
    rate: float
    cpu_us: float
    track: Shape
    lag: Shape
    close_ms: float


class Row(Struct, frozen=True, kw_only=True):
    """One contender over all rounds.

    Attributes:
        name: The contender's.
        rate: Calls in a second that were really made.
        cpu_us: Microseconds of CPU for one event, without those of the bare loop.
        track_p50: Milliseconds of one call, and so on.
        lag_p99: Milliseconds by which the loop was late.
        lag_added: The same without what the bare loop of that round was late.
        close_ms: Milliseconds that closing took.
    """

    name: str
    rate: Spread | None
    cpu_us: Spread | None
    track_p50: Spread | None
    track_p99: Spread | None
    track_p999: Spread | None
    track_most: Spread | None
    lag_p99: Spread | None
    lag_p999: Spread | None
    lag_added: Spread | None
    close_ms: Spread | None


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
                scene.say(
                    f"steady  {round_}  {one.name:<26}p99 {done.track.p99:8.3f} ms a call"
                    f"{done.lag.p99:8.3f} ms lag"
                )
    return Result(rows=[_row(one.name, runs) for one in cast], runs=runs)


def _run_once(one: Contender, sink: Sink, scene: Scene, round_: int) -> Run:
    task = Task(
        play="steady",
        port=sink.port,
        data="varied",
        events=max(int(RATE * scene.seconds), 1),
        core=scene.cores[0],
        rate=RATE,
    )
    sink.counts()
    figures = run(one, task, Figures)
    made = 0 if one.name in (BARE, FAST_BARE) else figures.calls
    check(sink.counts(), made, f"{one.name}, steady")
    return Run(
        name=one.name,
        round=round_,
        rate=figures.rate,
        cpu_us=figures.cpu * 1e6,
        track=figures.track,
        lag=figures.lag,
        close_ms=figures.close * 1e3,
    )


def _bare(name: str) -> str:
    return FAST_BARE if name in (FAST, FAST_BARE) else BARE


def _added(runs: Sequence[Run], name: str, read: Callable[[Run], float]) -> Spread | None:
    return paired(runs, name, _bare(name), read, lambda mine, bare: mine - bare)


def _row(name: str, runs: Sequence[Run]) -> Row:
    return Row(
        name=name,
        rate=over(runs, name, lambda run: run.rate),
        cpu_us=_added(runs, name, lambda run: run.cpu_us),
        track_p50=over(runs, name, lambda run: run.track.p50),
        track_p99=over(runs, name, lambda run: run.track.p99),
        track_p999=over(runs, name, lambda run: run.track.p999),
        track_most=over(runs, name, lambda run: run.track.most),
        lag_p99=over(runs, name, lambda run: run.lag.p99),
        lag_p999=over(runs, name, lambda run: run.lag.p999),
        lag_added=_added(runs, name, lambda run: run.lag.p99),
        close_ms=over(runs, name, lambda run: run.close_ms),
    )


_HEAD = (
    "client",
    "calls/s",
    "CPU µs/event",
    "track() ms p50",
    "p99",
    "p99.9",
    "most",
    "lag ms p99",
    "p99.9",
    "p99 added",
    "close ms",
)


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [_HEAD, *(_line(row) for row in found.rows)]
    return f"steady, {RATE} varied events/s\n{align(lines)}"


def _line(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        number(row.rate, 0),
        number(row.cpu_us, 1),
        number(row.track_p50, 4),
        number(row.track_p99, 3),
        number(row.track_p999, 3),
        number(row.track_most, 2),
        number(row.lag_p99, 3),
        number(row.lag_p999, 3),
        number(row.lag_added, 3),
        number(row.close_ms, 0),
    )


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a steady rate."""
    rows = {row.name: row for row in found.rows}

    def p99(ours: str) -> float | None:
        one = rows[ours].track_p99
        return None if one is None else one.median

    def p999(ours: str) -> float | None:
        one = ratio(found.runs, ours, ASYNC_POSTHOG, lambda run: run.track.p999)
        return None if one is None else one.median

    def lag(ours: str) -> float | None:
        others = [row.lag_added for name, row in rows.items() if name in _PEER_NAMES]
        best = min((one.median for one in others if one is not None), default=None)
        mine = rows[ours].lag_added
        if best is None or mine is None:
            return None
        return max(mine.median, 0.0) / max(best, _LEAST_LAG)

    rate = f"at {RATE:,} events/s"
    return [
        ask(f"track() {rate}, p99", "≤ 0.1 ms", 0.1, milliseconds, p99),
        ask(f"track() {rate}, p99.9, against {ASYNC_POSTHOG}", "≤ 1/10", 1 / 10, part, p999),
        ask(f"loop lag added {rate}, p99, against the best peer", "≤ 0.5 x", 0.5, times, lag),
    ]


_PEER_NAMES = {one.name for one in PEERS}
