"""Figures: medians and spreads over rounds, ratios of runs of one round, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Protocol, TypeVar

from msgspec import Struct


class Spread(Struct, frozen=True, kw_only=True):
    """One figure over all rounds."""

    median: float
    least: float
    most: float


class Measured(Protocol):
    """One run of one contender in one round."""

    @property
    def name(self) -> str:
        """The contender's."""
        ...

    @property
    def round(self) -> int:
        """Which round, from 1."""
        ...


_Run = TypeVar("_Run", bound=Measured)
Read = Callable[[_Run], float | None]


def spread(values: Sequence[float]) -> Spread | None:
    """Return the spread of *values*, None if there are none."""
    if not values:
        return None
    return Spread(median=median(values), least=min(values), most=max(values))


def over(runs: Sequence[_Run], name: str, read: Read[_Run]) -> Spread | None:
    """Return the spread of what *read* finds in the runs of *name*."""
    found = [read(run) for run in runs if run.name == name]
    return spread([value for value in found if value is not None])


def paired(
    runs: Sequence[_Run],
    name: str,
    base: str,
    read: Read[_Run],
    compare: Callable[[float, float], float],
) -> Spread | None:
    """Return the spread of *compare* over pairs of runs of one round, of *name* and of *base*."""
    bases = {run.round: read(run) for run in runs if run.name == base}
    found: list[float] = []
    for run in runs:
        value, other = read(run), bases.get(run.round)
        if run.name == name and value is not None and other is not None:
            found.append(compare(value, other))
    return spread(found)


def ratio(runs: Sequence[_Run], name: str, base: str, read: Read[_Run]) -> Spread | None:
    """Return *name* over *base*: the spread of ratios, each of two runs of one round."""
    return paired(runs, name, base, read, lambda value, other: value / other)


def number(found: Spread | None, digits: int) -> str:
    """Write the median."""
    return "-" if found is None else f"{found.median:.{digits}f}"


def between(found: Spread | None, digits: int) -> str:
    """Write the least and the most."""
    return "-" if found is None else f"{found.least:.{digits}f}-{found.most:.{digits}f}"


def align(lines: Sequence[Sequence[str]]) -> str:
    """Put *lines* into columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
