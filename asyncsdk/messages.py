"""Messages: one call as a value, before any system's spelling.

A `Message` is what `before_send` hooks see and what a destination turns into its own wire form.
The checks of a call's arguments stand here too, so that every call refuses in the same words.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias, dataclass_transform

import msgspec
from msgspec import Struct, structs

from asyncsdk.errors import ConfigurationError, ValidationError

Kind = Literal[
    "track", "identify", "page", "screen", "group", "alias", "group_identify", "exception"
]

_MOST_ID_BITS = 996  # about 300 digits

#: An id as callers give it. Numbers become text on the wire, as the vendors' SDKs do it.
Id: TypeAlias = str | int | float
Object: TypeAlias = Mapping[str, Any]
Consent: TypeAlias = bool | Mapping[str, bool]


class Message(Struct):
    """Hold one call, in our own names.

    Hooks may change it or return another; `type` and `message_id` are put back afterwards.
    Absent values are None. `properties`, `traits` and `context` are this message's own copies
    (one level deep), never the caller's objects.

    Attributes:
        type: Which call it was.
        message_id: Unique per event, the same on every attempt and for every destination.
        original_timestamp: When the call was made, as ``2026-11-21T09:00:00.000Z``.
        timestamp: When it happened, if the caller said so, in the same form.
        group_id: As given; a number stays a number.
        previous_id: As given; a number stays a number.
        personless: Whether it may be nobody's: `capture` and `capture_exception` need no id.
    """

    type: Kind
    message_id: str
    original_timestamp: str
    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None
    event: str | None = None
    properties: Any = None
    context: Any = None
    integrations: Any = None
    timestamp: str | None = None
    traits: Any = None
    name: str | None = None
    category: str | None = None
    group_id: Id | None = None
    group_type: str | None = None
    previous_id: Id | None = None
    groups: Any = None
    consent: Consent | None = None
    flags: Any = None
    send_feature_flags: bool = False
    disable_geoip: bool | None = None
    personless: bool = False


@dataclass_transform(field_specifiers=(msgspec.field,))
class EventMeta(msgspec.StructMeta):
    """Take ``event="…"`` out of the class line, which msgspec's own metaclass refuses."""

    def __new__(  # noqa: D102 - see the class
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        event: str | None = None,
        **options: Any,
    ) -> "EventMeta":
        made = super().__new__(mcs, name, bases, namespace, **options)
        if event is not None:
            if not isinstance(event, str) or not event:
                raise ConfigurationError(f"{name}: event= must be a text that is not empty")
            type.__setattr__(made, "event_name", event)
        return made


class Event(msgspec.Struct, metaclass=EventMeta):
    """Be the base of typed events: the class names the event, its fields are the properties.

    ``class OrderCompleted(Event, event="Order Completed"): order_id: str; revenue: float`` and
    then ``analytics.track(OrderCompleted(order_id="o-1", revenue=19.95), user_id="u-1")``.
    Without ``event=`` the class is a base for others and cannot be tracked itself.
    """

    event_name: ClassVar[str] = ""


def properties_of(event: Event) -> dict[str, Any]:
    """Return the fields of a typed *event*, in the order of its class, one level deep.

    As msgspec would write them: by their names on the wire, without those that are `UNSET`.

    Raises:
        ValidationError: The class was made without ``event="…"``.
    """
    if not event.event_name:
        raise ValidationError(
            f"event: {type(event).__name__} has no event name; "
            f'write class {type(event).__name__}(Event, event="…")'
        )
    names = event.__struct_encode_fields__
    if names == event.__struct_fields__:
        found = structs.asdict(event)
    else:
        found = dict(zip(names, structs.astuple(event), strict=True))
    for name in [name for name, value in found.items() if value is msgspec.UNSET]:
        del found[name]
    return found


def check_text(field: str, value: object) -> str:
    """Return *value*, or refuse what is no text or empty.

    Raises:
        ValidationError: Naming *field*, the rule and the value's type.
    """
    if type(value) is str and value:
        return value
    if isinstance(value, str) and value:
        return str(value)
    if value is None or value == "":
        raise ValidationError(f"{field}: a text that is not empty is needed")
    return _refuse(field, "a text", value)


def check_optional_text(field: str, value: object) -> None:
    """Refuse *value* unless it is None or a text.

    Raises:
        ValidationError: Naming *field*, the rule and the value's type.
    """
    if value is not None and not isinstance(value, str):
        _refuse(field, "a text", value)


def check_id(field: str, value: object) -> None:
    """Refuse *value* unless it is None, a text or a finite number.

    Raises:
        ValidationError: Naming *field*, the rule and the value's type.
    """
    if value is None or isinstance(value, str):
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(field, "a text or a number", value)
    if isinstance(value, int) and value.bit_length() > _MOST_ID_BITS:
        raise ValidationError(f"{field}: a number of at most 300 digits is needed; give a text")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValidationError(f"{field}: a text or a number is needed, this is {value!r}")


def check_object(field: str, value: object) -> None:
    """Refuse *value* unless it is None or a mapping.

    Raises:
        ValidationError: Naming *field*, the rule and the value's type.
    """
    if value is not None and not isinstance(value, Mapping):
        _refuse(field, "an object (a dict or another mapping)", value)


def check_consent(field: str, value: object) -> None:
    """Refuse *value* unless it is None, a bool or a mapping of purposes to bools.

    Raises:
        ValidationError: Naming *field*, the rule and the value's type.
    """
    if isinstance(value, Mapping):
        wrong = next((grant for grant in value.values() if not isinstance(grant, bool)), None)
        if wrong is not None:
            _refuse(field, "a bool for each purpose", wrong)
    elif value is not None and not isinstance(value, bool):
        _refuse(field, "a bool or a mapping of purposes to bools", value)


def has_consent(consent: Consent | None, purposes: Sequence[str]) -> bool | None:
    """Say whether *consent* covers all *purposes*; None if it does not say, of one at least."""
    if isinstance(consent, bool):
        return consent
    answers = [None if consent is None else consent.get(purpose) for purpose in purposes]
    if False in answers:
        return False
    return None if None in answers else True


def has_any_consent(consent: Consent | None, wanted: Mapping[str, bool]) -> bool | None:
    """Say whether *consent* covers one of those *wanted* that are true; None if it may yet."""
    if isinstance(consent, bool):
        return consent
    answers = [None if consent is None else consent.get(name) for name in wanted if wanted[name]]
    if True in answers:
        return True
    return None if None in answers else False


def _refuse(field: str, rule: str, value: object) -> NoReturn:
    raise ValidationError(f"{field}: {rule} is needed, this is {type(value).__name__}")
