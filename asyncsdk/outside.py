"""What comes from outside: clocks, chance, fresh ids, threads, and waiting for others.

Message id and time come from one clock read. Both are cached for the millisecond in which they
were made, so a call costs half a microsecond. An id is a UUIDv7: 48 bits of milliseconds, 46
random bits drawn anew each millisecond, and a counter of 28 bits that starts at a random place
and grows by one per id, so ids of one thread sort in the order of the calls.
"""

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from itertools import count
from typing import NamedTuple, ParamSpec, TypeVar, TypeVarTuple

P = ParamSpec("P")
T = TypeVar("T")
Args = TypeVarTuple("Args")

_alive: weakref.WeakSet["Outside"] = weakref.WeakSet()

#: Counters begin above this, so that each number has seven hexadecimal digits, and needs no padding.
_SEVEN_DIGITS = 1 << 26
#: Seconds that a fork waits for an import of ours; a slow disk needs some.
_LONGEST_FORK = 10.0

#: A clock set back by less than this keeps the last millisecond, so that ids go on sorting.
_SMALL_STEP_MS = 10_000


def _bits(count: int) -> int:
    """Draw *count* random bits, from the system: no state that a fork would double."""
    return int.from_bytes(os.urandom((count + 7) // 8)) >> -count % 8


class _Millisecond(NamedTuple):
    ms: int
    id_prefix: str
    next_number: Callable[[], int]
    text: str


class Outside:
    """Hand out times, ids and chance; the only owner of clocks and randomness.

    Safe to use from any thread, and after a fork (the child begins anew).
    """

    def __init__(self) -> None:
        # This is all that changes. Replaced as a whole: other threads see the old or the new one.
        self._second = (-1, "")
        self._now = _Millisecond(-1, "", count().__next__, "")
        if not _alive:
            _hear_of_forks()
        _alive.add(self)

    def stamp(self) -> tuple[str, str]:
        """Return a fresh message id and the time as ``2026-11-21T09:00:00.000Z``."""
        known, prefix, next_number, text = self._now
        ms = time.time_ns() // 1_000_000
        if known != ms:
            _, prefix, next_number, text = self._turn(ms)
        return f"{prefix}{next_number():x}", text

    def now(self) -> str:
        """Return the time as ``2026-11-21T09:00:00.000Z``."""
        ms = time.time_ns() // 1_000_000
        now = self._now
        return now.text if now.ms == ms else self._turn(ms).text

    def now_ms(self) -> int:
        """Return the milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def spread(self) -> float:
        """Draw a number from -1 to 1."""
        return _bits(53) / (1 << 52) - 1.0

    def new_key(self) -> str:
        """Return a fresh idempotency key for a batch: 32 hexadecimal digits."""
        return f"{_bits(128):032x}"

    def begin_anew(self) -> None:
        """Draw again before the next id: a forked child must not go on counting where we did."""
        self._now = _Millisecond(-1, "", count().__next__, "")

    def _turn(self, ms: int) -> _Millisecond:
        if 0 <= self._now.ms - ms < _SMALL_STEP_MS:  # or another thread has just turned it
            return self._now
        seconds, rest = divmod(ms, 1000)
        known, text = self._second
        if known != seconds:
            text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._second = (seconds, text)
        head = f"{ms:012x}"
        drawn = _bits(72)
        variant = 0x8000 | drawn >> 58
        chance = f"{drawn & 0xFFFFFFFF:08x}"
        prefix = f"{head[:8]}-{head[8:]}-7{chance[:3]}-{variant:04x}-{chance[3:]}"
        self._now = _Millisecond(
            ms,
            prefix,
            count(_SEVEN_DIGITS + (drawn >> 32) % _SEVEN_DIGITS).__next__,
            f"{text}{rest:03d}Z",
        )
        return self._now


def _hear_of_forks() -> None:
    global _registered  # noqa: PLW0603 - hooks of os.register_at_fork can not be taken back
    if not _registered and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_anew)
        _registered = True


_registered = False


def _begin_anew() -> None:
    for outside in list(_alive):
        outside.begin_anew()


class Bell:
    """Wake whoever waits, on the loop on which they wait.

    Bound to no loop: a client that moves to another loop keeps its bells, and who waits on another
    loop than the one that rings is woken there.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []  # this is all that changes

    def ring(self) -> None:
        """Wake everybody who waits now."""
        waiting, self._waiting = self._waiting, []
        here = asyncio._get_running_loop()  # noqa: SLF001 - the one that does not raise
        for future in waiting:
            loop = future.get_loop()
            if loop is here:
                _wake(future)
            else:
                with suppress(RuntimeError):  # a closed loop has nobody left to wake
                    loop.call_soon_threadsafe(_wake, future)

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the next ring, *seconds* at the most. Cancelling this changes nothing."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        timer = None if seconds is None else loop.call_later(seconds, _wake, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            if future in self._waiting:
                self._waiting.remove(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def beside(work: Callable[[*Args], T], *args: *Args) -> T:
    """Do *work* in a thread of its own, and return or raise what it does.

    Cancelling this leaves the work to its thread, which ends by itself.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_OneThread(loop), work, *args)


async def import_beside(name: str) -> None:
    """Import a module in a thread of its own.

    A process that forks meanwhile waits for that: the child, in which the thread is not, would have
    half of the module, and could never import it.
    """
    _hold_forks()
    await beside(_import, name)


def _import(name: str) -> None:
    with _imports[0]:
        import_module(name)


_imports = [threading.RLock()]  # held while one goes on; a child gets another one
_holding: list[bool] = []


def _hold_forks() -> None:
    if not _holding and hasattr(os, "register_at_fork"):
        _holding.append(True)  # such a hook cannot be taken back: once is enough
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
        )


def _before_fork() -> None:
    # Not for ever: who forks may be in the middle of an import that the other one waits for.
    _imports[0].acquire(timeout=_LONGEST_FORK)


def _after_fork() -> None:
    with suppress(RuntimeError):  # it took too long, and is not held here
        _imports[0].release()


def _after_fork_in_child() -> None:
    _imports[0] = threading.RLock()


class _OneThread(Executor):
    """Give the one job of a loop a daemon thread.

    The threads of a pool wait for more, and keep a program from ending whose loop just stopped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin the job."""
        future: Future[T] = Future()
        job = partial(work, *args, **kwargs)
        threading.Thread(target=self._do, args=(future, job), name="asyncsdk", daemon=True).start()
        return future

    def _do(self, future: Future[T], job: Callable[[], T]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            made = job()
        except BaseException as error:  # noqa: BLE001 - it is raised where the job is awaited
            if not self._loop.is_closed():
                future.set_exception(error)
        else:
            if not self._loop.is_closed():
                future.set_result(made)
