"""AsyncAnalytics: the calls, and everything else that an application says to its client."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from asyncsdk.client.binding import Binding, own
from asyncsdk.client.carrying import carried
from asyncsdk.client.checking import Bound, Later, bound_to
from asyncsdk.client.directing import Directed
from asyncsdk.client.flag_desk import FlagDesk
from asyncsdk.client.house import House, check_shape
from asyncsdk.client.leaving import Leaving
from asyncsdk.client.letter_desk import LetterDesk
from asyncsdk.client.posting import let_in
from asyncsdk.client.running import Runner
from asyncsdk.client.saying import Saying, Shared
from asyncsdk.client.settings import Options, read
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ConfigurationError, ValidationError
from asyncsdk.intake import Budget
from asyncsdk.ledger import FlushResult, Statistics
from asyncsdk.messages import Consent, Id, Object, check_consent, check_id
from asyncsdk.options import Delivery, resolve
from asyncsdk.outside import Outside
from asyncsdk.receipts import Receipt
from asyncsdk.reporting import Reporter, logger
from asyncsdk.seams import CountsAttempts, DeadLetter, Destination, HandsOver, Store
from asyncsdk.transports import AiohttpTransport

if TYPE_CHECKING:
    from asyncsdk.client.pushing import Pushing
    from asyncsdk.flags.getting import Flags


class AsyncAnalytics(Saying):
    """Say what happens in an application to one or several analytics systems.

    The calls (`track`, `identify`, …) are plain functions: they take microseconds, do no IO and
    never wait, may be made from any thread, and keep nothing of what they are given. Delivery goes
    on in the background, on the loop where the client was started: by ``async with``, by
    ``await start()``, or by the first call on a running loop.

    Args:
        destinations: Where to deliver; each call goes to all of them.
        options: See `Options` and docs/options.md; they are fixed for the client's life.

    Raises:
        ConfigurationError: No destination, two of the same name, or an option that cannot work.
    """

    def __init__(self, *destinations: Destination, **options: Unpack[Options]) -> None:
        if not destinations and options.get("mapping") is not None:
            from asyncsdk.client.mapped import from_mapping

            destinations, options = from_mapping(options)
        settings = read(options)
        _check_destinations(destinations)
        outside = Outside()
        reporter = Reporter(
            outside.monotonic,
            on_error=settings.on_error,
            on_drop=settings.on_drop,
            on_event=settings.on_event,
            on_request=settings.on_request,
        )
        if settings.log_level is not None:
            logger.setLevel(settings.log_level)
        transport = settings.transport or AiohttpTransport(
            ssl_context=settings.ssl, proxy=settings.proxy, trust_env=settings.trust_env
        )
        budget = Budget(settings.max_total_bytes)

        def make(destination: Destination) -> Lane:
            return Lane(
                destination,
                resolve(
                    destination.delivery,
                    settings.delivery,
                    _asked_by(settings.store),
                    destination.defaults,
                ),
                store=settings.store,
                transport=transport,
                outside=outside,
                reporter=reporter,
                budget=budget,
                deliver=settings.deliver,
            )

        if not settings.deliver:
            _let_others_deliver(settings.store)
        self._house = House(make, destinations, settings.store)
        runner = Runner(self._house, settings, transport, reporter)
        shared = Shared(settings, outside, reporter)
        super().__init__(shared, self._house.own, runner)
        self._flag_desk = FlagDesk(self._house, runner, shared)
        self._pushing = self._make_pushing(runner)
        self._pusher = None if self._pushing is None else self._pushing.only
        self._letter_desk = LetterDesk(self._house, settings, reporter, self._pushing)
        self._leaving = Leaving(self._house, runner, settings, reporter)
        runner.on_start = self._leaving.attend

    @classmethod
    def from_env(cls, prefix: str = "ASYNCSDK_", **options: Unpack[Options]) -> AsyncAnalytics:
        """Make a client from environment variables, such as ``ASYNCSDK_WRITE_KEY``.

        ``DESTINATION`` is ``rudderstack`` (the default), ``segment``, ``inslytic`` or
        ``getfluxly``. Its fields are variables of the same names: ``DATA_PLANE_URL``, ``API_KEY``,
        ``TOKEN``, ``PATH``, ``NAME`` and so on. Every other variable with the prefix is an option:
        ``FLUSH_AT``, ``TIMEOUT`` and so on.

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

    # The client's life.

    async def __aenter__(self) -> AsyncAnalytics:
        """Start; leaving the block drains everything and closes for good."""
        return await self.start()

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Shut down within `shutdown_timeout`; a cancelled host still drains once."""
        self._flag_desk.rest()
        await self._runner.shutdown(await self._letter_desk.bury_within(None), for_good=True)
        self._leaving.forget()

    async def start(self) -> AsyncAnalytics:
        """Start a run on the running loop; nothing happens if there is one.

        From here on flag definitions are polled for, where a destination has a key for it.

        Raises:
            ClientClosedError: The client was closed by the end of its ``async with`` block.
            ConfigurationError: It is running on another loop, or `flag_definitions` of a
                destination cannot be read.
        """
        await self._flag_desk.load_given()
        run = self._runner.start()
        self._flag_desk.poll_from_now()
        await run.ready.wait()
        return self

    async def flush(self, timeout: float | None = None) -> FlushResult:
        """Wait until everything accepted before this call is settled.

        Or until its round of retries is spent, or *timeout* is over; a lane that stands still
        (a refused key) is not waited for. Several flushes share the work. Cancelling it changes
        nothing in the queue.

        Args:
            timeout: Seconds; None takes `shutdown_timeout`, `math.inf` waits for ever.

        Raises:
            ConfigurationError: The client is running on another loop.
        """
        return await self._runner.flush(timeout)

    async def shutdown(self, timeout: float | None = None) -> FlushResult:
        """Deliver what waits, then end this run; the next call opens another one.

        A back-off of ours is cut short; a pause that a server asked for is not. What is left at
        the end is dropped with reason ``shutdown``, unless the store outlives the process. A
        second shutdown returns the same result. Cancelling it lets the run end by itself.

        Args:
            timeout: Seconds it may take; None takes `shutdown_timeout`.

        Raises:
            ConfigurationError: The client is running on another loop.
        """
        self._flag_desk.rest()
        result = await self._runner.shutdown(
            await self._letter_desk.bury_within(timeout), for_good=False
        )
        self._leaving.forget()
        return result

    @property
    def pending(self) -> int:
        """Events that are not settled yet, over all destinations."""
        return self._runner.pending

    def statistics(self) -> Statistics:
        """Return all counters and gauges, per destination and in sum; they add up."""
        return self._runner.statistics()

    def bound(self) -> dict[str, Any]:
        """Return what is bound here, as plain JSON values: ``bind(**…)`` takes it elsewhere.

        For ids and context that travel with a job to another process.
        """
        return carried(bound_to(self._shared))

    def bind(
        self,
        *,
        user_id: Id | None = None,
        anonymous_id: Id | None = None,
        session_id: Id | None = None,
        context: Object | None = None,
        groups: Object | None = None,
        consent: Consent | None = None,
    ) -> AbstractContextManager[AsyncAnalytics]:
        """Lend ids, context and consent to the calls inside a ``with`` block.

        Follows `contextvars`: tasks that start inside inherit it, others see nothing of it. What a
        call says itself wins; contexts are merged one level deep.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        bound = Bound(user_id, anonymous_id, session_id, context, groups, consent)
        return Binding(self, self._shared, own(bound))

    def bind_from(self, read: Callable[[], Bound]) -> AbstractContextManager[AsyncAnalytics]:
        """Lend what *read* returns to the calls inside a ``with`` block, like `bind`.

        For what is costly to know, or known only later: *read* is asked with each call, in its
        thread, and not at all without one. What it returns is not checked or copied. On a running
        loop this starts the client, as a call would: the calls inside may come from threads.

        Args:
            read: Returns at once, raises nothing, and gives values that stay as they are.
        """
        if self._runner.loop is None:
            self._runner.here()
        return Binding(self, self._shared, Later(read))

    @cached_property
    def flags(self) -> Flags:
        """The feature flags of the first destination that has some.

        Of another one: ``analytics.to(name).flags``.

        Raises:
            ConfigurationError: No destination has.
        """
        return self._flag_desk.first([lane.destination for lane in self._house.own])

    def to(self, *destinations: str | Destination) -> Directed:
        """Return a light view whose calls go only to these destinations.

        Either to some of the client's own, by name, or to others, such as a tenant's with a key of
        its own. The lane of such a one is made with the first call and ends half a minute or a
        minute after the last one; transport, store and `max_total_bytes` are the client's.

        Args:
            destinations: Names of the client's destinations, or destinations.

        Raises:
            ConfigurationError: None is given, one is no destination, or the client has none of that
                name. The calls of the view raise it if another destination has the name of one.
        """
        return Directed(
            self, self._shared, self._runner, self._house, self._flag_desk, destinations
        )

    def consent(
        self,
        grants: Consent,
        *,
        user_id: Id | None = None,
        anonymous_id: Id | None = None,
    ) -> int:
        """Say what a user has agreed to; release the events that were held for it.

        An event goes once all purposes that its destination asks for are granted, and is dropped
        with reason ``consent`` once one is denied. May be called from any thread. It says nothing of
        later calls: give these their `consent`, or `bind` it.

        Args:
            grants: True or False for everything, or a mapping of purposes to bools.
            user_id: Whose events, by this id.
            anonymous_id: Whose events, by this id; either of the two is enough.

        Returns:
            How many events were released.

        Raises:
            ValidationError: An argument breaks a rule, or no id is given.
        """
        check_consent("consent", grants)
        if user_id is None and anonymous_id is None:
            raise ValidationError("user_id, anonymous_id: consent() needs one of them")
        check_id("user_id", user_id)
        check_id("anonymous_id", anonymous_id)
        return self._release(grants, user_id, anonymous_id)

    def _release(self, grants: Consent, user_id: Id | None, anonymous_id: Id | None) -> int:
        owner = self._runner.here()
        released = 0
        for lane in self._house.lanes:
            room = lane.waiting_room
            if room.events:
                lane.let_go(room.take_old())
                allowed, denied = room.answer(grants, user_id, anonymous_id)
                lane.let_go(denied)
                for one in allowed:
                    if one.wish is None:
                        let_in(lane, one, owner=owner)
                    else:
                        one.wish.resume(one)
                released += len(allowed)
                lane.tell_held()
        return released

    # walkerOS events.

    def _make_pushing(self, runner: Runner) -> Pushing | None:
        if not self._settings.mapping:
            return None
        from asyncsdk.client.mapped import make_pushing  # late: most clients have no mapping

        pushing = make_pushing(self._settings.mapping, self._shared, self._house.own, runner)
        before = runner.on_fork

        def after_fork() -> None:
            before()
            pushing.after_fork()

        runner.on_fork = after_fork
        return pushing

    @property
    def has_mapping(self) -> bool:
        """Whether it was made with ``mapping=``, so that `push` has one."""
        return self._pushing is not None

    def push(self, event: object, *, consent: Consent | None = None) -> Receipt:
        """Push a walkerOS event through the mapping: it leads to calls, or to none.

        A plain function like the calls, which it is as quick as. What is wrong with an event's
        content never raises: the event is dropped and counted. An event on which a function of the
        mapping's raises becomes a dead letter, which names the place.

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
        if self._pusher is not None and type(event) is dict:  # nearly always
            return self._pusher.push(event, consent)
        if self._pushing is None:
            raise ConfigurationError("push(): this client has no mapping; give it mapping=…")
        return self._pushing.push(event, consent)

    def push_many(
        self, events: Iterable[object], *, consent: Consent | None = None
    ) -> list[Receipt]:
        """Push several events, in order; see `push`.

        Raises:
            ConfigurationError: The client was made without ``mapping=``.
            ValidationError: One is no object; those before it are pushed.
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return [self.push(event, consent=consent) for event in events]

    # Dead letters.

    def dead_letters(self, destination: str | None = None) -> AsyncIterator[DeadLetter]:
        """Iterate over the events that were refused or given up, oldest first.

        Args:
            destination: The name of one; None for all.
        """
        return self._letter_desk.read(destination)

    async def replay(self, *message_ids: str, destination: str | None = None) -> int:
        """Put dead letters back to the end of the queue, with their ids; return how many.

        They are tried as if they were new; each counts as accepted once more. What does not fit
        into the queue stays a dead letter. Cancelling this does not stop it in the middle.

        Args:
            message_ids: Which; none means all.
            destination: The name of one; None for all.
        """
        self._runner.start()
        wanted = frozenset(message_ids) or None
        return await self._runner.undivided(self._letter_desk.replay(wanted, destination))

    async def purge(self, *message_ids: str, destination: str | None = None) -> int:
        """Forget dead letters for good; return how many.

        Args:
            message_ids: Which; none means all.
            destination: The name of one; None for all.
        """
        return await self._letter_desk.purge(frozenset(message_ids) or None, destination)

    def __del__(self) -> None:
        """See to what waits when nobody holds the client any more."""
        leaving = getattr(self, "_leaving", None)  # the constructor may have raised
        if leaving is not None and not sys.is_finalizing():
            leaving.left_behind()

    def __repr__(self) -> str:
        """Show where it delivers to and how much waits; never a key."""
        names = ", ".join(lane.name for lane in self._lanes)
        return f"<AsyncAnalytics to {names}: {self.pending} pending>"


