"""What a server knows of earlier requests: answers by idempotency key, joined ids, persons.

Bounded: the oldest leave. The ledger counts; this is what answers depend on.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

import msgspec

from asyncsdk.collector.answers import Answer
from asyncsdk.collector.persons import Persons

KEEP_ANSWERS = 10_000
KEEP_JOINS = 100_000
_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Memory:
    """Holds the first answer to each idempotency key, and the user that each id was joined to."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        # This is all that changes, and only note() and clear() change it.
        self._answers: dict[str, Answer] = {}
        self._joins: dict[str, str] = {}
        self.persons: Persons = Persons()

    def answer_to(self, key: str) -> Answer | None:
        """Return the first answer to *key* as a repeat, which takes nothing; None if it is new."""
        return self._answers.get(key)

    def joined_to(self, some_id: str) -> str:
        """Return the user that *some_id* was joined to, empty if to none."""
        return self._joins.get(some_id, "")

    def note(self, answer: Answer) -> None:
        """Learn from an answer whose events were taken."""
        if answer.keep_as:
            again = msgspec.structs.replace(
                answer, accepted=(), refused=0, joins={}, learns=(), keep_as="", repeat=True
            )
            _remember(self._answers, {answer.keep_as: again}, KEEP_ANSWERS)
        self.persons.learn(answer.learns)
        if answer.joins:
            _remember(self._joins, answer.joins, KEEP_JOINS)


def _remember(known: dict[_K, _V], more: Mapping[_K, _V], limit: int) -> None:
    known.update(more)
    while len(known) > limit:
        del known[next(iter(known))]
