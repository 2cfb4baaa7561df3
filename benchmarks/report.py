"""Report: everything that one benchmark found out, as values for JSON and as text for people."""

from __future__ import annotations

from msgspec import Struct

from benchmarks import goals as asked
from benchmarks.goals import Goal
from benchmarks.machine import Machine
from benchmarks.running import Scene
from benchmarks.scenarios import everything
from benchmarks.scenarios.everything import Results


class Report(Struct, frozen=True, kw_only=True):
    """Everything that was found out.

    Attributes:
        format: The version of this form.
        machine: What the figures depend on.
        events: Calls of one run of ours in the burst.
        rounds: Rounds.
        remarks: What a reader must know before believing a figure.
        goals: What was promised, and what came of it.
        results: What each scenario found out.
    """

    format: int
    machine: Machine
    events: int
    rounds: int
    remarks: list[str]
    goals: list[Goal]
    results: Results


def report(machine: Machine, scene: Scene, results: Results) -> Report:
    """Sum up."""
    return Report(
        format=2,
        machine=machine,
        events=scene.events,
        rounds=scene.rounds,
        remarks=_remarks(machine),
        goals=everything.goals(results),
        results=results,
    )


def _remarks(machine: Machine) -> list[str]:
    found: list[str] = []
    if machine.cores < 2:
        found.append("one core: client and sink take turns, so events/s are too low for all")
    missing = [name for name in ("isal", "uvloop") if machine.versions.get(name) is None]
    found += [f"{name} is not installed, so [fast] is without it" for name in missing]
    return found


def text(found: Report) -> str:
    """Write *found* for people: a table for each scenario, then the goals."""
    parts = [*everything.tables(found.results), asked.table(found.goals)]
    parts += [f"Note: {remark}" for remark in found.remarks]
    machine = found.machine
    versions = ", ".join(f"{name} {given or '-'}" for name, given in machine.versions.items())
    parts.append(f"{machine.cpu}, {machine.cores} cores, {machine.python}; {versions}")
    return "\n\n".join(parts) + "\n"
