"""Client: what every play needs of an SDK, and the program around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from typing import Protocol

from benchmarks.clients.task import Task, answer, read
from benchmarks.workload import Call


class Client(Protocol):
    """One SDK, used as its documentation says."""

    async def open(self) -> None:
        """Make and start it, up to where calls can be made."""
        ...

    def send(self, todo: Iterable[Call]) -> Awaitable[None] | None:
        """Make the calls *todo*; what is returned must be awaited, if anything is."""
        ...

    async def close(self) -> None:
        """Deliver what waits, and end.

        Raises:
            RuntimeError: It reported that something was not delivered.
        """
        ...


class Failures:
    """Collect what an SDK reports from the background."""

    def __init__(self) -> None:
        self._seen: list[object] = []  # this is all that changes

    def __call__(self, error: object, _batch: object) -> None:
        """Take one report."""
        self._seen.append(error)

    def check(self) -> None:
        """See that nothing was reported.

        Raises:
            RuntimeError: Something was.
        """
        if self._seen:
            raise RuntimeError(f"the client reported {self._seen[0]!r}")


Make = Callable[[Task], Client]


def drive(make: Make) -> None:
    """Be the program of a client: play what the command line says and print the figures."""
    task = read()
    play = import_module(f"benchmarks.plays.{task.play}").play
    with asyncio.Runner(loop_factory=_loop_factory(task)) as runner:
        answer(runner.run(play(make, task)))


def _loop_factory(task: Task) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if not task.fast:
        return None
    try:
        import uvloop
    except ImportError:  # it is not made for every system
        return None
    return uvloop.new_event_loop
