"""Retrying: what an answer leads to, and when the lane may ask again. Pure.

A lane has one pace, not one timer per batch: after a failure everything waits, then one request
goes out as a probe, and only its success lets the others follow (1, 2, 4 … at a time). So ten
thousand waiting events cost a dead server no more requests than ten do.
"""

import math
from collections.abc import Sequence
from enum import Enum

from msgspec import Struct, structs

from asyncsdk.options import LaneOptions
from asyncsdk.seams import Fate, Verdict

#: Seconds; a server's Retry-After is not followed beyond this.
RETRY_AFTER_CAP = 600.0

#: 2.0 ** 1024 raises OverflowError, and no cap is that far away.
_MOST_DOUBLINGS = 64

#: Refusals in a row that even a lane which has always delivered may meet in one hunt.
_MOST_REFUSALS = 250

Range = tuple[int, int]


def backoff(options: LaneOptions, failures: int, spread: float) -> float:
    """Return the seconds to wait after *failures* failures in a row, 1 or more.

    Doubles from `retry_base`; jitter moves it, never past `retry_cap`.

    Args:
        options: The lane's.
        failures: Failures in a row.
        spread: A draw from -1 to 1, made by the caller.
    """
    doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
    delay = min(options.retry_cap, options.retry_base * 2.0**doublings)
    if options.jitter == "full":
        return delay * (spread + 1.0) / 2.0
    return min(options.retry_cap, delay * (1.0 + options.jitter * spread))


class Pace(Struct, frozen=True, kw_only=True):
    """When a lane may send, and how much at once.

    Attributes:
        width: Requests that may be in flight.
        until: No request before this moment (monotonic seconds).
        asked_until: Until when the server asked to wait; nothing cuts that short.
        failures: Failures in a row.
        since: When the first of them came.
        failed_at: When the last of them came.
        stopped: Why the lane stands still; empty while it does not.
        probes: How often it was probed in vain since it stands.
    """

    width: int
    until: float = 0.0
    asked_until: float = 0.0
    failures: int = 0
    since: float = math.inf
    failed_at: float = -math.inf
    stopped: str = ""
    probes: int = 0

    def after_success(self, concurrency: int, *, started: float) -> "Pace":
        """Go on, and twice as wide as before.

        An answer to a request that *started* before the last failure ends no pause.
        """
        if started < self.failed_at:
            return self
        return Pace(width=min(concurrency, max(self.width, 1) * 2))

    def after_failure(
        self,
        options: LaneOptions,
        *,
        started: float,
        now: float,
        spread: float,
        retry_after: float | None,
    ) -> "Pace":
        """Rest, then probe with a single request.

        Several requests that were in flight together fail as one: only a request that *started*
        after the last failure makes the pause longer.
        """
        news = started >= self.failed_at
        failures = self.failures + 1 if news else max(self.failures, 1)
        until = now + backoff(options, failures, spread) if news else self.until
        asked_until = self.asked_until
        if retry_after is not None:
            asked_until = max(asked_until, now + min(retry_after, RETRY_AFTER_CAP))
        return structs.replace(
            self,
            width=1,
            until=max(until, asked_until),
            asked_until=asked_until,
            failures=failures,
            since=min(self.since, now),
            failed_at=now,
        )

    def after_stop(
        self, options: LaneOptions, *, started: float, now: float, reason: str
    ) -> "Pace":
        """Stand still: the fault is the lane's. Probe later, ever more rarely."""
        if self.stopped and started < self.failed_at:
            return self  # the same trouble, met by a request of the same burst
        doublings = min(self.probes, _MOST_DOUBLINGS)
        pause = min(options.probe_cap, options.probe_after * 2.0**doublings)
        return Pace(
            width=1,
            until=max(self.asked_until, now + pause),
            asked_until=self.asked_until,
            failures=self.failures + 1,
            since=min(self.since, now),
            failed_at=now,
            stopped=reason,
            probes=self.probes + 1,
        )

    def resting(self, now: float, seconds: float) -> "Pace":
        """Rest for *seconds*, without another failure."""
        return structs.replace(self, width=1, until=max(self.until, now + seconds))

    def hurried(self) -> "Pace":
        """Cut a pause of our own short; never one that the server asked for."""
        return structs.replace(self, until=self.asked_until)

    def hopeless(self, *, began: float, deadline: float) -> bool:
        """Say whether waiting until *deadline* is in vain for a drain that *began* earlier.

        It is when the server's pause ends later, or an attempt made since has failed and either
        the next one would come too late, the lane stands still, or it has been failing for
        longer than the drain may take.
        """
        if self.asked_until >= deadline:
            return True
        if self.failed_at < began:
            return False
        too_late = self.until >= deadline
        return too_late or bool(self.stopped) or began - self.since > deadline - began


