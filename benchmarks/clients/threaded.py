"""What the two peers have in common: a client with a queue, and a thread that empties it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from benchmarks.clients.task import Figures, Stopwatch, Task
from benchmarks.workload import calls


class Client(Protocol):
    """What is used of a peer."""

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


class Failures:
    """Collect what a peer's thread reports."""

    def __init__(self) -> None:
        self.seen: list[object] = []  # this is all that changes

    def __call__(self, error: object, _batch: object) -> None:
        """Take one report."""
        self.seen.append(error)


def deliver(task: Task, make: Callable[[Failures], Client]) -> Figures:
    """Send the workload and return what it took.

    Raises:
        RuntimeError: The peer reported a failure.
    """
    todo = list(calls(task.data, task.events))
    failures = Failures()
    watch = Stopwatch()
    client = make(failures)
    watch.start()
    for user_id, event, properties, context in todo:
        client.track(user_id, event, properties, context)
    watch.called()
    client.flush()
    client.join()
    figures = watch.stop()
    if failures.seen:
        raise RuntimeError(f"the client reported {failures.seen[0]!r}")
    return figures
