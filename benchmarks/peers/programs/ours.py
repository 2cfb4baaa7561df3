"""This SDK, with its default options."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from asyncsdk import AsyncAnalytics, Receipt, RudderStack, State
from asyncsdk.client.settings import Options
from benchmarks.peers.programs.task import KEY, USER, Client, Task


class Ours:
    """A client."""

    def __init__(self, task: Task) -> None:
        options: Options = {"handle_signals": task.signals}
        if task.queue is not None:
            options["max_queue_events"] = task.queue
        self._client = AsyncAnalytics(RudderStack(KEY, f"http://127.0.0.1:{task.port}"), **options)

    def say(
        self, event: str, properties: dict[str, Any], timestamp: datetime | None = None
    ) -> object:
        """Track one event."""
        return self._client.track(event, user_id=USER, properties=properties, timestamp=timestamp)

    async def flush(self) -> None:
        """Deliver what waits."""
        await self._client.flush()

    async def shutdown(self) -> None:
        """Deliver what waits, and end."""
        await self._client.shutdown()

    def tells(self, returned: object) -> str:
        """Look at the receipt."""
        dropped = isinstance(returned, Receipt) and returned.state is State.DROPPED
        return "receipt: dropped" if dropped else ""


def make(task: Task) -> Client:
    """Return a client for *task*."""
    return Ours(task)
