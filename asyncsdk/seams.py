"""The seams: what the rooms of the street hand to each other, on one page.

A destination is a frozen value with pure methods. A transport moves bytes and knows no system. A
store keeps batches until they are settled and knows neither. The lane stands between them.

Words: an *event* is encoded once and never changes. A *batch* is formed once from waiting events
and gets its key there. A *parcel* is what one request carries: whole batches, or a range of one.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from asyncsdk.discreet import Discreet
from asyncsdk.messages import Message
from asyncsdk.options import Delivery
from asyncsdk.wire.encoding import decode


class Encoded(Discreet, frozen=True):
    """One event in its system's form.

    Attributes:
        route: Which of the destination's routes it takes.
        data: JSON of one object, without its closing brace: what is added on each attempt
            (`sentAt`) then costs nothing.
    """

    route: str
    data: bytes

    def __repr__(self) -> str:
        """Show its size, never the event."""
        return f"Encoded({self.route} {len(self.data)} bytes)"


class Unsupported(Struct, frozen=True):
    """Say that a system has no form for this call."""

    reason: str


class RouteLimits(Struct, frozen=True, kw_only=True):
    """What one request of a route may carry.

    Attributes:
        max_events: Most events.
        max_bytes: Most bytes of the body before compression, as the server counts them.
        event_overhead: Bytes that `body` adds to each event; a brace and a comma are two.
        body_overhead: Bytes that `body` adds once.
        warn_event_bytes: An event above this is named in a warning.
        gives_way: Whether what has spent its attempts, with ``exhausted="requeue"``, lets the
            other routes pass while it rests, instead of holding them up at the front.
    """

    max_events: int
    max_bytes: int
    event_overhead: int = 2
    body_overhead: int = 2
    warn_event_bytes: int | None = None
    gives_way: bool = False


class HttpRequest(Discreet, frozen=True, kw_only=True):
    """One request, complete.

    Attributes:
        url: Absolute.
        headers: As they go on the wire; they carry the key.
        body: As it goes on the wire.
        method: The HTTP method.
        timeout: Seconds for the whole exchange; 0 for no limit. The lane fills it in.
        max_answer_bytes: How much of the answer's body is read; no ingestion answer needs more.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    timeout: float = 0.0
    max_answer_bytes: int = 65_536

    def __repr__(self) -> str:
        """Show sizes, never headers (they carry the key) or the body."""
        return f"HttpRequest({self.method} {len(self.body)} bytes)"


class HttpResponse(Discreet, frozen=True, kw_only=True):
    """One whole answer.

    Attributes:
        status: The status that the server sent.
        headers: Names in lower case.
        body: Its beginning, as much as the request bounds it to.
    """

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def __repr__(self) -> str:
        """Show sizes: a server's words may repeat events and keys."""
        return f"HttpResponse({self.status} {len(self.body)} bytes)"


class Fate(Enum):
    """What an answer means for events."""

    DELIVERED = "delivered"
    AGAIN = "again"  # later: the trouble passes
    SPLIT = "split"  # one of them is guilty, or they are too many: in parts
    NEVER = "never"  # a final no to the event
    STOP = "stop"  # the fault is the lane's (key, path): nothing is burnt


class Refusal(Struct, frozen=True):
    """What the server said of one event.

    Attributes:
        reason: Its words, as in `Verdict`.
        code: Its own error code, if it gave one.
    """

    reason: str = ""
    code: str | None = None


class Verdict(Struct, frozen=True, kw_only=True):
    """What an answer means for the events of its request.

    Attributes:
        fate: How they fare.
        but: Events of this request, by index, that fare otherwise.
        refusals: What the server said of single events, by index.
        retry_after: Seconds that the server asks to wait.
        reason: The server's words, cut and without control characters; for people. Where the
            events were delivered, what is odd about the answer, in our words: it is logged.
        status: The HTTP status, None when no answer was received.
        code: The server's own error code, if it gave one.
        answer: What the call's receipt returns, for calls that are answered.
    """

    fate: Fate
    but: Mapping[int, Fate] = {}
    refusals: Mapping[int, Refusal] = {}
    retry_after: float | None = None
    reason: str = ""
    status: int | None = None
    code: str | None = None
    answer: bytes | None = None


