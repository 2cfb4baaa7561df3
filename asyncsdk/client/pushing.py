"""Pushing: walkerOS events become calls by a mapping, and go the way of all calls.

An event that may not go yet is held before it is any call, for what is in the calls depends on the
consent; once there is a yes it is mapped anew. An event on which a function of the application's
raises becomes a dead letter that names the rule; a replay maps it anew.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from asyncsdk.client.checking import Bound, bound_to, only_bound
from asyncsdk.client.running import Runner
from asyncsdk.client.saying import Saying, Shared
from asyncsdk.client.waiting import Desk
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import DeliveryError, QueueFullError, ValidationError
from asyncsdk.holding import Held, Wish
from asyncsdk.mapping import Called, Stamp
from asyncsdk.mapping import Mapping as EventMapping
from asyncsdk.mapping.telling import message_id as id_of
from asyncsdk.mapping.telling import time_text
from asyncsdk.messages import Message
from asyncsdk.receipts import Outcome, Place, Receipt, State, dropped
from asyncsdk.seams import DeadLetter, Encoded
from asyncsdk.wire.encoding import decode, encode
from asyncsdk.wire.ids import given_id
from asyncsdk.wire.values import clean

#: The route of dead letters that are events which could not be mapped.
UNMAPPED = "mapping"

#: Letters that wait for the next look at the store; beyond it the oldest is let go.
_MOST_LETTERS = 1_000


class Pusher(Saying):
    """Push events through one mapping to the lanes that it is for.

    Args:
        shared: What all views of a client share.
        lanes: Where the calls go.
        runner: Who starts a run with the first call.
        mapping: What becomes of events.
        everywhere: All of the client's lanes: a receipt may be of several pushers' calls.
    """

    def __init__(
        self,
        shared: Shared,
        lanes: Sequence[Lane],
        runner: Runner,
        mapping: EventMapping,
        everywhere: Sequence[Lane],
    ) -> None:
        super().__init__(shared, lanes, runner)
        self._desk = Desk(everywhere, runner)
        self._mapping = mapping
        self._memory = mapping.memory()
        self._clock: Callable[[], float] = mapping.remember.clock or shared.outside.monotonic
        # For every event, so without a detour over the mapping.
        self._map = mapping.call
        self._asks_who = mapping.asks_consent or mapping.remembers
        self._walkeros = mapping.compat == "walkeros"
        for warning in mapping.warnings:
            self._reporter.once(f"mapping {warning}", f"mapping: {warning}")
        # This is all that changes; the lock is the memory's.
        self._lock = threading.RLock()
        self.letters: deque[DeadLetter] = deque(maxlen=_MOST_LETTERS)

    @property
    def lanes(self) -> Sequence[Lane]:
        """Where the calls go."""
        return self._lanes

    def push(self, event: Mapping[str, Any], consent: Any = None) -> Receipt:
        """Push one event; see `AsyncAnalytics.push`."""
        message_id, now = self._outside.stamp()
        if self._asks_who:
            called = self._map_for(bound_to(self._shared), event, Stamp(message_id, now), consent)
        else:
            called = self._map(event, self._memory, Stamp(message_id, now), consent)
            bound = bound_to(self._shared) if called.why == "nobody" else None
            if bound is not None:
                called = self._map_for(bound, event, Stamp(message_id, now), consent)
        if not called.single:
            return self._push_other(event, called, message_id, now)
        try:
            return self._post(called.messages[0], plain=called.plain)
        except ValidationError as error:
            return self._tell_invalid(message_id, error)

    def _map_for(
        self, bound: Bound | None, event: Mapping[str, Any], stamp: Stamp, consent: Any
    ) -> Called:
        """Map *event*, where it matters what is bound: who it is, or what was agreed to."""
        who: tuple[str | None, str | None] = (None, None)
        if bound is not None:
            who = given_id(bound.user_id), given_id(bound.anonymous_id)
            consent = bound.consent if consent is None else consent
        with self._lock:
            stamp = Stamp(stamp.message_id, stamp.now, self._clock(), *who)
            return self._map(event, self._memory, stamp, consent)

    def _push_other(
        self, event: Mapping[str, Any], called: Called, message_id: str, now: str
    ) -> Receipt:
        """Go on with an event that did not lead to a plain call."""
        if called.failures:
            if not self._walkeros:
                return self._to_letter(event, called, message_id, now)
            self._tell_failures(called)
        if called.skipped:
            for lane in self._lanes:
                lane.ledger.note("unsupported", called.skipped)
        if called.messages:
            return self._post_all(called)
        if called.why == "awaits_consent" and self._mapping.queue:
            return self._hold(event, called, message_id, now)
        if called.why in ("nobody", "consent", "awaits_consent"):
            return self._turned_away(message_id, "nobody" if called.why == "nobody" else "consent")
        return self._turned_away(message_id, "ignored")

    def _post_one(self, message: Message, called: Called) -> Receipt:
        try:
            return self._post(message, plain=called.plain)
        except ValidationError as error:
            return self._tell_invalid(message.message_id, error)

    def _tell_invalid(self, message_id: str, error: ValidationError) -> Receipt:
        self._reporter.once(f"push {error}", f"push: an event was dropped: {error} (said once)")
        return self._turned_away(message_id, "invalid")

    def _post_all(self, called: Called) -> Receipt:
        """Post each call; what cannot go is not remembered as said."""
        if self._memory.trouble:
            self._tell_trouble()
        remembered = called.remembered or {}
        receipts: list[Receipt] = []
        try:
            receipts.extend(self._post_one(message, called) for message in called.messages)
        finally:
            gone = {one.message_id for one in receipts if one.state is not State.DROPPED}
            for message_id, key in remembered.items():
                if message_id not in gone:
                    self._forget(key)
        return receipts[-1].joined(receipts[:-1])

    def _tell_trouble(self) -> None:
        self._reporter.say(
            "memory",
            f"mapping: the shared memory of users failed ({self._memory.trouble}); they may be "
            "identified again, for {count} events since the last line",
        )
        self._memory.trouble = ""

    def _forget(self, key: str) -> None:
        with self._lock:
            self._memory.forget(key)

    def push_letter(self, letter: DeadLetter) -> Receipt:
        """Push the event of *letter* again; nobody is bound who was not bound then.

        Raises:
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        with only_bound(self._shared, None):
            return self.push(letter.event)

    def after_fork(self) -> None:
        """Start clean in a forked child: letters are the parent's, and a lock may be held there."""
        self._lock = threading.RLock()
        self.letters.clear()

    def _hold(self, event: Mapping[str, Any], called: Called, message_id: str, now: str) -> Receipt:
        """Hold *event* until its user says yes; it counts at the first lane."""
        self._runner.here()
        if self._runner.closed or not self._settings.enabled:
            return self._turned_away(message_id, "closed" if self._runner.closed else "disabled")
        assert called.held is not None  # noqa: S101 - it awaits consent
        assert called.required is not None  # noqa: S101
        lane = self._lanes[0]
        kept = _kept(event, message_id, now)
        place = Place(lane.name)
        wish = Wish(called.required, partial(self._resume, bound_to(self._shared)))
        lane.let_go(
            lane.waiting_room.hold(Encoded(UNMAPPED, _json(kept)), place, called.held, wish)
        )
        return Receipt(called.held.message_id, [place], self._desk)

    def _resume(self, bound: Bound | None, held: Held) -> None:
        """Map an event that was held, now that more is known of its user's consent.

        What was bound where it was pushed counts, and not what is bound where the yes is said.
        """
        event = decode(held.encoded.data + b"}")
        if isinstance(held.consent, Mapping):
            event["consent"] = held.consent
        else:
            event.pop("consent", None)  # a yes to everything
        try:
            with only_bound(self._shared, bound):
                self.push(event, held.consent).became(held.place)
        except QueueFullError:
            lane = self._lanes[0]
            held.place.outcome = dropped("queue_full")
            lane.ledger.turn_away("queue_full")
            self._reporter.drop(lane.name, "queue_full")

    def _to_letter(
        self, event: Mapping[str, Any], called: Called, message_id: str, now: str
    ) -> Receipt:
        """Make a dead letter of *event*; it counts at the first lane."""
        for key in (called.remembered or {}).values():
            self._forget(key)
        self._tell_failures(called)
        lane, first = self._lanes[0], called.failures[0]
        message_id = id_of(event.get("id"), message_id)
        reason = f"{first.place}: {first.reason}"
        self.letters.append(
            DeadLetter(
                destination=lane.name,
                message_id=message_id,
                state=State.DEAD.value,
                reason=reason,
                status=None,
                attempts=0,
                first_at=now,
                died_at=now,
                key="",
                among=1,
                route=UNMAPPED,
                data=_json(_kept(event, message_id, now)),
            )
        )
        lane.ledger.give_up()
        error = DeliveryError(
            f"asyncsdk: an event could not be mapped ({reason}); it is a dead letter",
            code="mapping_failed",
        )
        self._reporter.error(error)
        outcome = Outcome(State.DEAD, reason, error=error)
        return Receipt(message_id, [Place(lane.name, outcome=outcome)], self._desk)

    def _tell_failures(self, called: Called) -> None:
        for failure in called.failures:
            self._reporter.say(
                f"mapping {failure.place}",
                f"mapping: {failure.place}: {failure.reason}, for {{count}} events since the last "
                "line",
            )


