"""Batching: how much fits into one request. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from asyncsdk.options import LaneOptions
from asyncsdk.seams import Room, RouteLimits

#: Seconds from one batch to the next, unless that one is full or somebody waits for it. The vendors'
#: SDKs for Python gather for half a second.
GATHERING = 0.2


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


def gathering(options: LaneOptions) -> float:
    """Return the seconds between batches that are not full; no more than events may wait anyhow."""
    return min(GATHERING, options.flush_interval or GATHERING)


def is_plenty(events: int, size: int, room: Room, options: LaneOptions) -> bool:
    """Say whether what waits need not gather: it fills a request, or a quarter of the queue.

    Args:
        events: How many wait.
        size: The sum of their bytes.
        room: What one request may carry.
        options: The lane's.
    """
    return (
        events >= min(room.events, options.max_queue_events // 4)
        or size + events * room.event_overhead >= room.bytes
        or size >= options.max_queue_bytes // 4
    )
