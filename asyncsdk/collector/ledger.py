"""What came in: requests, events, ids, counts. All of it bounded.

The lists hold the newest; when one is full its oldest eighth leaves, so that a live view stays
cheap. Counts go on past the lists. Ids are counted until `KEEP_IDS` different ones were seen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from asyncsdk.collector.answers import Answer

KEEP_REQUESTS = 50_000
KEEP_IDS = 1_000_000
_T = TypeVar("_T")
_KEEP_NAMES = 100  # types come from outside; more than that are counted as "(other)"


class Received(Struct, frozen=True, kw_only=True):
    """Records one request; *status* is None when the connection broke before an answer.

    `time` is the monotonic clock in seconds when the head had arrived, `events` how many were
    accepted, `refused` how many were not, `fault` the kind of the fault applied or empty, `repeat`
    whether it was answered again by its idempotency key.
    Header names are lower case; the authorization is masked.
    """

    number: int
    time: float
    method: str
    path: str
    status: int | None
    system: str
    events: int
    refused: int
    wire_bytes: int
    decoded_bytes: int
    headers: Mapping[str, str]
    fault: str
    repeat: bool = False


class Event(Struct, frozen=True, kw_only=True):
    """Records one accepted event; `body` is the event as decoded.

    `number` counts accepted events from 1, `request` is the number of the request it came in,
    `received` that request's time (monotonic, seconds); the write key is masked.
    """

    number: int
    request: int
    message_id: str
    type: str
    system: str
    write_key: str
    received: float
    body: dict[str, Any]


class Summary(Struct, frozen=True, kw_only=True):
    """Counts everything since the start or the last `clear`.

    `duplicates` counts accepted events whose id their system had accepted before, `repeats` the
    requests that were answered again by their idempotency key and took nothing.
    `by_status` uses the status as text, and "none" where the connection broke first.
    `uncounted_ids` is how many accepted events came after `KEEP_IDS` different ids were seen and
    bring an id that is not among those: for them duplicates are not known.
    """

    requests: int
    accepted: int
    refused: int
    duplicates: int
    repeats: int
    uncounted_ids: int
    by_type: dict[str, int]
    by_status: dict[str, int]
    by_system: dict[str, int]
    wire_bytes: int
    decoded_bytes: int


def masked(key: str) -> str:
    """Return *key* with all but its first three characters hidden; short keys entirely."""
    return key[:3] + "***" if len(key) >= 8 else "***"


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Copy *headers* with lower-case names and without the authorization's value."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "authorization" in lower:
        lower["authorization"] = lower["authorization"].partition(" ")[0] + " ***"
    return lower


class Ledger:
    """Keeps requests and events, of *keep_events* at most."""

    def __init__(self, *, keep_events: int) -> None:
        self._keep_events = keep_events
        self.clear()

    def clear(self) -> None:
        """Forget everything; numbers start anew."""
        # This is all that changes, and only note() and clear() change it.
        self.requests: list[Received] = []
        self.events: list[Event] = []
        self._ids: dict[str, Counter[str]] = {}
        self._types: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._systems: Counter[str] = Counter()
        self._accepted = self._refused = self._duplicates = self._uncounted = 0
        self._repeats = self._different_ids = 0
        self._wire_bytes = self._decoded_bytes = self._requests = 0

    @property
    def next_request(self) -> int:
        """Return the number of the request that is noted next."""
        return self._requests + 1

    def ids(self, system: str | None = None) -> Counter[str]:
        """Count every accepted id of *system*, of all together without one."""
        if system is not None:
            return self._ids.get(system, Counter[str]()).copy()
        every: Counter[str] = Counter()
        for ids in self._ids.values():
            every.update(ids)
        return every

    def note(self, received: Received, answer: Answer) -> None:
        """Record a request, and the events that *answer* took."""
        self._requests = received.number
        self._statuses["none" if received.status is None else str(received.status)] += 1
        self._wire_bytes += received.wire_bytes
        self._decoded_bytes += received.decoded_bytes
        self._refused += received.refused
        self._repeats += received.repeat
        _append(self.requests, [received], KEEP_REQUESTS)
        if received.events:
            self._note_events(received, answer)

    def _note_events(self, received: Received, answer: Answer) -> None:
        key = masked(answer.write_key)
        ids = self._ids.setdefault(answer.system, Counter())
        self._systems[answer.system] += len(answer.accepted)
        rows: list[Event] = []
        for taken in answer.accepted:
            self._accepted += 1
            row = Event(
                number=self._accepted,
                request=received.number,
                message_id=taken.message_id,
                type=taken.type,
                system=answer.system,
                write_key=key,
                received=received.time,
                body=taken.body,
            )
            self._count(row, ids)
            rows.append(row)
        _append(self.events, rows, self._keep_events)

    def _count(self, row: Event, ids: Counter[str]) -> None:
        types = self._types
        known = row.type in types or len(types) < _KEEP_NAMES
        types[row.type if known else "(other)"] += 1
        if row.message_id in ids:
            ids[row.message_id] += 1
            self._duplicates += 1
        elif self._different_ids < KEEP_IDS:
            ids[row.message_id] = 1
            self._different_ids += 1
        else:
            self._uncounted += 1

    def summary(self) -> Summary:
        """Return the counts as they stand."""
        return Summary(
            requests=self._requests,
            accepted=self._accepted,
            refused=self._refused,
            duplicates=self._duplicates,
            repeats=self._repeats,
            uncounted_ids=self._uncounted,
            by_type=dict(self._types),
            by_status=dict(self._statuses),
            by_system=dict(self._systems),
            wire_bytes=self._wire_bytes,
            decoded_bytes=self._decoded_bytes,
        )


def _append(kept: list[_T], more: Sequence[_T], limit: int) -> None:
    kept.extend(more)
    if len(kept) > limit:
        del kept[: max(len(kept) - limit, limit // 8)]