def _kept(event: Mapping[str, Any], message_id: str, now: str) -> dict[str, Any]:
    """Return *event* with an id and a time, so that mapping it later gives it no others."""
    kept = dict(event)
    if not id_of(kept.get("id"), ""):
        kept["id"] = message_id
    if time_text(kept.get("timestamp")) is None:
        kept["timestamp"] = now
    return kept


def _json(event: Mapping[str, Any]) -> bytes:
    """Return *event* as JSON without its closing brace."""
    try:
        return encode(event)[:-1]
    except Exception:  # noqa: BLE001 - what a foreign object raises is met by cleaning up
        return encode(clean(event, "event")[0])[:-1]


# What a dict may hold too, and has a form on the wire: Decimal is a number there, not a text.
_AS_THEY_ARE = (bytes, bytearray, datetime, date, time, timedelta, UUID, Decimal)


def _cleaned(value: object) -> object:
    return clean(value, "event")[0]


def read_event(event: object) -> Mapping[str, Any]:
    """Return a walkerOS event as an object.

    Raises:
        ValidationError: It is none.
    """
    if isinstance(event, Mapping):
        return event
    try:
        found: object = msgspec.to_builtins(event, builtin_types=_AS_THEY_ARE, enc_hook=_cleaned)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything when touched
        found = None
    if not isinstance(found, dict):
        raise ValidationError(
            f"event: a walkerOS event is an object or a struct, this is {type(event).__name__}"
        )
    return found


