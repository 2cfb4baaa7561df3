"""Chart: CPU of one delivered event and events in a second, of everybody, as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from benchmarks.figures import Spread
from benchmarks.lineup import FAST, OURS, PEERS
from benchmarks.machine import ROOT
from benchmarks.report import Report
from benchmarks.scenarios.burst import Row

#: Where the README shows it from.
FILE = ROOT / "docs" / "benchmark.png"

_DATA = "varied"
_OURS, _THEIRS, _INK, _QUIET = "#0b7a75", "#b8bfc6", "#1f2933", "#5b6770"
_FONT = 12


def draw(found: Report, file: Path = FILE) -> None:
    """Draw the burst of *found*.

    Raises:
        ValueError: There is none.
    """
    if found.results.burst is None:
        raise ValueError("the chart shows the burst, and there was none")
    shown = (OURS, FAST, *(one.name for one in PEERS))
    rows = [row for row in found.results.burst.rows if row.data == _DATA and row.name in shown]
    rows.sort(key=lambda row: _median(row.cpu_us))
    figure = Figure(figsize=(10, 4.4), facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _bars(left, rows, "CPU for one delivered event, µs\n(less is better)", _cpu, "{:,.1f}")
    _bars(right, rows, "delivered events/s, on one core\n(more is better)", _speed, "{:,.0f}")
    _embolden(left.get_yticklabels(), [row.name in (OURS, FAST) for row in rows])
    left.invert_yaxis()  # the first one on top; the right one follows
    machine = found.machine
    figure.text(
        1.0,
        -0.01,
        f"burst of {found.events:,} calls (others: a fifth or a tenth) to a loopback server, gzip "
        f"where a client has it, {_DATA} data; {machine.cpu}, {machine.python}",
        ha="right",
        va="top",
        fontsize=_FONT - 3.5,
        color=_QUIET,
    )
    FigureCanvasAgg(figure)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=160, bbox_inches="tight", pad_inches=0.15)


def _bars(
    axes: Axes, rows: Sequence[Row], title: str, read: Callable[[Row], float], form: str
) -> None:
    values = [read(row) for row in rows]
    names = [row.name for row in rows]
    ours = [name in (OURS, FAST) for name in names]
    bars = axes.barh(names, values, height=0.72, color=[_OURS if one else _THEIRS for one in ours])
    labels = [form.format(value) for value in values]
    _embolden(axes.bar_label(bars, labels, padding=5, fontsize=_FONT, color=_INK), ours)
    axes.set_title(title, fontsize=_FONT, color=_INK, loc="left")
    axes.tick_params(axis="y", length=0, labelsize=_FONT, labelcolor=_INK)
    axes.xaxis.set_visible(False)
    axes.set_xlim(0, max(values) * 1.2)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_THEIRS)


def _embolden(texts: Sequence[Text], ours: Sequence[bool]) -> None:
    for text, one in zip(texts, ours, strict=True):
        text.set_fontweight("bold" if one else "normal")


def _cpu(row: Row) -> float:
    return _median(row.cpu_us)


def _speed(row: Row) -> float:
    return _median(row.events_per_second)


def _median(found: Spread | None) -> float:
    return 0.0 if found is None else found.median
