"""Posting: a checked Message goes through hooks and encoding to the doors of its lanes.

Steps of the way of a call that `saying` puts in their order.
"""

from __future__ import annotations

import inspect
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from asyncsdk.client.checking import merged
from asyncsdk.client.settings import Hook, Settings
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import QueueFullError, ValidationError
from asyncsdk.holding import Waiting
from asyncsdk.messages import Message
from asyncsdk.receipts import PENDING, Place, dropped
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Destination, Encoded, Unsupported
from asyncsdk.wire.encoding import looks_foreign
from asyncsdk.wire.values import Coerced, clean, own_copy

# What of a message an application fills, and so may hold anything.
_FOREIGN = (
    "user_id",
    "anonymous_id",
    "session_id",
    "event",
    "properties",
    "context",
    "integrations",
    "traits",
    "name",
    "category",
    "group_id",
    "group_type",
    "previous_id",
    "groups",
    "flags",
    "consent",
    "message_id",
)


def base_context(settings: Settings) -> Mapping[str, Any] | None:
    """Return the context that every event starts from, or None."""
    runtime = None
    if settings.include_runtime_context:
        import platform

        runtime = {
            "python_version": platform.python_version(),
            "platform": platform.system().lower(),
            "arch": platform.machine(),
        }
    return merged(runtime, own_copy(settings.default_context) or None)


def apply_hooks(
    message: Message, hooks: Sequence[Hook], reporter: Reporter
) -> tuple[Message | None, str]:
    """Let the user's hooks see *message*, which is theirs to change.

    Returns:
        The message, or None and the reason for which it is dropped.
    """
    kind, message_id, made = message.type, message.message_id, message.original_timestamp
    personless = message.personless
    for name in _FOREIGN:
        setattr(message, name, _copied(name, getattr(message, name)))
    for hook in hooks:
        try:
            result = _call(hook, message)
        except (Exception, CancelledError) as error:  # noqa: BLE001 - it may be a redactor
            name = f"before_send {getattr(hook, '__qualname__', '')}"
            reporter.hook_failed(name, error, then="events on which it raises are dropped")
            return None, "hook_failed"
        if result is None:
            return None, "before_send"
        message = result
    message.type, message.message_id, message.original_timestamp = kind, message_id, made
    message.personless = personless
    return message, ""


def _copied(name: str, value: Any) -> Any:
    try:
        return own_copy(value)
    except Exception as error:  # noqa: BLE001 - a foreign mapping may raise anything when read
        raise ValidationError(f"{name}: cannot be read ({type(error).__name__})") from None


def _call(hook: Hook, message: Message) -> Message | None:
    result: object = hook(message)
    if result is None or isinstance(result, Message):
        return result
    if inspect.iscoroutine(result):
        result.close()
    raise TypeError("a before_send hook must return a Message or None")


def clean_up(message: Message, *, strict: bool) -> tuple[Message, list[Coerced]]:
    """Return *message* with plain JSON values only, and the leaves that had to go as text.

    Raises:
        ValidationError: *strict*, and there is such a leaf; or an object cannot be read at all.
    """
    plain: dict[str, Any] = {}
    coerced: list[Coerced] = []
    for name in _FOREIGN:
        value = getattr(message, name)
        if value is not None:
            plain[name], more = clean(value, name)
            if isinstance(value, Mapping) and not isinstance(plain[name], Mapping):
                # As text it would be no object any more, which no system takes.
                raise ValidationError(f"{name}: cannot be read ({more[0].type})")
            coerced += more
    if strict and coerced:
        worst = coerced[0]
        raise ValidationError(
            f"{worst.place}: JSON cannot carry {worst.type}, and strict=True sends nothing as text; "
            "convert it",
            details={"path": worst.path, "type": worst.type},
        )
    return structs.replace(message, **plain), coerced


