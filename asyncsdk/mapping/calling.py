"""Calling: what the walkerOS RudderStack destination says of one event.

In this order, each with the event's ids and time: identify, group, page, screen, alias, track.
Identify and group are said when they are news.

Source: walkerOS server destination RudderStack 4.4.0, run (checked 2026-11). Where ours differs on
purpose, ``compat="walkeros"`` gives the original's behaviour; docs/mapping.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asyncsdk.mapping.consenting import is_denied, is_granted
from asyncsdk.mapping.memory import Memory, digest, key_of
from asyncsdk.mapping.planning import Plan
from asyncsdk.mapping.properties import NO_VALUE, without_holes
from asyncsdk.mapping.rules import Aside, Asides, Rule
from asyncsdk.mapping.telling import consent_told, message_id, time_text
from asyncsdk.mapping.tracing import Failure, Trace
from asyncsdk.messages import Kind, Message

#: Why an event led to no call; empty if it led to some.
Why: TypeAlias = Literal["", "ignored", "silent", "nobody", "awaits_consent", "consent"]


class Stamp(Struct, frozen=True, gc=False):
    """What a call needs of the world outside.

    Attributes:
        message_id: For an event that has no id.
        now: The time of the call, as ``2026-11-21T09:00:00.000Z``.
        at: Seconds, on the memory's clock.
        user_id: Whose an event is that says no user.
        anonymous_id: Whose an event is that says no visitor.
    """

    message_id: str = ""
    now: str = ""
    at: float = 0.0
    user_id: str | None = None
    anonymous_id: str | None = None


class Called(Struct, frozen=True, gc=False):
    """What one event led to.

    Attributes:
        messages: The calls, in order.
        why: Why there are none: a rule says so (``ignored``; ``silent`` and nothing else to say),
            it names nobody, or its user has not said yes (``awaits_consent``) or said no
            (``consent``).
        required: What was asked of the user, for the last two.
        remembered: The memory's keys of what it remembers of `messages`, by message id.
        skipped: Aliases that could not be said, for there was no user id.
        plain: Whether all values in `messages` are plain JSON for certain.
        single: Whether it is one call, of which there is nothing more to know.
        held: For an event that awaits consent: whose it is.
        failures: What went wrong on the way.
    """

    messages: list[Message]
    why: Why = ""
    required: Mapping[str, bool] | None = None
    remembered: Mapping[str, str] | None = None
    skipped: int = 0
    plain: bool = False
    single: bool = False
    held: Message | None = None
    failures: tuple[Failure, ...] = ()


Event: TypeAlias = dict[str, Any]


def call(plan: Plan, event: Event, memory: Memory, trace: Trace, stamp: Stamp) -> Called:
    """Return the calls that *event* leads to under *plan*.

    Raises:
        TooMany: Its lists have more elements than may be looked at.
    """
    name = event.get("name")
    rule = plan.quick.get(name) if type(name) is str else None
    if rule is None:
        return _call(plan, event, memory, trace, stamp)
    data = NO_VALUE if rule.data is None else rule.data.run(event, trace)
    track = _track(plan, event, event, rule, data, trace, stamp)
    return (
        Called([], "nobody")
        if track is None
        else Called([track], plain=not trace.foreign, single=True)
    )


def _call(plan: Plan, event: Event, memory: Memory, trace: Trace, stamp: Stamp) -> Called:
    """Do it for events whose rule says more than a name and data."""
    if plan.consent and not _granted(plan.consent, event, trace):
        return _refused(plan, plan.consent, event, trace, stamp)
    event, rule, _ = plan.find(event, trace)
    if rule is not None:
        if rule.consent and not plan.walkeros and not _granted(rule.consent, event, trace):
            return _refused(plan, rule.consent, event, trace, stamp)
        if rule.ignore:
            return Called([], "ignored")
    named = _named(plan, event, rule)
    data = plan.data_of(event, named, rule, trace)
    track = _track(plan, event, named, rule, data, trace, stamp)
    if track is None:
        return Called([], "nobody")
    asides = plan.asides if rule is None else rule.asides
    silent = rule is not None and rule.silent
    if asides:
        return _say_all(_Saying(plan, named, memory, trace, track, stamp.at), asides, silent=silent)
    return Called([], "silent") if silent else Called([track], plain=not trace.foreign, single=True)


def _say_all(saying: _Saying, asides: Asides, *, silent: bool) -> Called:
    for kind, value in asides:
        _SAY[kind](saying, value)
    if not silent:
        saying.messages.append(saying.track)
    return saying.said()


def _granted(required: Mapping[str, bool], event: Event, trace: Trace) -> bool:
    return is_granted(required, _state(required, event, trace))


def _refused(
    plan: Plan, required: Mapping[str, bool], event: Event, trace: Trace, stamp: Stamp
) -> Called:
    """Say that the event may not go, or not yet; then whose it is, so that a yes can be heard."""
    state = _state(required, event, trace)
    if is_denied(required, state):
        return Called([], "consent", required)
    user_id = _told(plan.user_id(event, trace), plan) or stamp.user_id
    anonymous_id = _told(plan.anonymous_id(event, trace), plan) or stamp.anonymous_id
    if user_id is None and anonymous_id is None:
        return Called([], "nobody")
    held = Message(
        "track", message_id(event.get("id"), stamp.message_id), stamp.now, user_id, anonymous_id
    )
    held.consent = consent_told(state)
    return Called([], "awaits_consent", required, held=held)


def _state(required: Mapping[str, bool], event: Event, trace: Trace) -> Any:
    """Return what is granted: what the event says, over what counts around it."""
    own, around = event.get("consent"), trace.consent
    if not isinstance(own, Mapping):
        return around
    if isinstance(around, bool):
        around = dict.fromkeys(required, around)
    return {**around, **own} if isinstance(around, Mapping) else own


def _named(plan: Plan, event: Event, rule: Rule | None) -> Any:
    """Return *event* with the name that its rule gives it, where anybody looks at that."""
    if rule is None or not rule.name or not (plan.reads_name or rule.reads_name):
        return event
    return {**event, "name": rule.name}


def _track(
    plan: Plan,
    event: Event,
    named: Event,
    rule: Rule | None,
    data: Any,
    trace: Trace,
    stamp: Stamp,
) -> Message | None:
    """Return the track, said or not: the other calls have its ids, time and consent."""
    user_id: Any = plan.user_id(named, trace)
    if type(user_id) is not str or not user_id:
        user_id = _told(user_id, plan) or stamp.user_id
    anonymous_id: Any = plan.anonymous_id(named, trace)
    if type(anonymous_id) is not str or not anonymous_id:
        anonymous_id = _told(anonymous_id, plan) or stamp.anonymous_id
        if user_id is None and anonymous_id is None:
            return None
    if type(data) is not dict:
        data = {}
    elif plan.holes or (rule is not None and rule.holes):
        data = without_holes(data)
    name = event.get("name") if rule is None or rule.name is None else rule.name
    return Message(
        "track",
        message_id(event.get("id"), stamp.message_id),
        stamp.now,
        user_id,
        anonymous_id,
        None,
        name if type(name) is str else None,
        data,
        None,
        plan.integrations,
        time_text(event.get("timestamp")),
        consent=consent_told(event.get("consent")),
    )


def _told(found: Any, plan: Plan) -> str | None:
    """Return an id that was *found* as a text, or None if it is none."""
    if type(found) is str:
        return found or None
    return None if found is NO_VALUE else plan.id_text(found)


class _Saying:
    """Say what else there is to say of one event, besides its track."""

    def __init__(
        self, plan: Plan, event: Event, memory: Memory, trace: Trace, track: Message, at: float
    ) -> None:
        self._plan = plan
        self._event = event
        self._memory = memory
        self._trace = trace
        self.track = track
        self._at = at
        self._id = plan.id_text
        # This is all that changes.
        self.messages: list[Message] = []
        self._remembered: dict[str, str] = {}
        self._skipped = 0

    def said(self) -> Called:
        """Return all of it."""
        why: Why = "" if self.messages else "silent"
        plain = not self._trace.foreign
        remembered = self._remembered or None
        single = len(self.messages) == 1 and not (remembered or self._skipped)
        return Called(self.messages, why, None, remembered, self._skipped, plain, single)

    def identify(self, value: Aside) -> None:
        """Say who the user is, if that is news."""
        found = self._object(value)
        if found is None:
            return
        traits, own = self._inner(found, "traits"), found.get("userId")
        user_id = self._id(own) or self.track.user_id
        who = own if isinstance(own, str) else self.track.user_id
        if self._plan.walkeros:
            news = self._differs("identify", who, traits)
        else:
            key = self._user_key("identify", user_id)
            news = self._is_news(key, "identify", traits)
        if news:
            self._say("identify").user_id = user_id
            self.messages[-1].traits = traits

    def group(self, value: Aside) -> None:
        """Say which group the user is in, if that is news."""
        found = self._object(value)
        group_id = None if found is None else self._id(found.get("groupId"))
        if found is None or group_id is None:
            return
        traits = self._inner(found, "traits")
        if self._plan.walkeros:
            news = self._differs("group", group_id, traits)
        else:
            key = self._user_key("group", self.track.user_id, group_id)
            news = self._is_news(key, "group", traits)
        if news:
            self._say("group").group_id = group_id
            self.messages[-1].traits = traits

    def page(self, value: Aside) -> None:
        """Say that a page was viewed."""
        self._view("page", value)

    def screen(self, value: Aside) -> None:
        """Say that a screen was viewed."""
        self._view("screen", value)

    def _view(self, kind: Kind, value: Aside) -> None:
        found: Mapping[str, Any] | None = {} if value is True else self._object(value)
        if found is None:
            return
        name = found.get("name")
        message = self._say(kind)
        message.name = name if isinstance(name, str) else ""
        message.properties = self._inner(found, "properties")

    def alias(self, value: Aside) -> None:
        """Say that two ids are one user; that takes the id from now on."""
        found = self._object(value)
        previous_id = None if found is None else self._id(found.get("previousId"))
        if previous_id is None:
            return
        if self.track.user_id is None and not self._plan.walkeros:
            self._skipped += 1
            return
        message = self._say("alias")
        message.previous_id = previous_id
        message.anonymous_id = None

    def _object(self, value: Aside) -> Mapping[str, Any] | None:
        found = value.run(self._event, self._trace) if value is not True else None
        return found if isinstance(found, Mapping) else None

    def _inner(self, found: Mapping[str, Any], key: str) -> Any:
        inner = found.get(key)
        return without_holes(inner) if isinstance(inner, Mapping) else None

    def _say(self, kind: Kind) -> Message:
        track = self.track
        message = Message(
            kind,
            f"{track.message_id}-{kind}",
            track.original_timestamp,
            track.user_id,
            track.anonymous_id,
            integrations=track.integrations,
            timestamp=track.timestamp,
            consent=track.consent,
        )
        self.messages.append(message)
        return message

    def _user_key(self, kind: Kind, user_id: Any, *more: str) -> str:
        """Return the memory's key of this user: by its id, or by the visitor's."""
        if user_id is not None:
            return key_of(kind, "u", str(user_id), *more)
        return key_of(kind, "a", str(self.track.anonymous_id), *more)

    def _is_news(self, key: str, kind: Kind, traits: Any) -> bool:
        if not self._memory.is_news(key, digest(traits), self._at):
            return False
        self._remembered[f"{self.track.message_id}-{kind}"] = key
        return True

    def _differs(self, kind: Kind, who: Any, traits: Any) -> bool:
        """Ask the original's memory, which holds the last one of all users."""
        now = (who, _as_written(traits))
        differs = self._memory.last.get(kind, (None, "")) != now
        self._memory.last[kind] = now
        return differs


def _as_written(traits: Any) -> str:
    """Return traits as the original compares them: in the order of their keys."""
    return "" if traits is None else repr(traits)


_SAY: Mapping[str, Callable[[_Saying, Aside], None]] = {
    "identify": _Saying.identify,
    "group": _Saying.group,
    "page": _Saying.page,
    "screen": _Saying.screen,
    "alias": _Saying.alias,
}
