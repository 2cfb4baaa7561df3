"""Intake: the door of a lane, where events are accepted or refused at once.

    admit ──▶ open chunk ──(flush_at events, max_batch_bytes, or flush_interval)──▶ asyncio.Queue

The loop that runs the lane owns the door: it alone changes the chunk and the counts. Calls from
other threads, and calls before a loop is known, leave their event on a deque, with one wake-up
for all that lie there; the owner admits them before anything of its own, so the calls of one
thread keep their order. What is accepted counts against the bounds until it is settled: waiting,
in flight and resting alike.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from asyncsdk.backlog import Backlog, Chunk
from asyncsdk.batching import is_plenty
from asyncsdk.ledger import Ledger
from asyncsdk.options import LaneOptions
from asyncsdk.outside import Bell
from asyncsdk.receipts import Fates, Outcome, Place, dropped
from asyncsdk.seams import DeadLetter, Encoded, Room

#: Seconds until the owner looks again whether threads have left more.
_LOOK_AGAIN = 0.01
#: Events that the owner admits in one step of the loop.
_AT_ONCE = 500


class Budget:
    """Bytes held over all lanes of a client."""

    __slots__ = ("left", "limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit: int = limit
        self.used: int = 0
        self.left: int = 0  # left by other threads; an estimate that every drain corrects


class Door:
    """Accept events for one lane."""

    def __init__(
        self,
        options: LaneOptions,
        rooms: Mapping[str, Room],
        budget: Budget,
        on_evict: Callable[[int], None],
    ) -> None:
        self._options = options
        self._rooms = rooms  # by route
        self._budget = budget
        self._on_evict = on_evict
        self._max_events = options.max_queue_events
        self._max_bytes = options.max_queue_bytes
        self._oldest_goes = options.overflow == "drop_oldest"
        # This is all that changes; the owner's loop writes it, other threads append to `left` and add
        # to `left_bytes`, an estimate that an empty `left` sets right. Whoever finds the door shut
        # takes out again what lies there.
        self.ledger: Ledger = Ledger()
        self.held_events: int = 0
        self.held_bytes: int = 0
        self.left_bytes: int = 0
        self.unsettled: dict[Fates, None] = {}
        self.sealed: bool = False  # since the last producer breathed
        self.left: deque[tuple[Encoded, Place]] = deque()
        self._looks = 0  # 0: nobody will look at what is left; 1: the owner will, soon; 2: at once
        self._again: asyncio.TimerHandle | None = None  # when it will
        self._chunk: Chunk | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shut = ""  # the reason for which whatever is left is turned away
        self._claimed = False  # whether a loop has ever come for what lies here
        self._closed = False  # this run is ending: what is left waits for the next one
        self.queue: Backlog = Backlog()
        self.haste: Bell = Bell()  # what waits need not gather any longer

    # The owner's side.

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to *loop* from now on; what waits moves along."""
        waiting, self.queue = self.queue, Backlog(loop)
        waiting.close()
        while not waiting.empty():
            chunk = waiting.get_nowait()
            chunk.opened = chunk.opened or loop.time()
            self.queue.put_nowait(chunk)
        if self._chunk is not None:
            self._chunk.opened = self._chunk.opened or loop.time()
        self._loop = loop
        self._claimed = True
        self._shut = ""
        self._closed = False
        self._timer = None
        self._looks = 0
        self.drain()
        if self._chunk is not None and self._timer is None:
            self._arm(self._options.flush_interval)

    def close(self) -> None:
        """Admit what was left until now; what is left from here on waits for the next run."""
        self.drain()
        self._closed = True
        self.seal()

    def unbind(self) -> None:
        """Belong to no loop: calls leave their events until the next one comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._look_no_more()
        self.queue.close()
        self._loop = None

    def take(self, encoded: Encoded, place: Place) -> bool:
        """Take one event into the open chunk if the bounds allow it; return whether they do.

        The caller has called `drain` if others `left` something.
        """
        if not self.fits(len(encoded.data)):
            return False
        self.admit(encoded, place)
        return True

    def admit(self, encoded: Encoded, place: Place) -> None:
        """Take one event into the open chunk; the caller has asked `fits`."""
        data = encoded.data
        size = len(data)
        chunk = self._chunk
        if (
            chunk is None
            or chunk.size + size + (len(chunk.events) + 1) * chunk.overhead > chunk.most_bytes
            or chunk.route != encoded.route
        ):
            chunk = self._open(encoded.route)
        events = chunk.events
        place.fates = chunk.fates
        place.index = len(events)
        events.append(data)
        chunk.size += size
        self.held_events += 1
        self.held_bytes += size
        self._budget.used += size
        if len(events) >= chunk.full_at:
            self.seal()

    def _open(self, route: str) -> Chunk:
        self.seal()
        now = self._loop.time() if self._loop is not None else 0.0
        room = self._rooms[route]
        full_at = min(self._options.flush_at, room.events)
        self._chunk = chunk = Chunk(route, now, room, full_at=full_at)
        self.unsettled[chunk.fates] = None
        if self._timer is None:
            self._arm(self._options.flush_interval)
        return chunk

    def _arm(self, seconds: float) -> None:
        if self._loop is not None and self._options.flush_interval > 0:
            self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        """Seal the open chunk if it is old enough; one timer serves all chunks."""
        self._timer = None
        if self._chunk is None or self._loop is None:
            return
        left = self._chunk.opened + self._options.flush_interval - self._loop.time()
        if left > 0:
            self._arm(left)
        else:
            self.seal()

    def seal(self) -> None:
        """Count the open chunk and hand it to the queue; nothing happens if there is none."""
        chunk, self._chunk = self._chunk, None
        if chunk is not None:
            count = len(chunk.events)
            chunk.fates.size = chunk.fates.open = count
            self.ledger.accepted += count
            self.queue.put_nowait(chunk)
            self.sealed = True
            if self.is_plenty(self._rooms[chunk.route]):
                self.haste.ring()

    def urge(self) -> None:
        """Seal the open chunk; what waits now does not gather, for somebody waits for it."""
        self.seal()
        self.queue.urge()
        self.haste.ring()

    def is_plenty(self, room: Room, *, also: Chunk | None = None) -> bool:
        """Say whether what is in the queue, and *also* this, need not gather."""
        queue = self.queue
        events = queue.events + (also.fates.size if also is not None else 0)
        size = queue.size + (also.size if also is not None else 0)
        return is_plenty(events, size, room, self._options)

    def _look(self) -> None:
        """Admit what other threads have left, and look again soon.

        One wake-up serves a busy thread for as long as it goes on: each costs a system call and a
        change of threads, ten times what the event itself does.
        """
        self._looks = 0  # before the look: whoever comes after it wakes us again
        self._look_no_more()
        if self.left and self._loop is not None and not self._closed:
            self.drain(_AT_ONCE)
            self._again = self._loop.call_later(0.0 if self.left else _LOOK_AGAIN, self._look)
            self._looks = max(self._looks, 1)

    def _look_no_more(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def drain(self, most: int = sys.maxsize) -> None:
        """Admit what other threads have left, unless closed; `leave` has seen to the bounds.

        Args:
            most: How many events.
        """
        if self._closed:
            return
        left = self.left
        admitted = 0
        while left and most > 0:
            most -= 1
            encoded, place = left.popleft()
            size = len(encoded.data)
            admitted += size
            if self._oldest_goes and not self._evict_until(partial(self._fits_held, size)):
                self._turn_away(place, "queue_full")
                self._on_evict(1)
            else:
                self.admit(encoded, place)
        known = self.left_bytes
        self.left_bytes = max(known - admitted, 0) if left else 0
        self._budget.left -= known - self.left_bytes

    def make_room(self, size: int) -> bool:
        """Drop the oldest sealed chunks that no batch holds yet until *size* bytes fit.

        Returns:
            Whether they do.
        """
        return self._evict_until(partial(self.fits, size))

    def _evict_until(self, enough: Callable[[], bool]) -> bool:
        told = False
        while not enough():
            evicted = 0
            while not self.queue.empty() and not enough():
                chunk = self.queue.get_nowait()
                self.drop_chunk(chunk, dropped("queue_full"))
                evicted += chunk.fates.size
            if not evicted:
                return False
            if not told:
                # Once only: a hook that tracks what it hears of fills the place again.
                told = True
                self._on_evict(evicted)
        return True

    def _fits_held(self, size: int) -> bool:
        """Say whether one more event fits beside what is held, whatever else lies here."""
        return (
            self.held_events < self._max_events
            and self.held_bytes + size <= self._max_bytes
            and self._budget.used + size <= self._budget.limit
        )

    def _turn_away(self, place: Place, reason: str) -> None:
        place.outcome = dropped(reason)
        self.ledger.turn_away(reason)

    def readmit(self, route: str, letters: Sequence[DeadLetter], key: str) -> None:
        """Take the events of dead *letters* back, at the end, under the *key* that they had."""
        now = self._loop.time() if self._loop is not None else 0.0
        chunk = Chunk(route, now, self._rooms[route], key=key)
        chunk.letters = letters
        chunk.events = events = [letter.data for letter in letters]
        chunk.size = sum(map(len, events))
        chunk.fates.size = chunk.fates.open = len(events)
        self.ledger.accepted += len(events)
        self.ledger.replayed += len(events)
        self.held_events += len(events)
        self.held_bytes += chunk.size
        self._budget.used += chunk.size
        self.unsettled[chunk.fates] = None
        self.seal()
        self.queue.put_nowait(chunk)

    def hold(self, events: int, size: int) -> None:
        """Count events that come from a store, whatever the bounds say: they are on their way."""
        self.held_events += events
        self.held_bytes += size
        self._budget.used += size

    def release(self, events: int, size: int) -> None:
        """Free the bounds of events that were settled."""
        self.held_events -= events
        self.held_bytes -= size
        self._budget.used -= size

    def settled(self, fates: Fates) -> None:
        """Forget a chunk whose last event was settled."""
        if fates.open == 0:
            self.unsettled.pop(fates, None)

    def drop_chunk(self, chunk: Chunk, outcome: Outcome) -> None:
        """Settle every event of *chunk* with *outcome* and free its place."""
        count = chunk.fates.open
        self.release(count, chunk.size)
        self.ledger.settle(outcome, count)
        chunk.fates.settle(0, chunk.fates.size, outcome)
        self.settled(chunk.fates)

    def turn_away_left(self, reason: str) -> int:
        """Drop what other threads have left; return how many events that were."""
        self._shut = reason
        count = 0
        while self.left:
            try:
                _, place = self.left.popleft()
            except IndexError:  # a thread that left its event meanwhile does the same
                break
            self._turn_away(place, reason)
            count += 1
        self._budget.left -= self.left_bytes
        self.left_bytes = 0
        return count

    def drop_all(self, outcome: Outcome) -> int:
        """Settle whatever was admitted and is not settled; return how many events that were."""
        self.seal()
        self.queue = Backlog()
        count = 0
        for fates in self.unsettled:
            count += fates.open
            fates.end(outcome)
        self.unsettled.clear()
        self.ledger.settle(outcome, count)
        self.release(self.held_events, self.held_bytes)
        return count

    # Any thread's side.

    def fits(self, size: int, *, events: int = 1, others: int = 0) -> bool:
        """Say whether *events* of *size* bytes together can be taken now.

        Args:
            size: Their bytes.
            events: How many they are.
            others: Bytes that other lanes are to take at the same time.
        """
        budget = self._budget
        return (
            self.held_events + len(self.left) + events <= self._max_events
            and self.held_bytes + self.left_bytes + size <= self._max_bytes
            and budget.used + budget.left + size + others <= budget.limit
        )

    def could_ever_fit(self, size: int) -> bool:
        """Say whether an event of *size* bytes could be taken if nothing else were held."""
        return size <= min(self._options.max_queue_bytes, self._budget.limit)

    def fits_left(self, size: int) -> bool:
        """Say whether an event of *size* bytes can be left, whatever the owner holds."""
        options = self._options
        return (
            len(self.left) < options.max_queue_events
            and self.left_bytes + size <= options.max_queue_bytes
            and self._budget.left + size <= self._budget.limit
        )

    def leave(self, encoded: Encoded, place: Place) -> None:
        """Leave an event for the owner, from any thread."""
        self.left_bytes += len(encoded.data)
        self._budget.left += len(encoded.data)
        self.left.append((encoded, place))
        if self._looks < 1 or (self._looks < 2 and self._much_is_left()):
            self._wake()
        if self._shut:
            # The client was closed between its look and ours: nobody else will come for this.
            self.turn_away_left(self._shut)

    def _much_is_left(self) -> bool:
        """Whether a quarter of the bounds lies here: too much to wait for the owner's next look."""
        options = self._options
        return (
            len(self.left) * 4 > options.max_queue_events
            or self.left_bytes * 4 > options.max_queue_bytes
        )

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None and not self._closed:
            self._looks = 2
            try:
                loop.call_soon_threadsafe(self._look)
            except RuntimeError:  # the loop was closed: the next one drains
                self._looks = 0

    def soon(self, work: Callable[[], object]) -> None:
        """Do *work* on the owner's loop, if there is one; from any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it was closed meanwhile
                loop.call_soon_threadsafe(work)

    @property
    def unclaimed(self) -> bool:
        """Whether `flush_at` events lie here and no loop has ever come for them."""
        return not self._claimed and len(self.left) >= self._options.flush_at

    @property
    def open_events(self) -> int:
        """Events in the open chunk: accepted, and in the ledger as soon as it is sealed."""
        chunk = self._chunk
        return 0 if chunk is None else len(chunk.events)

    @property
    def pending(self) -> int:
        """Events that are not settled, those that other threads have left among them."""
        return self.held_events + len(self.left)

    @property
    def crowded(self) -> bool:
        """Whether more than three quarters of the bounds are taken."""
        options = self._options
        return (
            self.pending * 4 > options.max_queue_events * 3
            or (self.held_bytes + self.left_bytes) * 4 > options.max_queue_bytes * 3
        )

    @property
    def budget_crowded(self) -> bool:
        """Whether more than three quarters of the bytes for all lanes are taken."""
        return (self._budget.used + self._budget.left) * 4 > self._budget.limit * 3
