"""Saying: the way of a call, from its arguments to the doors of its lanes.

Everything here runs in the caller's thread, before the call returns: nothing the caller passed is
kept, and nothing of it is written to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from asyncsdk.client.calls import Calls
from asyncsdk.client.checking import (
    bound_to,
    calling_place,
    check_whole,
    inherit,
    merged,
    read_given,
    recheck,
)
from asyncsdk.client.gate import Call, is_plain, read_usual
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
from asyncsdk.client.settings import Settings
from asyncsdk.client.waiting import Desk
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ValidationError
from asyncsdk.messages import Message, has_consent
from asyncsdk.outside import Outside
from asyncsdk.receipts import Place, Receipt, dropped
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Encoded, Unsupported
from asyncsdk.wire.values import Coerced


class AddFlags(Protocol):
    """Adds feature flags to an event that asks for them."""

    def __call__(
        self,
        message: Message,
        found: list[tuple[Lane, Encoded]],
        places: list[Place],
        *,
        owner: bool,
    ) -> list[tuple[Lane, Encoded]]:
        """Return *found* with flags in them, but for those that must wait in new *places*."""
        ...


class Shared:
    """What a client and the views of it have in common."""

    def __init__(self, settings: Settings, outside: Outside, reporter: Reporter) -> None:
        self.settings: Settings = settings
        self.outside: Outside = outside
        self.reporter: Reporter = reporter
        self.base_context: Mapping[str, Any] | None = base_context(settings)
        self.base_is_plain: bool = is_plain(self.base_context)
        self.add_flags: AddFlags | None = None  # to events that ask for it


class Saying(Calls[Receipt]):
    """Read, complete and encode calls, and give them to lanes.

    Args:
        shared: What all views of a client share; bindings are made for it.
        lanes: Where the calls go.
        runner: Who starts a run with the first call.
    """

    def __init__(self, shared: Shared, lanes: Sequence[Lane], runner: Runner) -> None:
        self._shared = shared
        # For every call, so without a detour over `shared`.
        self._settings = shared.settings
        self._outside = shared.outside
        self._reporter = shared.reporter
        self._base_context = shared.base_context
        self._runner = runner
        self._go_to(lanes)

    def _go_to(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._may_refuse = any(lane.options.overflow == "raise" for lane in lanes)
        self._asks_consent = any(lane.options.consent for lane in lanes)
        self._desk = Desk(lanes, self._runner)

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

    def _post(self, message: Message, *, plain: bool, bare: bool = False) -> Receipt:
        """Complete a read *message* and give it to its lanes.

        Args:
            message: What was said.
            plain: Whether its values need no second look.
            bare: Whether it goes without any context.
        """
        bound = bound_to(self._shared)
        if bound is not None:
            inherit(message, bound)
            plain = plain and bound.plain
        if self._base_context is not None:
            message.context = merged(self._base_context, message.context)
            plain = plain and self._shared.base_is_plain
        if bare:
            message.context = None
        check_whole(message)
        settings = self._settings
        if settings.before_send:
            kept, reason = apply_hooks(message, settings.before_send, self._reporter)
            if kept is None:
                return self._turned_away(message.message_id, reason)
            message, plain = kept, False
            if not self._still_right(message):
                return self._turned_away(message.message_id, "hook_failed")
        return self._hand_over(message, self._encode(message, plain=plain))

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

    def _hand_over(self, message: Message, found: list[tuple[Lane, Encoded]]) -> Receipt:
        """Give the event to its lanes' doors, as the owner of the loop or from outside."""
        runner = self._runner
        owner = runner.here()
        if runner.closed or not self._settings.enabled:
            reason = "disabled" if not self._settings.enabled else "closed"
            return self._turned_away(message.message_id, reason, [lane for lane, _ in found])
        places: list[Place] = []
        if self._asks_consent:
            found = self._ask_consent(message, found, places)
        if message.send_feature_flags and message.flags is None and self._shared.add_flags:
            found = self._shared.add_flags(message, found, places, owner=owner)
        if self._may_refuse:
            check_room(found)
        for lane, encoded in found:
            place = Place(lane.name)
            if not take(lane, encoded, place, owner=owner):
                place = self._drop(lane, "queue_full")
            places.append(place)
        return Receipt(message.message_id, places, self._desk)

    def _ask_consent(
        self, message: Message, found: list[tuple[Lane, Encoded]], places: list[Place]
    ) -> list[tuple[Lane, Encoded]]:
        """Drop or hold the event where its user has not agreed; return where it may go."""
        going: list[tuple[Lane, Encoded]] = []
        for lane, encoded in found:
            room = lane.waiting_room
            agreed = has_consent(message.consent, room.purposes) if room.purposes else True
            if agreed:
                going.append((lane, encoded))
            elif agreed is None and lane.options.without_consent == "hold":
                place = Place(lane.name)
                lane.let_go(room.hold(encoded, place, message))
                places.append(place)
            else:
                places.append(self._drop(lane, "consent"))
        return going

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
