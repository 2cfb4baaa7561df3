"""Flags: what one local evaluation costs, beside posthog-python in the same process."""

from __future__ import annotations

import sys

import msgspec
from msgspec import Struct

from benchmarks.figures import Spread, align, between, number, over, spread
from benchmarks.goals import Goal, ask, faster
from benchmarks.plays.flags import Figure
from benchmarks.running import Scene, child

OURS, THEIRS = "asyncsdk", "posthog"

#: How often a single flag is evaluated in one timed run.
_MOST = 4_000

#: The evaluator must be so many times as fast, for each kind.
_TIMES = 4.0


class Run(Struct, frozen=True, kw_only=True):
    """One kind in one round: microseconds of one evaluation, the median of seven timed runs.

    Attributes:
        name: Layer and kind.
        round: Which round, from 1.
        ours_us: Of ours.
        theirs_us: Of theirs; None without peers.
    """

    name: str
    round: int
    ours_us: float
    theirs_us: float | None


class Row(Struct, frozen=True, kw_only=True):
    """One kind over all rounds; `times` is theirs over ours, of runs in one process."""

    name: str
    ours_us: Spread | None
    theirs_us: Spread | None
    times: Spread | None


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
        for figure in _compare(scene):
            run = Run(
                name=f"evaluator, {figure.kind}",
                round=round_,
                ours_us=figure.ours_us,
                theirs_us=figure.theirs_us,
            )
            runs.append(run)
            scene.say(f"flags   {round_}  {run.name:<26}{run.ours_us:8.2f} us")
    names = dict.fromkeys(run.name for run in runs)
    return Result(rows=[_row(name, runs) for name in names], runs=runs)


def _compare(scene: Scene) -> list[Figure]:
    count = min(_MOST, scene.events)
    words = [] if scene.peers else ["--without-peers"]
    said = child(sys.executable, "-m", "benchmarks.plays.flags", str(count), *words)
    return msgspec.json.decode(said, type=list[Figure])


def _ours(run: Run) -> float:
    return run.ours_us


def _theirs(run: Run) -> float | None:
    return run.theirs_us


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
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("flags, microseconds", OURS, "spread", THEIRS, "spread", "times as fast")]
    lines += [
        (
            row.name,
            number(row.ours_us, 2),
            between(row.ours_us, 2),
            number(row.theirs_us, 2),
            between(row.theirs_us, 2),
            number(row.times, 1),
        )
        for row in found.rows
    ]
    return align(lines)


def goals(found: Result) -> list[Goal]:
    """Return what is asked of the evaluator; it is the same with `[fast]`."""
    return [_goal(row) for row in found.rows]


def _goal(row: Row) -> Goal:
    def read(_ours: str) -> float | None:
        return None if row.times is None else 1 / row.times.median

    return ask(f"flags, {row.name}", f"≥ {_TIMES:.0f} x {THEIRS}", 1 / _TIMES, faster, read)
