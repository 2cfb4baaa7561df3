"""Keeping: the one task in which all others of a client nest, and how a run ends.

A *run* is the time from a start to its end on one event loop. It has one keeper task; nobody
waits for it but `shutdown`, and what happens in it never reaches the host:

    start ─▶ open the transport ─▶ lanes deliver ─▶ asked to end ─▶ finish ─▶ cancel, close, drop
                                        │
                                        └─ cancelled from outside (the end of asyncio.run):
                                           drain for `exit_drain` seconds, then let go

It is the one task without a task group around it: a group entered in `start` would cancel the
host's own work if delivery crashed, and could not serve start() … await shutdown().
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

from asyncsdk.backlog import Backlog
from asyncsdk.delivery.closing import kind_of
from asyncsdk.delivery.lane import Lane
from asyncsdk.outside import import_beside
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Store, Transport

#: Seconds before a transport that could not be opened, or a store that failed, is tried again.
_AFTER_FAILURE = 1.0
#: Seconds that closing connections may take after the deadline.
_CLOSING = 0.03
#: Chunks that are freed in one step of the loop.
_FREED_AT_ONCE = 50
#: Seconds; a wait for ever is one of these after the other.
_LONGEST_WAIT = 86_400.0
_BACKEND = "anyio._backends._asyncio"


# asyncio holds tasks weakly, and a client may be dropped: this is what keeps runs alive. One whose
# loop was closed under it, and those of a forked child's parent, stay for ever: they cannot end, and
# to collect their tasks would only complain of it.
_running: set[Run] = set()


class Companion(Protocol):
    """Something that runs beside the lanes, as long as it has something to do."""

    @property
    def name(self) -> str:
        """How its task is called."""
        ...

    async def run(self) -> None:
        """Do it; what is raised is logged. Cancelled when the run is asked to end."""
        ...


class Lanes(Protocol):
    """The lanes of a client, of which some come and go."""

    look: float  # seconds between looks for lanes that nobody uses

    @property
    def lanes(self) -> Sequence[Lane]:
        """All that are there now."""
        ...

    def has_guests(self) -> bool:
        """Say whether there are lanes that may end before the client does."""
        ...

    def take_idle(self) -> Sequence[Lane]:
        """Take out the lanes that nobody used since the last look."""
        ...


class Run:
    """One run of a client on one loop."""

    def __init__(
        self,
        house: Lanes,
        *,
        store: Store,
        transport: Transport,
        reporter: Reporter,
        exit_drain: Callable[[], float],
        tick: float | None,
        on_end: Callable[[Run], None],
    ) -> None:
        # A handler of `signal.signal` runs when the main thread next executes Python: a loop that
        # sleeps must be woken now and then, or a signal may wait as long as the loop does.
        self._tick = tick
        self._house = house
        self._store = store
        self._transport = transport
        self._reporter = reporter
        self._exit_drain = exit_drain
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._on_end = on_end
        # This is all that changes.
        self._lanes = list(house.lanes)
        self._news = asyncio.Event()  # a lane was added, or the run is to end
        self._next_look = self.loop.time() + house.look
        self._group: asyncio.TaskGroup | None = None  # while the transport is open
        self._companions: dict[Companion, asyncio.Task[None] | None] = {}
        self.ready: asyncio.Event = asyncio.Event()
        self.dropped: int = 0
        self._asked_to_end = asyncio.Event()
        self._deadline = 0.0
        self._over = False  # ended before its task: a seam would not let go
        for lane in self._lanes:
            lane.door.bind(self.loop)
        self._task = self.loop.create_task(self._keep(), name="asyncsdk")
        _running.add(self)
        self._task.add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[None]) -> None:
        _running.discard(self)
        self.ready.set()
        if not self._over and not self.loop.is_closed():
            self._let_go()  # cancelled before its first step, it could not do so itself

    @property
    def ended(self) -> bool:
        """Whether nothing of this run is left."""
        return self._over or self._task.done() or self.loop.is_closed()

    async def end(self, deadline: float) -> None:
        """Finish until *deadline* on the loop's clock, then end.

        Cancelling this leaves the run to end by itself.
        """
        if not self._asked_to_end.is_set():
            self._deadline = deadline
            self._ask_to_end()
        left = max(self._deadline - self.loop.time(), 0.0)
        await asyncio.wait([self._task], timeout=min(left, _LONGEST_WAIT) + 2 * _CLOSING)
        if not self._task.done():
            # A store, a transport or a hook does not come back. The time is up all the same.
            self._over = True
            self._task.cancel()
            self._let_go()
            self._count_the_rest()

    def _ask_to_end(self) -> None:
        self._asked_to_end.set()
        self._news.set()

    def add(self, lane: Lane) -> None:
        """Run one more *lane*; on the run's loop. A run that is ending leaves it to the next one."""
        if lane not in self._lanes and not self._asked_to_end.is_set():
            lane.door.bind(self.loop)
            self._lanes.append(lane)
            self._news.set()

    def accompany(self, companion: Companion) -> bool:
        """Let *companion* run from now on, or once the transport is open; on the run's loop.

        Returns:
            Whether it runs now.
        """
        if self._asked_to_end.is_set() or self.ended:
            return False
        if self._companions.get(companion) is None:
            self._companions[companion] = None
            self._start_companions()
        return self._group is not None

    async def wait(self) -> None:
        """Wait until nothing of this run is left. Cancelling this changes nothing."""
        await asyncio.wait([self._task])

    async def _keep(self) -> None:
        try:
            await self._deliver()
        except asyncio.CancelledError:
            # From outside: asyncio.run cancels every task at its end, the lanes' among them.
            self._on_end(self)
            if not self._over:
                await self._drain()
                await self._leave_to_store()
            raise
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the host
            self._reporter.say(
                "run",
                f"delivery ended unexpectedly ({type(error).__name__}); the next call starts it "
                "again. Please report this",
                level=logging.ERROR,
            )
        finally:
            self.ready.set()
            if not self._over:
                self._let_go()
        if not self._over:
            await self._drop_the_rest()

    async def _leave_to_store(self) -> None:
        """Let a store that outlives us have what is in hand: nobody may come for it here."""
        with _at_most(_CLOSING):
            await self._write_the_rest()
        await self._close_store()
        for lane in self._lanes:
            lane.layby.clear()
            lane.custody.give_all_back()

    async def _close_store(self) -> None:
        """Close it within the time that is left, so that another one may open it at once."""
        with _at_most(max(self._deadline - self.loop.time(), _CLOSING)), suppress(Exception):
            await self._store.close()

    async def _write_the_rest(self) -> None:
        for lane in self._lanes:
            await lane.closer.finish(lane)
            if lane.durable:
                await lane.writer.finish(lane)

    def _let_go(self) -> None:
        """Give the doors back: the next call or start opens another run."""
        self._on_end(self)
        for lane in self._lanes:
            lane.door.unbind()

    async def _deliver(self) -> None:
        """Run every lane until asked to end, then let them finish."""
        await self._open()
        try:
            # asyncio's own group, not anyio's: a child of the latter that is cancelled before its
            # first step leaves "coroutine was never awaited" behind (anyio 4.16, measured).
            async with asyncio.TaskGroup() as group:
                await self._run_lanes(group)
        finally:
            self._group = None
            with _at_most(_CLOSING):
                await self._close()

    async def _close(self) -> None:
        try:
            await self._transport.close()
        except Exception as error:  # noqa: BLE001 - an application's transport may raise anything
            self._reporter.say("close", f"the transport did not close ({type(error).__name__})")

    async def _run_lanes(self, group: asyncio.TaskGroup) -> None:
        store = await self._start_store(group)
        news = self._wait_for_news(group)
        lanes: dict[asyncio.Task[None], Lane] = {}
        self._start_lanes(group, lanes)
        self._group = group
        self._start_companions()
        self.ready.set()
        while not self._asked_to_end.is_set():
            done, _ = await asyncio.wait(
                {news, store, *lanes}, timeout=self._pause(), return_when=asyncio.FIRST_COMPLETED
            )
            self._end_idle_lanes(group, lanes)
            # Somebody cancelled a task of ours alone; what it had in hand is still leased.
            for task in [task for task in lanes if task in done]:
                del lanes[task]
            self._start_lanes(group, lanes)
            self._start_companions()
            if news in done:
                news = self._wait_for_news(group)
            if store in done:
                store = await self._start_store(group)
        self._end_companions()
        await self._finish(self._deadline)
        tasks: tuple[asyncio.Task[Any], ...] = (news, store, *lanes)
        for task in tasks:
            task.cancel()

    def _pause(self) -> float | None:
        """Return for how long nothing may happen before somebody must look."""
        look = (
            None if not self._house.has_guests() else max(self._next_look - self.loop.time(), 0.0)
        )
        return min((each for each in (self._tick, look) if each is not None), default=None)

    def _start_lanes(self, group: asyncio.TaskGroup, lanes: dict[asyncio.Task[None], Lane]) -> None:
        """Start every lane that does not run: a new one, or one whose task was cancelled."""
        running = set(lanes.values())
        for lane in self._lanes:
            if lane not in running:
                lanes[group.create_task(lane.run(), name=f"asyncsdk {lane.name}")] = lane

    def _start_companions(self) -> None:
        if self._group is None:
            return
        for companion in [one for one, task in self._companions.items() if task is None]:
            self._companions[companion] = self._group.create_task(
                self._accompany(companion), name=f"asyncsdk {companion.name}"
            )

    async def _accompany(self, companion: Companion) -> None:
        try:
            await companion.run()
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the host
            self._reporter.say(
                f"companion {companion.name}",
                f"{companion.name} ended unexpectedly ({type(error).__name__}). Please report this",
                level=logging.ERROR,
            )
        except asyncio.CancelledError:
            if not self._asked_to_end.is_set():
                # Somebody cancelled this task alone, or all there are: it is started again, if at all.
                self._companions[companion] = None
                self._news.set()
            raise
        # Nothing is awaited since it said that it has nothing to do: it can start again.
        self._companions.pop(companion, None)

    def _end_companions(self) -> None:
        self._group = None
        for task in self._companions.values():
            if task is not None:
                task.cancel()

    def _end_idle_lanes(
        self, group: asyncio.TaskGroup, lanes: dict[asyncio.Task[None], Lane]
    ) -> None:
        if not self._house.has_guests() or self.loop.time() < self._next_look:
            return
        self._next_look = self.loop.time() + self._house.look
        idle = self._house.take_idle()
        for task in [task for task, lane in lanes.items() if lane in idle]:
            lane = lanes.pop(task)
            self._lanes.remove(lane)
            lane.door.unbind()
            group.create_task(_end(task, lane), name=f"asyncsdk {lane.name} end")

    async def _start_store(self, group: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Start the store's task and wait until it is ready, or has ended."""
        ready = asyncio.Event()
        store = group.create_task(self._keep_store(ready), name="asyncsdk store")
        waiting = group.create_task(ready.wait(), name="asyncsdk store ready")
        await asyncio.wait({store, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        self._tell_unclaimed()
        return store

    def _tell_unclaimed(self) -> None:
        """Say what the store keeps for names that no lane has: it stays there."""
        names = {lane.name for lane in self._lanes}
        for name, stock in list(self._store.stock().items()):
            if name not in names and stock.batches:
                self._reporter.say(
                    f"unclaimed {name}",
                    f"the store keeps {stock.events} events for {name!r}, a destination that this "
                    "client does not have; they stay there",
                )

    def _wait_for_news(self, group: asyncio.TaskGroup) -> asyncio.Task[object]:
        if not self._asked_to_end.is_set():
            self._news.clear()
        return group.create_task(self._news.wait(), name="asyncsdk news")

    async def _keep_store(self, ready: asyncio.Event) -> None:
        """Let the store do its work; while it fails, the lanes go on as well as they can."""
        while True:
            try:
                await self._store.run(ready=ready.set)
            except Exception as error:  # noqa: BLE001 - a store may fail in any way
                self._reporter.say("store", f"the store failed ({kind_of(error)}) and starts again")
            ready.set()
            await asyncio.sleep(_AFTER_FAILURE)

    async def _open(self) -> None:
        await _load()
        while True:
            try:
                return await self._transport.open()
            except Exception as error:  # noqa: BLE001 - an application's transport may raise anything
                self._reporter.say(
                    "open",
                    f"the transport cannot be opened ({type(error).__name__}); trying again",
                    level=logging.ERROR,
                )
            self.ready.set()  # whoever starts the client must not wait for that
            with _at_most(_AFTER_FAILURE):
                await self._asked_to_end.wait()
                return None

    async def _finish(self, deadline: float) -> None:
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(lane.finish(deadline), name=f"asyncsdk {lane.name} finish")

    async def _drain(self) -> None:
        """Deliver what can be delivered in `exit_drain` seconds, with tasks of our own."""
        if not any(lane.door.pending or lane.deferred.events for lane in self._lanes):
            return
        deadline = self.loop.time() + self._exit_drain()
        ending = self._asked_to_end.is_set()
        self._deadline = min(self._deadline, deadline) if ending else deadline
        self._ask_to_end()
        with _at_most(self._deadline + _CLOSING - self.loop.time()):
            await self._deliver()

    async def _drop_the_rest(self) -> None:
        with _at_most(_CLOSING):
            await self._write_the_rest()
        waste = [lane.door.queue for lane in self._lanes]
        self._count_the_rest()
        with _at_most(_CLOSING):
            for lane in self._lanes:
                with suppress(Exception):  # a store may fail in any way; what it has, it keeps
                    await lane.store.retire(lane.name)
        await self._close_store()
        with _at_most(_CLOSING):
            for queue in waste:
                await _free(queue)

    def _count_the_rest(self) -> None:
        for lane in self._lanes:
            self.dropped += lane.abandon("shutdown")


async def _end(task: asyncio.Task[None], lane: Lane) -> None:
    """End a lane that nobody uses, and what the store keeps for it."""
    task.cancel()
    await asyncio.wait([task])
    with suppress(Exception):  # a store may fail in any way; nothing waits there
        await lane.store.retire(lane.name)


def _at_most(seconds: float) -> AbstractContextManager[object]:
    """End what is awaited inside after *seconds*, and no sooner."""
    from anyio import move_on_after  # when a run needs it, it was loaded beside the loop

    return move_on_after(seconds, shield=True)


async def _load() -> None:
    """Load what anyio would load in our first steps: 10 ms of the host's loop (measured)."""
    if _BACKEND not in sys.modules:
        with suppress(ImportError, RuntimeError):  # at the exit no thread can be started any more
            await import_beside(_BACKEND)


async def _free(waste: Backlog) -> None:
    """Let go of dropped chunks by and by: to free tens of megabytes at once takes milliseconds."""
    while not waste.empty():
        waste.get_nowait()
        if waste.qsize() % _FREED_AT_ONCE == 0:
            await asyncio.sleep(0)
