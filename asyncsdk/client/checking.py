"""Checking: a call's arguments become a Message, or a clear error at the call."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import datetime
from typing import Any, TypedDict, TypeVar, cast
from uuid import UUID

from msgspec import Struct

from asyncsdk.client.exceptions import exception_properties
from asyncsdk.client.gate import Call
from asyncsdk.errors import ValidationError
from asyncsdk.messages import (
    Consent,
    Event,
    Id,
    Kind,
    Message,
    Object,
    check_consent,
    check_id,
    check_object,
    check_optional_text,
    check_text,
    properties_of,
)
from asyncsdk.wire.ids import id_text, number_text
from asyncsdk.wire.times import read_timestamp

T = TypeVar("T")


class Common(TypedDict, total=False):
    """The keywords that every call takes, besides `user_id`.

    Attributes:
        anonymous_id: Who, as long as there is no `user_id`.
        external_id: GetFluxly's word for `user_id`; both given must match.
        session_id: The session.
        context: Facts about the situation; merged over the client's and the bound ones.
        integrations: Passed through to RudderStack and Segment.
        timestamp: When it happened, if not now: an aware datetime or RFC 3339 text; without a
            zone it is read as UTC.
        message_id: A text to name the event by, instead of a fresh one.
        groups: The groups it belongs to (PostHog).
        consent: Whether, or for which purposes, the user agreed.
    """

    anonymous_id: Id | None
    external_id: Id | None
    session_id: Id | None
    context: Object | None
    integrations: Object | None
    timestamp: datetime | str | None
    message_id: Id | UUID | None
    groups: Object | None
    consent: Consent | None


class CommonWithUser(Common, total=False):
    """The keywords of calls that name the user like any other fact.

    Attributes:
        user_id: Who.
    """

    user_id: Id | None


class Bound(Struct, frozen=True):
    """What `bind` lends to the calls inside it; None lends nothing.

    Attributes:
        plain: Whether all of it is plain JSON values.
    """

    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None
    context: Object | None = None
    groups: Object | None = None
    consent: Consent | None = None
    plain: bool = False


class Later(Struct, frozen=True):
    """What is bound, but known only when a call asks for it: each call asks anew."""

    read: Callable[[], Bound]


# One variable for all clients, keyed by client: context variables are never collected.
BOUND: ContextVar[Mapping[int, Bound | Later]] = ContextVar("asyncsdk_bound")

_NO_ONE: Mapping[int, Bound | Later] = {}


def bound_to(owner: object) -> Bound | None:
    """Return what is bound for *owner* here, or None."""
    found = BOUND.get(_NO_ONE).get(id(owner))
    return found.read() if isinstance(found, Later) else found


@contextmanager
def only_bound(owner: object, bound: Bound | None) -> Iterator[None]:
    """Let *bound*, and nothing else, count for *owner* inside a block: what is said is older."""
    others = {key: one for key, one in BOUND.get(_NO_ONE).items() if key != id(owner)}
    token = BOUND.set(others if bound is None else {**others, id(owner): bound})
    try:
        yield
    finally:
        BOUND.reset(token)


def unbound(work: Callable[[], T]) -> T:
    """Do *work* where nothing is bound.

    Tasks keep all that is bound where they start: a run that is started by a call inside a request must
    not keep that request, nor tell it to what hooks track later.
    """
    context = copy_context()
    context.run(BOUND.set, _NO_ONE)
    return context.run(work)


def check_bound(bound: Bound) -> None:
    """Check what `bind` was given, as a call would.

    Raises:
        ValidationError: Naming field, rule and the value's type.
    """
    check_id("user_id", bound.user_id)
    check_id("anonymous_id", bound.anonymous_id)
    check_id("session_id", bound.session_id)
    check_object("context", bound.context)
    check_object("groups", bound.groups)
    check_consent("consent", bound.consent)


def overlay(outer: Bound | Later | None, inner: Bound | Later) -> Bound | Later:
    """Lay *inner* over *outer*, at once if both are known."""
    if outer is None:
        return inner
    if isinstance(outer, Bound) and isinstance(inner, Bound):
        return merge(outer, inner)
    return Later(lambda: merge(_known(outer), _known(inner)))


def _known(bound: Bound | Later) -> Bound:
    return bound.read() if isinstance(bound, Later) else bound


def merge(outer: Bound | None, inner: Bound) -> Bound:
    """Lay *inner* over *outer*; contexts and groups are merged one level deep."""
    if outer is None:
        return inner
    return Bound(
        outer.user_id if inner.user_id is None else inner.user_id,
        outer.anonymous_id if inner.anonymous_id is None else inner.anonymous_id,
        outer.session_id if inner.session_id is None else inner.session_id,
        merged(outer.context, inner.context),
        merged(outer.groups, inner.groups),
        outer.consent if inner.consent is None else inner.consent,
        outer.plain and inner.plain,
    )


def merged(under: Object | None, over: Object | None) -> Object | None:
    """Lay *over* on *under*, key by key of the first level; neither is written to."""
    if under is None or over is None:
        return over if under is None else under
    try:
        return {**under, **over}
    except Exception as error:  # noqa: BLE001 - a foreign mapping may raise anything when read
        raise ValidationError(
            f"context, groups: cannot be read ({type(error).__name__}); give a dict"
        ) from None


def read_given(message: Message, call: Call, given: dict[str, Any]) -> bool:
    """Check what a call was *given*, one by one, and put it into *message*.

    Returns:
        Whether a time without a zone was read as UTC.

    Raises:
        TypeError: A keyword that the call does not take, as Python itself says it.
        ValidationError: Naming field, rule and the value's type.
    """
    unknown = sorted(given.keys() - call.takes)
    if unknown:
        raise TypeError(f"got an unexpected keyword argument {unknown[0]!r}")
    if call.personless:
        message.personless = True
        _read_posthog(given)
    for word in ("external_id", "distinct_id"):
        if word in given:
            given["user_id"] = same_id(word, given.get("user_id"), given.pop(word))
    for name, value in given.items():
        if value is not None and name in _CHECK:
            _CHECK[name](name, value)
            setattr(message, name, value)
    if isinstance(message.event, Event):
        _unpack(message, message.event)
    return _read_stamps(message, given.get("message_id"), given.get("timestamp"))


def _read_stamps(message: Message, message_id: object, timestamp: object) -> bool:
    """Read the caller's own id and time; say whether the time's zone was missing."""
    if message_id is not None:
        message.message_id = _message_id(message_id) or message.message_id
    if timestamp is None:
        return False
    message.timestamp, naive = read_timestamp(timestamp)
    return naive


def _unpack(message: Message, event: Event) -> None:
    """Turn a typed *event* into its name and its properties."""
    message.properties = {**properties_of(event), **(message.properties or {})}
    message.event = event.event_name


def _message_id(value: object) -> str:
    """Return a caller's message id as text; empty for none.

    A number becomes text: RudderStack's gateway replaces every other id, and so loses dedupe.
    """
    if isinstance(value, UUID):
        return str(value)
    check_id("message_id", value)
    return value if isinstance(value, str) else number_text(cast(float, value))


def _check_event(field: str, value: object) -> None:
    if not isinstance(value, Event):
        check_text(field, value)


def _read_posthog(given: dict[str, Any]) -> None:
    """Turn what only PostHog's calls are given, an error and a snapshot of flags, into objects."""
    if "error" in given:
        error, handled = given.pop("error"), given.pop("handled", True)
        given["properties"] = exception_properties(error, handled, given.get("properties"))
    read = getattr(given.get("flags"), "event_properties", None)
    if callable(read):
        try:
            given["flags"] = read()
        except Exception as error:  # noqa: BLE001 - a foreign snapshot may raise anything
            raise ValidationError(f"flags: cannot be read ({type(error).__name__})") from None


