"""Imports: what having a client costs a process before it does anything."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from benchmarks.figures import Spread, align, between, number, over
from benchmarks.goals import Goal, ask, milliseconds
from benchmarks.lineup import OURS, PEERS, PLAIN, Contender, turned
from benchmarks.running import Scene, child, interpreter

#: All of `asyncsdk[fast]` is imported when something is sent, so it is no contender of its own.
CAST = (PLAIN, *PEERS)

#: How often each is imported in a round; the figures are small.
_TIMES = 3

# What every asyncio program that uses this SDK has anyhow comes first, and is told apart.
_PROGRAM = """
import sys, time
start = time.process_time()
{before}
middle = time.process_time()
{imports}
end = time.process_time()
print((middle - start) * 1e3, (end - middle) * 1e3, int("aiohttp" in sys.modules))
"""


class Run(Struct, frozen=True, kw_only=True):
    """One import in a fresh process.

    Attributes:
        name: The contender's.
        round: Which round, from 1.
        before_ms: Milliseconds of CPU for `import asyncio, msgspec`.
        more_ms: Milliseconds of CPU for what the client needs beyond that.
        aiohttp: Whether aiohttp was loaded by it.
    """

    name: str
    round: int
    before_ms: float
    more_ms: float
    aiohttp: bool


class Row(Struct, frozen=True, kw_only=True):
    """One contender over all rounds; `whole_ms` without asyncio and msgspec loaded before."""

    name: str
    more_ms: Spread | None
    whole_ms: Spread | None
    aiohttp: bool


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let everybody be imported in each round, by itself and after asyncio and msgspec.

    Raises:
        RuntimeError: An import failed.
    """
    cast = scene.cast(CAST)
    for one in cast:  # byte code is compiled, files are in memory
        _import(one, 0, "import asyncio, msgspec")
    runs: list[Run] = []
    alone: list[Run] = []
    for round_ in range(1, scene.rounds * _TIMES + 1):
        for one in turned(cast, round_):
            runs.append(_import(one, round_, "import asyncio, msgspec"))
            alone.append(_import(one, round_, "pass"))
    for one in cast:
        scene.say(f"imports    {one.name:<26}{number(over(alone, one.name, _more), 1):>8} ms CPU")
    return Result(rows=[_row(one.name, runs, alone) for one in cast], runs=runs + alone)


def _import(one: Contender, round_: int, before: str) -> Run:
    program = _PROGRAM.format(before=before, imports=one.imports)
    first, more, aiohttp = child(interpreter(one), "-c", program).split()
    return Run(
        name=one.name,
        round=round_,
        before_ms=float(first),
        more_ms=float(more),
        aiohttp=aiohttp == "1",
    )


def _more(run: Run) -> float:
    return run.more_ms


def _row(name: str, runs: Sequence[Run], alone: Sequence[Run]) -> Row:
    return Row(
        name=name,
        more_ms=over(runs, name, _more),
        whole_ms=over(alone, name, _more),
        aiohttp=any(run.aiohttp for run in runs if run.name == name),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("import, CPU ms", "alone", "spread", "after asyncio, msgspec", "spread")]
    lines += [
        (
            row.name,
            number(row.whole_ms, 1),
            between(row.whole_ms, 1),
            number(row.more_ms, 1),
            between(row.more_ms, 1),
        )
        for row in found.rows
    ]
    return align(lines)


def goals(found: Result) -> list[Goal]:
    """Return what is asked of the import; it is the same with `[fast]`."""
    row = next(row for row in found.rows if row.name == OURS)

    def more(_ours: str) -> float | None:
        return None if row.more_ms is None else row.more_ms.median

    return [
        ask("import asyncsdk, over asyncio and msgspec", "≤ 10 ms", 10.0, milliseconds, more),
        ask("aiohttp loaded by import asyncsdk", "no", 0.0, _yes_no, lambda _: float(row.aiohttp)),
    ]


def _yes_no(value: float) -> str:
    return "yes" if value else "no"
