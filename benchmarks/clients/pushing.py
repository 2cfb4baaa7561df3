"""This SDK, given walkerOS events and a mapping of 20 rules; every event leads to one `track`."""

from __future__ import annotations

import gc
from collections.abc import Iterable

from asyncsdk.mapping import Mapping
from benchmarks.clients.client import drive
from benchmarks.clients.ours import Ours, make_analytics
from benchmarks.clients.task import Task
from benchmarks.shop import CONFIG, events
from benchmarks.workload import Call


class Pushing(Ours):
    """`push` of events that were made beforehand."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._events = list(events(task.events))
        gc.freeze()  # the workload is not this client's to look through
        self._analytics = make_analytics(task, Mapping(CONFIG))

    def send(self, todo: Iterable[Call]) -> None:  # noqa: ARG002 - it has its own
        """Push all events in a row."""
        push = self._analytics.push
        for event in self._events:
            push(event)


if __name__ == "__main__":
    drive(Pushing)
