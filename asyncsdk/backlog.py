"""Backlog: the sealed chunks that wait for the lane, in an asyncio.Queue.

    waiting ──(nothing was taken for a second)──▶ folded ──(the lane takes it)──▶ unfolded

In an outage the backlog is all the memory that a client needs, so what stands still is compressed:
to a sixth and less. It is done chunk by chunk, large ones stretch by stretch: each a step of the
loop that takes some ten microseconds, and never half a millisecond. Not before something stands
still, for what flows is merged as it is.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise

from asyncsdk.receipts import Fates
from asyncsdk.seams import DeadLetter, Room
from asyncsdk.wire.folding import MOST_OF_A_SAMPLE, Fold, find_fold, unfold

#: Seconds between looks at whether anything has moved.
_LOOK = 1.0
#: Chunks that are folded already and are passed by in one step of the loop.
_PASSED_AT_ONCE = 500


class Chunk:
    """Events sealed together; without a key they may still merge with their neighbours."""

    __slots__ = (
        "_folded",
        "_leaving",
        "events",
        "fates",
        "full_at",
        "key",
        "letters",
        "most_bytes",
        "opened",
        "overhead",
        "route",
        "size",
    )

    def __init__(
        self, route: str, opened: float, room: Room, *, full_at: int = 0, key: str = ""
    ) -> None:
        self.route: str = route
        self.key: str = key  # of a batch that comes back; it merges with nobody
        self.letters: Sequence[DeadLetter] = ()  # that it was, if it comes back
        self.opened: float = opened  # seconds of the loop's clock
        # A chunk never outgrows one request.
        self.overhead: int = room.event_overhead  # bytes that each event costs beside its own
        self.most_bytes: int = room.bytes
        self.full_at: int = full_at  # events that seal it
        self.events: list[bytes] = []  # those that are not folded
        self.size: int = 0  # bytes of all events alone
        self.fates: Fates = Fates()
        # Those before them: stretches, the sample beside which each was folded, and where each event
        # ends in it; None: an event as it is.
        self._folded: list[tuple[bytes, bytes, array[int] | None]] = []
        self._leaving = False  # what is being unfolded is not folded again

    def sample(self) -> bytes:
        """Return some of the events that are not folded, run together: they are like those to come."""
        enough = bisect_right(list(accumulate(map(len, self.events))), MOST_OF_A_SAMPLE) + 1
        return b"".join(self.events[:enough])[:MOST_OF_A_SAMPLE]

    def fold(self, sample: bytes = b"") -> bool:
        """Compress the first events that are not folded; return whether there were any.

        No more of them than one step of the loop may take; a larger one stays as it is.
        """
        if self._leaving or not self.events:
            return False
        fold, at_once = _press()
        ends = list(accumulate(map(len, self.events)))
        count = bisect_right(ends, at_once)
        if count:
            folded = fold(b"".join(self.events[:count]), sample)
            self._folded.append((folded, sample, array("I", ends[:count])))
        else:
            self._folded.append((self.events[0], b"", None))
        del self.events[: count or 1]
        return True

    def unfold_last(self) -> bool:
        """Put the last stretch back before the events; return whether there was one."""
        self._leaving = True
        if not self._folded:
            return False
        data, sample, ends = self._folded.pop()
        if ends is None:
            self.events.insert(0, data)
        else:
            data = unfold(data, sample)
            self.events[:0] = [data[start:end] for start, end in pairwise((0, *ends))]
        return True

    def unfold(self) -> list[bytes]:
        """Return the events, which this chunk then has no more."""
        while self.unfold_last():
            pass
        events, self.events = self.events, []
        return events


@cache
def _press() -> tuple[Fold, int]:
    return find_fold()


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
        self._sample = b""  # of what is folded
        self._timer: asyncio.TimerHandle | None = None
        self.events: int = 0  # that wait
        self.size: int = 0  # bytes of theirs
        self._put_in = 0  # chunks that ever came
        self._taken = 0  # of these, how many are gone
        self._urged = 0  # the last one, by number, for which somebody waits

    def _get(self) -> Chunk:
        chunk = self._queue.popleft()
        self._taken += 1
        self.events -= chunk.fates.size
        self.size -= chunk.size
        return chunk

    def urge(self) -> None:
        """Say that somebody waits for what is here now."""
        self._urged = self._put_in

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for the chunk that was taken last, or for one that came later."""
        return self._taken <= self._urged

    def _put(self, item: Chunk) -> None:
        self._queue.append(item)
        self._put_in += 1
        self.events += item.fates.size
        self.size += item.size
        if self._loop is None:
            return
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK, self._look, self._loop)
        elif self._stands_still:
            self._loop.call_soon(self._fold_next, self._loop, deque((item,)))

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fold what waits if what is first now was first at the last look as well."""
        head = self._queue[0] if self._queue else None
        self._stands_still = head is not None and head is self._head
        self._head = head
        if head is None:
            self._sample = b""
        if self._stands_still:
            self._fold_next(loop, self._queue.copy())
        self._timer = None if head is None else loop.call_later(_LOOK, self._look, loop)

    def _fold_next(self, loop: asyncio.AbstractEventLoop, chunks: deque[Chunk]) -> None:
        """Fold one stretch in this step of the loop, and the others in the steps that follow."""
        for _ in range(min(len(chunks), _PASSED_AT_ONCE)):
            self._sample = self._sample or chunks[0].sample()
            if chunks[0].fold(self._sample):
                break
            chunks.popleft()
        if chunks:
            loop.call_soon(self._fold_next, loop, chunks)

    def ahead(self, size: int) -> Iterator[Chunk]:
        """Iterate over the first chunks, as they are now, that hold *size* bytes together."""
        for chunk in tuple(self._queue):
            if size <= 0:
                return
            size -= chunk.size
            yield chunk

    def close(self) -> None:
        """Look no more: the loop is ending, or another backlog takes over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop = None
