"""Task: what a client is asked, the clocks it is measured by, and what it answers."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

#: The key that the sink does not look at.
KEY = "benchmark"


class Task(Struct, frozen=True, kw_only=True):
    """One run of one client.

    Attributes:
        port: Where the sink listens on the loopback.
        data: The name of the data set.
        events: How many `track` calls to make.
        batch: Most events of one request; None leaves that to the client.
        awaited: Whether each call is awaited, where a client has that.
    """

    port: int
    data: str
    events: int
    batch: int | None = None
    awaited: bool = False


class Figures(Struct, frozen=True, kw_only=True):
    """What a client measured of itself, in seconds.

    Attributes:
        start_cpu: CPU of making and starting the client, late imports included.
        cpu: CPU of the whole process from the first call until everything was delivered.
        wall: Time on the clock from the first call until everything was delivered.
        track_cpu: CPU of the calling thread for all calls; None where that has no meaning.
    """

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
        self._wall = self._cpu = self._thread = 0.0
        self._track_cpu: float | None = None

    def start(self) -> None:
        """Begin: the client is ready, the next thing is the first call."""
        self._start_cpu = time.process_time() - self._made
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()
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
            start_cpu=self._start_cpu,
            cpu=time.process_time() - self._cpu,
            wall=time.perf_counter() - self._wall,
            track_cpu=self._track_cpu,
        )


def answer(run: Callable[[Task], Figures]) -> None:
    """Be the program: do the task of the command line and print one line of JSON."""
    task = msgspec.json.decode(sys.argv[1], type=Task)
    sys.stdout.write(msgspec.json.encode(run(task)).decode() + "\n")
