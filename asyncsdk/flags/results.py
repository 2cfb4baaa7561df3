"""Results: what is known of one flag for one person, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from asyncsdk.flag_seams import RemoteFlag, RemoteFlags, Value

#: Why a flag has the value that it has, where this SDK decided it.
EVALUATED_LOCALLY = "Evaluated locally"
#: The code of a flag that is off for everyone.
SWITCHED_OFF = "flag_disabled"


class FlagResult(Struct, frozen=True, kw_only=True):
    """What is known of one flag for one person.

    Attributes:
        key: The flag.
        value: Off, on, or the key of a variant; None if nobody could say.
        payload: What belongs to that value, decoded.
        reason: Why; of what nobody could say, why not: `not_loaded`, `flag_missing`, or what the
            evaluation lacked (`missing_context`, `unsupported_definition`, …).
        code: The server's reason as a code, such as ``condition_match``; of a flag that was
            decided here only whether it is switched off: ``flag_disabled``.
        source: Who said so: ``"local"``, ``"remote"`` or ``"none"``.
        id: The flag's number.
        version: The version of its definition.
        has_experiment: Whether an experiment looks at it; None if that is not known.
        error: What went wrong, as in ``$feature_flag_error``; empty when nothing did.
        request_id: The server's name for the question.
        evaluated_at: When the server decided, in milliseconds since 1970.
        minimal: Whether the event about it needs few properties only.
    """

    key: str
    value: Value | None = None
    payload: Any = None
    reason: str | None = None
    code: str | None = None
    source: Literal["local", "remote", "none"] = "none"
    id: int | None = None
    version: int | None = None
    has_experiment: bool | None = None
    error: str = ""
    request_id: str | None = None
    evaluated_at: int | None = None
    minimal: bool = False

    @property
    def enabled(self) -> bool | None:
        """Whether it is on, in whatever variant; None if nobody could say."""
        return None if self.value is None else self.value is not False

    @property
    def variant(self) -> str | None:
        """The key of the variant, if there is one."""
        return self.value if isinstance(self.value, str) else None

    @property
    def locally_evaluated(self) -> bool:
        """Whether this SDK decided it, from definitions."""
        return self.source == "local"


class AllFlags(NamedTuple):
    """All flags of a person: values, and the payloads that belong to them, by key."""

    values: dict[str, Value]
    payloads: dict[str, Any]


def remote_result(key: str, answer: RemoteFlags) -> FlagResult:
    """Return what a server's *answer* says of *key*."""
    flag = answer.flags.get(key)
    if flag is None or flag.failed:
        return _nothing_said(key, answer, flag)
    return FlagResult(
        key=key,
        value=flag.value,
        payload=flag.payload,
        reason=flag.reason,
        code=flag.code,
        source="remote",
        id=flag.id,
        version=flag.version,
        has_experiment=flag.has_experiment,
        error=answer.error,
        request_id=answer.request_id,
        evaluated_at=answer.evaluated_at,
        minimal=answer.minimal,
    )


def _nothing_said(key: str, answer: RemoteFlags, flag: RemoteFlag | None) -> FlagResult:
    if answer.failed:
        return FlagResult(key=key, reason=answer.error, error=answer.error)
    trouble = "flag_missing" if flag is None else "evaluation_failed"
    errors = (answer.error, trouble) if answer.error else (trouble,)
    return FlagResult(
        key=key,
        reason=trouble,
        error=",".join(errors),
        request_id=answer.request_id,
        evaluated_at=answer.evaluated_at,
    )


def as_properties(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return flags as an event's properties."""
    found: dict[str, Any] = {f"$feature/{key}": value for key, value in values.items()}
    found["$active_feature_flags"] = sorted(key for key, value in values.items() if value)
    return found


def called_properties(
    result: FlagResult, *, now: int, loaded_at: int | None
) -> tuple[dict[str, Any], bool]:
    """Return the properties of the event that says that a flag was read, and whether it is bare.

    A bare one carries nothing else but what every event has: the server asks for that where no
    experiment looks at the flag.

    Args:
        result: What was read.
        now: In milliseconds since 1970.
        loaded_at: When the definitions were loaded, the same way.

    Source: posthog-node 5.70.0; posthog 7.91.1 for Python, where it says more (checked 2026-11).
    """
    bare = result.minimal and result.has_experiment is False
    local = result.source == "local"
    named = {
        "$feature_flag": result.key,
        "$feature_flag_response": result.value,
        "$feature_flag_id": result.id,
        "$feature_flag_version": result.version,
        "$feature_flag_reason": None if result.source == "none" else result.reason,
        "locally_evaluated": local,
        f"$feature/{result.key}": None if bare else result.value,
        "$feature_flag_request_id": result.request_id,
        "$feature_flag_evaluated_at": now if local else result.evaluated_at,
        "$feature_flag_has_experiment": result.has_experiment,
        "$feature_flag_error": result.error or None,
        "$feature_flag_definitions_loaded_at": loaded_at if local and not bare else None,
    }
    return {name: value for name, value in named.items() if value is not None}, bare
