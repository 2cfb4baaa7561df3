"""Hold: calls against a server that never answers; what the process grows by."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from benchmarks.clients.client import Client, Make
from benchmarks.clients.task import Task, answer
from benchmarks.workload import Call, calls

#: Calls before the first look: the request that is never answered is under way by then.
WARM_UP = 1_000

#: Seconds in which a client can put what it holds in order.
_QUIET = 1.0

_STATUS = Path("/proc/self/status")


class Figures(Struct, frozen=True, kw_only=True):
    """What the process grew by, in bytes.

    Attributes:
        called: Right after the last call.
        settled: A second later.
        peak: At most, in all that time.
    """

    called: int
    settled: int
    peak: int


def can_look() -> bool:
    """Return whether this system tells a process what memory it has."""
    return _STATUS.exists()


async def play(make: Make, task: Task) -> NoReturn:
    """Make the calls, print what it took, and end at once: nothing can be delivered here."""
    todo = list(calls(task.data, WARM_UP + task.events))
    client = make(task)
    await client.open()
    await _send(client, todo[:WARM_UP], task.turns)
    await asyncio.sleep(_QUIET)
    before = _resident("VmRSS")
    await _send(client, todo[WARM_UP:], task.turns)
    called = _resident("VmRSS")
    await asyncio.sleep(_QUIET)
    settled = _resident("VmRSS")
    peak = _resident("VmHWM")
    answer(Figures(called=called - before, settled=settled - before, peak=peak - before))
    sys.stdout.flush()
    os._exit(0)


async def _send(client: Client, todo: Sequence[Call], turns: int) -> None:
    step = turns or len(todo)
    for place in range(0, len(todo), step):
        waiting = client.send(todo[place : place + step])
        if waiting is not None:
            await waiting
        if turns:
            await asyncio.sleep(0)


def _resident(what: str) -> int:
    gc.collect()
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not tell {what}")
