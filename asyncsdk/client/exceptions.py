"""Exceptions: what is told of an error and of those behind it, as plain values.

The error itself comes first, then its cause or what it came in the middle of, then the members of
a group; each says by number which one led to it. All of it is bounded, whatever the error is like.

Source: posthog 7.91.1 for Python, recorded and tried (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from asyncsdk.client.frames import Sources, places_of, places_of_caller, told
from asyncsdk.errors import ValidationError
from asyncsdk.messages import Object, check_object

MAX_ERRORS = 20
MAX_WORDS = 4_000
#: Of the name of a type, or of its module.
MAX_NAME = 200
#: Of one error, and of all together.
MAX_FRAMES = 50
MAX_FRAMES_IN_ALL = 100

_NO_STACK: dict[str, Any] = {"frames": ()}


class _Link(Struct, frozen=True):
    """An error, and how it hangs together with the one that led to it."""

    error: BaseException
    parent: int | None = None
    source: str | None = None


def exception_properties(error: object, handled: object, properties: Object | None) -> Object:
    """Return what is told of *error*, under the caller's own *properties*.

    Args:
        error: An exception, raised or not.
        handled: Whether the application lives on.
        properties: Facts about it; they may name ``$exception_level``, by default ``"error"``, and
            ``$exception_fingerprint``.

    Raises:
        ValidationError: Naming field, rule and the value's type.
    """
    if not isinstance(error, BaseException):
        raise ValidationError(f"error: an exception is needed, this is {type(error).__name__}")
    if not isinstance(handled, bool):
        raise ValidationError(f"handled: True or False is needed, this is {type(handled).__name__}")
    check_object("properties", properties)
    found = _told(error, handled)
    return {"$exception_list": found, "$exception_level": "error", **(properties or {})}


def _told(error: BaseException, handled: bool) -> list[dict[str, Any]]:  # noqa: FBT001
    found: list[dict[str, Any]] = []
    waiting = [_Link(error)]
    seen = {id(error)}
    room = MAX_FRAMES_IN_ALL
    sources = Sources()
    while waiting and len(found) < MAX_ERRORS:
        link = waiting.pop()
        number = len(found)
        one = _told_of(link, number, handled=handled, room=min(room, MAX_FRAMES), sources=sources)
        room -= len(one.get("stacktrace", _NO_STACK)["frames"])
        found.append(one)
        behind = [more for more in _behind(link.error, number) if id(more.error) not in seen]
        seen.update(id(more.error) for more in behind)
        waiting.extend(reversed(behind))
    return found


def _behind(error: BaseException, number: int) -> Iterator[_Link]:
    """Yield what led to *error*: its cause or its context, then the members of a group."""
    cause, context = _own(error, "__cause__"), _own(error, "__context__")
    if cause is not None:
        yield _Link(cause, number, "cause")
    elif context is not None and not _own(error, "__suppress_context__"):
        yield _Link(context, number, "context")
    if isinstance(error, BaseExceptionGroup):
        for member in _own(error, "exceptions")[:MAX_ERRORS]:
            yield _Link(member, number, "member")


def _own(error: BaseException, name: str) -> Any:
    """Return what Python itself noted of *error*; its class may say anything, or raise."""
    owner = BaseExceptionGroup if name == "exceptions" else BaseException
    return owner.__dict__[name].__get__(error)


def _told_of(
    link: _Link, number: int, *, handled: bool, room: int, sources: Sources
) -> dict[str, Any]:
    error = link.error
    kind = type(error)
    places = list(places_of(_own(error, "__traceback__")))
    # An error that was never raised came from the call; of one behind it nobody knows.
    synthetic = not places and number == 0
    frames = told(places_of_caller() if synthetic else places, room, sources)
    found = {
        "type": kind.__qualname__[:MAX_NAME],
        "value": _words(error),
        "module": _module(kind),
        "mechanism": _mechanism(link, number, handled=handled, synthetic=synthetic),
    }
    return {**found, "stacktrace": {"type": "raw", "frames": frames}} if frames else found


def _mechanism(link: _Link, number: int, *, handled: bool, synthetic: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"exception_id": number, "synthetic": synthetic}
    if link.parent is None:
        found |= {"type": "generic", "handled": handled}
    else:
        found |= {"type": "chained", "source": link.source, "parent_id": link.parent}
    if isinstance(link.error, BaseExceptionGroup):
        found["is_exception_group"] = True
    return found


def _module(kind: type[BaseException]) -> str | None:
    """Return where *kind* is defined; None for Python's own, or if its class names no text."""
    name: object = kind.__module__
    return name[:MAX_NAME] if isinstance(name, str) and name != "builtins" else None


def _words(error: BaseException) -> str:
    """Return the error's text; a group's own, without the count of its members."""
    try:
        text = error.message if isinstance(error, BaseExceptionGroup) else str(error)
        # Not text[:…]: a kind of text of its own may slice as it likes.
        return str.__getitem__(text, slice(MAX_WORDS))
    except Exception:  # noqa: BLE001 - a text that cannot be made must not hide the error
        return f"<unprintable {type(error).__qualname__[:MAX_NAME]}>"
