"""Sampling: what this process holds at one moment, as the system and the interpreter count it."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

from msgspec import Struct

from asyncsdk import AsyncAnalytics

_STATM = Path("/proc/self/statm")
_DESCRIPTORS = Path("/proc/self/fd")


class Held(Struct, frozen=True, kw_only=True):
    """What a process holds besides memory; it should be the same before a client and after it."""

    descriptors: int
    tasks: int
    threads: int


class Sample(Struct, frozen=True, kw_only=True):
    """One look.

    Attributes:
        seconds: Since the first call.
        settled: Events with a final outcome.
        pending: Events without one.
        rss: Bytes of memory that the system counts for this process.
        objects: What the garbage collector looks after, once it has collected.
        held: Descriptors, tasks and threads.
    """

    seconds: float
    settled: int
    pending: int
    rss: int
    objects: int
    held: Held


def can_look() -> bool:
    """Say whether this system tells what a process holds."""
    return _STATM.exists() and _DESCRIPTORS.exists()


def look_held() -> Held:
    """Count what is held now; call it on the loop."""
    return Held(
        descriptors=sum(1 for _ in _DESCRIPTORS.iterdir()) - 1,  # less the one that looks
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
    )


def look(analytics: AsyncAnalytics, seconds: float) -> Sample:
    """Take a sample. Memory is read first: collecting would flatter it."""
    view = analytics.statistics()
    rss = int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    held = look_held()
    # What waits for the collector is no leak, and how much that is depends on the moment.
    gc.collect()
    return Sample(
        seconds=seconds,
        settled=view.delivered + view.rejected + view.dead + view.dropped,
        pending=view.pending,
        rss=rss,
        objects=len(gc.get_objects()),
        held=held,
    )
