"""What rudder-sdk-python and segment-analytics-python share: a queue, and a thread that empties it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from benchmarks.clients.client import Failures
from benchmarks.clients.task import KEY, Task
from benchmarks.workload import Call


class Peer(Protocol):
    """What is used of such a client."""

    def track(
        self, user_id: str, event: str, properties: dict[str, Any], context: dict[str, Any]
    ) -> object:
        """Queue one event."""
        ...

    def flush(self) -> None:
        """Wait until the queue is empty."""
        ...

    def join(self) -> None:
        """End the thread."""
        ...


class Threaded:
    """Gzip on, a queue that holds the whole burst, their own 100 events a request."""

    def __init__(self, task: Task, make: Callable[..., Peer]) -> None:
        self._failures = Failures()
        self._peer = make(
            KEY,
            host=task.url,
            gzip=True,
            max_queue_size=task.events + 1,
            upload_size=task.batch or 100,
            on_error=self._failures,
        )

    async def open(self) -> None:
        """It has started already."""

    def send(self, todo: Iterable[Call]) -> None:
        """Make the calls."""
        track = self._peer.track
        for user_id, event, properties, context in todo:
            track(user_id, event, properties, context)

    async def close(self) -> None:
        """Flush and join, as the atexit hook of such a client does; both block."""
        self._peer.flush()
        self._peer.join()
        self._failures.check()
