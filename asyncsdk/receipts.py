"""Receipts: what became of an event. How many became what is counted in `ledger`.

The unit is one event for one destination. It is `accepted` and ends as exactly one of delivered,
rejected, dead or dropped; until then it is pending.

    Receipt ──places──▶ Fates (one per chunk of events) ◀── the lane settles ranges of it

The queue never points at a receipt, so an unused one costs nothing once it is gone. A `Fates` is
written by the lane's loop only; anybody may read it.
"""

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
