"""This SDK, making by hand the calls that a mapping makes of walkerOS events."""

from __future__ import annotations

import gc
from collections.abc import Iterable

from asyncsdk.mapping import Mapping, calls
from benchmarks.clients.client import drive
from benchmarks.clients.ours import Ours
from benchmarks.clients.task import Task
from benchmarks.shop import CONFIG, Tracked, events
from benchmarks.workload import Call


def tracked(count: int) -> list[Tracked]:
    """Return the arguments of the calls that *count* events lead to."""
    mapping = Mapping(CONFIG)
    memory = mapping.memory()
    return [
        Tracked(str(one.event), str(one.user_id), str(one.anonymous_id), one.properties)
        for event in events(count)
        for one in calls(event, mapping, memory)
    ]


class Tracking(Ours):
    """`track`, with arguments that were made beforehand."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._calls = tracked(task.events)
        gc.freeze()  # the workload is not this client's to look through

    def send(self, todo: Iterable[Call]) -> None:  # noqa: ARG002 - it has its own
        """Make all calls in a row."""
        track = self._analytics.track
        for event, user_id, anonymous_id, properties in self._calls:
            track(event, user_id=user_id, anonymous_id=anonymous_id, properties=properties)


if __name__ == "__main__":
    drive(Tracking)
