"""posthog's client for asyncio, with its default options."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from posthog import AsyncPosthog  # pyright: ignore[reportMissingImports]

from benchmarks.peers.programs.task import KEY, USER, Client, Task


class Tasks:
    """A client."""

    def __init__(self, task: Task) -> None:
        host = f"http://127.0.0.1:{task.port}"
        self._client = AsyncPosthog(KEY, host=host, max_queue_size=task.queue or 10_000)

    def say(
        self, event: str, properties: dict[str, Any], timestamp: datetime | None = None
    ) -> object:
        """Track one event."""
        return self._client.capture(
            event, distinct_id=USER, properties=properties, timestamp=timestamp
        )

    async def flush(self) -> None:
        """Deliver what waits."""
        await self._client.flush()

    async def shutdown(self) -> None:
        """Deliver what waits, and end."""
        await self._client.shutdown()

    def tells(self, returned: object) -> str:
        """Look for the id."""
        return "None" if returned is None else ""


def make(task: Task) -> Client:
    """Return a client for *task*."""
    return Tasks(task)
