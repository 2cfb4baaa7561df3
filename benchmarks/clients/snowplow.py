"""snowplow-tracker: the AsyncEmitter, which has a thread; no gzip, 100 events a request.

It is given a session of requests, so that it keeps its connection; by default it opens one for
each request, which is dearer.
"""

from __future__ import annotations

from collections.abc import Iterable

from requests import Session
from snowplow_tracker import (  # pyright: ignore[reportMissingImports]
    AsyncEmitter,
    SelfDescribing,
    SelfDescribingJson,
    Subject,
    Tracker,
)

from benchmarks.clients.client import Failures, drive
from benchmarks.clients.task import Task
from benchmarks.workload import Call

_EVENT = "iglu:com.example/track/jsonschema/1-0-0"
_CONTEXT = "iglu:com.example/context/jsonschema/1-0-0"


class Threaded:
    """`Tracker` and `AsyncEmitter` with a buffer that holds the whole burst."""

    def __init__(self, task: Task) -> None:
        self._failures = Failures()
        emitter = AsyncEmitter(
            "127.0.0.1",
            protocol="http",
            port=task.port,
            batch_size=task.batch or 100,
            buffer_capacity=max(task.events, 1_000) + 1,
            on_failure=self._failures,
            session=Session(),
        )
        self._tracker = Tracker("benchmark", emitter)

    async def open(self) -> None:
        """It has started its thread already."""

    def send(self, todo: Iterable[Call]) -> None:
        """Make the calls, each with its subject and its context."""
        track = self._tracker.track
        for user_id, event, properties, context in todo:
            track(
                SelfDescribing(
                    SelfDescribingJson(_EVENT, {"event": event, **properties}),
                    event_subject=Subject().set_user_id(user_id),
                    context=[SelfDescribingJson(_CONTEXT, context)],
                )
            )

    async def close(self) -> None:
        """Flush; that blocks until all was sent. Its threads are daemons."""
        self._tracker.flush()
        self._failures.check()


if __name__ == "__main__":
    drive(Threaded)
