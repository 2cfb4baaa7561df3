"""Told: the figures of docs/scaling.md, written into it by the run whose figures are kept."""

from __future__ import annotations

from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.report import Report
from benchmarks.scenarios import scaling

#: The document, and what stands around its figures.
FILE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- measured: nox -s bench -- --keep writes this -->", "<!-- /measured -->"


def write(found: Report, file: Path = FILE) -> None:
    """Put the figures of *found* into *file*, unless nothing was measured."""
    if found.results.scaling is None or not found.results.scaling.needs:
        return
    text = file.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{BEGIN}\n{figures(found)}{END}{after}", encoding="utf-8")


def figures(found: Report) -> str:
    """Write the tables of *found*, and what machine they are of."""
    result, machine = found.results.scaling, found.machine
    assert result is not None  # noqa: S101 - it was asked before
    of = f"{machine.cpu}, {machine.cores} cores, {machine.python}, all processes on it; "
    rounds = "one round" if found.rounds == 1 else f"medians of {found.rounds} rounds"
    return f"\n```text\n{scaling.table(result)}\n```\n\nMeasured on {of}{rounds}.\n"
