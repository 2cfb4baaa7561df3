"""Hold: calls against a server that never answers; what the process grows by."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct

from benchmarks.clients.client import Client, Make
from benchmarks.clients.task import Task, answer
from benchmarks.workload import Call, calls

#: Calls before the first look: the request that is never answered is under way by then.
WARM_UP = 1_000

#: Seconds before the first look, and in which a client can put what it holds in order.
_START, _QUIET = 0.5, 1.0

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
    todo = [msgspec.json.encode(call) for call in calls(task.data, WARM_UP + task.events)]
    client = make(task)
    await client.open()
    await _send(client, todo[:WARM_UP], task.turns)
    await asyncio.sleep(_START)
    before = resident("VmRSS")
    await _send(client, todo[WARM_UP:], task.turns)
    called = resident("VmRSS")
    await asyncio.sleep(_QUIET)
    settled = resident("VmRSS")
    peak = resident("VmHWM")
    answer(Figures(called=called - before, settled=settled - before, peak=peak - before))
    sys.stdout.flush()
    os._exit(0)


async def _send(client: Client, todo: Sequence[bytes], turns: int) -> None:
    """Make the calls, each with dicts and texts of its own, as a handler makes them."""
    step = turns or len(todo)
    for place in range(0, len(todo), step):
        part = todo[place : place + step]
        waiting = client.send(msgspec.json.decode(call, type=Call) for call in part)
        if waiting is not None:
            await waiting
        if turns:
            await asyncio.sleep(0)


def resident(what: str) -> int:
    """Return how much memory the process has, in bytes, garbage collected."""
    gc.collect()
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not tell {what}")
