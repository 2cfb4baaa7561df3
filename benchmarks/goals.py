"""Goals: what was promised, beside what was measured, without `[fast]` and with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct

from benchmarks.figures import align
from benchmarks.lineup import FAST, OURS

#: The two of ours that goals are asked of.
VARIANTS = (OURS, FAST)

Form = Callable[[float], str]


class Goal(Struct, frozen=True, kw_only=True):
    """One goal and what came of it; less is better, always.

    Attributes:
        figure: What was measured.
        goal: What was promised, in words.
        limit: The most that `values` may be.
        values: What was measured, by variant of ours; None where it was not.
        shown: The same in words.
        met: Whether it is within the limit.
    """

    figure: str
    goal: str
    limit: float
    values: dict[str, float | None]
    shown: dict[str, str]
    met: dict[str, bool | None]


def ask(
    figure: str, goal: str, limit: float, form: Form, read: Callable[[str], float | None]
) -> Goal:
    """Return the goal *figure*; *read* tells what was measured of a variant."""
    values = {variant: read(variant) for variant in VARIANTS}
    return Goal(
        figure=figure,
        goal=goal,
        limit=limit,
        values=values,
        shown={name: "-" if value is None else form(value) for name, value in values.items()},
        met={name: None if value is None else value <= limit for name, value in values.items()},
    )


def part(value: float) -> str:
    """Write a part of something."""
    return f"1/{1 / value:.1f}" if 0 < value < 1 else f"{value:.2f} x"


def faster(value: float) -> str:
    """Write how many times as fast we are, where *value* is their speed over ours."""
    return f"{1 / value:.1f} x"


def times(value: float) -> str:
    """Write a multiple."""
    return f"{value:.2f} x"


def milliseconds(value: float) -> str:
    """Write milliseconds."""
    return f"{value:.3f} ms" if value < 1 else f"{value:.1f} ms"


def worst(values: Sequence[float | None]) -> float | None:
    """Return the greatest of *values*, None if one is missing."""
    found = [value for value in values if value is not None]
    return max(found) if found and len(found) == len(values) else None


_VERDICT = {True: "met", False: "MISSED", None: "not measured"}


def table(goals: Sequence[Goal]) -> str:
    """Write *goals* as an aligned table, and how many were met."""
    head = ["figure", "goal"]
    for variant in VARIANTS:
        head += [variant, ""]
    lines = [head]
    for goal in goals:
        line = [goal.figure, goal.goal]
        for variant in VARIANTS:
            line += [goal.shown[variant], _VERDICT[goal.met[variant]]]
        lines.append(line)
    return "\n".join(["goals", align(lines), *(_sum(goals, variant) for variant in VARIANTS)])


def _sum(goals: Sequence[Goal], variant: str) -> str:
    counts = Counter(goal.met[variant] for goal in goals)
    return f"{variant}: {counts[True]} met, {counts[False]} missed, {counts[None]} not measured"
