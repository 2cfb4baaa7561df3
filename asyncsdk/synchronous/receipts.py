"""Receipts for code without a loop: the same, with waits that block."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from asyncsdk.receipts import Outcome, Receipt, State

#: Awaits on the loop on which the client runs; the second is the timeout.
Line: TypeAlias = Callable[[Callable[[float | None], Awaitable[Outcome]], float | None], Outcome]


class SyncReceipt(Struct, frozen=True, eq=False, weakref=True):
    """Tell what became of one call; ``receipt.delivered()`` waits for the answer."""

    _receipt: Receipt
    _line: Line

    @property
    def message_id(self) -> str:
        """The event's id."""
        return self._receipt.message_id

    @property
    def state(self) -> State:
        """Where the event stands; over several destinations, the one that fares worst so far."""
        return self._receipt.state

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """How it fared, per destination."""
        return self._receipt.outcomes

    def delivered(self, timeout: float | None = None) -> Outcome:
        """Block until the event is settled everywhere and return how.

        Seals the open chunk instead of sitting out `flush_interval`.

        Args:
            timeout: Seconds to wait; None waits as long as it takes.

        Returns:
            The outcome; with several destinations, the one that fared worst.

        Raises:
            DeliveryError: A destination rejected it, gave it up, or it was dropped.
            TimeoutError: Not settled within *timeout*; the event stays queued.
            ConfigurationError: Called by a hook, on the client's own thread.
        """
        return self._line(self._receipt.delivered, timeout)

    def stored(self, timeout: float | None = None) -> Outcome:
        """Block until the event is in the client's store everywhere, or settled; return how it is.

        From then on it outlives what the store's `durability` says. A store that survives nothing
        never says so: then this waits for the end.

        Args:
            timeout: Seconds to wait; None waits as long as it takes.

        Returns:
            The outcome; with several destinations, the one that fared worst so far.

        Raises:
            DeliveryError: A destination rejected it, gave it up, or it was dropped.
            TimeoutError: Neither stored nor settled within *timeout*; the event stays queued.
            ConfigurationError: Called by a hook, on the client's own thread.
        """
        return self._line(self._receipt.stored, timeout)

    def __repr__(self) -> str:
        """Show the id and the state."""
        return repr(self._receipt).replace("<", "<Sync", 1)
