"""Receipts: what became of an event, and the ledger in which everything must add up.

The unit is one event for one destination. It is `accepted` and ends as exactly one of delivered,
rejected, dead or dropped; until then it is pending.

    Receipt ──places──▶ Fates (one per chunk of events) ◀── the lane settles ranges of it

The queue never points at a receipt, so an unused one costs nothing once it is gone. A `Fates` is
written by the lane's loop only; anybody may read it.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from asyncsdk.errors import DeliveryError
from asyncsdk.outside import Bell


class State(StrEnum):
    """Where an event stands."""

    PENDING = "pending"
    STORED = "stored"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    DEAD = "dead"
    DROPPED = "dropped"


class Outcome(Struct, frozen=True):
    """How one event fared at one destination.

    Attributes:
        state: Pending, or the end it came to.
        reason: Why it was rejected, given up or dropped; empty when delivered.
        status: The HTTP status of the last answer, None without one.
        error: What ``delivered()`` raises; None when nothing is wrong, and for drops that the
            application itself asked for.
        answer: What the system answered, for calls that are answered.
    """

    state: State
    reason: str = ""
    status: int | None = None
    error: DeliveryError | None = None
    answer: bytes | None = None


PENDING = Outcome(State.PENDING)
#: Its user has not agreed yet to what the destination asks for.
AWAITS_CONSENT = Outcome(State.PENDING, "consent")
#: The flags that belong into it are being asked for.
AWAITS_FLAGS = Outcome(State.PENDING, "flags")
STORED = Outcome(State.STORED)
DELIVERED = Outcome(State.DELIVERED)

#: Drops that the application chose: `delivered()` returns them instead of raising.
_CHOSEN = frozenset({"disabled", "before_send", "consent", "ignored", "unsupported"})


def dropped(reason: str) -> Outcome:
    """Return the outcome of an event that this client let go of, for *reason*."""
    if reason in _CHOSEN:
        return Outcome(State.DROPPED, reason)
    error = DeliveryError(
        f"asyncsdk: the event was dropped before it was delivered ({reason})",
        code=f"dropped_{reason}",
        retryable=reason != "invalid",
    )
    return Outcome(State.DROPPED, reason, error=error)


class Waiter(Protocol):
    """Someone who wants to hear once a chunk's fates have moved."""

    def __call__(self) -> None:
        """Hear it; called on the lane's loop."""
        ...


class Fates:
    """What became of the events of one chunk.

    `rest` is the outcome of every event that `apart` does not name: as long as a chunk fares as
    one, which is nearly always, it costs one object.
    """

    __slots__ = ("apart", "open", "rest", "rounds", "size", "waiters")

    def __init__(self) -> None:
        # This is all that changes; the lane's loop writes it.
        self.size: int = 0  # events in the chunk so far
        self.open: int = 0  # of these, not settled
        self.rounds: int = 0  # how often its retries were spent and it went back to the front
        self.rest: Outcome = PENDING
        self.apart: dict[int, Outcome] | None = None
        self.waiters: list[Waiter] | None = None

    def of(self, index: int) -> Outcome:
        """Return the outcome of the event at *index*."""
        if self.apart is not None:
            return self.apart.get(index, self.rest)
        return self.rest

    def settle(self, start: int, stop: int, outcome: Outcome) -> None:
        """Give the events from *start* up to *stop* their *outcome*, once and for all."""
        if stop - start == self.size and self.apart is None:
            self.rest = outcome
        else:
            if self.apart is None:
                self.apart = {}
            self.apart.update(dict.fromkeys(range(start, stop), outcome))
        self.open -= stop - start
        self.tell()

    def end(self, outcome: Outcome) -> None:
        """Give every event that is not settled its *outcome*."""
        self.rest = outcome  # whatever was settled alone stands in `apart`
        self.open = 0
        self.tell()

    def keep(self) -> None:
        """Note that a store that outlives the process has every event that is not settled."""
        self.rest = STORED
        self.tell()

    def new_round(self) -> None:
        """Note that retries were spent: whoever waits for this round need not wait on."""
        self.rounds += 1
        self.tell()

    def tell(self) -> None:
        """Call everybody who waits, and forget them."""
        waiters, self.waiters = self.waiters, None
        for waiter in waiters or ():
            waiter()

    async def moved(self) -> None:
        """Wait for the next change. Cancelling this leaves nothing behind."""
        bell = Bell()
        self.listen(bell.ring)
        try:
            await bell.wait()
        finally:
            if self.waiters is not None and bell.ring in self.waiters:
                self.waiters.remove(bell.ring)

    def listen(self, waiter: Waiter) -> None:
        """Call *waiter* once, at the next change."""
        if self.waiters is None:
            self.waiters = []
        self.waiters.append(waiter)


