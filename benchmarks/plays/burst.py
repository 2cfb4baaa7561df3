"""Burst: all calls in a row, then everything is delivered and the client closed."""

from __future__ import annotations

import gc
import time

from msgspec import Struct

from benchmarks.clients.client import Make
from benchmarks.clients.task import Task
from benchmarks.workload import calls


class Figures(Struct, frozen=True, kw_only=True):
    """What a client measured of itself, in seconds.

    Attributes:
        began: When the first call was made, on the clock that all processes share.
        start_cpu: CPU of making and starting the client, late imports included.
        cpu: CPU of the whole process from the first call until the client was closed.
        wall: Time on the clock from the first call until the client was closed.
        track_cpu: CPU of the calling thread for all calls; None where calls deliver as well.
    """

    began: float
    start_cpu: float
    cpu: float
    wall: float
    track_cpu: float | None = None


class Stopwatch:
    """Measure one run: make it before the client is made, then `start`, `called`, `stop`."""

    def __init__(self) -> None:
        # This is all that changes.
        self._made = time.process_time()
        self._start_cpu = 0.0
        self._began = self._cpu = self._thread = 0.0
        self._track_cpu: float | None = None

    def start(self) -> None:
        """Begin: the client is ready, the next thing is the first call."""
        self._start_cpu = time.process_time() - self._made
        gc.collect()
        self._began, self._cpu = time.monotonic(), time.process_time()
        self._thread = time.thread_time()

    def called(self) -> None:
        """Note that the last call returned; what is left is delivery."""
        self._track_cpu = time.thread_time() - self._thread

    def count_calls(self, seconds: float) -> None:
        """Take *seconds* as the CPU of all calls, where calls and delivery take turns."""
        self._track_cpu = seconds

    def stop(self) -> Figures:
        """End: everything is delivered and the client is closed."""
        return Figures(
            began=self._began,
            start_cpu=self._start_cpu,
            cpu=time.process_time() - self._cpu,
            wall=time.monotonic() - self._began,
            track_cpu=self._track_cpu,
        )


async def play(make: Make, task: Task) -> Figures:
    """Send the workload and return what it took."""
    todo = list(calls(task.data, task.events))
    watch = Stopwatch()
    client = make(task)
    await client.open()
    watch.start()
    waiting = client.send(todo)
    if waiting is None:
        watch.called()
    else:
        await waiting
    await client.close()
    return watch.stop()
