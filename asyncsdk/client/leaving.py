"""Leaving: what happens to events when the process is told to end, or just ends.

Signals, with ``handle_signals=True``: all clients share one handler for SIGTERM and SIGINT. Where
somebody had a handler before, it runs at once and a flush runs meanwhile; where the system's
default action stood, the clients drain first and the signal is raised again.

Fork: the child starts clean. What was pending belongs to the parent, which delivers it; the child
has its own runs, connections and counts. Nothing runs in the parent, except that a fork waits for
the import of aiohttp if that is under way.

Exit without `shutdown`: at the interpreter's exit what is pending gets `exit_drain` seconds of
plain blocking requests; what could not go is counted on stderr, in one line.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import FrameType
from typing import Any

from asyncsdk.client.house import House
from asyncsdk.client.running import Runner, running_loop
from asyncsdk.client.settings import Settings
from asyncsdk.reporting import Reporter
from asyncsdk.transports.aio import AiohttpTransport
from asyncsdk.transports.proxies import Proxies

#: Seconds; an exit that is told to wait for ever waits this long.
_LONGEST_EXIT = 3600.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

# All that the module owns: who is asked at exit, who hears signals, and what stood there before.
_clients: weakref.WeakSet[Leaving] = weakref.WeakSet()
_listeners: weakref.WeakSet[Leaving] = weakref.WeakSet()
_former: dict[int, Any] = {}
_left_behind: set[Leaving] = set()  # kept for the exit, although their clients are gone
_hooked: list[bool] = []
_jobs: list[bool] = []


class Leaving:
    """See to one client's events when the process ends."""

    def __init__(
        self, house: House, runner: Runner, settings: Settings, reporter: Reporter
    ) -> None:
        self._reporter = reporter
        self._house = house
        self._asked = False  # at the exit; a multiprocessing job may be asked twice
        self._runner = runner
        self._settings = settings
        if not _clients:
            atexit.unregister(_at_exit)
            atexit.register(_at_exit)
        if not _hooked and hasattr(os, "register_at_fork"):
            _hooked.append(True)  # such a hook cannot be taken back: once is enough
            os.register_at_fork(after_in_child=_after_fork)
        _clients.add(self)
        _hear_of_jobs()

    def attend(self) -> None:
        """Hear signals from now on, if the client is to."""
        if self._settings.handle_signals:
            _listeners.add(self)
            _install()
            if signal.getsignal(signal.SIGTERM) is not _handle:
                self._reporter.once(
                    "signals", "handle_signals=True has no effect outside the main thread"
                )

    def forget(self) -> None:
        """Hear no signals any more."""
        if self in _listeners:
            _listeners.discard(self)
            if not _listeners:
                _uninstall()

    def left_behind(self) -> None:
        """See to what waits when the client was dropped without `shutdown`."""
        count = self._runner.pending
        ending = self._runner.alive and self._runner.loop is None
        if count and not ending:
            self._reporter.once(
                "left_behind",
                f"a client was dropped without shutdown() while {count} events waited; they are "
                'still being sent. Call "await client.shutdown()" or use "async with"',
            )
        if count:
            _left_behind.add(self)
            _clients.add(self)  # the collector may have cleared the weak references already
        if self._runner.alive:
            _soon(self, self._end_of_left)

    async def _end_of_left(self) -> None:
        await self.drain()
        _left_behind.discard(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that the client runs on, if it runs."""
        return self._runner.where

    async def flush(self) -> None:
        """Deliver what waits, while the former handler does its work."""
        await self._runner.flush(None)

    async def drain(self) -> None:
        """Deliver what waits and end."""
        await self._runner.shutdown(None, for_good=False)

    def after_fork(self) -> None:
        """Start clean in a forked child."""
        self._runner.after_fork()

    @property
    def pending(self) -> int:
        """Events that are not settled."""
        return self._runner.pending

    @property
    def exit_drain(self) -> float:
        """Seconds that the exit may take for this client."""
        return min(self._settings.exit_drain, _LONGEST_EXIT)

    def at_exit(self, most: float) -> int:
        """Deliver what can be delivered in `exit_drain` seconds; return what could not.

        Args:
            most: Seconds that are left for this client.
        """
        if self._asked or not self._runner.pending:
            return 0
        self._asked = True
        seconds = min(self.exit_drain, most)
        if seconds > 0:
            self._use_no_threads(seconds)
            self._drain(seconds)
        return self._runner.lost_at_exit

    def _drain(self, seconds: float) -> None:
        loop = self._runner.where
        if loop is not None and loop.is_running():
            self._drain_over_there(loop, seconds)
        elif loop is not None:
            # A loop that was stopped and not closed: the run goes on where it stood.
            loop.run_until_complete(self._runner.shutdown(seconds, for_good=True))
        else:
            self._use_no_threads(seconds)
            asyncio.run(self._runner.shutdown(seconds, for_good=True))

    def drain_at_once(self) -> None:
        """Deliver what waits, blocking: the loop stands still, and the process is to end."""
        if self._runner.pending and running_loop() is None:
            with contextlib.suppress(Exception):
                self._drain(min(self._settings.shutdown_timeout, _LONGEST_EXIT))

    def _drain_over_there(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        ending = asyncio.run_coroutine_threadsafe(
            self._runner.shutdown(seconds, for_good=True), loop
        )
        try:
            ending.result(seconds + 0.1)
        except (FutureTimeoutError, RuntimeError, asyncio.CancelledError):
            ending.cancel()

    def _use_no_threads(self, seconds: float) -> None:
        """Send with plain sockets from now on: at the exit no thread can be started any more."""
        from asyncsdk.transports.blocking import BlockingTransport  # with http.client, seldom used

        for lane in self._house.lanes:
            lane.use_no_threads()
            if isinstance(lane.transport, AiohttpTransport):
                lane.transport = BlockingTransport(
                    ssl_context=self._settings.ssl,
                    proxies=Proxies(self._settings.proxy, trust_env=self._settings.trust_env),
                    budget=seconds,
                )


def _at_exit() -> None:
    """Drain every client; all together take no longer than the one that may take longest."""
    clients = [client for client in _clients if client.pending]
    until = time.monotonic() + max((client.exit_drain for client in clients), default=0.0)
    lost = 0
    for number, client in enumerate(clients):
        share = (until - time.monotonic()) / (len(clients) - number)
        try:
            lost += client.at_exit(max(share, 0.0))
        except KeyboardInterrupt:
            # Somebody does not want to wait.
            lost += sum(one.pending for one in clients[number:])
            break
        except Exception as error:  # noqa: BLE001 - the last resort must not raise into the exit
            lost += client.pending
            sys.stderr.write(f"asyncsdk: the exit drain failed ({type(error).__name__})\n")
    if lost:
        sys.stderr.write(
            f"asyncsdk: {lost} events were still queued when the interpreter exited and are lost; "
            'call "await client.shutdown()" or use "async with"\n'
        )


def _after_fork() -> None:
    for client in list(_clients):
        client.after_fork()
    _hear_of_jobs()


def _hear_of_jobs() -> None:
    """Be asked at the end of a multiprocessing job too: before Python 3.13 it skips atexit."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or _jobs:
        return
    _jobs.append(True)
    # Survives the clearing at a job's start; the function is only the weak key.
    util.register_after_fork(_at_exit, _at_end_of_job)
    if process.parent_process() is not None:
        _at_end_of_job(None)  # the client is made inside a job


def _at_end_of_job(_key: object) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _at_exit, exitpriority=0)


