"""Threads: one event loop on a thread of its own, for code that has none.

    idle ──wake() or call()──▶ up ──rest(), let_go()──▶ idle
                               ├── rest() while another thread waits for a call: it stays up
                               └── fork: the child is idle; the thread and its loop are the parent's

The thread is a daemon: it keeps no program from ending, and is still there when the exit drains
over its loop. (The thread of anyio's own `start_blocking_portal` is of a pool in older versions,
for which the interpreter waits before it calls anybody at the exit.)
"""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import get_ident
from typing import NamedTuple, TypeVar, TypeVarTuple

import anyio
import anyio.lowlevel
from anyio.from_thread import BlockingPortal

from asyncsdk.errors import ConfigurationError

importlib.import_module("anyio._backends._asyncio")  # now: see aio.load, and for the first call

_NAME = "asyncsdk loop"

T = TypeVar("T")
Args = TypeVarTuple("Args")


class _Up(NamedTuple):
    """A loop that runs."""

    portal: BlockingPortal
    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    last: asyncio.Future[Callable[[], Awaitable[object]]]  # what is still to be done, once known


class LoopThread:
    """Run a loop while somebody needs it. Every method may be called from any thread."""

    def __init__(self) -> None:
        # This is all that changes.
        self._lock = threading.RLock()
        self._up: _Up | None = None
        self._coming: Future[_Up] | None = None  # until it is up
        self._waking = False
        self._calls = 0  # of `call`, that are not done
        if not _alive:
            _hear_of_forks()
        _alive.add(self)

    def wake(self, work: Callable[[], object]) -> None:
        """Do *work* on the loop, at once; it must neither wait nor call anybody here."""
        up = self._up
        if up is not None and up.thread.ident == get_ident():
            work()  # said by a hook: the loop is here
            return
        with self._lock:
            if not self._waking:  # else a signal's handler is in the middle of this very function
                self._waking = True
                try:
                    self._get_up().portal.call(work)
                finally:
                    self._waking = False

    def call(self, work: Callable[[*Args], Awaitable[T]], *args: *Args) -> T:
        """Await *work* on the loop; return or raise what it does.

        Interrupting this (by Ctrl-C) leaves the work to the loop.

        Raises:
            ConfigurationError: Called on the loop's own thread, such as by a hook: it would wait
                for itself.
        """
        while True:
            up = self._get_up_for_one()
            if up.thread.ident == get_ident():
                self._one_less()
                raise ConfigurationError(
                    "asyncsdk: this waits for the client's own thread, on which it was called; "
                    "hooks must not wait",
                    code="wrong_thread",
                )
            try:
                future = up.portal.start_task_soon(work, *args)
            except RuntimeError:  # it has ended meanwhile
                self._one_less()
                self._forget(up)
            else:
                return self._result(future)

    def _result(self, future: Future[T]) -> T:
        try:
            return future.result()
        finally:
            # Here if it is done, before the caller rests; a call that was interrupted goes on.
            if future.done():
                self._one_less()
            else:
                future.add_done_callback(lambda _future: self._one_less())

    def rest(self, idle: Callable[[], bool]) -> None:
        """End the thread if it is still *idle* and has no calls to do; wait until it has ended.

        A call may last for ever, such as one that waits for an event in a store: not to be waited
        for. Whoever made the last one lets the thread rest.
        """
        with self._lock:
            up = self._up
            if up is None or self._calls or not idle():
                return
            self._up = None
        _end(up)
        if up.thread.ident != get_ident():
            up.thread.join()

    def let_go(self, last: Callable[[], Awaitable[object]]) -> None:
        """End the thread once *last* is done, without waiting."""
        up, self._up = self._up, None
        if up is not None:
            with suppress(RuntimeError):  # its loop is closed: the interpreter ends
                up.loop.call_soon_threadsafe(up.last.set_result, last)

    def after_fork(self) -> None:
        """Start clean in a forked child."""
        _parents.append(self._up)
        self._lock = threading.RLock()
        self._up = None
        self._coming = None
        self._waking = False
        self._calls = 0

    def _get_up_for_one(self) -> _Up:
        with self._lock:
            up = self._get_up()
            self._calls += 1
            return up

    def _one_less(self) -> None:
        with self._lock:
            self._calls -= 1

    def _get_up(self) -> _Up:
        while self._up is None:
            coming = self._coming or self._start()
            try:
                up = coming.result()
            finally:
                if coming.done():  # else this was interrupted, and the next one waits for it
                    self._coming = None
            # A signal's handler may have ended it meanwhile, or started another one.
            if self._up is None and not up.last.done():
                self._up = up
            elif self._up is not up:
                _end(up)
        return self._up

    def _start(self) -> Future[_Up]:
        coming = Future[_Up]()
        threading.Thread(target=_run, args=(coming,), name=_NAME, daemon=True).start()
        # Not before: a signal's handler in the middle of that would wait for what only this frame,
        # below its own, can start.
        self._coming = coming
        return coming

    def _forget(self, up: _Up) -> None:
        with self._lock:
            if self._up is up:
                self._up = None


def _end(up: _Up) -> None:
    with suppress(RuntimeError):  # a signal's handler has ended it already
        up.loop.call_soon_threadsafe(up.last.set_result, anyio.lowlevel.checkpoint)


def _run(came_up: Future[_Up]) -> None:
    try:
        anyio.run(_serve, came_up, backend="asyncio")
    except BaseException as error:
        if came_up.done():
            raise
        came_up.set_exception(error)


async def _serve(came_up: Future[_Up]) -> None:
    async with BlockingPortal() as portal:
        loop = asyncio.get_running_loop()
        last: asyncio.Future[Callable[[], Awaitable[object]]] = loop.create_future()
        came_up.set_result(_Up(portal, threading.current_thread(), loop, last))
        await (await last)()


# All that the module owns: who is told of forks, and what a child got of its parent's loops. To
# collect these would complain that their tasks did not end.
_alive: weakref.WeakSet[LoopThread] = weakref.WeakSet()
_parents: list[object] = []
_hooked: list[bool] = []


def _hear_of_forks() -> None:
    if not _hooked and hasattr(os, "register_at_fork"):
        _hooked.append(True)  # such a hook cannot be taken back: once is enough
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    for one in list(_alive):
        one.after_fork()