def encode_as_it_is(
    destination: Destination, message: Message, *, plain: bool
) -> Encoded | Unsupported | None:
    """Return the event in the system's form, or None if something in it must be cleaned up first.

    Args:
        destination: The system.
        message: The event.
        plain: Whether its values are known to be plain: their bytes need no second look.
    """
    try:
        encoded = destination.encode(message)
        if not plain and isinstance(encoded, Encoded) and looks_foreign(encoded.data + b"}"):
            return None
    except Exception:  # noqa: BLE001 - what a foreign object raises is met by cleaning up
        return None
    return encoded


def tell_coerced(coerced: Sequence[Coerced], lanes: Sequence[Lane], reporter: Reporter) -> None:
    """Count and name what went as text."""
    for lane in lanes:
        lane.ledger.note("coerced", len(coerced))
    worst = coerced[0]
    reporter.say(
        "coerced",
        f"{worst.place}: {worst.type} was sent as text, for JSON cannot carry it; {{count}} such "
        "values since the last line (strict=True refuses them)",
        count=len(coerced),
    )


def check_room(found: Sequence[tuple[Lane, Encoded]]) -> None:
    """Refuse the event before any lane takes it, if one that is full wants to be told.

    Raises:
        QueueFullError: Naming the lane, its bound and when to come back.
    """
    total = sum(len(encoded.data) for _, encoded in found)
    for lane, encoded in found:
        size = len(encoded.data)
        if lane.options.overflow != "raise" or lane.door.fits(size, others=total - size):
            continue
        lane.ledger.note("refused")
        view = lane.view()
        options = lane.options
        raise QueueFullError(
            f"{lane.name}: the queue is full ({view.pending} of {options.max_queue_events} events, "
            f"{view.queue_bytes} of {options.max_queue_bytes} bytes); call again later, or raise "
            "the bounds",
            retryable=True,
            retry_after=view.paused or options.retry_base,
            details={"destination": lane.name, "pending": view.pending},
        )


def take(lane: Lane, encoded: Encoded, place: Place, *, owner: bool) -> bool:
    """Give the event to the lane's door; return whether `overflow` lets it in."""
    door = lane.door
    size = len(encoded.data)
    if lane.warn_event_bytes is not None and size > lane.warn_event_bytes:
        _warn_of_size(lane, size)
    if owner:
        if door.left:
            door.drain()
        return door.take(encoded, place) or (_makes_room(lane, size) and door.take(encoded, place))
    if not door.fits(size) and not _fits_later(lane, size):
        return False
    door.leave(encoded, place)
    if door.unclaimed:
        lane.reporter.once(
            "no_loop",
            f"{len(door.left)} events wait, for this client has never met a running event loop; "
            "start it on one (async with, or await start()), or use SyncAnalytics in a program "
            "without asyncio",
        )
    return True


def let_in(lane: Lane, one: Waiting, *, owner: bool) -> None:
    """Give an event that waited before its lane's door to it; a full queue drops it."""
    one.place.outcome = PENDING
    if not take(lane, one.encoded, one.place, owner=owner):
        one.place.outcome = dropped("queue_full")
        lane.ledger.turn_away("queue_full")
        lane.reporter.drop(lane.name, "queue_full")


def _warn_of_size(lane: Lane, size: int) -> None:
    lane.reporter.say(
        f"large {lane.name}",
        f"{lane.name}: an event of {size} bytes is larger than the {lane.warn_event_bytes} "
        "that the system documents; it is sent, and may be refused",
    )


def _makes_room(lane: Lane, size: int) -> bool:
    """Let the oldest go if `overflow` says so and that helps."""
    oldest_goes = lane.options.overflow == "drop_oldest"
    return oldest_goes and lane.door.could_ever_fit(size) and lane.door.make_room(size)


def _fits_later(lane: Lane, size: int) -> bool:
    """Whether the owner will make room when it drains; until then bounds hold for what is left."""
    oldest_goes = lane.options.overflow == "drop_oldest"
    return oldest_goes and lane.door.could_ever_fit(size) and lane.door.fits_left(size)
