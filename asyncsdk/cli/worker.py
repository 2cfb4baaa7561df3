"""The worker: deliver what other processes have stored, until a signal ends it.

    store ──take──▶ a client's lanes ──▶ destinations
      ▲  tap closes on SIGTERM: what is in hand is finished within its time, or goes back

It is an ordinary client that says nothing itself. Its destinations are described by the environment,
as `AsyncAnalytics.from_env` reads them, one set of variables each.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence

import anyio

from asyncsdk.cli.draining import Drained, drained
from asyncsdk.cli.interrupting import INTERRUPTED
from asyncsdk.cli.listening import Answer, Pages, listening
from asyncsdk.cli.metrics import CONTENT_TYPE, metrics
from asyncsdk.cli.screen import LIVE_EVERY, Screen
from asyncsdk.cli.store_arguments import WorkerOptions
from asyncsdk.cli.wording import RULE, Reading, Row, duration, size
from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.environment import read_environment
from asyncsdk.client.settings import Options
from asyncsdk.errors import ConfigurationError
from asyncsdk.ledger import Statistics
from asyncsdk.seams import Destination

#: Looks in a row that find nothing left: the count of a queue in Redis is a second old at the most.
_EMPTY = 12
#: Seconds between two plain lines of progress: it runs for days, and somebody keeps its log.
PLAIN_EVERY = 60.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def work(options: WorkerOptions, screen: Screen, environ: Mapping[str, str]) -> int:
    """Deliver until a signal; return 0, 1 if it could not begin, 130 if it was cut short.

    Raises:
        ConfigurationError: A destination or the store can never work.
    """
    destinations, settings = read_destinations(options.prefixes, environ)
    if options.concurrency is not None:
        settings["concurrency"] = options.concurrency
    store = drained(options.place)
    own: Options = {"store": store, "deliver": True, "handle_signals": False, "exit_drain": 0.0}
    settings.update(own)
    analytics = AsyncAnalytics(*destinations, **settings)
    worker = _Worker(analytics, store, options, screen)
    try:
        async with listening(options.listen, worker.pages()) as url:
            names = ", ".join(one.name for one in destinations)
            screen.say(f"draining {options.place.masked} to {names}", tone="strong")
            screen.say(f"  {url}/healthz  {url}/metrics")
            cut_short = await worker.run()
    except BrokenPipeError:  # whoever read has gone
        raise
    except OSError as error:
        screen.complain(f"asyncsdk worker: cannot listen: {error.strerror or error}")
        return 1
    screen.show(worker_rows(analytics.statistics(), worker.seconds))
    return INTERRUPTED if cut_short else 0


def read_destinations(
    prefixes: Sequence[str], environ: Mapping[str, str]
) -> tuple[list[Destination], Options]:
    """Return the destinations that variables with *prefixes* describe, and the options of all.

    Raises:
        ConfigurationError: A variable is missing or unknown, or two of one option differ.
    """
    destinations: list[Destination] = []
    options: Options = {}
    for prefix in prefixes:
        destination, found = read_environment(prefix, environ)
        destinations.append(destination)
        for name, value in found.items():
            if options.setdefault(name, value) != value:  # type: ignore[misc]  # read() checks it
                raise ConfigurationError(
                    f"{prefix}{name.upper()}: another destination's says otherwise; it is of all"
                )
    return destinations, options


class _Worker:
    """Run one client until somebody ends it."""

    def __init__(
        self, analytics: AsyncAnalytics, store: Drained, options: WorkerOptions, screen: Screen
    ) -> None:
        self._analytics = analytics
        self._store = store
        self._options = options
        self._screen = screen
        self._began = time.monotonic()
        self._ending = anyio.Event()
        self._scope = anyio.CancelScope()  # of all that is done
        # This is all that changes.
        self.seconds: float = 0.0
        self._ready = False
        self._asked = False  # by a signal
        self._named: set[str] = set()  # destinations that this worker does not have
        self._empty = 0  # looks in a row that found nothing left

    async def run(self) -> bool:
        """Deliver until a signal; return whether a second one cut the end short."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._end)
        try:
            with self._scope:
                await self._deliver()
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
            self._screen.clear()
            self.seconds = time.monotonic() - self._began
        return self._scope.cancelled_caught

    async def _deliver(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            await self._analytics.start()
            self._ready = True
            await self._ending.wait()
            self._store.tap.close()
            await self._analytics.shutdown(self._options.grace)
            tasks.cancel_scope.cancel()

    def _end(self) -> None:
        """Hear a signal: the first one ends the work in order, the second one at once."""
        if self._asked:
            self._scope.cancel()
            return
        self._asked = True
        self._screen.complain("ending: what is in hand is finished, the rest stays in the store")
        self._ending.set()

    # What others see.

    def pages(self) -> Pages:
        """Return what whoever watches may ask for."""
        return {"/healthz": self._health, "/metrics": self._metrics}

    def _health(self) -> Answer:
        """Say whether events go on, and what holds up single destinations."""
        away = self._store.away
        if not self._ready or self._ending.is_set():
            return Answer(503, "starting\n" if not self._ready else "ending\n")
        if away:
            return Answer(503, f"the store cannot be reached: {away}\n")
        lanes = self._analytics.statistics().destinations
        stopped = [f"{name}: {one.stopped}\n" for name, one in lanes.items() if one.stopped]
        return Answer(200, "".join(["ok\n", *stopped]))

    def _metrics(self) -> Answer:
        up = self._ready and not self._store.away
        text = metrics(self._analytics.statistics(), self._store.stock(), up=up)
        return Answer(200, text, CONTENT_TYPE)

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(LIVE_EVERY)
            view = self._analytics.statistics()
            self._screen.progress(_reading(view, time.monotonic() - self._began))
            self._name_unclaimed(view)
            self._end_if_empty(view)

    def _name_unclaimed(self, view: Statistics) -> None:
        for name, count in view.unclaimed.items():
            if name not in self._named:
                self._named.add(name)
                self._screen.complain(
                    f"{count:,} events are for {name!r}, which is no destination of this worker; "
                    "they stay in the store"
                )

    def _end_if_empty(self, view: Statistics) -> None:
        # A store that cannot be reached may have any number.
        left = not self._ready or self._store.away or view.in_store or view.pending
        self._empty = 0 if left else self._empty + 1
        if self._options.until_empty and self._empty >= _EMPTY:
            self._ending.set()


def _reading(view: Statistics, seconds: float) -> Reading:
    return Reading(
        seconds=seconds,
        settled=_settled(view),
        waiting=view.in_store,
        retries=view.retries,
        pause=f"next try in {view.paused:.0f} s" if view.paused >= 1.0 else "",
    )


def _settled(view: Statistics) -> int:
    return view.delivered + view.rejected + view.dead


def worker_rows(view: Statistics, seconds: float) -> list[Row]:
    """Return the table of what a worker did."""
    rate = _settled(view) / seconds if seconds > 0 else 0.0
    dead = view.rejected + view.dead
    rows = [
        Row("delivered", f"{view.delivered:,}", "", "good"),
        Row("dead letters", f"{dead:,}", "", "bad" if dead else ""),
        Row("left", f"{view.in_store:,}", "in the store, as last counted"),
    ]
    rows += [
        Row("unclaimed", f"{count:,}", f"for {name}, which this worker does not have", "bad")
        for name, count in view.unclaimed.items()
    ]
    return [
        *rows,
        RULE,
        Row("retried", f"{view.retries:,}", f"of {view.requests:,} requests"),
        Row("events/s", f"{rate:,.0f}", f"{duration(seconds)} in all"),
        Row("sent", size(view.bytes_sent), "on the wire"),
    ]
