"""SyncAnalytics: the client for code without a loop.

It is the same client: an `AsyncAnalytics` whose runs are on a thread of our own. The calls go the
same way, in the caller's thread; only what waits goes over to the loop's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from types import TracebackType
from typing import Any, TypeVar, TypeVarTuple, Unpack

from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.calls import Calls
from asyncsdk.client.checking import Bound
from asyncsdk.client.directing import Directed
from asyncsdk.client.gate import Call
from asyncsdk.client.running import Runner
from asyncsdk.client.settings import Options
from asyncsdk.ledger import FlushResult, Statistics
from asyncsdk.messages import Consent, Id, Object
from asyncsdk.receipts import Outcome, Receipt
from asyncsdk.seams import DeadLetter, Destination
from asyncsdk.synchronous.flags import SyncFlags, Wait
from asyncsdk.synchronous.receipts import SyncReceipt
from asyncsdk.synchronous.threads import LoopThread
from asyncsdk.transports import aio

T = TypeVar("T")
Args = TypeVarTuple("Args")
Say = Callable[[Call, dict[str, Any]], Receipt]


class SyncAnalytics(Calls[SyncReceipt]):
    """Say what happens in a program that has no event loop: a script, a Celery task, sync Django.

    The calls are those of `AsyncAnalytics`: they take microseconds, do no IO, never wait, and may be
    made from any thread. Delivery goes on in the background, on one thread with a loop of its own,
    which the first call starts. What is awaited there blocks here, with the same words.

    In a program that has a loop, use `AsyncAnalytics`: the calls are as quick here, but what waits
    would hold up everything else on the loop.

    Safe to fork: a child has its own thread, connections and events. Making a client loads aiohttp,
    which takes a quarter of a second. Hooks other than `before_send` run on the client's thread;
    they must not wait.

    Args:
        destinations: Where to deliver; each call goes to all of them.
        options: See `Options` and docs/options.md; they are fixed for the client's life.

    Raises:
        ConfigurationError: No destination, two of the same name, or an option that cannot work.
    """

    def __init__(self, *destinations: Destination, **options: Unpack[Options]) -> None:
        self._client = AsyncAnalytics(*destinations, **options)
        if options.get("transport") is None:
            aio.load()  # not on the thread: such programs fork, in the middle of whatever it does
        self._thread = LoopThread()
        # The other face of one client: what that is made of is known here, and nowhere else.
        self._runner = self._client._runner  # noqa: SLF001
        self._runner.starts_with_calls = False  # its runs are on the thread, whoever has a loop
        self._pass_on: Say = self._client._say  # noqa: SLF001
        self._leaving = self._client._leaving  # noqa: SLF001
        self._begin = partial(_begin, self._runner)

    @classmethod
    def from_env(cls, prefix: str = "ASYNCSDK_", **options: Unpack[Options]) -> SyncAnalytics:
        """Make a client from environment variables, as `AsyncAnalytics.from_env` does.

        Args:
            prefix: What the variables' names begin with.
            options: Options that the environment does not decide.

        Raises:
            ConfigurationError: A variable is missing, unknown, or does not fit.
        """
        from asyncsdk.client.environment import read_environment

        destination, found = read_environment(prefix, os.environ)
        found.update(options)
        return cls(destination, **found)

    def _say(self, call: Call, given: dict[str, Any]) -> SyncReceipt:
        return self._said(self._pass_on, call, given)

    def _said(self, say: Say, call: Call, given: dict[str, Any]) -> SyncReceipt:
        # Before: nobody needs to be told that no loop is there. After: another thread may have
        # ended the run in between.
        self._stay_awake()
        receipt = say(call, given)
        return self._received(receipt)

    def _received(self, receipt: Receipt) -> SyncReceipt:
        self._stay_awake()
        return SyncReceipt(receipt, self._await_receipt)

    def _await_receipt(
        self, work: Callable[[float | None], Awaitable[Outcome]], timeout: float | None
    ) -> Outcome:
        return self._wait(work, timeout)

    def _stay_awake(self) -> None:
        if self._runner.where is None and not self._runner.closed:
            self._leaving.attend()  # here, for the loop's thread cannot hear signals
            # No thread can be started at the exit, which drains by itself; or there is no file
            # left for a loop. The event waits.
            with suppress(RuntimeError, OSError):
                self._thread.wake(self._begin)

    def _wait(self, work: Callable[[*Args], Awaitable[T]], *args: *Args) -> T:
        """Await *work* on the loop; let its thread rest if it has nothing else to do."""
        try:
            return self._thread.call(work, *args)
        finally:
            if self._runner.where is None:
                self._rest()

    def _rest(self) -> None:
        self._thread.rest(lambda: self._runner.where is None)
        if self._runner.pending:  # said by another thread meanwhile
            self._stay_awake()

    # The client's life.

    def __enter__(self) -> SyncAnalytics:
        """Start; leaving the block drains everything and closes for good."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Shut down within `shutdown_timeout`, and end the thread."""
        self._wait(self._client.__aexit__, kind, error, trace)

    def start(self) -> SyncAnalytics:
        """Start a run, with its thread; nothing happens if there is one.

        Raises:
            ClientClosedError: The client was closed by the end of its ``with`` block.
        """
        if not self._runner.closed:
            self._leaving.attend()
        self._wait(self._client.start)
        return self

    def flush(self, timeout: float | None = None) -> FlushResult:
        """Block until everything accepted before this call is settled.

        Or until its round of retries is spent, or *timeout* is over; a lane that stands still
        (a refused key) is not waited for.

        Args:
            timeout: Seconds; None takes `shutdown_timeout`, `math.inf` waits for ever.
        """
        return self._wait(self._client.flush, timeout)

    def shutdown(self, timeout: float | None = None) -> FlushResult:
        """Deliver what waits, then end this run and its thread; the next call opens another one.

        A back-off of ours is cut short; a pause that a server asked for is not. What is left at
        the end is dropped with reason ``shutdown``, unless the store outlives the process. A
        second shutdown returns the same result.

        Args:
            timeout: Seconds it may take; None takes `shutdown_timeout`.
        """
        return self._wait(self._client.shutdown, timeout)

    @property
    def pending(self) -> int:
        """Events that are not settled yet, over all destinations."""
        return self._client.pending

    def statistics(self) -> Statistics:
        """Return all counters and gauges, per destination and in sum; they add up."""
        return self._client.statistics()

    def bound(self) -> dict[str, Any]:
        """Return what is bound here, as plain JSON values: ``bind(**…)`` takes it elsewhere."""
        return self._client.bound()

    def bind(
        self,
        *,
        user_id: Id | None = None,
        anonymous_id: Id | None = None,
        session_id: Id | None = None,
        context: Object | None = None,
        groups: Object | None = None,
        consent: Consent | None = None,
    ) -> AbstractContextManager[SyncAnalytics]:
        """Lend ids, context and consent to the calls inside a ``with`` block.

        Follows `contextvars`: another thread sees nothing of it. What a call says itself wins;
        contexts are merged one level deep.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        binding = self._client.bind(
            user_id=user_id,
            anonymous_id=anonymous_id,
            session_id=session_id,
            context=context,
            groups=groups,
            consent=consent,
        )
        return _Lent(self, binding)

    def bind_from(self, read: Callable[[], Bound]) -> AbstractContextManager[SyncAnalytics]:
        """Lend what *read* returns to the calls inside a ``with`` block, like `bind`.

        Args:
            read: Asked with each call, in its thread; returns at once, raises nothing, and gives
                values that stay as they are.
        """
        return _Lent(self, self._client.bind_from(read))

    def to(self, *destinations: str | Destination) -> SyncDirected:
        """Return a light view whose calls go only to these destinations.

        Args:
            destinations: Names of the client's destinations, or destinations.

        Raises:
            ConfigurationError: None is given, one is no destination, or the client has none of that
                name. The calls of the view raise it if another destination has the name of one.
        """
        return SyncDirected(self, self._client.to(*destinations), self._said, self._wait)

    @property
    def flags(self) -> SyncFlags:
        """The feature flags of the first destination that has some; answers are waited for.

        Raises:
            ConfigurationError: No destination has.
        """
        return SyncFlags(self._client.flags, self._wait)

    @property
    def has_mapping(self) -> bool:
        """Whether it was made with ``mapping=``, so that `push` has one."""
        return self._client.has_mapping

    def push(self, event: object, *, consent: Consent | None = None) -> SyncReceipt:
        """Push a walkerOS event through the mapping, as `AsyncAnalytics.push` does.

        Args:
            event: A dict with ``name``, ``data``, ``user`` and so on, or a struct of these.
            consent: What the user agreed to, where the event says nothing of it.

        Returns:
            One receipt for all calls that the event leads to; ``dropped`` if it leads to none.

        Raises:
            ConfigurationError: The client was made without ``mapping=``.
            ValidationError: It is no object.
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        self._stay_awake()
        return self._received(self._client.push(event, consent=consent))

    def push_many(
        self, events: Iterable[object], *, consent: Consent | None = None
    ) -> list[SyncReceipt]:
        """Push several events, in order; see `push`.

        Raises:
            ConfigurationError: The client was made without ``mapping=``.
            ValidationError: One is no object; those before it are pushed.
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return [self.push(event, consent=consent) for event in events]

    def consent(
        self,
        grants: Consent,
        *,
        user_id: Id | None = None,
        anonymous_id: Id | None = None,
    ) -> int:
        """Say what a user has agreed to; release the events that were held for it.

        Args:
            grants: True or False for everything, or a mapping of purposes to bools.
            user_id: Whose events, by this id.
            anonymous_id: Whose events, by this id; either of the two is enough.

        Returns:
            How many events were released.

        Raises:
            ValidationError: An argument breaks a rule, or no id is given.
        """
        return self._client.consent(grants, user_id=user_id, anonymous_id=anonymous_id)

    # Dead letters.

    def dead_letters(self, destination: str | None = None) -> Iterator[DeadLetter]:
        """Iterate over the events that were refused or given up, oldest first.

        Args:
            destination: The name of one; None for all.
        """
        letters = self._client.dead_letters(destination)

        async def another() -> DeadLetter | None:
            return await anext(letters, None)

        try:
            while (letter := self._thread.call(another)) is not None:
                yield letter
        finally:
            if self._runner.where is None:
                self._rest()

    def replay(self, *message_ids: str, destination: str | None = None) -> int:
        """Put dead letters back to the end of the queue, with their ids; return how many.

        Args:
            message_ids: Which; none means all.
            destination: The name of one; None for all.
        """

        async def work() -> int:
            return await self._client.replay(*message_ids, destination=destination)

        return self._wait(work)

    def purge(self, *message_ids: str, destination: str | None = None) -> int:
        """Forget dead letters for good; return how many.

        Args:
            message_ids: Which; none means all.
            destination: The name of one; None for all.
        """

        async def work() -> int:
            return await self._client.purge(*message_ids, destination=destination)

        return self._wait(work)

    def __del__(self) -> None:
        """Let the thread go when nobody holds the client any more; what waits is drained."""
        thread = getattr(self, "_thread", None)  # the constructor may have raised
        if thread is not None and not sys.is_finalizing():
            last = partial(self._runner.shutdown, None, for_good=False)
            del self._pass_on, self._client  # the client first: it says what waits
            thread.let_go(last)

    def __repr__(self) -> str:
        """Show where it delivers to; never a key."""
        return repr(self._client).replace("Async", "Sync", 1)


def _begin(runner: Runner) -> None:
    if not runner.closed:
        runner.start()


class SyncDirected(Calls[SyncReceipt]):
    """Say things to some of a client's destinations; made by `SyncAnalytics.to`."""

    def __init__(
        self,
        client: SyncAnalytics,
        view: Directed,
        say: Callable[[Say, Call, dict[str, Any]], SyncReceipt],
        wait: Wait,
    ) -> None:
        self._client = client  # a view keeps its client alive
        self._view = view
        self._say_there: Say = view._say  # noqa: SLF001 - as above
        self._said = say
        self._wait = wait

    @property
    def flags(self) -> SyncFlags:
        """The feature flags of the first of these destinations that has some.

        Raises:
            ConfigurationError: None has.
        """
        return SyncFlags(self._view.flags, self._wait)

    def _say(self, call: Call, given: dict[str, Any]) -> SyncReceipt:
        return self._said(self._say_there, call, given)

    def __repr__(self) -> str:
        """Show where it says things to; never a key."""
        return repr(self._view).replace("Async", "Sync", 1)


class _Lent(AbstractContextManager[SyncAnalytics]):
    """What `bind` lends; may be entered again."""

    def __init__(self, client: SyncAnalytics, binding: AbstractContextManager[object]) -> None:
        self._client = client
        self._binding = binding

    def __enter__(self) -> SyncAnalytics:
        """Lend it."""
        self._binding.__enter__()
        return self._client

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it back."""
        self._binding.__exit__(kind, error, trace)
