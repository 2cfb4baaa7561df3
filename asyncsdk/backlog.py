"""Backlog: the sealed chunks that wait for the lane, in an asyncio.Queue.

    waiting ──(nothing was taken for a second)──▶ folded ──(the lane takes it)──▶ unfolded

In an outage the backlog is all the memory that a client needs, so what stands still is compressed:
to a fifth and less. It is done chunk by chunk, each a step of the loop that takes some ten
microseconds; and not before something stands still, for what flows is merged as it is.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Iterator
from itertools import accumulate, pairwise

from asyncsdk.receipts import Fates
from asyncsdk.wire.gzip import find_gzip, gunzip

#: Seconds between looks at whether anything has moved.
_LOOK = 1.0


class Chunk:
    """Events sealed together; without a key they may still merge with their neighbours."""

    __slots__ = (
        "_ends",
        "_folded",
        "events",
        "fates",
        "key",
        "opened",
        "overhead",
        "route",
        "size",
    )

    def __init__(self, route: str, opened: float, overhead: int, *, key: str = "") -> None:
        self.route: str = route
        self.key: str = key  # of a batch that comes back; it merges with nobody
        self.opened: float = opened  # seconds of the loop's clock
        self.overhead: int = overhead  # bytes that each event costs beside its own
        self.events: list[bytes] = []  # while it is not folded
        self.size: int = 0  # bytes of the events alone
        self.fates: Fates = Fates()
        self._folded: bytes | None = None
        self._ends: array[int] | None = None  # where each event ends in what was folded

    def fold(self) -> None:
        """Compress the events; nothing happens to a chunk that is folded, or was taken."""
        if self.events:
            self._ends = array("Q", accumulate(map(len, self.events)))
            self._folded = _gzip(b"".join(self.events))
            self.events = []

    def unfold(self) -> list[bytes]:
        """Return the events, which this chunk then has no more."""
        events, self.events = self.events, []
        if self._folded is not None and self._ends is not None:
            data = gunzip(self._folded)
            events = [data[start:end] for start, end in pairwise((0, *self._ends))]
            self._folded = self._ends = None
        return events


_gzip, _ = find_gzip()


class Backlog(asyncio.Queue[Chunk]):
    """The chunks that wait, first to last.

    Args:
        loop: Where it looks after them; None folds nothing.
    """

    _queue: deque[Chunk]

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__()
        self._loop = loop
        # This is all that changes, with the queue itself.
        self._head: Chunk | None = None  # what was first at the last look
        self._stands_still = False
        self._timer: asyncio.TimerHandle | None = None

    def _put(self, item: Chunk) -> None:
        self._queue.append(item)
        if self._loop is None:
            return
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK, self._look, self._loop)
        elif self._stands_still:
            self._loop.call_soon(item.fold)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fold what waits if what is first now was first at the last look as well."""
        head = self._queue[0] if self._queue else None
        self._stands_still = head is not None and head is self._head
        self._head = head
        if self._stands_still:
            self._fold_next(loop, iter(tuple(self._queue)))
        self._timer = None if head is None else loop.call_later(_LOOK, self._look, loop)

    def _fold_next(self, loop: asyncio.AbstractEventLoop, chunks: Iterator[Chunk]) -> None:
        """Fold one chunk in this step of the loop, and the others in the steps that follow."""
        for chunk in chunks:
            if chunk.events:
                chunk.fold()
                loop.call_soon(self._fold_next, loop, chunks)
                return

    def close(self) -> None:
        """Look no more: the loop is ending, or another backlog takes over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop = None