class Destination(Protocol):
    """A system to deliver to: a frozen, hashable value whose methods are pure."""

    @property
    def name(self) -> str:
        """The lane's name: unique within a client, in logs and in stored batches."""
        ...

    @property
    def wire_key(self) -> bool:
        """Whether a batch's key is on the wire, so that a request carries one batch."""
        ...

    @property
    def routes(self) -> Mapping[str, RouteLimits]:
        """The ways of this system's API, by name."""
        ...

    @property
    def delivery(self) -> Delivery:
        """What the user asks of this destination alone."""
        ...

    @property
    def defaults(self) -> Delivery:
        """What the vendor's own SDK does where nobody says otherwise."""
        ...

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Turn *message* into this system's bytes, or say that there is no form for it.

        What encoding a foreign value raises may be raised: the message is then cleaned up, and this
        is called once more.

        Raises:
            ValidationError: This system can never take such a call.
        """
        ...

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Join *events* to a request's body, stamped with *sent_at*."""
        ...

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Address *packed*, the body as it goes on the wire.

        Args:
            route: One of `routes`.
            packed: The body, compressed if *encoding* says so.
            encoding: ``"gzip"`` or None.
            key: The idempotency key of what the request carries.
            attempt: 1 for the first attempt.
        """
        ...

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Say what *response* means for the *count* events of its request."""
        ...

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Return the message id and the time of the call of an encoded *event*."""
        ...


class Transport(Protocol):
    """Move bytes out and bring the answer back.

    A transport that has a method ``forget()`` is told so in a forked child: its connections are
    the parent's, to be dropped without a word.
    """

    async def open(self) -> None:
        """Get ready on the running loop; called at the start of each run."""
        ...

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send *request* and return the whole answer, its body bounded.

        Redirects are not followed.

        Raises:
            TransportError: No whole answer was received. Nothing else is raised.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection; called at the end of each run."""
        ...


class Batch(Discreet, frozen=True, kw_only=True):
    """Events that were sealed together; never changed, and named by their key.

    Attributes:
        key: The idempotency key, the same on every attempt and after a restart.
        route: The route of all its events.
        events: Each as `Encoded.data`.
        size: The sum of their bytes.
        first_at: When it was formed, wire time; for people, never compared with a clock.
    """

    key: str
    route: str
    events: Sequence[bytes]
    size: int
    first_at: str = ""

    def __repr__(self) -> str:
        """Show what it is, never its events."""
        return f"Batch({self.key} for {self.route}: {len(self.events)} events, {self.size} bytes)"


class Progress(Struct):
    """What has become of a stored batch so far; the only part that changes.

    Attributes:
        open: Ranges of events that are not settled, in order.
        attempts: Failures in a row since an answer last moved it forward.
        age: Seconds since its oldest event was accepted, as known when the lease was given. No wall
            clock is asked: how long a machine was off is not known, and does not count.
    """

    open: list[tuple[int, int]]
    attempts: int = 0
    age: float = 0.0


class Lease(Struct):
    """A batch in a lane's hands; it belongs to the store until settled.

    Attributes:
        lane: Whose it is.
        batch: What it is.
        progress: What has become of it so far.
        kept: Whether the batch is where the store's `durability` says. A store whose place is away
            may lend from memory what it refused to keep.
    """

    lane: str
    batch: Batch
    progress: Progress
    kept: bool = True


class Room(Struct, frozen=True, kw_only=True):
    """What a lane can carry now.

    Attributes:
        events: Most events.
        bytes: Most bytes of events and their overhead.
        event_overhead: Bytes to add for each event.
        batches: Most batches; 1 where the key is on the wire, or routes have limits of their own.
    """

    events: int
    bytes: int
    event_overhead: int = 1
    batches: int = 1


