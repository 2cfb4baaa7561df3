"""From OpenFeature's evaluation context to whose flags are asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import InvalidContextError, TargetingKeyMissingError

_NOTHING: Mapping[str, Any] = {}


class Subject(Struct, frozen=True, kw_only=True):
    """Whose flags are asked for: a distinct id, and what the context says beside it.

    Whether a group's key is one is for the flags to say: a key of None must not become a group.
    """

    distinct_id: str
    groups: Mapping[str, Any] = _NOTHING
    person_properties: Mapping[str, Any] = _NOTHING
    group_properties: Mapping[str, Mapping[str, Any]] = _NOTHING
    device_id: str | None = None


def subject_of(context: EvaluationContext | None, *, default: str | None) -> Subject:
    """Read *context*: `groups`, `group_properties`, `device_id`; the rest is of the person.

    Args:
        context: As OpenFeature merged it.
        default: Who is asked about where it has no targeting key.

    Raises:
        TargetingKeyMissingError: There is neither.
        InvalidContextError: `groups` or `group_properties` are no mappings.
    """
    attributes: dict[str, Any] = dict(context.attributes) if context is not None else {}
    who = (context.targeting_key if context is not None else None) or default
    if not who:
        raise TargetingKeyMissingError(
            "no targeting_key: set it to the distinct id, or give the provider default_distinct_id"
        )
    groups = _mapping(attributes, "groups")
    properties = _mapping(attributes, "group_properties")
    device = attributes.pop("device_id", None)
    return Subject(
        distinct_id=who,
        groups=groups,
        person_properties=_plain(attributes),
        group_properties={name: _plain(_mapping(properties, name)) for name in list(properties)},
        device_id=None if device is None else str(device),
    )


def _mapping(attributes: dict[str, Any], name: str) -> dict[str, Any]:
    value = attributes.pop(name, None)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidContextError(f"{name} is {type(value).__name__}, not a mapping")
    return dict(value)


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Copy *attributes* with times as text: flags compare texts."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in attributes.items()
    }
