"""Running: a client's runs, one after the other, on whatever loop is there.

    idle ──first call or start()──▶ running ──shutdown()──▶ ending ──▶ idle, or closed for good
                                       │                               (after `async with`)
                                       └── its loop is closed under it: the next one takes over

`loop` is the loop that owns the doors now; None while nobody does. Its thread is remembered, so that
calls know in one step whether they are on the owner's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from threading import get_ident
from typing import Any, NamedTuple, TypeVar

from asyncsdk.client.checking import unbound
from asyncsdk.client.house import House
from asyncsdk.client.settings import Settings
from asyncsdk.delivery.keeping import Companion, Run
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ClientClosedError, ConfigurationError, DeliveryError
from asyncsdk.ledger import FlushResult, LaneStatistics, Statistics
from asyncsdk.receipts import AWAITS_FLAGS, State
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Transport

T = TypeVar("T")

running_loop: Callable[[], asyncio.AbstractEventLoop | None] = asyncio._get_running_loop  # noqa: SLF001


#: Seconds; a wait for ever is bounded by this for the loop's sake.
_LONGEST = 86_400.0
#: Seconds that a shutdown may take beyond its timeout.
_MARGIN = 0.1

#: Seconds between looks at events that wait for their flags: their run may have ended.
_DEFERRED_LOOK = 0.5
#: Of a shutdown's time, how much flags may take; events go without them then.
_SHARE_OF_FLAGS = 0.5
#: Seconds after a flush within which the end of its loop belongs to it.
_JUST_NOW = 1.0
#: Seconds within which a signal is heard by a loop that has nothing to do.
_TICK = 0.5


class _InVain(NamedTuple):
    """A flush whose time was up before everything was settled."""

    came: int  # events, until its end
    took: float  # seconds
    ended: float  # on the system's steady clock


class Runner:
    """Start, flush and end the runs of one client."""

    def __init__(
        self,
        house: House,
        settings: Settings,
        transport: Transport,
        reporter: Reporter,
    ) -> None:
        self._house = house
        self._settings = settings
        self.transport: Transport = transport
        self._reporter = reporter
        # This is all that changes.
        self.loop: asyncio.AbstractEventLoop | None = None
        self.closed: bool = False
        self.starts_with_calls: bool = True  # on the loop of whoever calls, if there is one
        self._thread = 0  # on which `loop` runs
        self._opening = threading.RLock()
        self._run: Run | None = None
        self._ending: asyncio.Task[FlushResult] | None = None
        self._last = FlushResult()
        self._undivided: set[asyncio.Task[Any]] = set()
        self._in_vain: _InVain | None = None  # the last flush, if it was
        self.flushed_afterwards: int = 0  # by how many who wait until others' loops have ended
        self.on_start: Callable[[], None] = _nothing
        self.on_fork: Callable[[], None] = _nothing
        self.companions: Callable[[], Iterable[Companion]] = tuple  # who goes along with a new run

    @property
    def _lanes(self) -> Sequence[Lane]:
        return self._house.lanes

    @property
    def lost_at_exit(self) -> int:
        """Events that nobody will deliver any more, counted at the interpreter's exit."""
        run = self._run
        return self.pending + (run.dropped if run is not None else 0)

    @property
    def pending(self) -> int:
        """Events that are not settled, over all lanes."""
        return sum(lane.pending for lane in self._lanes)

    def statistics(self) -> Statistics:
        """Return all counters and gauges as they are now."""
        return self._house.statistics()

    def here(self) -> bool:
        """Say whether the caller is on the owner's thread; starts a run if nobody has one.

        By the thread, not by the running loop: to ask for that costs as much as to encode an event.
        """
        loop = self.loop
        if loop is not None and get_ident() == self._thread and not loop.is_closed():
            return True
        return self._starts_here()

    def _starts_here(self) -> bool:
        loop = running_loop()
        if loop is None or self.closed or not self.starts_with_calls:
            return False
        run = self._run
        if run is None or run.ended:
            return self.start().loop is loop
        return False

    def start(self) -> Run:
        """Start a run on the running loop, unless one is under way here.

        Raises:
            ClientClosedError: The client has ended for good.
            ConfigurationError: It is running on another loop.
        """
        run = self._run
        if run is not None and not run.ended:
            self._check_loop(run)
            return run
        if self.closed:
            raise ClientClosedError(
                "asyncsdk: this client was closed by the end of its async with block; make a new one"
            )
        return self._open()

    def _open(self) -> Run:
        with self._opening:  # two loops may make the first call at the same moment
            if self._run is not None and self.alive:
                return self._run
            return unbound(self._open_one)

    def _open_one(self) -> Run:
        self._ending = None
        before = self._run
        if before is not None and before.loop is not running_loop() and self.pending:
            self._reporter.say(
                "moved",
                f"the event loop changed; {self.pending} events move to the new one",
                level=logging.INFO,
            )
        self._house.take_idle()
        self._run = run = Run(
            self._house,
            store=self._settings.store,
            transport=self.transport,
            reporter=self._reporter,
            exit_drain=self._exit_drain,
            tick=_TICK if self._settings.handle_signals else None,
            on_end=self._run_ended,
        )
        self._thread = get_ident()
        self.loop = run.loop
        for companion in self.companions():
            run.accompany(companion)
        self.on_start()
        return run

    def _exit_drain(self) -> float:
        """Return for how many seconds a run whose loop just ends may still deliver.

        For none if somebody delivers after it. What a flush that ended in vain just now has taken
        is taken off, if nothing came since: both together take no longer than the longer one.
        """
        if self.flushed_afterwards:
            return 0.0
        flush, seconds = self._in_vain, self._settings.exit_drain
        if (
            flush is None
            or flush.came != self._came()
            or time.monotonic() - flush.ended > _JUST_NOW
        ):
            return seconds
        return max(seconds - flush.took, 0.0)

    def _came(self) -> int:
        """Return how many events ever came, wherever from."""
        now = self.statistics()
        return now.accepted + now.taken

    def adopt(self, lane: Lane) -> None:
        """Let the run that is under way take one more *lane*; the next one does it by itself."""
        self._tell_run(lambda run: run.add(lane))

    def accompany(self, companion: Companion) -> bool:
        """Let *companion* run beside the lanes, on the run's loop; return whether it does."""
        run = self._run
        return run is not None and not run.ended and unbound(partial(run.accompany, companion))

    def send_along(self, companion: Companion) -> None:
        """Let *companion* run beside the lanes of the run that is under way, if there is one."""
        self._tell_run(lambda run: run.accompany(companion))

    def _tell_run(self, tell: Callable[[Run], object]) -> None:
        run = self._run
        if run is None or run.ended:
            return
        if running_loop() is run.loop:
            unbound(partial(tell, run))
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            unbound(lambda: run.loop.call_soon_threadsafe(tell, run))

    def stands_still(self) -> bool:
        """Say whether a lane stands still, and so may fill what all lanes share for hours."""
        return any(lane.pace.stopped for lane in self._lanes)

    def _run_ended(self, run: Run) -> None:
        """Own the doors no more: calls leave their events, and the next one opens a run."""
        if self._run is run:
            self.loop = None

    @property
    def where(self) -> asyncio.AbstractEventLoop | None:
        """The loop of the run that is under way, one that is ending included."""
        return self._run.loop if self._run is not None and self.alive else None

    def _check_loop(self, run: Run) -> None:
        if run.loop is not running_loop():
            raise ConfigurationError(
                "asyncsdk: this client is running on another event loop; call track() and its "
                "siblings from anywhere, but await flush() and shutdown() on the loop where it "
                "was started",
                code="wrong_loop",
            )

    def after_fork(self) -> None:
        """Forget the parent's run: its tasks, connections and events are the parent's."""
        _parents.append(self._ending)
        self.loop = None
        self._opening = threading.RLock()
        self._run = None
        self._ending = None
        self._last = FlushResult()
        self._in_vain = None
        self.flushed_afterwards = 0
        forget = getattr(self.transport, "forget", None)
        if callable(forget):
            forget()
        self._house.after_fork()
        self.on_fork()

    async def undivided(self, work: Coroutine[Any, Any, T]) -> T:
        """Do *work* to its end, even if whoever waits for it is cancelled meanwhile."""
        task = asyncio.create_task(work)
        self._undivided.add(task)
        task.add_done_callback(self._undivided.discard)
        return await asyncio.shield(task)

    async def flush(self, timeout: float | None) -> FlushResult:
        """Wait as `AsyncAnalytics.flush` says."""
        if not self.alive and not self.pending:
            return FlushResult()
        before = self.statistics()  # a start may drop what others have left and does not fit
        run = self.start()
        began = run.loop.time()
        seconds = self._settings.shutdown_timeout if timeout is None else timeout
        import anyio  # with the run, which loads it beside the loop

        with anyio.move_on_after(seconds) as within:
            await self._let_in_deferred(within=seconds)
            await self._settle_round()
            if self.loop is None and self.pending and not self.closed:
                # The run was ending: what was left meanwhile is the next one's.
                await run.wait()
                self.start()
                await self._settle_round()
        result = self._result(before, began, run.loop.time() - began)
        in_vain = within.cancelled_caught and result.pending
        took = result.duration
        self._in_vain = _InVain(self._came(), took, time.monotonic()) if in_vain else None
        return result

    async def _settle_round(self) -> None:
        marks = [(lane, lane.mark()) for lane in self._lanes]
        for lane, mark in marks:
            await lane.settle_round(mark)

    async def _let_in_deferred(self, *, within: float) -> None:
        """Wait until what waits for its flags now has them, or goes without."""
        clock = asyncio.get_running_loop().time
        until = clock() + within
        for lane in self._lanes:
            waiting = lane.deferred.look()
            while any(one.place.outcome is AWAITS_FLAGS for one in waiting) and clock() < until:
                await lane.deferred.changed.wait(min(_DEFERRED_LOOK, until - clock()))

    async def shutdown(self, timeout: float | None, *, for_good: bool) -> FlushResult:
        """End the run as `AsyncAnalytics.shutdown` says."""
        if not self.alive:
            if not self.pending or running_loop() is None:
                self.closed = self.closed or for_good
                return self._last
            self._open()
        run = self._run
        assert run is not None  # noqa: S101 - it is alive
        self._check_loop(run)
        ending = self._ending
        seconds = self._settings.shutdown_timeout if timeout is None else timeout
        self.closed = self.closed or for_good
        if ending is None or ending.done():
            self.loop = None  # from here on calls wait for the next run
            self._ending = ending = asyncio.ensure_future(self._end(run, seconds))
        # Whoever waits here may be cancelled; the run then ends by itself.
        before, began = self.statistics(), run.loop.time()
        await asyncio.wait([ending], timeout=min(seconds, _LONGEST) + _MARGIN)
        if not ending.done() or ending.cancelled():
            # Another one gave it more time, or somebody cancelled every task there is.
            return self._result(before, began, run.loop.time() - began)
        return ending.result()

    async def _end(self, run: Run, seconds: float) -> FlushResult:
        before, began = self.statistics(), run.loop.time()
        if not any(lane.at_exit for lane in self._lanes):  # nobody is asked at the exit
            await self._let_in_deferred(within=seconds * _SHARE_OF_FLAGS)
        await run.end(began + seconds)
        if self.closed:
            for lane in self._lanes:
                count = lane.door.turn_away_left("closed")
                if count:
                    self._reporter.drop(lane.name, "closed", count)
        self._last = result = self._result(before, began, run.loop.time() - began)
        return result

    @property
    def at_an_end(self) -> bool:
        """Whether the last run ends or has ended, and no other one began."""
        return self._run is not None and self.loop is None

    @property
    def alive(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None and not self._run.ended

    def _result(self, before: Statistics, began: float, duration: float) -> FlushResult:
        now = self.statistics()
        return FlushResult(
            delivered=now.delivered - before.delivered,
            rejected=now.rejected - before.rejected,
            dead=now.dead - before.dead,
            dropped=now.dropped - before.dropped,
            stored=now.stored,
            pending=now.pending,
            duration=duration,
            errors=self._errors(before, began),
        )

    def _errors(self, before: Statistics, began: float) -> tuple[DeliveryError, ...]:
        """Return the last error of each lane that did not deliver everything, if it still counts."""
        errors: list[DeliveryError] = []
        for lane in self._lanes:
            now, then = lane.view(), before.destinations.get(lane.name, _NOTHING_YET)
            lost = now.pending or any(
                getattr(now, state) > getattr(then, state)
                for state in (State.REJECTED, State.DEAD, State.DROPPED)
            )
            counts = lane.last_error_at >= began or lane.pace.failures > 0
            if lost and counts and lane.last_error is not None:
                errors.append(lane.last_error)
        return tuple(errors)


# Tasks of a forked child's parent: to collect them would complain that they did not end.
_parents: list[object] = []


_NOTHING_YET = LaneStatistics()


def _nothing() -> None:
    """Do nothing, at the start of a run or after a fork."""
