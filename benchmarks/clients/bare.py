"""Nobody: a program without an SDK, to see what its loop costs and how late it is by itself."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.clients.client import drive
from benchmarks.clients.task import Task
from benchmarks.workload import Call


class Bare:
    """Make no calls."""

    def __init__(self, _task: Task) -> None:
        pass

    async def open(self) -> None:
        """There is nothing to start."""

    def send(self, todo: Iterable[Call]) -> None:
        """Look at the calls and do nothing."""
        for _ in todo:
            pass

    async def close(self) -> None:
        """There is nothing to deliver."""


if __name__ == "__main__":
    drive(Bare)