class Move(Enum):
    """What the lane does next."""

    ON = "on"
    PAUSE = "pause"
    STOP = "stop"
    SPENT = "spent"


class Step(Struct, frozen=True, kw_only=True):
    """What a verdict leads to, in indexes of the parcel's events.

    Attributes:
        delivered: Ranges that arrived.
        rejected: Ranges that the server refused for good.
        parcels: What to send next, in order; each is a list of ranges.
        split: Whether `parcels` are parts of a refused parcel: one of its events is guilty.
        move: How the lane goes on.
    """

    delivered: Sequence[Range] = ()
    rejected: Sequence[Range] = ()
    parcels: Sequence[Sequence[Range]] = ()
    split: bool = False
    move: Move = Move.ON


def decide(verdict: Verdict, count: int, *, attempts: int, max_retries: int) -> Step:
    """Say what *verdict* leads to.

    Args:
        verdict: On a request of *count* events.
        count: Its events, 1 or more.
        attempts: Failures in a row of these events, this one included if it is one.
        max_retries: The option.
    """
    if verdict.fate is Fate.DELIVERED and not verdict.but:
        return Step(delivered=[(0, count)])
    stretches = _stretches(verdict, count)
    again = _of(stretches, Fate.AGAIN, Fate.SPLIT, Fate.STOP)
    step = Step(
        delivered=_of(stretches, Fate.DELIVERED),
        rejected=_of(stretches, Fate.NEVER),
        parcels=[again] if again else (),
    )
    if not again:
        return step
    if verdict.fate is Fate.STOP:
        return structs.replace(step, move=Move.STOP)
    if verdict.fate is Fate.SPLIT:
        return _parts(step, count)
    move = Move.SPENT if attempts > max_retries else Move.PAUSE
    return structs.replace(step, move=move)


# In ranges, never event by event: a batch may have thousands, and each failure comes through here.


def _stretches(verdict: Verdict, count: int) -> list[tuple[Range, Fate]]:
    """Cut the request into stretches of events with one fate."""
    stretches: list[tuple[Range, Fate]] = []
    at = 0
    # An index outside the request is the server's nonsense: it names nobody.
    for named in sorted(index for index in verdict.but if 0 <= index < count):
        if at < named:
            stretches.append(((at, named), verdict.fate))
        stretches.append(((named, named + 1), verdict.but[named]))
        at = named + 1
    if at < count:
        stretches.append(((at, count), verdict.fate))
    return stretches


def _of(stretches: Sequence[tuple[Range, Fate]], *fates: Fate) -> list[Range]:
    """Return the ranges with one of these *fates*; neighbours are joined."""
    ranges: list[Range] = []
    for (start, stop), fate in stretches:
        if fate not in fates:
            continue
        joins = bool(ranges) and ranges[-1][1] == start
        ranges.append((ranges.pop()[0] if joins else start, stop))
    return ranges


def _parts(step: Step, count: int) -> Step:
    """Send the innocent again at once if the server named the guilty, else look for them."""
    if step.rejected or step.delivered:
        return step
    # Nobody was named, so it is all of them.
    if count == 1:
        return structs.replace(step, rejected=[(0, 1)], parcels=())
    half = count // 2
    return structs.replace(step, parcels=[[(0, half)], [(half, count)]], split=True)


def refusals_allowed(count: int, *, trusted: bool) -> int:
    """Return how many refusals, without one delivery, the hunt in *count* events may cost.

    Enough to single out the first few guilty ones; a lane that is *trusted*, because it has
    delivered since it last stood still, may be searched further: there it is rather the events.
    """
    few = 2 * math.ceil(math.log2(max(count, 2))) + 8
    return max(few, min(2 * count, _MOST_REFUSALS)) if trusted else few