def _install() -> None:
    """Stand in front of whoever handles the signals now; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        current = signal.getsignal(number)
        if current is not _handle:
            _former[number] = current
            signal.signal(number, _handle)


def _uninstall() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number, former in list(_former.items()):
        if signal.getsignal(number) is _handle:
            signal.signal(number, signal.SIG_DFL if former is None else former)
        del _former[number]


def _handle(number: int, frame: FrameType | None) -> None:
    former = _former.get(number)
    if callable(former):
        for client in list(_listeners):
            _soon(client, client.flush)
        former(number, frame)
    elif former is not signal.SIG_IGN:
        _drain_then_again(number)


def _soon(client: Leaving, work: Callable[[], Any]) -> asyncio.AbstractEventLoop | None:
    loop = client.loop
    if loop is None or not loop.is_running():
        return None
    loop.call_soon_threadsafe(lambda: _keep(loop.create_task(_quietly(work))))
    return loop


_tasks: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _quietly(work: Callable[[], Any]) -> None:
    # The signal goes on, whatever becomes of the flush.
    with contextlib.suppress(Exception):
        await work()


def _drain_then_again(number: int) -> None:
    waiting = set(_listeners)

    def drained(client: Leaving) -> Callable[[], Any]:
        async def work() -> None:
            try:
                await client.drain()
            finally:
                waiting.discard(client)
                if not waiting:
                    _again(number)

        return work

    for client in sorted(waiting, key=_is_elsewhere):  # who blocks lets the others begin
        if _is_elsewhere(client) or _soon(client, drained(client)) is None:
            waiting.discard(client)
            client.drain_at_once()
    if not waiting:
        _again(number)


def _is_elsewhere(client: Leaving) -> bool:
    """Say whether the client's loop goes on in another thread, so that it can be waited for here."""
    return client.loop is not None and client.loop.is_running() and running_loop() is None


def _again(number: int) -> None:
    """Raise the signal once more, now with the system's default action."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.SIG_DFL)
    _former.pop(number, None)
    os.kill(os.getpid(), number)
