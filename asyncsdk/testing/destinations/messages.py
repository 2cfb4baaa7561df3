"""Sample messages: the same on each run, plain ones and such as applications send by mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, cast, get_args
from uuid import UUID

from msgspec import Raw

from asyncsdk.messages import Kind, Message

KINDS: tuple[Kind, ...] = cast("tuple[Kind, ...]", get_args(Kind))

MADE_AT = "2026-11-21T09:00:00.000Z"
HAPPENED_AT = "2026-01-02T03:04:05.678Z"

ODD_TEXT = 'quotes " \\ lines \r\n\x00\x1f\x7f </script> é 🔑 \u2028 %s {} },{ "'


class Colour(Enum):
    """A foreign value."""

    RED = "red"


class Foreign:
    """An object that JSON cannot carry."""

    def __repr__(self) -> str:
        """Be the same on each run."""
        return "<Foreign>"


class Broken:
    """An object that raises whenever it is looked at closely."""

    def __str__(self) -> str:
        """Raise, as objects of databases do after their session ended."""
        raise RuntimeError("no text")

    def __repr__(self) -> str:
        """Be the same on each run."""
        return "<Broken>"


def least(kind: Kind, message_id: str = "m-1") -> Message:
    """Return a message with what its kind needs, and no more."""
    message = Message(kind, message_id, MADE_AT, user_id="user-1")
    if kind == "track":
        message.event = "Item Viewed"
    if kind == "alias":
        message.previous_id = "visitor-1"
    if kind in ("group", "group_identify"):
        message.group_id = "company-1"
        message.group_type = "company"
    return message


def full(kind: Kind, value: Any = "v", message_id: str = "m-1") -> Message:
    """Return a message that says everything its kind can say.

    Args:
        kind: Which call it is.
        value: Stands in each object.
        message_id: Its id.
    """
    message = least(kind, message_id)
    message.anonymous_id = "visitor-1"
    message.session_id = "session-1"
    message.context = {"ip": "192.0.2.1", "page": {"url": "https://example.com/"}, "more": value}
    message.integrations = {"All": True}
    message.timestamp = HAPPENED_AT
    message.groups = {"company": "company-1"}
    message.consent = {"analytics": True, "ads": False}
    if kind in ("track", "page", "screen", "group_identify", "exception"):
        message.properties = {"revenue": 19.95, "items": [{"sku": "a"}], "more": value}
    else:
        message.traits = {"plan": "pro", "seats": 3, "more": value}
    if kind in ("page", "screen"):
        message.name, message.category = "Home", "Shop"
    if kind == "track":
        message.flags = {"new-checkout": True}
        message.send_feature_flags = True
        message.disable_geoip = True
    return message


def marked(kind: Kind, number: int) -> Message:
    """Return a message whose texts say which one of several it is."""
    message = full(kind, f"value-{number:04}-kit", f"id-{number:04}-kit")
    for name in ("user_id", "anonymous_id", "event", "group_id", "previous_id", "name"):
        if getattr(message, name) is not None:
            setattr(message, name, f"{name}-{number:04}-kit")
    return message


def marks_of(number: int) -> list[bytes]:
    """Return the texts of a `marked` message, its id last."""
    names = ("value", "user_id", "anonymous_id", "event", "group_id", "previous_id", "name", "id")
    return [b"%s-%04d-kit" % (name.encode(), number) for name in names]


def samples() -> Iterator[tuple[str, Message]]:
    """Yield each sample with its title, made afresh."""
    for kind in KINDS:
        yield f"{kind}, the least", least(kind)
        yield f"{kind}, everything", full(kind)
        yield f"{kind}, odd texts", _in_texts(full(kind, {ODD_TEXT: ODD_TEXT}), ODD_TEXT)
        yield f"{kind}, numbers as ids", _in_ids(full(kind), 42)
        yield f"{kind}, large and fractional numbers as ids", _in_ids(full(kind), 1.5e300)
        yield f"{kind}, a stranger", _a_stranger(kind)
        if kind in ("track", "exception"):
            yield f"{kind}, nobody's", _nobodys(kind)
        yield f"{kind}, lone surrogates in texts", _in_texts(full(kind), "a\ud800b")
        for title, make in _HOSTILE.items():
            yield f"{kind}, {title}", full(kind, make())


def _in_texts(message: Message, text: str) -> Message:
    message.message_id = f"m-{text}" if text.isascii() else message.message_id
    for name in ("user_id", "anonymous_id", "session_id", "group_id", "previous_id"):
        if getattr(message, name) is not None:
            setattr(message, name, text)
    for name in ("event", "name", "category", "group_type"):
        if getattr(message, name) is not None:
            setattr(message, name, text)
    return message


def _in_ids(message: Message, number: float) -> Message:
    for name in ("user_id", "anonymous_id", "session_id", "group_id", "previous_id"):
        if getattr(message, name) is not None:
            setattr(message, name, number)
    return message


def _a_stranger(kind: Kind) -> Message:
    message = least(kind)
    message.user_id, message.anonymous_id = None, "visitor-1"
    return message


def _nobodys(kind: Kind) -> Message:
    """Return a message as `capture` makes it without an id; a system may have no form for it."""
    message = least(kind)
    message.user_id, message.personless = None, True
    return message


def _deep() -> Any:
    value: Any = "bottom"
    for _ in range(200):
        value = [{"in": value}]
    return value


def _endless() -> Any:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


_HOSTILE: dict[str, Callable[[], Any]] = {
    "null": lambda: None,
    "nothing in it": lambda: {"": {}, "list": [], "text": ""},
    "a large value": lambda: "x" * 40_000,
    "large integers": lambda: [2**53 + 1, 2**63, -(2**70)],
    "lone surrogates": lambda: {"\udfff": "a\ud800b"},
    "NaN": lambda: math.nan,
    "infinities": lambda: [math.inf, -math.inf],
    "deep nesting": _deep,
    "an endless value": _endless,
    "names that are no texts": lambda: {1: "a", None: "b", 2.5: "c"},
    "decimals": lambda: [Decimal("19.90"), Decimal("NaN")],
    "times": lambda: [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - applications do it
        date(2026, 1, 2),
        timedelta(hours=1),
    ],
    "bytes, sets, tuples": lambda: [b"\xff", {"a"}, ("a",)],
    "an enum and a UUID": lambda: [Colour.RED, UUID(int=5)],
    "raw JSON": lambda: [Raw(b'{"a":\n1}'), Raw(b"not json"), Raw(b"\xff")],
    "foreign objects": lambda: [Foreign(), Broken(), Foreign],
}
