"""Task: what a client's program is asked, where it runs, and how it answers."""

from __future__ import annotations

import os
import sys
from typing import Literal

import msgspec
from msgspec import Struct

#: The key that the sink does not look at.
KEY = "benchmark"

# What `[fast]` installs; hidden from a client that is to run without.
_EXTRAS = ("isal", "uvloop")


class Task(Struct, frozen=True, kw_only=True):
    """One run of one client.

    Attributes:
        play: What to do, by the name of a module in `benchmarks.plays`.
        port: Where the sink listens on the loopback.
        data: The name of the data set.
        events: How many `track` calls to make.
        batch: Most events of one request; None leaves that to the client.
        awaited: Whether each call is awaited, where a client has that.
        concurrency: Requests in flight, where a client has that; None leaves it to the client.
        flush_at: Events that seal a chunk, where a client has that; None leaves it to the client.
        fast: Whether what `[fast]` installs may be used.
        core: The core to run on; None for any.
        turns: Calls in a row, where the play makes them in parts; 0 for all.
        quiet: Seconds in which a client can put what it holds in order, where the play waits.
        rate: Calls in a second, where the play has a pace.
        seconds: How long it keeps that pace, where it has more to do than that.
        others: Where two more servers are, or nobody, where the play has several destinations.
        durability: What the client's store survives, where a client has one; empty for its default.
        redis: Where a Redis server is, if that is to be the store.
    """

    play: str
    port: int
    data: str
    events: int
    batch: int | None = None
    awaited: bool = False
    concurrency: int | None = None
    flush_at: int | None = None
    fast: bool = False
    core: int | None = None
    turns: int = 0
    quiet: float = 0.0
    rate: int = 0
    seconds: float = 0.0
    others: tuple[int, int] = (0, 0)
    durability: Literal["", "process", "power"] = ""
    redis: str = ""

    @property
    def url(self) -> str:
        """Where the sink is."""
        return f"http://127.0.0.1:{self.port}"


def read() -> Task:
    """Return the task of the command line, and make this process what it says."""
    task = msgspec.json.decode(sys.argv[1], type=Task)
    keep_to(task.core)
    if not task.fast:
        hide_extras()
    return task


def keep_to(core: int | None) -> None:
    """Run on *core* alone, where the system can do that."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def hide_extras() -> None:
    """Make what `[fast]` installs look as if it were not there."""
    for name in _EXTRAS:
        sys.modules[name] = None  # type: ignore[assignment]  # documented: importing it fails


def answer(figures: Struct) -> None:
    """Print *figures* as one line of JSON."""
    sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