class Pushing:
    """Push events through all mappings of a client.

    Args:
        pushers: One for each mapping.
    """

    def __init__(self, pushers: Sequence[Pusher]) -> None:
        self._pushers = pushers

    def push(self, event: object, consent: Any) -> Receipt:
        """Push one event; see `AsyncAnalytics.push`.

        Raises:
            ValidationError: It is no event.
        """
        read = event if type(event) is dict else read_event(event)
        first, *others = [pusher.push(read, consent) for pusher in self._pushers]
        return first.joined(others)

    @property
    def only(self) -> Pusher | None:
        """The one pusher, if there are no others."""
        return self._pushers[0] if len(self._pushers) == 1 else None

    def after_fork(self) -> None:
        """Start clean in a forked child."""
        for pusher in self._pushers:
            pusher.after_fork()

    @property
    def has_letters(self) -> bool:
        """Whether there are dead letters that are not in the store yet."""
        return any(pusher.letters for pusher in self._pushers)

    def take_letters(self) -> list[DeadLetter]:
        """Take out the dead letters that are not in the store yet."""
        letters: list[DeadLetter] = []
        for pusher in self._pushers:
            while pusher.letters:
                letters.append(pusher.letters.popleft())
        return letters

    def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters* for the next look at the store."""
        self._pushers[0].letters.extendleft(reversed(letters))

    def replay(
        self, letters: Sequence[DeadLetter]
    ) -> tuple[list[DeadLetter], list[tuple[DeadLetter, Receipt]]]:
        """Push the events of those *letters* again that could not be mapped.

        Returns:
            The others, and those, each with what came of it.
        """
        firsts = {pusher.lanes[0].name: pusher for pusher in self._pushers}
        left: list[DeadLetter] = []
        pushed: list[tuple[DeadLetter, Receipt]] = []
        for letter in letters:
            pusher = firsts.get(letter.destination) if letter.route == UNMAPPED else None
            receipt = None if pusher is None else _push_again(pusher, letter)
            if receipt is None:
                left.append(letter)
            else:
                pushed.append((letter, receipt))
        return left, pushed


def _push_again(pusher: Pusher, letter: DeadLetter) -> Receipt | None:
    """Push the event of *letter*; None if the queue has no room."""
    try:
        return pusher.push_letter(letter)
    except QueueFullError:
        return None
