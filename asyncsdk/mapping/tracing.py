"""Tracing: what is known and what goes wrong while one event is mapped."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

#: Values that the mapping of one event may take from elements of lists; about a millisecond of them.
MAX_LOOKS = 4_000


class Failure(Struct, frozen=True):
    """What an application's own function did, or that the event is too large.

    Attributes:
        place: Of it in the mapping, such as ``rules.order.complete.data.map.total.fn``.
        reason: What it raised: the error's type, never its text, which may hold event contents.
    """

    place: str
    reason: str


class Context(Struct, frozen=True):
    """What an application's function is told, besides the value.

    Attributes:
        event: The event, as the policies left it.
        consent: The consent that counts here.
        mapping: The value or rule that the function stands in, as it was written.
    """

    event: Any
    consent: Any
    mapping: Any


class TooMany(Exception):
    """The mapping of one event would take too many values from elements of lists."""


class Trace(Struct, gc=False):
    """Hold what changes while one event is mapped.

    Attributes:
        event: It.
        consent: What counts where the event has none.
        foreign: Whether what comes out may be no plain JSON.
        failures: What went wrong.
        left: Values that may still be taken from elements of lists.
    """

    event: Any
    consent: Any = None
    foreign: bool = False
    failures: list[Failure] | None = None
    left: int = MAX_LOOKS

    def spend(self, looks: int) -> None:
        """Take so many values from elements of lists.

        Raises:
            TooMany: They are more than one event may have.
        """
        self.left -= looks
        if self.left < 0:
            raise TooMany

    def fail(self, place: str, error: BaseException) -> None:
        """Note what a function raised."""
        if self.failures is None:
            self.failures = []
        self.failures.append(Failure(place, type(error).__name__))
