"""AWS Lambda: one loop for the life of the container, and a flush at the end of each invocation.

The container is frozen once the handler returns. So what waits is delivered before that, as far as
the time goes; what did not go stays queued, is said, and goes with the next invocation. Needs no
package of AWS's.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast, overload

from asyncsdk.client import AsyncAnalytics, flushed_afterwards, hear_signals
from asyncsdk.errors import ConfigurationError
from asyncsdk.ledger import FlushResult
from asyncsdk.reporting import logger
from asyncsdk.transports import aio

EventT = TypeVar("EventT")
ContextT = TypeVar("ContextT")
ResultT = TypeVar("ResultT")
Report = Callable[[FlushResult], None]


class Decorator(Protocol):
    """Makes the function that Lambda calls."""

    @overload
    def __call__(
        self, handler: Callable[[EventT, ContextT], Coroutine[Any, Any, ResultT]], /
    ) -> Callable[[EventT, ContextT], ResultT]: ...

    @overload
    def __call__(
        self, handler: Callable[[EventT, ContextT], ResultT], /
    ) -> Callable[[EventT, ContextT], ResultT]: ...


def lambda_handler(
    client: AsyncAnalytics,
    *,
    flush_budget: float = 2.0,
    safety: float = 0.25,
    report: Report | None = None,
) -> Decorator:
    """Return a decorator for a handler, ``async def`` or plain, that flushes *client* at its end.

    Also when the handler raises. Everything runs on one loop, which lasts as long as the container:
    connections are kept from one invocation to the next. Invocations in several threads, as a server
    for trying things out makes them, take turns on it.

    Args:
        client: Not entered with ``async with``; it is the module's.
        flush_budget: Seconds that the flush may take.
        safety: Seconds before the invocation's own time limit at which it ends at the latest.
        report: Told if something stays queued; a warning is logged in any case.

    Raises:
        ConfigurationError: A number is negative, or the client is none that has a loop.
    """
    if not isinstance(client, AsyncAnalytics):
        raise ConfigurationError(
            "lambda_handler: an AsyncAnalytics is needed, as in @lambda_handler(client), for plain "
            f"handlers too; this is {type(client).__name__}"
        )
    for name, value in (("flush_budget", flush_budget), ("safety", safety)):
        if not value >= 0:
            raise ConfigurationError(f"{name}: seconds are needed, 0 or more; this is {value}")
    hear_signals(client)  # the container may end before the first run
    aio.load()  # while the container begins: an invocation may have a fraction of a CPU for it
    ending = _Ending(client, flush_budget, safety, report)

    def decorate(handler: Callable[[object, object], object]) -> Callable[[object, object], object]:
        if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
            raise ConfigurationError(
                "lambda_handler: this handler yields, so its body would run after the flush; "
                "return the answer"
            )

        @functools.wraps(handler)
        def invoke(*arguments: object, **named: object) -> object:
            loop = _kept_loop()
            try:
                # A loop of the handler's own, as of asyncio.run, need not drain at its end.
                with flushed_afterwards(client):
                    result = handler(*arguments, **named)
                    return _run(loop, _value(result)) if inspect.isawaitable(result) else result
            finally:
                ending.flush(loop, named.get("context", arguments[-1] if arguments else None))

        return invoke

    return cast("Decorator", decorate)


class _Ending:
    """What is done at the end of an invocation."""

    def __init__(
        self, client: AsyncAnalytics, budget: float, safety: float, report: Report | None
    ) -> None:
        self._client = client
        self._budget = budget
        self._safety = safety
        self._report = report

    def flush(self, loop: asyncio.AbstractEventLoop, context: object) -> None:
        """Deliver what waits, within the time that is left; never raise."""
        began = time.monotonic()
        until = began + self._seconds(context)
        result = FlushResult(pending=self._client.pending)
        if result.pending and _turn.acquire(timeout=_in_range(until - began)):
            try:
                while result.pending and (seconds := until - time.monotonic()) > 0:
                    result = loop.run_until_complete(self._client.flush(seconds))
                    if not (result.delivered or result.rejected or result.dead or result.dropped):
                        break  # else what was said meanwhile goes as well
            except Exception as error:  # noqa: BLE001 - the handler's result must not suffer
                logger.error("asyncsdk: the flush failed (%s)", error)
            finally:
                _turn.release()
        if result.pending:
            self._say(result, time.monotonic() - began)

    def _seconds(self, context: object) -> float:
        ask: Callable[[], float] | None = getattr(context, "get_remaining_time_in_millis", None)
        try:
            return self._budget if ask is None else min(self._budget, ask() / 1000 - self._safety)
        except Exception:  # noqa: BLE001 - what a test gives for a context says nothing of time
            return self._budget

    def _say(self, result: FlushResult, seconds: float) -> None:
        logger.warning(
            "asyncsdk: %d events did not go within %.3g s of this invocation; they stay queued and "
            "go with the next one",
            result.pending,
            round(seconds, 2),
        )
        if self._report is not None:
            try:
                self._report(result)
            except Exception as error:  # noqa: BLE001 - as above
                logger.error("asyncsdk: report raised %s", type(error).__name__)


_loops: list[asyncio.AbstractEventLoop] = []  # the one that is kept
_making = threading.Lock()
_turn = threading.RLock()  # who may run it; a plain handler may call another one


async def _value(result: Awaitable[object]) -> object:
    return await result


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, ResultT]) -> ResultT:
    with _turn:
        return loop.run_until_complete(work)


def _in_range(seconds: float) -> float:
    return min(max(seconds, 0.0), threading.TIMEOUT_MAX)


def _kept_loop() -> asyncio.AbstractEventLoop:
    """Return the container's loop, and make it the thread's: Mangum asks for that one."""
    if asyncio._get_running_loop() is not None:  # noqa: SLF001
        raise ConfigurationError(
            "a Lambda handler was called on a running event loop; call it from a thread without one"
        )
    with _making:
        if not _loops or _loops[0].is_closed():
            _loops[:] = [_threads_loop() or asyncio.new_event_loop()]
        loop = _loops[0]
    asyncio.set_event_loop(loop)
    return loop


def _threads_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that the thread has already, if it can be used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            loop = asyncio.get_event_loop()
        except RuntimeError:
            return None
    return None if loop.is_closed() else loop