class DeadLetter(Discreet, frozen=True, kw_only=True, gc=False):
    """An event that will not be tried again, and why.

    Attributes:
        destination: The lane's name.
        message_id: The event's id.
        state: ``"rejected"`` (the server's final no) or ``"dead"`` (attempts or age ended).
        reason: The server's words or the network's, without keys.
        status: The HTTP status, None when no answer was received.
        attempts: Failures in a row before it was given up, this one included.
        first_at: When the call was made, wire time; where the wire has one time only (Segment), the
            event's.
        died_at: When it was given up, wire time.
        key: The idempotency key of the request that failed last.
        among: How many events that request carried.
        route: Its route.
        data: Its bytes, as `Encoded.data`.
    """

    destination: str
    message_id: str
    state: str
    reason: str
    status: int | None
    attempts: int
    first_at: str
    died_at: str
    key: str
    among: int
    route: str
    data: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event as the system would have got it."""
        event: dict[str, Any] = decode(self.data + b"}")
        return event

    def __repr__(self) -> str:
        """Show what happened, never the event."""
        return (
            f"<DeadLetter {self.message_id} for {self.destination}: {self.state}, "
            f"{self.reason or 'no answer'}>"
        )


class Stock(Struct, frozen=True, kw_only=True):
    """What a store keeps for the destinations of one name.

    Attributes:
        batches: Batches, those that are leased among them.
        events: Their events that are not settled.
        bytes: What these batches take.
        letters: Dead letters.
        aside: Batches that this version cannot read; kept, and not given out.
    """

    batches: int = 0
    events: int = 0
    bytes: int = 0
    letters: int = 0
    aside: int = 0


#: What a store survives: nothing, the death of the process, or a power cut.
Durability = Literal["memory", "process", "power"]


@runtime_checkable
class CountsAttempts(Protocol):
    """A store that says how often a batch is tried, where the user does not."""

    max_attempts: int


@runtime_checkable
class HandsOver(Protocol):
    """A store that keeps to itself what others could deliver, unless it is told to hand it over.

    A client that does not deliver tells it so.
    """

    hands_over: bool


class Store(Protocol):
    """Keep batches until they are settled, and letters until they are purged.

    Whatever returns has happened: with a `durability` beyond ``"memory"`` it outlives the process.
    Whatever is cancelled has happened or not, whole; to ask for it again is right in both cases.
    Each method may be called before `run`, while it runs and after it. Whatever is raised, but for
    the two errors of `append`, is trouble that passes: the lane asks again.
    """

    @property
    def shared(self) -> bool:
        """Whether others take what we append: then we do not know what becomes of it."""
        ...

    @property
    def durability(self) -> Durability:
        """What it survives."""
        ...

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Do what must be done all the while (renew, claim, reconnect); ends by cancellation.

        Calls *ready* once batches can be taken, those of before among them.
        """
        ...

    async def recover(self, lane: str) -> None:
        """Return the lane's own unsettled leases to the front, in order.

        Nobody holds any of them: called before the lane's tasks start. A take that was cancelled
        may have leased what it never returned.
        """
        ...

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Keep *batch*, at the end; idempotent by its key among what is kept for *lane*.

        Args:
            lane: Whose it is.
            batch: What to keep.
            age: Seconds since its oldest event was accepted.
            letters: Exhumed ones whose events it holds: forgotten with it, both or neither.

        Raises:
            StoreFullError: There is no place until something is settled, or ever.
            StoreAwayError: The place cannot be reached now. The store may lend the batch meanwhile,
                see `Lease.kept`; it is appended again unless it is settled by then.
        """
        ...

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease the oldest batches of one route that fit *room*, at least one; wait for one.

        Cancelling this leases nothing, or leaves it to `recover`.
        """
        ...

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return *leases* to the front, in their order, with their progress.

        One that is not leased any more stays where it is.
        """
        ...

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Write down the lease's progress and keep *letters*, both or neither.

        The same letter, all of it, twice is one letter.
        """
        ...

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Forget the batch and keep *letters*, both or neither.

        Returns:
            False if the lease was lost: the batch is settled, or another one owns it now. No letter
            is kept then.
        """
        ...

    def dead_letters(self, lane: str | None = None) -> AsyncIterator[DeadLetter]:
        """Iterate over the letters, oldest first, of one lane or of all; not the exhumed ones."""
        ...

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters into hand, oldest first: those with these ids, or all.

        They are listed no more, and come back if neither `append` nor `bury` is told of them before
        the process ends: with a crash in between nothing is lost.
        """
        ...

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Put exhumed *letters* back in their places; others are kept as new ones."""
        ...

    async def purge(self, lane: str | None, message_ids: frozenset[str] | None) -> int:
        """Forget letters for good: those with these ids, or all; return how many."""
        ...

    def stock(self) -> Mapping[str, Stock]:
        """Return what is kept, by lane, as last known; of lanes that nobody has, too.

        It may change while it is looked at.
        """
        ...

    def forget(self, lane: str) -> None:
        """Drop what is held in memory for *lane*: this is a forked child, it is the parent's."""
        ...

    async def retire(self, lane: str) -> None:
        """Note that the lane's run is over: what survives nothing is forgotten."""
        ...

    async def close(self) -> None:
        """Let go of files, threads and connections at the end of a run; the next call opens again."""
        ...
