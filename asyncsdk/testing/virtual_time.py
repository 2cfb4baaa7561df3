"""Virtual time: an event loop whose clock jumps when every task is blocked.

A client that waits for hours (back-off, `Retry-After`, probes, `max_age`) is tested in
milliseconds, and every moment is exact: nothing but a jump moves the clock.

    asyncio.Runner(loop_factory=VirtualTimeLoop)                      on its own
    anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})

    @pytest.fixture(scope="module")                                   with anyio's pytest plugin
    def anyio_backend():
        return "asyncio", {"loop_factory": VirtualTimeLoop}

What answers must live in the same loop: give the client a `transport=` of your own. Sockets and
pipes take real time, so this loop refuses them instead of running into every timeout at once.
Wall clocks (`time.time`, `time.monotonic`) are left alone.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

T = TypeVar("T")
Args = TypeVarTuple("Args")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Run tasks on a clock that jumps to the next timer when nothing else can run.

    Work in an executor (`asyncio.to_thread`) takes no time on this clock and is waited for. Other
    threads, anyio's worker threads among them, are not seen: the clock may jump while they work.
    A task that polls with ``sleep(0)`` is never blocked, so it holds the clock still.

    Args:
        start: What `time()` says at first, in seconds. For a second loop that goes on where
            another one ended, give the other one's `time()`.
    """

    def __init__(self, start: float = 0.0) -> None:
        # This is all that changes.
        self._now = start
        self._at_work = 0  # jobs in threads
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        """Return the seconds of the virtual clock."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], T], *args: *Args
    ) -> asyncio.Future[T]:
        """Run *func* in a thread; the clock stands still until it is done."""
        job = super().run_in_executor(executor, func, *args)
        self._at_work += 1
        job.add_done_callback(self._worked)
        return job

    async def shutdown_default_executor(self, *limits: float | None) -> None:
        """Wait for the executor's threads; the clock stands still meanwhile."""
        self._at_work += 1
        try:
            await super().shutdown_default_executor(*limits)
        finally:
            self._at_work -= 1

    def _worked(self, _job: asyncio.Future[T]) -> None:
        self._at_work -= 1

    def _jump(self, seconds: float) -> bool:
        """Move the clock by *seconds*, unless a thread is at work; return whether it moved."""
        if not self._at_work:
            self._now += seconds
        return not self._at_work


class _Jumping(selectors.DefaultSelector):
    """Never wait for time to pass; only for threads, through the loop's own pipe."""

    def __init__(self, jump: Callable[[float], bool]) -> None:
        super().__init__()
        self._jump = jump

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        if self.get_map():
            raise RuntimeError(
                "asyncsdk: a VirtualTimeLoop has no sockets or pipes, for they take real time; "
                "give the client a transport= that answers within the loop"
            )
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and (timeout <= 0 or self._jump(timeout))):
            return found
        return super().select(None)
