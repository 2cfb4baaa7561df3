"""Checking: a call's arguments become a Message, or a clear error at the call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

from msgspec import Struct

from asyncsdk.errors import ValidationError
from asyncsdk.messages import (
    Consent,
    Id,
    Message,
    Object,
    check_consent,
    check_id,
    check_object,
    check_text,
    same_id,
)
from asyncsdk.wire.times import read_timestamp


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
    message_id: str | UUID | None
    groups: Object | None
    consent: Consent | None


class CommonWithUser(Common, total=False):
    """The keywords of calls that name the user like any other fact.

    Attributes:
        user_id: Who.
    """

    user_id: Id | None


KEYWORDS = frozenset(CommonWithUser.__annotations__) | frozenset(Common.__annotations__)


class Bound(Struct, frozen=True):
    """What `bind` lends to the calls inside it; None lends nothing."""

    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None
    context: Object | None = None
    groups: Object | None = None
    consent: Consent | None = None


# One variable for all clients, keyed by client: context variables are never collected.
BOUND: ContextVar[Mapping[int, Bound]] = ContextVar("asyncsdk_bound")

_NO_ONE: Mapping[int, Bound] = {}


def bound_to(owner: object) -> Bound | None:
    """Return what is bound for *owner* here, or None."""
    return BOUND.get(_NO_ONE).get(id(owner))


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
    )


def merged(under: Object | None, over: Object | None) -> Object | None:
    """Lay *over* on *under*, key by key of the first level; neither is written to."""
    if under is None or over is None:
        return over if under is None else under
    return {**under, **over}


def refuse_unknown(common: Mapping[str, object]) -> None:
    """Refuse keywords that no call takes.

    Raises:
        TypeError: Naming the first of them, as Python itself does.
    """
    if not KEYWORDS.issuperset(common):
        unknown = sorted(common.keys() - KEYWORDS)[0]
        raise TypeError(f"got an unexpected keyword argument {unknown!r}")


def apply_common(message: Message, common: Mapping[str, Any]) -> bool:
    """Check the common keywords of a call and put them into *message*.

    Returns:
        Whether a time without a zone was read as UTC.

    Raises:
        ValidationError: Naming field, rule and the value's type.
    """
    naive = False
    for name, value in common.items():
        if value is None:
            continue
        if name == "timestamp":
            message.timestamp, naive = read_timestamp(value)
        elif name == "message_id":
            message.message_id = str(value) if isinstance(value, UUID) else check_text(name, value)
        else:
            _CHECK[name](name, value)
            setattr(message, name, value)
    return naive


_CHECK: dict[str, Callable[[str, object], None]] = {
    "user_id": check_id,
    "anonymous_id": check_id,
    "session_id": check_id,
    "context": check_object,
    "integrations": check_object,
    "groups": check_object,
    "consent": check_consent,
}


def take_external_id(user_id: Id | None, common: dict[str, Any]) -> Id | None:
    """Return the user that the call names, by either word.

    Raises:
        ValidationError: They differ, or one is no id.
    """
    external_id = common.pop("external_id", None)
    if external_id is None:
        return user_id
    check_id("external_id", external_id)
    return same_id(user_id, external_id)


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
    message.context = merged(bound.context, message.context)
    message.groups = merged(bound.groups, message.groups)


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
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
