"""Kept: the figures of the last full run on a quiet machine, and what has changed since."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import structs

from benchmarks.figures import align
from benchmarks.goals import VARIANTS
from benchmarks.lineup import FAST_FLOOR, FLOOR, RUDDER
from benchmarks.machine import ROOT
from benchmarks.report import Report
from benchmarks.scenarios.everything import Results

#: Where the figures are kept.
FILE = ROOT / "benchmarks" / "results" / "bench.json"

#: Changes of less than this part are noise.
_NOISE = 0.1

#: Whose figures of the burst are compared as they are; the floor tells how fast the machine was.
_COMPARED = (*VARIANTS, FLOOR, FAST_FLOOR, RUDDER)


def write(found: Report, file: Path, *, runs: bool) -> None:
    """Write *found* as JSON; with all single runs or without."""
    if not runs:
        found = structs.replace(found, results=_without_runs(found.results))
    file.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(found), indent=1)
    file.write_bytes(text + b"\n")


def read(file: Path = FILE) -> Report | None:
    """Return what is kept in *file*; None if there is nothing, or of another form."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except (OSError, msgspec.ValidationError):
        return None


def changes(then: Report | None, now: Report) -> str:
    """Write which figures differ between *then* and *now*."""
    if then is None:
        return "against the last kept run: none is kept"
    before, after = _headline(then), _headline(now)
    lines = [("figure", "then", "now", "ratio")]
    same = 0
    for figure in before.keys() & after.keys():
        if abs(_ratio(before[figure], after[figure]) - 1) <= _NOISE:
            same += 1
    for figure, value in after.items():
        if figure in before and abs((ratio := _ratio(before[figure], value)) - 1) > _NOISE:
            lines.append((figure, f"{before[figure]:.4g}", f"{value:.4g}", f"{ratio:.2f}"))
    head = f"against the last kept run: {same} figures within {_NOISE:.0%}, {len(lines) - 1} not"
    parts = [head, *_differences(then, now)]
    return "\n".join([*parts, align(lines)] if len(lines) > 1 else parts)


def _without_runs(results: Results) -> Results:
    found = {
        name: structs.replace(part, runs=[])
        for name in results.__struct_fields__
        if (part := getattr(results, name)) is not None
    }
    return structs.replace(results, **found)


def _ratio(then: float, now: float) -> float:
    if then == now:
        return 1.0
    return now / then if then else float("inf")


def _headline(found: Report) -> dict[str, float]:
    """Return the figures that are compared, by what they are called."""
    figures: dict[str, float] = {}
    for goal in found.goals:
        for variant in VARIANTS:
            value = goal.values[variant]
            if value is not None:
                figures[f"{goal.figure}: {variant}"] = value
    for row in found.results.burst.rows if found.results.burst is not None else []:
        if row.name in _COMPARED and row.cpu_us is not None and row.events_per_second is not None:
            figures[f"CPU µs/event, {row.data}: {row.name}"] = row.cpu_us.median
            figures[f"events/s, {row.data}: {row.name}"] = row.events_per_second.median
    return figures


def _differences(then: Report, now: Report) -> list[str]:
    """Say what else is not as it was, so that figures are not comparable as they stand."""
    found: list[str] = []
    if (then.machine.cpu, then.machine.python) != (now.machine.cpu, now.machine.python):
        found.append(
            f"then on {then.machine.cpu}, {then.machine.python}: compare ratios, not digits"
        )
    if (then.events, then.rounds) != (now.events, now.rounds):
        found.append(f"then {then.events} events and {then.rounds} rounds")
    old, new = then.machine.versions, now.machine.versions
    moved = [
        f"{name} {old[name]} → {new[name]}"
        for name in new
        if name in old and old[name] != new[name]
    ]
    return [*found, *([", ".join(moved)] if moved else [])]
