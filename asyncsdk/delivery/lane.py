"""A lane: everything between one destination's door and its settled events.

    door ──chunks──▶ write loop ──batches──▶ store ──leases──▶ send tasks ──▶ transport
     ▲                                                             │
     └────────────────── custody: fates, ledger, bounds ◀──────────┘

States of a lane, all of them in `pace`: running; resting (a back-off of ours, or a pause that the
server asked for); standing still (a refused key; probed ever more rarely). The lane's loop is the
only one that changes anything here. When the loop ends, nothing is undone: what is leased stays
leased, and the next run recovers it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from msgspec import structs

from asyncsdk.batching import room_for
from asyncsdk.delivery.closing import STORE_PAUSE, Closer, insist, tell_failed
from asyncsdk.delivery.custody import Custody
from asyncsdk.delivery.layby import Layby
from asyncsdk.delivery.packing import Packer
from asyncsdk.delivery.parcels import Parcel
from asyncsdk.delivery.replaying import by_request
from asyncsdk.delivery.sending import error_of, send_for_ever, short
from asyncsdk.delivery.writing import Writer
from asyncsdk.errors import DeliveryError, StoreError
from asyncsdk.holding import ConsentRoom, Deferred, Held, Waiting, WaitingRoom
from asyncsdk.intake import Budget, Door
from asyncsdk.ledger import LaneStatistics, Ledger
from asyncsdk.options import LaneOptions
from asyncsdk.outside import Bell, Outside
from asyncsdk.receipts import PENDING, Fates, dropped
from asyncsdk.reporting import Reporter
from asyncsdk.retrying import Move, Pace, Range
from asyncsdk.seams import (
    DeadLetter,
    Destination,
    Encoded,
    Fate,
    Lease,
    Room,
    Store,
    Transport,
    Verdict,
)

#: Leases that are written into the books in one step of the loop.
_LEASES_AT_ONCE = 100
#: Seconds before a lane that crashed is started again.
_AFTER_CRASH = 1.0
#: Seconds between looks whether others deliver what we have stored.
_LOOK = 0.5


class Mark(NamedTuple):
    """What a flush waits for: all that was accepted before it."""

    waiting: list[tuple[Fates, int]]  # not in a store that outlives us, with their rounds
    last: int  # the number of the batch that was formed last
    rounds: int  # of the lane, spent before


class Lane:
    """Deliver to one destination."""

    def __init__(
        self,
        destination: Destination,
        options: LaneOptions,
        *,
        store: Store,
        transport: Transport,
        outside: Outside,
        reporter: Reporter,
        budget: Budget,
        deliver: bool = True,
    ) -> None:
        self.delivers: bool = deliver
        self.durable: bool = store.durability != "memory"
        self.destination: Destination = destination
        self.options: LaneOptions = options
        self.name: str = destination.name
        self.store: Store = store
        self.transport: Transport = transport
        self.outside: Outside = outside
        self.reporter: Reporter = reporter
        routes = destination.routes
        # A store is asked before the route is known: where there are several, for one batch.
        single = destination.wire_key or len(routes) > 1
        self.rooms: Mapping[str, Room] = {
            route: room_for(limits, options, wire_key=single) for route, limits in routes.items()
        }
        main, limits = next(iter(routes.items()))
        self.room: Room = self.rooms[main]
        self.warn_event_bytes: int | None = limits.warn_event_bytes
        self._budget = budget
        self.flags_age: Callable[[], float | None] = _no_flags
        self._begin()

    def _begin(self) -> None:
        """Set everything that changes to its beginning."""
        self.door: Door = Door(self.options, self.rooms, self._budget, self._evicted)
        self.ledger: Ledger = self.door.ledger
        self.custody: Custody = Custody(self.door)
        self.writer: Writer = Writer()
        self.closer: Closer = Closer()
        self.layby: Layby = Layby()
        bounds: dict[str, Any] = {
            "most": self.options.max_held_events,
            "most_bytes": self.options.max_queue_bytes,
            "age": self.options.max_held_age,
            "clock": self.outside.monotonic,
        }
        self.waiting_room: ConsentRoom = ConsentRoom(self.options.consent, **bounds)
        self.deferred: WaitingRoom[Deferred] = WaitingRoom(**bounds)  # for their flags
        # This is all that changes, with all of the above; the lane's loop writes it.
        self.pace: Pace = Pace(width=self.options.concurrency)
        self.trusted: bool = False  # it has delivered since it last stood still
        self.last_error: DeliveryError | None = None
        self.last_error_at: float = -math.inf  # on the loop's clock
        self.at_exit: bool = False  # no thread can be started any more
        self.finishing: bool = False  # somebody waits for the end of this run
        self.packer: Packer = Packer()
        self._in_flight = 0
        self._line: deque[object] = deque()  # who waits for a turn
        self._rounds = 0  # how often a round of retries was spent
        self._moved = Bell()  # something was settled, failed, or may go on

    def use_no_threads(self) -> None:
        """Compress in the loop from now on: at the exit no thread can be started any more."""
        self.at_exit = True
        self.packer = Packer(in_loop=True)

    def after_fork(self) -> None:
        """Start clean in a forked child."""
        self._budget.used = self._budget.left = 0
        self.store.forget(self.name)
        self._begin()

    # The tasks.

    async def run(self) -> None:
        """Deliver until cancelled; a crash is logged once and the lane starts again."""
        self.packer = Packer(in_loop=self.at_exit)
        self.pace = self.pace.hurried()
        self.finishing = False
        self._formed_at = -math.inf
        while True:
            try:
                self._in_flight = 0
                self._line = deque()
                await self.closer.finish(self)
                self.layby.clear()
                await insist(self, partial(self.store.recover, self.name))
                self.custody.give_all_back()
                async with asyncio.TaskGroup() as group:
                    await self._run_tasks(group)
            except Exception as error:  # noqa: BLE001 - a crash here must never reach the host
                self._crashed(error)
                await asyncio.sleep(_AFTER_CRASH)

    async def _run_tasks(self, group: asyncio.TaskGroup) -> None:
        """Write and send until one of the tasks ends, which none does by itself."""
        name = f"asyncsdk {self.name}"
        senders = self.options.concurrency if self.delivers else 0
        tasks = [group.create_task(self.writer.run(self), name=f"{name} write")]
        tasks += [
            group.create_task(send_for_ever(self), name=f"{name} send {number}")
            for number in range(senders)
        ]
        if any(limits.gives_way for limits in self.destination.routes.values()):
            tasks.append(group.create_task(self.layby.run(self), name=f"{name} lay-by"))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    def _crashed(self, error: Exception) -> None:
        inner: BaseException = error
        while isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        self.reporter.say(
            f"crash {self.name}",
            f"{self.name}: delivery crashed ({type(inner).__name__}) and starts again; "
            "nothing is lost. Please report this",
            level=logging.ERROR,
        )
        self.failed(DeliveryError(f"{self.name}: delivery crashed ({type(inner).__name__})"))

    # What the send tasks ask and tell.

    @property
    def now(self) -> float:
        """Seconds on the running loop's clock."""
        return asyncio.get_running_loop().time()

    async def take(self, room: Room) -> list[Lease]:
        """Lease what fits *room*; wait for it."""
        leases = await self._take(room)
        for number, lease in enumerate(leases if self.durable else (), 1):
            if lease.kept:
                self.custody.lease(lease, self.now)
            if number % _LEASES_AT_ONCE == 0:
                await asyncio.sleep(0)
        return leases

    async def _take(self, room: Room) -> list[Lease]:
        while True:
            try:
                return await self.store.take(self.name, room)
            except StoreError as error:
                tell_failed(self, error)
            await asyncio.sleep(STORE_PAUSE)

    async def wait(self, seconds: float) -> None:
        """Wait until something is settled, or may go on; *seconds* at the most."""
        await self._moved.wait(seconds)

    async def turn(self) -> float:
        """Wait until a request may go out, and take that right; return when.

        First come, first served: after a pause the oldest events go first. Waiting here is no
        attempt.
        """
        line, ticket = self._line, object()
        line.append(ticket)
        try:
            while True:
                now = self.now
                pause = self.pace.until - now
                if pause <= 0 and self._in_flight < self.pace.width and line[0] is ticket:
                    self._in_flight += 1
                    return now
                await self._moved.wait(pause if pause > 0 else None)
        finally:
            line.remove(ticket)
            self._moved.ring()

    def done(self) -> None:
        """Give the right to send back."""
        self._in_flight -= 1
        self._moved.ring()

    def moved(self) -> None:
        """Wake whoever waits for the lane: something was settled."""
        self._moved.ring()

    def sent(self, size: int, *, again: bool) -> None:
        """Count a request of *size* bytes."""
        self.ledger.requests += 1
        self.ledger.retries += again
        self.ledger.bytes_sent += size

    def paced(self, move: Move, verdict: Verdict, started: float, count: int) -> None:
        """Set the pace after an answer, or after none."""
        if move is Move.ON:
            # A refused event is an answer, but no proof that a lane which stood still works.
            if verdict.fate not in (Fate.SPLIT, Fate.NEVER) or not self.pace.stopped:
                self._goes_on(started)
            self.trusted = self.trusted or verdict.fate is Fate.DELIVERED
        elif move is Move.STOP:
            self.stop(short(verdict), verdict, started)
        else:
            self._failing(verdict, started, count)
        self._moved.ring()

    def _goes_on(self, started: float) -> None:
        stood_still = self.pace.stopped
        self.pace = self.pace.after_success(self.options.concurrency, started=started)
        if stood_still and not self.pace.stopped:
            self.reporter.say(
                f"resumed {self.name}", f"{self.name}: delivers again", level=logging.INFO
            )

    def _failing(self, verdict: Verdict, started: float, count: int) -> None:
        now = self.now
        self.ledger.failures += 1
        self.last_error, self.last_error_at = error_of(verdict, self.name), now
        self.pace = self.pace.after_failure(
            self.options,
            started=started,
            now=now,
            spread=self._spread(),
            retry_after=verdict.retry_after,
        )
        pause = max(self.pace.until - now, 0.0)
        self.reporter.say(
            f"retry {self.name}",
            f"{self.name}: no delivery ({short(verdict)}); next attempt in {pause:.1f} s, "
            f"{self.door.pending} events wait. {{count}} such failures since the last line",
        )
        self.reporter.event(
            "retry",
            destination=self.name,
            count=count,
            status=verdict.status,
            failures=self.pace.failures,
            pause=pause,
        )

    def _spread(self) -> float:
        """Draw what moves a pause; while somebody waits for the end, it only shortens them."""
        spread = self.outside.spread()
        return -abs(spread) if self.finishing else spread

    def stop(self, reason: str, verdict: Verdict, started: float) -> None:
        """Stand still: the fault is not the events'. Probe later."""
        self.ledger.failures += 1
        before = self.pace
        self.pace = before.after_stop(self.options, started=started, now=self.now, reason=reason)
        if self.pace is before:
            return
        self.trusted = False
        error = error_of(verdict, self.name)
        self.failed(error)
        self.reporter.say(
            f"stop {self.name}",
            f"{self.name}: {reason}. Nothing is lost: {self.door.pending} events wait, the next "
            f"probe is in {self.pace.until - self.now:.0f} s. Check the key, the URL and the "
            f"path of {self.destination!r}",
            level=logging.ERROR,
        )
        self.reporter.event(
            "flush_failed", destination=self.name, reason=reason, status=verdict.status
        )
        # Whoever flushes need not wait for a lane that stands still.
        self._moved.ring()

    def rest(self) -> None:
        """Rest for `retry_cap` after a round of retries was spent; nobody need wait so long."""
        self.pace = self.pace.resting(self.now, self.options.retry_cap)
        self._rounds += 1
        for fates in (*self.door.unsettled, *self.custody.kept_fates()):
            fates.new_round()
        self._moved.ring()

    def hurry(self) -> None:
        """Cut a pause of our own short: what it was for is not what comes next."""
        self.pace = self.pace.hurried()
        self._moved.ring()

    def failed(self, error: DeliveryError) -> None:
        """Remember *error* and hand it to the user's hook."""
        self.last_error, self.last_error_at = error, self.now
        self.reporter.error(error)

    def expired(self, parcel: Parcel) -> list[Range]:
        """Return the ranges of *parcel* whose events have passed `max_age`."""
        if self.options.max_age == math.inf:
            return []
        born_before = self.now - self.options.max_age
        ranges: list[Range] = []
        at = 0
        for part in parcel.parts:
            old = self.custody.count_older(part.lease.batch.key, born_before)
            if old > part.start:
                ranges.append((at, at + min(old, part.stop) - part.start))
            at += part.stop - part.start
        return ranges

    # What the client asks.

    def mark(self) -> Mark:
        """Seal the open chunk; return what is unsettled now, with its round of retries.

        The round of what gave way is spent: nobody need wait for its next one.
        """
        self.door.drain()
        self.door.urge()
        aside = self.custody.fates_of(self.layby.keys)
        waiting = [(fates, fates.rounds) for fates in self.door.unsettled if fates not in aside]
        return Mark(waiting, self.custody.last, self._rounds)

    async def settle_round(self, mark: Mark) -> None:
        """Wait until all of *mark* is settled or its round is spent, or the lane stands still."""
        while self._goes_on_with_kept(mark):
            await self._moved.wait(self._look(None))
        for fates, rounds in mark.waiting:
            while fates.open and fates.rounds == rounds and not self.pace.stopped:
                await self._moved.wait()

    def _look(self, left: float | None) -> float | None:
        """Return for how long nothing need be looked at: a store may turn out to be shared."""
        if not self.custody.stored:
            return left
        return _LOOK if left is None else min(left, _LOOK)

    def _goes_on_with_kept(self, mark: Mark) -> bool:
        if self.store.shared:  # others deliver it, and we would not hear of it
            return False
        oldest = self.custody.oldest_kept(self.layby.keys)
        return 0 < oldest <= mark.last and self._rounds == mark.rounds and not self.pace.stopped

    async def finish(self, deadline: float) -> None:
        """Deliver everything, until *deadline* on the loop's clock or until it is in vain."""
        began = self.now
        self.finishing = True
        for one in self.deferred.take_all():
            self.let_in(one, one.encoded)  # without its flags: nobody asks for them any more
        self.door.close()
        self.door.urge()
        self.layby.hurry()
        self.hurry()
        while self._has_work(deadline) and self.now < deadline:
            idle = not self._in_flight and not self._must_store
            if idle and self.pace.hopeless(began=began, deadline=deadline):
                return
            await self._moved.wait(self._look(deadline - self.now))

    def _has_work(self, deadline: float) -> bool:
        """Whether anything can be delivered until *deadline*; what gave way may return later."""
        aside = self.layby.events if self.layby.until >= deadline else 0
        kept = self.custody.stored > 0 and not self.store.shared
        return self.door.held_events > aside or kept

    @property
    def _must_store(self) -> bool:
        """Whether there are events that a store would keep beyond our end, and has not got."""
        return self.durable and self.door.held_events > self.custody.leased

    def abandon(self, reason: str) -> int:
        """Drop what is not settled, for *reason*, and in no store; return how many events.

        The lane's tasks have ended. What other threads have left meanwhile stays for the next run.
        """
        self.writer.clear()
        self.layby.clear()
        self.closer.clear(self)
        self.custody.clear()
        count = self.door.drop_all(dropped(reason))
        if count:
            self.reporter.drop(self.name, reason, count)
        self.let_go(self.waiting_room.take_all())
        self._turn_away(self.deferred.take_all(), reason)
        self.waiting_room.changed.ring()
        self.deferred.changed.ring()
        self._moved.ring()
        return count

    def let_in(self, one: Deferred, encoded: Encoded) -> None:
        """Let an event in that waited for its flags, as *encoded*; a full queue drops it.

        On the lane's loop.
        """
        self.door.drain()
        one.place.outcome = PENDING
        if not self.door.take(encoded, one.place):
            self._turn_away([one], "queue_full")
        self.deferred.changed.ring()

    def let_go(self, held: Sequence[Held]) -> None:
        """Drop what waited for a consent that does not come; any thread."""
        self._turn_away(held, "consent")
        if held:
            self.tell_held()

    def _turn_away(self, waiting: Sequence[Waiting], reason: str) -> None:
        for one in waiting:
            one.place.outcome = dropped(reason)
            self.ledger.turn_away(reason)
        if waiting:
            self.reporter.drop(self.name, reason, len(waiting))

    def tell_held(self) -> None:
        """Wake whoever waits for an event that was held for consent; any thread."""
        self.door.soon(self.waiting_room.changed.ring)

    def replay(self, letters: list[DeadLetter]) -> list[DeadLetter]:
        """Take dead *letters* back to the end of the queue; return those that do not fit.

        Letters that died together go together, under the key that they had.
        """
        left: list[DeadLetter] = []
        for group in by_request(letters):
            size = sum(len(letter.data) for letter in group.letters)
            known = group.route in self.rooms  # not if the letter is of an older version's
            if known and self.door.fits(size, events=len(group.letters)):
                self.door.readmit(group.route, group.letters, group.key)
            else:
                left += group.letters
        return left

    def view(self) -> LaneStatistics:
        """Return the counters and gauges as they are now."""
        left = len(self.door.left)
        held = self.waiting_room.events + self.deferred.events
        uncounted = left + held + self.door.open_events
        view = self.ledger.view(
            pending=self.door.held_events + left + held,
            queue_bytes=self.door.held_bytes
            + self.door.left_bytes
            + self.waiting_room.bytes
            + self.deferred.bytes,
            paused=self._pause(),
            stopped=self.pace.stopped,
            in_store=self._in_store(),
        )
        return structs.replace(view, accepted=view.accepted + uncounted, flags_age=self.flags_age())

    def _in_store(self) -> int:
        stock = self.store.stock().get(self.name) if self.durable else None
        return stock.events if stock is not None else 0

    @property
    def idle(self) -> bool:
        """Whether nothing waits here, nor in the store for all that we know."""
        return not self.pending and not self.custody.stored

    @property
    def pending(self) -> int:
        """Events that are not settled, those that wait before the door among them."""
        return self.door.pending + self.waiting_room.events + self.deferred.events

    def _pause(self) -> float:
        try:
            return max(self.pace.until - self.now, 0.0)
        except RuntimeError:  # no loop runs here: nothing is being sent either
            return 0.0

    def _evicted(self, count: int) -> None:
        self.reporter.drop(self.name, "queue_full", count)
        self._moved.ring()


def _no_flags() -> None:
    """Return the age of the flag definitions of a lane that has none."""
