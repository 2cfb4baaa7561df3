"""The gate: what nearly every call looks like, recognised in one step.

msgspec converts a call's arguments to the types below, all the way down, in half a microsecond. What
passes and comes out unchanged is right and holds plain JSON values only, so it needs neither the
checks one by one nor a second look at its bytes. What does not pass is not wrong: it goes the
careful way, which reads ids, times and objects of every kind, and has the words for what it refuses.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct, convert

from asyncsdk.messages import Kind, Message

# An infinite decimal equals an infinite float, but would be written as it is.
_Finite: TypeAlias = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_Scalar: TypeAlias = bool | int | _Finite | str | None
# Deeper ones are rare, and go the careful way. msgspec has no types that contain themselves.
_Plain1: TypeAlias = _Scalar | list[_Scalar] | dict[str, _Scalar]
_Plain2: TypeAlias = _Scalar | list[_Plain1] | dict[str, _Plain1]
_Plain3: TypeAlias = _Scalar | list[_Plain2] | dict[str, _Plain2]
_Plain4: TypeAlias = _Scalar | list[_Plain3] | dict[str, _Plain3]
_Object: TypeAlias = dict[str, _Plain4] | None

# Numbers beyond these lose digits in JavaScript; whoever has such ids gives texts.
_WHOLE = 2**53
_Id: TypeAlias = str | Annotated[int, Meta(ge=-_WHOLE, le=_WHOLE)] | None
_Text: TypeAlias = Annotated[str, Meta(min_length=1)]


# A message of which every value is of a usual type; the rest of it as in `Message`.
_UsualMessage = cast(
    "type[Message]",
    msgspec.defstruct(
        "_UsualMessage",
        [
            ("user_id", _Id, None),
            ("anonymous_id", _Id, None),
            ("session_id", _Id, None),
            ("event", _Text | None, None),
            ("properties", _Object, None),
            ("context", _Object, None),
            ("integrations", _Object, None),
            ("traits", _Object, None),
            ("name", str | None, None),
            ("category", str | None, None),
            ("group_id", _Id, None),
            ("group_type", str | None, None),
            ("previous_id", _Id, None),
            ("groups", _Object, None),
            ("consent", bool | dict[str, bool] | None, None),
        ],
        bases=(Message,),
    ),
)


class Call(Struct, frozen=True):
    """One of the client's calls.

    Attributes:
        kind: Of the messages that it makes.
        usual: The names of what it usually is given.
        takes: The names of all that it can be given.
        personless: Whether it needs no id, and has one of its own: `distinct_id`.
    """

    kind: Kind
    usual: frozenset[str]
    takes: frozenset[str]
    personless: bool = False


_COMMON = ("user_id", "anonymous_id", "session_id", "context", "integrations", "groups", "consent")
_READ = ("external_id", "timestamp", "message_id")


def _call(kind: Kind, own: Sequence[str], *more: str) -> Call:
    usual = frozenset((*_COMMON, *own))
    return Call(kind, usual, usual.union(_READ, more), personless="distinct_id" in own)


TRACK = _call("track", ("event", "properties"))
CAPTURE = _call(
    "track",
    ("event", "properties", "distinct_id", "disable_geoip"),
    "flags",
    "send_feature_flags",
)
CAPTURE_EXCEPTION = _call(
    "exception", ("properties", "distinct_id", "disable_geoip"), "flags", "error", "handled"
)
IDENTIFY = _call("identify", ("traits",))
PAGE = _call("page", ("name", "category", "properties"))
SCREEN = _call("screen", ("name", "category", "properties"))
GROUP = _call("group", ("group_id", "traits", "group_type"))
GROUP_IDENTIFY = _call("group_identify", ("group_type", "group_id", "properties"))
ALIAS = _call("alias", ("previous_id", "traits"))


def read_usual(call: Call, given: Mapping[str, Any], message_id: str, now: str) -> Message | None:
    """Return the message of what a call was *given*, or None if something in it is not usual."""
    if not call.usual.issuperset(given):
        return None
    if call.personless:
        return _read_capture(call, given, message_id, now)
    try:
        message = convert(
            {"type": call.kind, "message_id": message_id, "original_timestamp": now, **given},
            _UsualMessage,
        )
        return message if _is_unchanged(message, given) else None
    except Exception:  # noqa: BLE001 - foreign objects may raise anything when touched
        return None


def _read_capture(
    call: Call, given: Mapping[str, Any], message_id: str, now: str
) -> Message | None:
    """Do the same where `distinct_id` names the user; beside another `user_id` it must be checked."""
    if given.get("user_id") is not None:
        return None
    own = {**given, "user_id": given.get("distinct_id"), "personless": True}
    try:
        message = convert(
            {"type": call.kind, "message_id": message_id, "original_timestamp": now, **own},
            _UsualMessage,
        )
        return message if _is_unchanged(message, given) else None
    except Exception:  # noqa: BLE001 - foreign objects may raise anything when touched
        return None


def _is_unchanged(message: Message, given: Mapping[str, Any]) -> bool:
    """Say whether every object came out as it went in: a decimal, say, passes for a float."""
    unchanged: bool = (
        (message.properties is None or message.properties == given["properties"])
        and (message.context is None or message.context == given["context"])
        and (message.traits is None or message.traits == given["traits"])
        and (message.integrations is None or message.integrations == given["integrations"])
        and (message.groups is None or message.groups == given["groups"])
    )
    return unchanged


def is_plain(value: Any) -> bool:
    """Say whether *value*, an object or None, holds plain JSON values only."""
    return read_usual(IDENTIFY, {"traits": value}, "", "") is not None


# msgspec makes a type ready when it is used for the first time. A second thread that comes meanwhile,
# with a client of its own, makes it read what is not there yet, and ends the process (msgspec 0.22.0).
# Here Python lets one thread in at a time.
msgspec.json.Decoder(_UsualMessage)