def counters_of(client: AsyncAnalytics) -> Callable[[], Statistics]:
    """Return what reads the counters of *client*, also when nobody holds that any more."""
    return client._runner.statistics  # noqa: SLF001 - of the same module


@contextmanager
def flushed_afterwards(client: AsyncAnalytics) -> Iterator[None]:
    """Promise that *client* is flushed after this block: no loop that ends in it need drain."""
    runner = client._runner  # noqa: SLF001 - of the same module
    runner.flushed_afterwards += 1
    try:
        yield
    finally:
        runner.flushed_afterwards -= 1


def hear_signals(client: AsyncAnalytics) -> None:
    """Hear signals from now on, if the client is to, and not from its first run on."""
    client._leaving.attend()  # noqa: SLF001 - of the same module


def _check_destinations(destinations: tuple[Destination, ...]) -> None:
    if not destinations:
        raise ConfigurationError("destinations: at least one is needed, such as RudderStack(…)")
    names: set[str] = set()
    for destination in destinations:
        check_shape(destination)
        name = destination.name
        if name in names:
            raise ConfigurationError(
                f"destinations: two are named {name}; give one of them another name="
            )
        names.add(name)


def _asked_by(store: Store) -> Delivery:
    """Return what *store* asks of every destination, where the user does not."""
    if isinstance(store, CountsAttempts):
        return Delivery(max_retries=store.max_attempts - 1)
    return Delivery()


def _let_others_deliver(store: Store) -> None:
    if isinstance(store, HandsOver):
        store.hands_over = True
