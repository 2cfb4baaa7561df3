"""AsyncAnalytics: the calls, and everything else that an application says to its client."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Unpack

from asyncsdk.client.binding import Binding
from asyncsdk.client.calls import Calls
from asyncsdk.client.checking import (
    Bound,
    bound_to,
    calling_place,
    check_whole,
    inherit,
    merged,
    read_given,
    recheck,
)
from asyncsdk.client.gate import Call, is_plain, read_usual
from asyncsdk.client.leaving import Leaving
from asyncsdk.client.posting import (
    apply_hooks,
    base_context,
    check_room,
    clean_up,
    encode_as_it_is,
    take,
    tell_coerced,
)
from asyncsdk.client.running import Runner
from asyncsdk.client.settings import Options, read
from asyncsdk.client.waiting import Desk
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ConfigurationError, ValidationError
from asyncsdk.intake import Budget
from asyncsdk.messages import Id, Message, Object
from asyncsdk.options import resolve
from asyncsdk.outside import Outside
from asyncsdk.receipts import FlushResult, Place, Receipt, Statistics, dropped
from asyncsdk.reporting import Reporter, logger
from asyncsdk.seams import DeadLetter, Destination, Encoded, Unsupported
from asyncsdk.transports import AiohttpTransport
from asyncsdk.wire.values import Coerced


class AsyncAnalytics(Calls):
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
        settings = read(options)
        _check_destinations(destinations)
        self._settings = settings
        self._outside = Outside()
        self._reporter = Reporter(
            self._outside.monotonic,
            on_error=settings.on_error,
            on_drop=settings.on_drop,
            on_event=settings.on_event,
        )
        if settings.log_level is not None:
            logger.setLevel(settings.log_level)
        transport = settings.transport or AiohttpTransport(
            ssl_context=settings.ssl, proxy=settings.proxy, trust_env=settings.trust_env
        )
        budget = Budget(settings.max_total_bytes)
        self._lanes = [
            Lane(
                destination,
                resolve(destination.delivery, settings.delivery, destination.defaults),
                store=settings.store,
                transport=transport,
                outside=self._outside,
                reporter=self._reporter,
                budget=budget,
                deliver=settings.deliver,
            )
            for destination in destinations
        ]
        self._may_refuse = any(lane.options.overflow == "raise" for lane in self._lanes)
        self._base_context = base_context(settings)
        self._base_is_plain = is_plain(self._base_context)
        self._runner = Runner(self._lanes, settings, transport, self._reporter)
        self._desk = Desk(self._lanes, self._runner)
        self._leaving = Leaving(self._lanes, self._runner, settings, self._reporter)
        self._runner.on_start = self._leaving.attend

    @classmethod
    def from_env(cls, prefix: str = "ASYNCSDK_", **options: Unpack[Options]) -> AsyncAnalytics:
        """Make a client from environment variables, such as ``ASYNCSDK_WRITE_KEY``.

        ``DESTINATION`` is ``rudderstack`` (the default) or ``segment``; ``WRITE_KEY``,
        ``DATA_PLANE_URL``, ``HOST``, ``PATH``, ``NAME`` and ``ALLOW_INSECURE_HTTP`` describe it.
        Every other variable with the prefix is an option: ``FLUSH_AT``, ``TIMEOUT`` and so on.

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

    # The way of a call.

    def _say(self, call: Call, given: dict[str, Any]) -> Receipt:
        message_id, now = self._outside.stamp()
        try:
            usual = read_usual(call, given, message_id, now)
            if usual is not None:
                return self._post(usual, plain=True)
            message = Message(call.kind, message_id, now)
            self._read(message, call, given)
            return self._post(message, plain=False)
        except ValidationError as error:
            if self._settings.invalid == "raise":
                raise
            place = calling_place()
            self._reporter.once(f"invalid {place}", f"{place}: {error}")
            return self._turned_away(message_id, "invalid")

    def _read(self, message: Message, call: Call, given: dict[str, Any]) -> None:
        """Read what was *given* into *message*, the careful way."""
        if read_given(message, call, given):
            place = calling_place()
            self._reporter.once(
                f"naive {place}", f"{place}: a timestamp without a zone was read as UTC (said once)"
            )

    def _post(self, message: Message, *, plain: bool) -> Receipt:
        """Complete a read *message* and give it to its lanes; *plain* values need no second look."""
        bound = bound_to(self)
        if bound is not None:
            inherit(message, bound)
            plain = plain and bound.plain
        if self._base_context is not None:
            message.context = merged(self._base_context, message.context)
            plain = plain and self._base_is_plain
        check_whole(message)
        settings = self._settings
        if settings.before_send:
            kept, reason = apply_hooks(message, settings.before_send, self._reporter)
            if kept is None:
                return self._turned_away(message.message_id, reason)
            message, plain = kept, False
            if not self._still_right(message):
                return self._turned_away(message.message_id, "hook_failed")
        return self._hand_over(message.message_id, self._encode(message, plain=plain))

    def _encode(self, message: Message, *, plain: bool) -> list[tuple[Lane, Encoded]]:
        """Encode *message* for each lane that has a form for it."""
        found: list[tuple[Lane, Encoded]] = []
        for lane in self._lanes:
            encoded = encode_as_it_is(lane.destination, message, plain=plain)
            if not isinstance(encoded, Encoded):
                return self._encode_otherwise(message, plain=plain)
            found.append((lane, encoded))
        return found

    def _encode_otherwise(self, message: Message, *, plain: bool) -> list[tuple[Lane, Encoded]]:
        """Do it where a lane has no form for *message*, or its values must be cleaned up first."""
        found: list[tuple[Lane, Encoded]] = []
        skipped: list[tuple[Lane, Unsupported]] = []
        coerced: list[Coerced] = []
        for lane in self._lanes:
            encoded = encode_as_it_is(lane.destination, message, plain=plain)
            if encoded is None:
                message, coerced = clean_up(message, strict=self._settings.strict)
                plain = True
                encoded = lane.destination.encode(message)
            if isinstance(encoded, Unsupported):
                skipped.append((lane, encoded))
            else:
                found.append((lane, encoded))
        if not found:
            raise ValidationError(skipped[0][1].reason)
        for lane, _ in skipped:
            lane.ledger.note("unsupported")
        if coerced:
            tell_coerced(coerced, [lane for lane, _ in found], self._reporter)
        return found

    def _still_right(self, message: Message) -> bool:
        """Say whether hooks left an event that may be sent: without an id it would poison others."""
        try:
            recheck(message)
        except ValidationError as error:
            self._reporter.once("hook before_send result", f"before_send broke an event: {error}")
            return False
        return True

    def _hand_over(self, message_id: str, found: list[tuple[Lane, Encoded]]) -> Receipt:
        """Give the event to its lanes' doors, as the owner of the loop or from outside."""
        runner = self._runner
        owner = runner.here()
        if runner.closed or not self._settings.enabled:
            reason = "disabled" if not self._settings.enabled else "closed"
            return self._turned_away(message_id, reason, [lane for lane, _ in found])
        if self._may_refuse:
            check_room(found)
        places: list[Place] = []
        for lane, encoded in found:
            place = Place(lane.name)
            if not take(lane, encoded, place, owner=owner):
                place = self._drop(lane, "queue_full")
            places.append(place)
        return Receipt(message_id, places, self._desk)

    def _turned_away(
        self, message_id: str, reason: str, lanes: Sequence[Lane] | None = None
    ) -> Receipt:
        """Return the receipt of an event that none of *lanes*, or of all, gets, for *reason*."""
        places = [self._drop(lane, reason) for lane in lanes or self._lanes]
        return Receipt(message_id, places, self._desk)

    def _drop(self, lane: Lane, reason: str) -> Place:
        lane.ledger.turn_away(reason)
        if reason != "disabled":
            self._reporter.drop(lane.name, reason)
        return Place(lane.name, outcome=dropped(reason))

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
        await self._runner.shutdown(None, for_good=True)
        self._leaving.forget()

    async def start(self) -> AsyncAnalytics:
        """Start a run on the running loop; nothing happens if there is one.

        Raises:
            ClientClosedError: The client was closed by the end of its ``async with`` block.
            ConfigurationError: It is running on another loop.
        """
        await self._runner.start().ready.wait()
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
        result = await self._runner.shutdown(timeout, for_good=False)
        self._leaving.forget()
        return result

    @property
    def pending(self) -> int:
        """Events that are not settled yet, over all destinations."""
        return self._runner.pending

    def statistics(self) -> Statistics:
        """Return all counters and gauges, per destination and in sum; they add up."""
        return self._runner.statistics()

    def bind(
        self,
        *,
        user_id: Id | None = None,
        anonymous_id: Id | None = None,
        session_id: Id | None = None,
        context: Object | None = None,
        groups: Object | None = None,
        consent: bool | Mapping[str, bool] | None = None,
    ) -> AbstractContextManager[AsyncAnalytics]:
        """Lend ids, context and consent to the calls inside a ``with`` block.

        Follows `contextvars`: tasks that start inside inherit it, others see nothing of it. What a
        call says itself wins; contexts are merged one level deep.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        bound = Bound(user_id, anonymous_id, session_id, context, groups, consent)
        return Binding(self, bound)

    # Dead letters.

    async def dead_letters(self, destination: str | None = None) -> AsyncIterator[DeadLetter]:
        """Iterate over the events that were refused or given up, oldest first.

        Args:
            destination: The name of one; None for all.
        """
        async for letter in self._settings.store.dead_letters(destination):
            yield letter

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
        return await self._runner.undivided(self._replay(wanted, destination))

    async def _replay(self, wanted: frozenset[str] | None, destination: str | None) -> int:
        store = self._settings.store
        letters = await store.exhume(destination, wanted)
        names = {lane.name for lane in self._lanes}
        left = [letter for letter in letters if letter.destination not in names]
        for lane in self._lanes:
            left += lane.replay([one for one in letters if one.destination == lane.name])
        await store.bury(left)
        return len(letters) - len(left)

    async def purge(self, *message_ids: str, destination: str | None = None) -> int:
        """Forget dead letters for good; return how many.

        Args:
            message_ids: Which; none means all.
            destination: The name of one; None for all.
        """
        gone = await self._settings.store.exhume(destination, frozenset(message_ids) or None)
        return len(gone)

    def __del__(self) -> None:
        """See to what waits when nobody holds the client any more."""
        leaving = getattr(self, "_leaving", None)  # the constructor may have raised
        if leaving is not None and not sys.is_finalizing():
            leaving.left_behind()

    def __repr__(self) -> str:
        """Show where it delivers to and how much waits; never a key."""
        names = ", ".join(lane.name for lane in self._lanes)
        return f"<AsyncAnalytics to {names}: {self.pending} pending>"


def _check_destinations(destinations: tuple[Destination, ...]) -> None:
    if not destinations:
        raise ConfigurationError("destinations: at least one is needed, such as RudderStack(…)")
    names: set[str] = set()
    for destination in destinations:
        name = getattr(destination, "name", None)
        if name is None or not callable(getattr(destination, "encode", None)):
            raise ConfigurationError(
                f"destinations: {type(destination).__name__} is none; give RudderStack(…), "
                "Segment(…) or an object with the methods of Destination"
            )
        if name in names:
            raise ConfigurationError(
                f"destinations: two are named {name}; give one of them another name="
            )
        names.add(name)
