"""Running: programs of contenders as child processes, each with its interpreter and its core."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from benchmarks.clients.task import Task
from benchmarks.environments import python_of
from benchmarks.lineup import Contender
from benchmarks.machine import ROOT
from benchmarks.sink import Counts

#: Seconds for one run of one client.
_LIMIT = 600

# The peers read the proxy settings of the environment on each request; there is none here.
_NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}

# With it every import would compile its module anew.
_NOT_FOR_CHILDREN = {"PYTHONDONTWRITEBYTECODE"}

_Figures = TypeVar("_Figures", bound=Struct)


class LossError(Exception):
    """A client did not deliver each event exactly once: its figures mean nothing."""


class Scene(Struct, frozen=True, kw_only=True):
    """What a scenario is measured with.

    Attributes:
        events: Calls of one run of ours in the burst; other scenarios scale with it.
        rounds: How often everybody runs.
        seconds: How long a run at a steady rate lasts.
        peers: Whether the peers take part.
        cores: The cores of clients and of sinks; None where they run on any.
        say: Hears of each run at once.
    """

    events: int
    rounds: int
    seconds: float
    peers: bool
    cores: tuple[int | None, int | None]
    say: Callable[[str], None]

    def cast(self, contenders: Sequence[Contender]) -> list[Contender]:
        """Return those of *contenders* that take part."""
        return [one for one in contenders if self.peers or not one.peer]


def two_cores() -> tuple[int | None, int | None]:
    """Return a core for clients and another one for sinks, if there are two to choose from."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    return (cores[1], cores[0]) if len(cores) > 1 else (None, None)


def run(one: Contender, task: Task, kind: type[_Figures]) -> _Figures:
    """Let *one* do *task*, and return the figures that it printed.

    Raises:
        RuntimeError: It ended with an error.
    """
    own = structs.replace(task, batch=one.batch or task.batch, awaited=one.awaited, fast=one.fast)
    said = child(interpreter(one), "-m", one.module, msgspec.json.encode(own).decode())
    return msgspec.json.decode(said, type=kind)


def interpreter(one: Contender) -> str:
    """Return the Python that *one* runs with; makes a peer's environment if there is none."""
    return str(python_of(one.name)) if one.peer else sys.executable


def child(*command: str) -> str:
    """Run *command* where `benchmarks` can be imported, and return what it printed.

    Raises:
        RuntimeError: It ended with an error.
    """
    done = subprocess.run(  # noqa: S603 - programs of ours
        command,
        cwd=ROOT,
        env=_surroundings(),
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"a client ended with code {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def _surroundings() -> dict[str, str]:
    """Return the environment of a child: no proxies, and modules compiled once, as installed."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
    return {**kept, **_NO_PROXY}


def check(counts: Counts, calls: int, whose: str) -> None:
    """See that each of *calls* events arrived exactly once.

    Raises:
        LossError: It is not so.
    """
    if not counts.events == counts.distinct == calls:
        raise LossError(
            f"{whose}: {calls} calls, {counts.events} events arrived, "
            f"{counts.distinct} of them different; {counts.astray} requests went astray"
        )
