"""Arguments: what a caller says about a person becomes a question, or a clear error at the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asyncsdk.errors import ValidationError
from asyncsdk.flag_seams import Question
from asyncsdk.messages import Id, check_id, check_object, check_text
from asyncsdk.wire.ids import given_id

#: Facts about groups, by type.
GroupProperties = Mapping[str, Mapping[str, Any]]

_NOTHING: Mapping[str, Any] = {}


def read_question(
    distinct_id: Id,
    groups: Mapping[str, Id] | None,
    person_properties: Mapping[str, Any] | None,
    group_properties: GroupProperties | None,
    device_id: str | None,
    keys: Sequence[str] | None = None,
) -> Question:
    """Return the question that a call asks.

    Raises:
        ValidationError: An argument breaks a rule; it names the argument.
    """
    if device_id is not None:
        check_text("device_id", device_id)
    return Question(
        distinct_id=read_id("distinct_id", distinct_id),
        groups=_read_groups(groups),
        person_properties=_read_object("person_properties", person_properties),
        group_properties=_read_group_properties(group_properties),
        device_id=device_id,
        keys=None if keys is None else _read_keys(keys),
    )


def read_single(
    key: str,
    distinct_id: Id,
    groups: Mapping[str, Id] | None,
    person_properties: Mapping[str, Any] | None,
    group_properties: GroupProperties | None,
    device_id: str | None,
) -> Question:
    """Return the question about one flag that a call asks.

    Raises:
        ValidationError: An argument breaks a rule; it names the argument.
    """
    check_text("key", key)
    return read_question(
        distinct_id, groups, person_properties, group_properties, device_id, (key,)
    )


def read_id(field: str, value: object) -> str:
    """Return an id as text.

    Raises:
        ValidationError: It is no id, or names nobody.
    """
    check_id(field, value)
    found = given_id(value) if isinstance(value, str | int | float) else None
    if found is None:
        raise ValidationError(f"{field}: an id is needed; 0 and the empty text name nobody")
    return found


def _read_object(field: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return _NOTHING
    check_object(field, value)
    if not isinstance(value, Mapping):
        return _NOTHING
    try:
        return dict(value)  # the caller's own may change while the question waits
    except Exception as error:  # noqa: BLE001 - a row that is detached, a lazy one
        raise ValidationError(f"{field}: cannot be read ({type(error).__name__})") from None


def _read_groups(groups: object) -> Mapping[str, str]:
    found = _read_object("groups", groups)
    return {check_text("groups", kind): read_id(f"groups.{kind}", found[kind]) for kind in found}


def _read_group_properties(properties: object) -> GroupProperties:
    found = _read_object("group_properties", properties)
    return {kind: _read_object(f"group_properties.{kind}", found[kind]) for kind in found}


def _read_keys(keys: object) -> Sequence[str]:
    if isinstance(keys, str) or not isinstance(keys, Sequence | frozenset | set):
        raise ValidationError(f"keys: a list of texts is needed, this is {type(keys).__name__}")
    return [check_text("keys", key) for key in keys]
