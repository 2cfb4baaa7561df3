"""segment-analytics-python, with its default options."""

from __future__ import annotations

from segment.analytics.client import Client as Peer

from benchmarks.peers.programs.queued import Queued
from benchmarks.peers.programs.task import KEY, Client, Task


def make(task: Task) -> Client:
    """Return a client for *task*."""
    return Queued(
        Peer(KEY, host=f"http://127.0.0.1:{task.port}", max_queue_size=task.queue or 10_000)
    )
