"""Flags: what one local evaluation and one question cost, beside posthog-python in the same process."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from benchmarks.figures import Spread, align, between, number, over, spread
from benchmarks.goals import Goal, ask, faster
from benchmarks.plays import flags, getters
from benchmarks.running import Scene, child

OURS, THEIRS = "asyncsdk", "posthog"

#: How often a single flag is evaluated in one timed run.
_MOST = 4_000

#: So many times as fast it must be, for each kind: the evaluator, and what an application asks.
_TIMES = {"evaluator": 4.0, "getter": 8.0}
#: Microseconds of a question about one flag that 99 of 100 must not take longer than.
_SLOW = 20.0


class Run(Struct, frozen=True, kw_only=True):
    """One kind in one round: microseconds of one evaluation, the median of seven timed runs.

    Attributes:
        name: Layer and kind.
        round: Which round, from 1.
        ours_us: Of ours.
        theirs_us: Of theirs; None without peers.
        p99_us: Of ours, of questions that are timed one by one; None for the evaluator.
    """

    name: str
    round: int
    ours_us: float
    theirs_us: float | None
    p99_us: float | None = None


class Row(Struct, frozen=True, kw_only=True):
    """One kind over all rounds; `times` is theirs over ours, of runs in one process.

    Attributes:
        p99_us: Of ours, where it was measured.
    """

    name: str
    ours_us: Spread | None
    theirs_us: Spread | None
    times: Spread | None
    p99_us: Spread | None = None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Compare in a fresh process for each round.

    Raises:
        RuntimeError: A process ended with an error.
    """
    runs: list[Run] = []
    for round_ in range(1, scene.rounds + 1):
        for run in (*_evaluations(scene, round_), *_questions(scene, round_)):
            runs.append(run)
            scene.say(f"flags   {round_}  {run.name:<34}{run.ours_us:8.2f} us")
    names = dict.fromkeys(run.name for run in runs)
    return Result(rows=[_row(name, runs) for name in names], runs=runs)


def _evaluations(scene: Scene, round_: int) -> Iterator[Run]:
    for one in msgspec.json.decode(_play(scene, "flags"), type=list[flags.Figure]):
        name = f"evaluator, {one.kind}"
        yield Run(name=name, round=round_, ours_us=one.ours_us, theirs_us=one.theirs_us)


def _questions(scene: Scene, round_: int) -> Iterator[Run]:
    for one in msgspec.json.decode(_play(scene, "getters"), type=list[getters.Figure]):
        yield Run(
            name=f"getter, {one.kind}",
            round=round_,
            ours_us=one.ours_us,
            theirs_us=one.theirs_us,
            p99_us=one.p99_us,
        )


def _play(scene: Scene, name: str) -> bytes | str:
    count = min(_MOST, scene.events)
    words = [] if scene.peers else ["--without-peers"]
    return child(sys.executable, "-m", f"benchmarks.plays.{name}", str(count), *words)


def _ours(run: Run) -> float:
    return run.ours_us


def _theirs(run: Run) -> float | None:
    return run.theirs_us


def _p99(run: Run) -> float | None:
    return run.p99_us


def _row(name: str, runs: list[Run]) -> Row:
    times = [
        run.theirs_us / run.ours_us
        for run in runs
        if run.name == name and run.theirs_us is not None
    ]
    return Row(
        name=name,
        ours_us=over(runs, name, _ours),
        theirs_us=over(runs, name, _theirs),
        times=spread(times),
        p99_us=over(runs, name, _p99),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("flags, microseconds", OURS, "spread", "p99", THEIRS, "spread", "times as fast")]
    lines += [
        (
            row.name,
            number(row.ours_us, 2),
            between(row.ours_us, 2),
            number(row.p99_us, 2),
            number(row.theirs_us, 2),
            between(row.theirs_us, 2),
            number(row.times, 1),
        )
        for row in found.rows
    ]
    return align(lines)


def goals(found: Result) -> list[Goal]:
    """Return what is asked of evaluator and getters; it is the same with `[fast]`."""
    single = [row for row in found.rows if row.p99_us is not None and getters.ALL not in row.name]
    asked = [row for row in found.rows if getters.REPORTED not in row.name]
    return [*(_goal(row) for row in asked), *(_goal_of_p99(row) for row in single)]


def _goal(row: Row) -> Goal:
    least = _TIMES[row.name.partition(",")[0]]

    def read(_ours: str) -> float | None:
        return None if row.times is None else 1 / row.times.median

    return ask(f"flags, {row.name}", f"≥ {least:.0f} x {THEIRS}", 1 / least, faster, read)


def _goal_of_p99(row: Row) -> Goal:
    def read(_ours: str) -> float | None:
        return None if row.p99_us is None else row.p99_us.median

    return ask(f"flags, {row.name}, p99", f"≤ {_SLOW:.0f} us", _SLOW, _microseconds, read)


def _microseconds(value: float) -> str:
    return f"{value:.1f} us"