class Place(Struct):
    """Where one event of a receipt is: in a chunk, on its way there, or settled at the door.

    Attributes:
        lane: The destination's name.
        fates: The chunk's fates; None until the event is in a chunk.
        index: The event's place in that chunk.
        outcome: Its outcome while it is in no chunk.
        after: The places of what became of it, if it was held before it was any call.
    """

    lane: str
    fates: Fates | None = None
    index: int = 0
    outcome: Outcome = PENDING
    after: "list[Place] | None" = None

    def look(self) -> Outcome:
        """Return the outcome as it is now."""
        if self.after is not None:
            return worst([place.look() for place in self.after])
        return self.outcome if self.fates is None else self.fates.of(self.index)


class Desk(Protocol):
    """What a receipt needs of the client to wait."""

    async def wait_delivered(self, places: list[Place], timeout: float | None) -> None:
        """Wait until every place is settled; raise TimeoutError after *timeout* seconds."""
        ...

    async def wait_stored(self, places: list[Place], timeout: float | None) -> None:
        """Wait until every place is in a store, or settled; raise TimeoutError likewise."""
        ...

    def breathe(self) -> Generator[object, None, None]:
        """Yield to the loop if a chunk was sealed, or while the queue is nearly full."""
        ...


# The first state in this order that a destination reports is the receipt's own.
_WEIGHT = (
    State.PENDING,
    State.STORED,
    State.REJECTED,
    State.DEAD,
    State.DROPPED,
    State.DELIVERED,
)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome that fares worst so far; the first of several."""
    return min(outcomes, key=lambda outcome: _WEIGHT.index(outcome.state))


def flat(places: Iterable[Place]) -> Iterator[Place]:
    """Yield *places*, and in place of those that led to others, these."""
    for place in places:
        if place.after is None:
            yield place
        else:
            yield from flat(place.after)


class Receipt(Struct, frozen=True, eq=False, weakref=True):
    """Tell what became of one call.

    Awaiting it returns it: that yields to the loop now and then and never waits for the network.
    ``await receipt.delivered()`` waits for the answer.
    """

    message_id: str
    _places: list[Place]
    _desk: Desk

    @property
    def state(self) -> State:
        """Where the event stands; over several destinations, the one that fares worst so far."""
        found = {place.look().state for place in self._places}
        return next((state for state in _WEIGHT if state in found), State.DROPPED)

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """How it fared, per destination."""
        found: dict[str, Outcome] = {}
        for place in flat(self._places):
            now, before = place.look(), found.get(place.lane)
            found[place.lane] = now if before is None else worst([before, now])
        return found

    async def delivered(self, timeout: float | None = None) -> Outcome:
        """Wait until the event is settled everywhere and return how.

        Seals the open chunk instead of sitting out `flush_interval`.

        Args:
            timeout: Seconds to wait; None waits as long as it takes.

        Returns:
            The outcome; with several destinations, the one that fared worst.

        Raises:
            DeliveryError: A destination rejected it, gave it up, or it was dropped.
            TimeoutError: Not settled within *timeout*; the event stays queued.
            ConfigurationError: Called on another event loop than the client's.
        """
        await self._desk.wait_delivered(self._places, timeout)
        return self._outcome()

    async def stored(self, timeout: float | None = None) -> Outcome:
        """Wait until the event is in the client's store everywhere, or settled; return how it is.

        From then on it outlives what the store's `durability` says. Seals the open chunk, as
        `delivered` does. A store that survives nothing never says so: then this waits for the end.

        Args:
            timeout: Seconds to wait; None waits as long as it takes.

        Returns:
            The outcome; with several destinations, the one that fared worst so far.

        Raises:
            DeliveryError: A destination rejected it, gave it up, or it was dropped.
            TimeoutError: Neither stored nor settled within *timeout*; the event stays queued.
            ConfigurationError: Called on another event loop than the client's.
        """
        await self._desk.wait_stored(self._places, timeout)
        return self._outcome()

    def _outcome(self) -> Outcome:
        looks = [place.look() for place in flat(self._places)]
        for outcome in looks:
            if outcome.error is not None:
                # One error serves all events of a request: it must not gather their tracebacks.
                raise outcome.error.with_traceback(None)
        return worst(looks)

    def joined(self, others: "Iterable[Receipt]") -> "Receipt":
        """Return one receipt for this call and *others* that one event led to."""
        places = [place for one in (self, *others) for place in one._places]  # noqa: SLF001
        return Receipt(self.message_id, places, self._desk)

    def became(self, place: Place) -> None:
        """Say that this is what became of what was at *place*."""
        place.after = self._places
        place.outcome = DELIVERED  # whatever looks at it looks further

    def __await__(self) -> Generator[object, None, "Receipt"]:
        """Return the receipt itself; the network is not waited for."""
        yield from self._desk.breathe()
        return self

    def __repr__(self) -> str:
        """Show the id and the state."""
        return f"<Receipt {self.message_id} {self.state.value}>"


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
