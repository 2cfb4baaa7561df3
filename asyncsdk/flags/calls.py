"""What one call brings to an evaluation, as far as a flag needs more than an id and properties."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from asyncsdk.flags.outcomes import Evaluation

Properties: TypeAlias = Mapping[str, object]
Groups: TypeAlias = Mapping[str, object]

NOTHING: Properties = {}
NO_GROUPS: Mapping[str, Properties] = {}

#: Filters that one call may look at in the flags it depends on: about 2 ms.
_MOST_FILTERS = 5_000


def current() -> datetime:
    """Read the clock; the only place in these rooms that does."""
    return datetime.now(UTC)


class Call:
    """The context of one evaluation, shared with the flags that the flag depends on.

    Attributes:
        subject: Whose flags, as UTF-8.
        known: What was found out of the flags that this one depends on. None means that there is no
            definition, which is noticed once: after that only the referenced flag counts.
        settled: What holds for all flags of the call: nothing about it was in doubt.
        doubts: How often something was.
    """

    __slots__ = (
        "_nested", "_now", "budget", "depth", "device_id", "doubts", "group_properties", "groups",
        "known", "settled", "subject",
    )  # fmt: skip

    def __init__(
        self,
        subject: bytes,
        device_id: str | None,
        groups: Groups,
        group_properties: Mapping[str, Properties],
        now: datetime | None,
    ) -> None:
        self.subject: bytes = subject
        self.device_id: str | None = device_id
        self.groups: Groups = groups
        self.group_properties: Mapping[str, Properties] = group_properties
        # This is all that changes.
        self.known: dict[str, Evaluation | None] = {}
        self.settled: dict[str, Evaluation] = {}
        self.doubts: int = 0
        self.depth: int = 0
        self.budget: int = _MOST_FILTERS
        self._now = now
        self._nested: Call | None = None

    @property
    def now(self) -> datetime:
        """The moment of the call; read from the clock when it is first asked for."""
        if self._now is None:
            self._now = current()
        elif self._now.tzinfo is None:
            self._now = self._now.replace(tzinfo=UTC)
        return self._now

    def without_groups(self) -> Call:
        """Return the context in which dependencies are evaluated: they see no groups."""
        nested = self._nested
        if nested is None:
            nested = Call(self.subject, self.device_id, NOTHING, NO_GROUPS, self._now)
            nested.known = self.known
            nested.settled = self.settled
            nested._nested = nested
            self._nested = nested
        return nested

    def of(self, subject: bytes) -> Call:
        """Return the same call for another *subject*, with nothing found out of it."""
        return Call(subject, self.device_id, self.groups, self.group_properties, self._now)

    def again(self) -> Call:
        """Return the same call for another flag; what is settled stays so."""
        call = self.of(self.subject)
        call.settled = self.settled
        return call