def _check_flag(field: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ValidationError(f"{field}: True or False is needed, this is {type(value).__name__}")


_CHECK: dict[str, Callable[[str, object], None]] = {
    "event": _check_event,
    "properties": check_object,
    "traits": check_object,
    "context": check_object,
    "integrations": check_object,
    "groups": check_object,
    "flags": check_object,
    "consent": check_consent,
    "user_id": check_id,
    "anonymous_id": check_id,
    "session_id": check_id,
    "group_id": check_id,
    "previous_id": check_id,
    "name": check_optional_text,
    "category": check_optional_text,
    "group_type": check_optional_text,
    "send_feature_flags": _check_flag,
    "disable_geoip": _check_flag,
}


def same_id(field: str, user_id: Id | None, other: Id | None) -> Id | None:
    """Return the one id that `user_id` and *other*, another word for it, mean.

    Raises:
        ValidationError: Both are given and differ, or *other* is no id.
    """
    if other is None:
        return user_id
    check_id(field, other)
    check_id("user_id", user_id)
    if user_id is not None and id_text(user_id) != id_text(other):
        raise ValidationError(
            f"{field}: must equal user_id when both are given; they are two names for one id"
        )
    return other


def inherit(message: Message, bound: Bound) -> None:
    """Fill in what the call itself did not say."""
    if message.user_id is None:
        message.user_id = bound.user_id
    if message.anonymous_id is None:
        message.anonymous_id = bound.anonymous_id
    if message.session_id is None:
        message.session_id = bound.session_id
    if message.consent is None:
        message.consent = bound.consent
    # Nearly always one of the two is missing, so without a call.
    if message.context is None:
        message.context = bound.context
    elif bound.context is not None:
        message.context = merged(bound.context, message.context)
    if bound.groups is not None:
        message.groups = merged(bound.groups, message.groups)


def recheck(message: Message) -> None:
    """Check what hooks made of a message, as if a call had said it.

    Raises:
        ValidationError: It could not be sent, or would have the rest of its batch refused.
    """
    for name, check in _CHECK.items():
        value = getattr(message, name)
        if value is not None and name != "event":
            check(name, value)
    check_optional_text("event", message.event)
    if message.timestamp is not None:
        message.timestamp, _ = read_timestamp(message.timestamp)
    check_whole(message)


def check_whole(message: Message) -> None:
    """Check what can only be said of the message as a whole.

    Raises:
        ValidationError: Something that its kind needs is missing.
    """
    if message.type == "track":  # first, and without detours: nearly all of them are
        if not message.event:
            raise ValidationError("event: a text that is not empty is needed")
        if not message.personless:
            check_somebody(message)
    else:
        _check_other(message, message.type)


def _check_other(message: Message, kind: Kind) -> None:
    if kind == "group_identify":
        check_text("group_type", message.group_type)
    elif kind != "alias" and not message.personless:
        check_somebody(message)
    if kind in ("group", "group_identify") and not message.group_id:
        name = "group_id" if kind == "group" else "group_key"
        raise ValidationError(f"{name}: an id is needed; 0 and the empty text name no group")
    if kind == "alias" and not message.user_id:
        raise ValidationError("user_id: alias() needs the id from now on")
    if kind == "alias" and not message.previous_id and not message.anonymous_id:
        raise ValidationError("previous_id: alias() needs the id until now")


def check_somebody(message: Message) -> None:
    """Refuse a message that names nobody: zero and the empty text name nobody.

    Raises:
        ValidationError: Neither `user_id` nor `anonymous_id` is given or bound.
    """
    if not message.user_id and not message.anonymous_id:
        raise ValidationError(
            f"user_id, anonymous_id: {message.type}() needs one of them, given or bound; "
            "0 and the empty text name nobody"
        )


def calling_place() -> str:
    """Return where the application called us, as ``file.py:41``."""
    frame = sys._getframe(1)  # noqa: SLF001 - the one way to name the caller's line
    while frame is not None and frame.f_globals.get("__name__", "").startswith("asyncsdk."):
        if frame.f_back is None:
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rpartition(os.sep)[2]}:{frame.f_lineno}"
