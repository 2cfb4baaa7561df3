"""Rules: what must hold after a soak, judged by the samples and the counts. Pure.

"Steady" is judged over the samples that are left when the first fifth of the time is put aside as
warm-up. Two measures of a rise are taken, and the larger one counts: the median of the last third
over the median of the first third, and a straight line through all of them (the median of the
slopes between pairs, which a few odd samples do not move). A fall is no fault. Too few samples
are: what was not measured has not passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

from msgspec import Struct

from asyncsdk import Statistics
from benchmarks.soak.sampling import Held, Sample
from benchmarks.soak.server import Arrived

WARM_UP = 0.2
LEAST_SAMPLES = 12
#: By which part memory and objects may rise.
RISE = 0.05
#: By how much descriptors, tasks and threads may: connections come and go.
FEW = 2.0


class Finding(Struct, frozen=True, kw_only=True):
    """How one rule fared.

    Attributes:
        rule: Its name.
        value: What was found, as a number.
        limit: What was allowed: a most for "steady" and "bound", the exact number for "count".
        kind: ``"steady"`` (the rise of a series), ``"bound"`` or ``"count"``.
        level: The median of the first third of a series; None for a single number.
        unit: What the numbers count.
        holds: Whether the rule was kept.
    """

    rule: str
    value: float
    limit: float
    kind: str
    holds: bool
    level: float | None = None
    unit: str = ""


class Counts(Struct, frozen=True, kw_only=True):
    """What a soak counted, at both ends.

    Attributes:
        calls: Calls that returned a receipt.
        wanted: Calls that were to be made.
        poisoned: Of these, those that the server was to refuse.
        view: The client's statistics after it was closed.
        arrived: What the server got.
        queue: Events that the client may hold.
        before: What the process held before the client was started.
        after: And after it was closed.
    """

    calls: int
    wanted: int
    poisoned: int
    view: Statistics
    arrived: Arrived
    queue: int
    before: Held
    after: Held


def judge(samples: Sequence[Sample], counts: Counts) -> list[Finding]:
    """Apply all rules."""
    kept = warm(samples)
    return [
        steady("memory", "bytes", kept, [sample.rss for sample in kept], part=RISE),
        steady("objects", "objects", kept, [sample.objects for sample in kept], part=RISE),
        steady("descriptors", "", kept, [sample.held.descriptors for sample in kept], few=FEW),
        steady("tasks", "", kept, [sample.held.tasks for sample in kept], few=FEW),
        steady("threads", "", kept, [sample.held.threads for sample in kept], few=FEW),
        bound("most pending", max((one.pending for one in samples), default=0), counts.queue),
        *_counted(counts),
    ]


def warm(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples after the warm-up."""
    if not samples:
        return []
    begin, end = samples[0].seconds, samples[-1].seconds
    return [one for one in samples if one.seconds >= begin + WARM_UP * (end - begin)]


def steady(
    rule: str,
    unit: str,
    samples: Sequence[Sample],
    series: Sequence[int],
    *,
    part: float = 0.0,
    few: float = 0.0,
) -> Finding:
    """Judge a series that may rise by a *part* of itself, or by a *few*."""
    if len(series) < LEAST_SAMPLES:
        return Finding(
            rule=f"{rule} (samples)",
            value=len(series),
            limit=LEAST_SAMPLES,
            kind="count",
            holds=False,
        )
    third = len(series) // 3
    level = median(series[:third])
    thirds = median(series[-third:]) - level
    times = [sample.seconds for sample in samples]
    risen = max(thirds, slope(times, series) * (times[-1] - times[0]))
    limit = level * part + few
    return Finding(
        rule=rule,
        value=risen,
        limit=limit,
        kind="steady",
        level=level,
        unit=unit,
        holds=risen <= limit,
    )


def slope(times: Sequence[float], series: Sequence[int]) -> float:
    """Return the median of the slopes between all pairs, 0 if there is no pair."""
    pairs = combinations(zip(times, series, strict=True), 2)
    slopes = [(b - a) / (later - sooner) for (sooner, a), (later, b) in pairs if later > sooner]
    return median(slopes) if slopes else 0.0


def bound(rule: str, value: int, limit: int) -> Finding:
    """Judge a number that may not be larger than *limit*."""
    return Finding(rule=rule, value=value, limit=limit, kind="bound", holds=value <= limit)


def count(rule: str, value: int, wanted: int) -> Finding:
    """Judge a number that must be *wanted*."""
    return Finding(rule=rule, value=value, limit=wanted, kind="count", holds=value == wanted)


def _counted(counts: Counts) -> list[Finding]:
    view, arrived = counts.view, counts.arrived
    good = counts.wanted - counts.poisoned
    settled = view.delivered + view.rejected + view.dead + view.dropped + view.pending
    return [
        count("calls made", counts.calls, counts.wanted),
        count("accepted", view.accepted, counts.calls),
        count("of these settled", settled, view.accepted),
        count("delivered", view.delivered, good),
        count("rejected", view.rejected, counts.poisoned),
        count("given up or dropped", view.dead + view.dropped, 0),
        count("pending at the end", view.pending, 0),
        count("arrived at the server", arrived.events, good),
        count("of these poisoned", arrived.poisoned, 0),
        count("repeats under another id", arrived.renamed, 0),
        count("ids used twice", arrived.clashes, 0),
        count("strangers", arrived.strangers, 0),
        count("descriptors left open", counts.after.descriptors - counts.before.descriptors, 0),
        count("tasks left behind", counts.after.tasks - counts.before.tasks, 0),
        count("threads left behind", counts.after.threads - counts.before.threads, 0),
    ]
