"""Batching: how much fits into one request. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from asyncsdk.options import LaneOptions
from asyncsdk.seams import Room, RouteLimits


def room_for(limits: RouteLimits, options: LaneOptions, *, wire_key: bool) -> Room:
    """Return what one request of a route may carry: the system's limits, the user's if lower.

    Args:
        limits: The system's.
        options: The lane's.
        wire_key: Whether a request must carry one batch only.
    """
    whole = min(limits.max_bytes, options.max_batch_bytes)
    return Room(
        events=min(limits.max_events, options.max_batch_events),
        bytes=max(whole - limits.body_overhead, 1),
        event_overhead=limits.event_overhead,
        batches=1 if wire_key else 1_000,
    )


def count_fitting(sizes: Iterable[tuple[int, int]], room: Room) -> int:
    """Return how many parts from the front fit into *room* together; at least one.

    Args:
        sizes: For each part, its events and the sum of their bytes.
        room: What may be carried.
    """
    events = size = fitting = 0
    for more_events, more_bytes in sizes:
        events += more_events
        size += more_bytes + more_events * room.event_overhead
        if fitting and (events > room.events or size > room.bytes):
            break
        fitting += 1
    return fitting
