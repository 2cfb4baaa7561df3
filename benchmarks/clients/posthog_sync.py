"""posthog: the client with a thread; gzip on, its own 100 events a request."""

from __future__ import annotations

from collections.abc import Iterable

from posthog import Posthog  # pyright: ignore[reportMissingImports]

from benchmarks.clients.client import Failures, drive
from benchmarks.clients.task import KEY, Task
from benchmarks.workload import Call


class Threaded:
    """`Posthog` with a queue that holds the whole burst."""

    def __init__(self, task: Task) -> None:
        self._failures = Failures()
        self._client = Posthog(
            KEY,
            host=task.url,
            gzip=True,
            max_queue_size=task.events + 1,
            flush_at=task.batch or 100,
            on_error=self._failures,
        )

    async def open(self) -> None:
        """It starts its thread with the first call."""

    def send(self, todo: Iterable[Call]) -> None:
        """Make the calls; there is no context in this system, so it goes among the properties."""
        capture = self._client.capture
        for user_id, event, properties, context in todo:
            capture(event, distinct_id=user_id, properties={**properties, **context})

    async def close(self) -> None:
        """Shut down; that drains, and blocks."""
        self._client.shutdown()
        self._failures.check()


if __name__ == "__main__":
    drive(Threaded)
