"""The ledger: how many events ended as what; everything must add up.

The unit is one event for one destination, as in `receipts`.
"""

import threading
from collections.abc import Mapping

from msgspec import Struct

from asyncsdk.errors import DeliveryError
from asyncsdk.receipts import Outcome, State


class LaneStatistics(Struct, frozen=True, kw_only=True):
    """Counters and gauges of one destination, or of all in sum.

    ``accepted + taken == delivered + rejected + dead + dropped + stored + pending`` at every
    moment, as the client's loop sees it; a look from another thread may fall between two of them.

    Attributes:
        accepted: Events taken from calls that returned a receipt.
        taken: Events leased here that another process stored, or an earlier one.
        delivered: The server has them.
        rejected: The server's final no.
        dead: Attempts or age ended.
        dropped: Let go of by this client; `dropped_reasons` says why.
        stored: Handed to a store and not leased here.
        pending: None of these yet.
        dropped_reasons: Events dropped, by reason.
        refused: Calls that raised `QueueFullError`; not accepted, so in no other count.
        unsupported: Calls that were skipped here, for want of a form; not accepted either.
        coerced: Values that JSON cannot carry and that went as text.
        replayed: Dead letters put back; each counts as accepted once more.
        requests: Requests sent.
        retries: Requests sent again after a failure.
        failures: Requests that brought no answer, or none that moves on.
        bytes_sent: Bytes of request bodies, as they went on the wire.
        queue_bytes: Bytes of pending events.
        paused: Seconds until the next attempt while the lane rests, else 0.
        stopped: Why the lane stands still, such as a refused key; empty while it runs.
        flag_failures: Questions about feature flags, or for their definitions, that failed.
        flags_age: Seconds since the flag definitions in use were known to be the server's; None
            without any.
        in_store: Events in a store that outlives the process, whoever stored them; those that are
            leased among them.
    """

    accepted: int = 0
    taken: int = 0
    delivered: int = 0
    rejected: int = 0
    dead: int = 0
    dropped: int = 0
    stored: int = 0
    pending: int = 0
    dropped_reasons: Mapping[str, int] = {}
    refused: int = 0
    unsupported: int = 0
    coerced: int = 0
    replayed: int = 0
    requests: int = 0
    retries: int = 0
    failures: int = 0
    bytes_sent: int = 0
    queue_bytes: int = 0
    paused: float = 0.0
    stopped: str = ""
    flag_failures: int = 0
    flags_age: float | None = None
    in_store: int = 0


class Statistics(LaneStatistics, frozen=True, kw_only=True):
    """The sum over all destinations, and each of them.

    Attributes:
        destinations: The same counters, per destination.
        unclaimed: Events that the store keeps for names that no destination here has, by name.
    """

    destinations: Mapping[str, LaneStatistics] = {}
    unclaimed: Mapping[str, int] = {}


class FlushResult(Struct, frozen=True, kw_only=True):
    """What a flush or a shutdown brought about.

    Attributes:
        delivered: Events delivered meanwhile.
        rejected: Events that servers refused for good meanwhile.
        dead: Events given up meanwhile.
        dropped: Events dropped meanwhile.
        stored: Events in a store at the end, not leased here.
        pending: Events still pending at the end.
        duration: Seconds it took.
        errors: The last error of each destination that did not settle everything.
    """

    delivered: int = 0
    rejected: int = 0
    dead: int = 0
    dropped: int = 0
    stored: int = 0
    pending: int = 0
    duration: float = 0.0
    errors: tuple[DeliveryError, ...] = ()


