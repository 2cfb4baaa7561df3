"""From what a flag is to OpenFeature's five types of answers. Pure.

A flag of PostHog is off, on, or one of several variants, perhaps with a payload. A boolean is
whether it is on; a text its variant; a number the variant read as one; an object the payload.
What is off has no value but for a boolean: then it is the caller's default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

from msgspec import Struct
from openfeature.exception import TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason

Structured: TypeAlias = Sequence[FlagValueType] | Mapping[str, FlagValueType]
_T = TypeVar("_T")


class Finding(Struct, frozen=True, kw_only=True):
    """What is known of one flag for one person.

    Attributes:
        value: Off, on, or the key of a variant.
        payload: The decoded payload of that value.
        reason: Why, in PostHog's words; empty if it does not say.
        disabled: Whether it is off for everyone.
        local: Whether it was evaluated here.
        stale: Whether that was by definitions that could not be renewed for a while.
        id: The flag's number.
        version: The version of its definition.
    """

    value: bool | str
    payload: object = None
    reason: str = ""
    disabled: bool = False
    local: bool = False
    stale: bool = False
    id: int | None = None
    version: int | None = None


def as_boolean(found: Finding, default: bool) -> FlagResolutionDetails[bool]:  # noqa: FBT001
    """Answer whether the flag is on."""
    del default
    return _details(found, found.value is not False)


def as_string(found: Finding, default: str) -> FlagResolutionDetails[str]:
    """Answer with the variant.

    Raises:
        TypeMismatchError: The flag is on and has none.
    """
    if found.value is True:
        raise TypeMismatchError("the flag is on and has no variant; ask for a boolean")
    return _details(found, found.value or default)


def as_integer(found: Finding, default: int) -> FlagResolutionDetails[int]:
    """Answer with the variant as a whole number, `0x10` and the like included.

    Raises:
        TypeMismatchError: The flag is on and its variant is none.
    """
    if found.value is False:
        return _details(found, default)
    try:
        return _details(found, _whole(_variant(found)))
    except ValueError:
        raise TypeMismatchError(f"variant {found.value!r} is no whole number") from None


def as_float(found: Finding, default: float) -> FlagResolutionDetails[float]:
    """Answer with the variant as a number.

    Raises:
        TypeMismatchError: The flag is on and its variant is none.
    """
    if found.value is False:
        return _details(found, float(default))
    try:
        return _details(found, float(_variant(found)))
    except ValueError:
        raise TypeMismatchError(f"variant {found.value!r} is no number") from None


def as_object(found: Finding, default: Structured) -> FlagResolutionDetails[Structured]:
    """Answer with the payload.

    Raises:
        TypeMismatchError: The flag is on and has none, or one that is no object or list.
    """
    if found.value is False:
        return _details(found, default)
    if isinstance(found.payload, dict | list):
        return _details(found, found.payload)
    kind = "none" if found.payload is None else type(found.payload).__name__
    raise TypeMismatchError(f"the flag is on and its payload is {kind}, not an object or a list")


def _variant(found: Finding) -> str:
    if not isinstance(found.value, str):
        raise TypeMismatchError("the flag is on and has no variant; ask for a boolean")
    return found.value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return int(text, 0)


def _details(found: Finding, value: _T) -> FlagResolutionDetails[_T]:
    return FlagResolutionDetails(
        value=value,
        reason=_reason(found),
        variant=found.value if isinstance(found.value, str) else None,
        flag_metadata=_metadata(found),
    )


def _reason(found: Finding) -> Reason:
    """Say why in OpenFeature's words; a variant is one of several, chosen by a hash."""
    if found.stale:
        return Reason.STALE
    if isinstance(found.value, str):
        return Reason.SPLIT
    if found.value:
        return Reason.TARGETING_MATCH
    return Reason.DISABLED if found.disabled else Reason.DEFAULT


def _metadata(found: Finding) -> dict[str, bool | int | float | str]:
    known: dict[str, bool | int | float | str] = {"locally_evaluated": found.local}
    if found.reason:
        known["posthog_reason"] = found.reason
    if found.id is not None:
        known["id"] = found.id
    if found.version is not None:
        known["version"] = found.version
    return known
