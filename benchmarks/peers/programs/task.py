"""Task: what a program is asked, what it tells, and what it needs of a client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

KEY = "peers-write-key"
USER = "user-1"

#: The line that a program says when it is about to do what it was asked.
READY = "ready"


class Task(Struct, frozen=True, kw_only=True):
    """One act of one client.

    Attributes:
        act: The function in `acting`.
        client: The module of the client.
        port: Where its server listens on the loopback, or nobody does.
        events: How many calls to make.
        queue: Most events that may wait; None leaves that to the client.
        queued: Whether an event waits when the process forks.
        signals: Whether the client is told to look after signals, if it can.
    """

    act: str
    client: str
    port: int
    events: int = 0
    queue: int | None = None
    queued: bool = False
    signals: bool = False


class Told(Struct, frozen=True, kw_only=True):
    """What a program found out about itself.

    Attributes:
        seconds: How long the thing that was asked for took.
        lines: Lines in the log.
        tells: What the last call returned, in a few words.
        hung: Processes that did not come to an end.
        raised: What calls raised, by the name of the value.
    """

    seconds: float = 0.0
    lines: int = 0
    tells: str = ""
    hung: int = 0
    raised: Mapping[str, str] = {}


class Client(Protocol):
    """What is done with a client. Those that block do so in the coroutine, as in a host's code."""

    def say(
        self, event: str, properties: dict[str, Any], timestamp: datetime | None = None
    ) -> object:
        """Track one event."""
        ...

    async def flush(self) -> None:
        """Deliver what waits."""
        ...

    async def shutdown(self) -> None:
        """Deliver what waits, and end."""
        ...

    def tells(self, returned: object) -> str:
        """Say what a call's result tells about a refused event; empty if nothing."""
        ...
