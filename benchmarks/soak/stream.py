"""Stream: the events of a soak. Pure; the server's side knows the same rules.

An event carries who made it and the how manieth it is, so that the server can tick it off in a
few bytes. Sizes differ, because a heap that only ever sees one size does not fragment.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Any

from benchmarks.workload import Call, calls

TASKS = 8
THREADS = 2
PRODUCERS = TASKS + THREADS

#: One event of so many per producer is refused by the server, and the first one early.
POISON_EVERY = 20_000
POISON_AT = 100

#: Bytes added to an event, and to which share of them.
SIZES = ((0, 0.80), (800, 0.15), (4_000, 0.045), (30_000, 0.005))

_DRAWN = 997  # a prime: sizes and contents do not fall into step


def share(events: int, producer: int) -> int:
    """Return how many of *events* are this producer's."""
    return events // PRODUCERS + (producer < events % PRODUCERS)


def is_poisoned(number: int) -> bool:
    """Say whether a producer's event of this number is one that the server refuses."""
    return number % POISON_EVERY == POISON_AT


def poisoned(events: int) -> int:
    """Return how many of *events* the server refuses."""
    counts = (share(events, producer) for producer in range(PRODUCERS))
    return sum(max(0, -(-(count - POISON_AT) // POISON_EVERY)) for count in counts)


class Stream:
    """Make the events; all that it holds is made at the start."""

    def __init__(self) -> None:
        draw = Random(20261122)
        self._calls: list[Call] = list(calls("varied", _DRAWN))
        text = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz    ", k=2 * SIZES[-1][0]))
        limits = list(accumulate(part for _, part in SIZES))
        self._notes: list[str] = []
        for place in draw.choices(range(len(SIZES)), cum_weights=limits, k=_DRAWN + 10):
            size = SIZES[place][0]
            start = draw.randrange(SIZES[-1][0])
            self._notes.append(text[start : start + size])

    def arguments(self, producer: int, number: int) -> dict[str, Any]:
        """Return the arguments of a `track` call."""
        user_id, event, properties, context = self._calls[(producer * 101 + number) % _DRAWN]
        numbered: dict[str, Any] = {**properties, "producer": producer, "number": number}
        note = self._notes[(producer * 61 + number) % len(self._notes)]
        if note:
            numbered["note"] = note
        # A blank id passes the client, as it does the vendor's own; the gateway refuses it.
        return {
            "event": event,
            "user_id": " " if is_poisoned(number) else user_id,
            "properties": numbered,
            "context": context,
        }