class Ledger:
    """Count the events of one lane.

    The lane's loop is the only writer, but for drops at the door: these may happen in any thread
    and are kept under a lock of their own (a reentrant one: a signal handler may call as well).
    """

    def __init__(self) -> None:
        # This is all that changes.
        self.accepted: int = 0
        self.taken: int = 0
        self.delivered: int = 0
        self.rejected: int = 0
        self.dead: int = 0
        self.stored: int = 0
        self.replayed: int = 0
        self.requests: int = 0
        self.retries: int = 0
        self.failures: int = 0
        self.bytes_sent: int = 0
        self._door = threading.RLock()
        self._turned_away: dict[str, int] = {}  # dropped at the door: accepted by this alone
        self._given_up = 0  # dead at the door: accepted by this alone
        self._dropped: dict[str, int] = {}  # dropped later
        self._noted: dict[str, int] = {}  # refused, unsupported, coerced: outside the sum

    def turn_away(self, reason: str) -> None:
        """Count one event that was accepted and dropped in one step; any thread."""
        with self._door:
            self._turned_away[reason] = self._turned_away.get(reason, 0) + 1

    def note(self, what: str, count: int = 1) -> None:
        """Count something that is in no sum (refused, unsupported, coerced); any thread."""
        with self._door:
            self._noted[what] = self._noted.get(what, 0) + count

    def give_up(self) -> None:
        """Count one event that was accepted and became a dead letter in one step; any thread."""
        with self._door:
            self._given_up += 1

    def settle(self, outcome: Outcome, count: int) -> None:
        """Count *count* pending events as settled with *outcome*."""
        if not count:
            return
        if outcome.state is State.DELIVERED:
            self.delivered += count
        elif outcome.state is State.REJECTED:
            self.rejected += count
        elif outcome.state is State.DEAD:
            self.dead += count
        elif outcome.state is State.STORED:
            self.stored += count
        else:
            self._dropped[outcome.reason] = self._dropped.get(outcome.reason, 0) + count

    def view(
        self, *, pending: int, queue_bytes: int, paused: float, stopped: str, in_store: int = 0
    ) -> LaneStatistics:
        """Return the counters with the gauges that the lane knows."""
        with self._door:
            away = dict(self._turned_away)
            noted = dict(self._noted)
            given_up = self._given_up
        reasons = dict(away)
        for reason, count in self._dropped.items():
            reasons[reason] = reasons.get(reason, 0) + count
        return LaneStatistics(
            accepted=self.accepted + sum(away.values()) + given_up,
            taken=self.taken,
            delivered=self.delivered,
            rejected=self.rejected,
            dead=self.dead + given_up,
            dropped=sum(reasons.values()),
            stored=self.stored,
            pending=pending,
            dropped_reasons=reasons,
            refused=noted.get("refused", 0),
            unsupported=noted.get("unsupported", 0),
            coerced=noted.get("coerced", 0),
            flag_failures=noted.get("flag_failures", 0),
            replayed=self.replayed,
            requests=self.requests,
            retries=self.retries,
            failures=self.failures,
            bytes_sent=self.bytes_sent,
            queue_bytes=queue_bytes,
            paused=paused,
            stopped=stopped,
            in_store=in_store,
        )


def add_up(
    lanes: Mapping[str, LaneStatistics],
    *,
    past: LaneStatistics | None = None,
    unclaimed: Mapping[str, int] | None = None,
) -> Statistics:
    """Return the sum over *lanes* and what is *past*, with the lanes and what is *unclaimed*."""
    total: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for lane in (*lanes.values(), *([past] if past is not None else [])):
        for name in _SUMMED:
            total[name] = total.get(name, 0) + getattr(lane, name)
        for reason, count in lane.dropped_reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return Statistics(
        **total,
        dropped_reasons=reasons,
        paused=max((lane.paused for lane in lanes.values()), default=0.0),
        stopped="; ".join(lane.stopped for lane in lanes.values() if lane.stopped),
        flags_age=max(
            (one.flags_age for one in lanes.values() if one.flags_age is not None), default=None
        ),
        destinations=lanes,
        unclaimed=unclaimed or {},
    )


_SUMMED = tuple(name for name, kind in LaneStatistics.__annotations__.items() if kind is int)
