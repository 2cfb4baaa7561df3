"""Hold: calls against a server that never answers; what the process grows by."""

from __future__ import annotations

import asyncio
import ctypes
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

#: Seconds before the first look.
_START = 0.5

_STATUS = Path("/proc/self/status")


class Figures(Struct, frozen=True):
    """What the process grew by, in bytes.

    Attributes:
        called: Right after the last call.
        backlog: When it had stood still for a while, without what is free: the C library was told to
            give that back.
        peak: At most, in all that time.
    """

    called: int
    backlog: int
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
    _return_what_is_free()
    before = resident("VmRSS")
    await _send(client, todo[WARM_UP:], task.turns)
    called = resident("VmRSS")
    await asyncio.sleep(task.quiet)
    _return_what_is_free()
    backlog = resident("VmRSS")
    peak = resident("VmHWM")
    grown = (moment - before for moment in (called, backlog, peak))
    answer(Figures(*grown))
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


def _return_what_is_free() -> None:
    """Have the C library give back to the system what was freed, if it can."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident(what: str) -> int:
    """Return how much memory the process has, in bytes, garbage collected."""
    gc.collect()
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not tell {what}")
