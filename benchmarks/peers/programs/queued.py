"""What two of the peers have in common: their calls are the same, and they block."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from benchmarks.peers.programs.task import USER


class Peer(Protocol):
    """What is used of them."""

    def track(
        self, user_id: str, event: str, properties: dict[str, Any], *, timestamp: datetime | None
    ) -> object:
        """Queue one event."""
        ...

    def flush(self) -> None:
        """Wait until the queue is empty."""
        ...

    def shutdown(self) -> None:
        """Wait until the queue is empty, and end the thread."""
        ...


class Queued:
    """A client with a queue and a thread."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def say(
        self, event: str, properties: dict[str, Any], timestamp: datetime | None = None
    ) -> object:
        """Track one event."""
        return self._peer.track(USER, event, properties, timestamp=timestamp)

    async def flush(self) -> None:
        """Deliver what waits."""
        self._peer.flush()

    async def shutdown(self) -> None:
        """Deliver what waits, and end."""
        self._peer.shutdown()

    def tells(self, returned: object) -> str:
        """Look at the first of the two things that a call returns."""
        return "False" if isinstance(returned, tuple) and returned[0] is False else ""
