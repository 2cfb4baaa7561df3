"""What a flag is in each of OpenFeature's types, and whose flags a context asks for."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import (
    InvalidContextError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, Reason

from asyncsdk.integrations.openfeature.answering import (
    Finding,
    as_boolean,
    as_float,
    as_integer,
    as_object,
    as_string,
)
from asyncsdk.integrations.openfeature.asking import Subject, subject_of

Value = bool | str
Answering = Callable[[Finding, Any], FlagResolutionDetails[Any]]

OFF = False


@pytest.mark.parametrize(
    ("answer", "flag", "default", "value"),
    [
        (as_boolean, True, False, True),
        (as_boolean, False, True, False),
        (as_boolean, "test", False, True),
        (as_string, "test", "d", "test"),
        (as_string, False, "d", "d"),
        (as_integer, "7", 1, 7),
        (as_integer, "0x10", 1, 16),
        (as_integer, "007", 1, 7),
        (as_integer, False, 1, 1),
        (as_float, "2.5", 1.0, 2.5),
        (as_float, "2", 1.0, 2.0),
        (as_float, False, 1.5, 1.5),
        (as_object, False, [1], [1]),
    ],
)
def test_a_value_is_read_as_the_type_that_is_asked_for(
    answer: Answering, flag: Value, default: Any, value: Any
) -> None:
    """As PostHog's own provider reads it; what is off is the default, but for a boolean."""
    found = answer(Finding(value=flag), default).value
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("answer", "flag"),
    [
        (as_string, True),
        (as_integer, True),
        (as_integer, "seven"),
        (as_integer, "2.5"),
        (as_integer, "9" * 10_000),
        (as_float, True),
        (as_float, "seven"),
        (as_object, True),
        (as_object, "test"),
    ],
)
def test_a_flag_without_such_a_value_is_a_mismatch(answer: Answering, flag: Value) -> None:
    """Then the client answers with the default, and the error says which type would do."""
    with pytest.raises(TypeMismatchError):
        answer(Finding(value=flag, payload="text"), None)


@pytest.mark.parametrize("payload", [{"a": 1}, [1, 2], {}])
def test_an_object_is_the_payload(payload: object) -> None:
    """Of whatever value but no."""
    for flag in (True, "test"):
        assert as_object(Finding(value=flag, payload=payload), {"d": 1}).value == payload
    # What is off has one too where it is decided here; the server sends none.
    assert as_object(Finding(value=False, payload=payload), {"d": 1}).value == {"d": 1}


@pytest.mark.parametrize(
    ("found", "reason", "variant"),
    [
        (Finding(value=True), Reason.TARGETING_MATCH, None),
        (Finding(value="test"), Reason.SPLIT, "test"),
        (Finding(value=False), Reason.DEFAULT, None),
        (Finding(value=False, disabled=True), Reason.DISABLED, None),
        (Finding(value="test", stale=True), Reason.STALE, "test"),
    ],
)
def test_an_answer_says_why(found: Finding, reason: Reason, variant: str | None) -> None:
    """Hooks and telemetry read this."""
    details = as_boolean(found, OFF)
    assert (details.reason, details.variant, details.error_code) == (reason, variant, None)


def test_an_answer_tells_what_posthog_said() -> None:
    """What is not known is not there."""
    found = Finding(value=True, reason="Matched condition set 1", id=7, version=3)
    assert as_boolean(found, OFF).flag_metadata == {
        "locally_evaluated": False,
        "posthog_reason": "Matched condition set 1",
        "id": 7,
        "version": 3,
    }
    assert as_boolean(Finding(value=True, local=True), OFF).flag_metadata == {
        "locally_evaluated": True
    }


def test_a_context_is_a_person_with_groups() -> None:
    """The attributes are left as they were, and times become text."""
    attributes: dict[str, Any] = {
        "plan": "pro",
        "since": datetime(2026, 1, 2, tzinfo=UTC),
        "groups": {"company": 5},
        "group_properties": {"company": {"seats": 3}},
        "device_id": "d-1",
    }
    before = dict(attributes)
    context = EvaluationContext("user-1", attributes)
    assert subject_of(context, default="nobody") == Subject(
        distinct_id="user-1",
        groups={"company": 5},
        person_properties={"plan": "pro", "since": "2026-01-02T00:00:00+00:00"},
        group_properties={"company": {"seats": 3}},
        device_id="d-1",
    )
    assert attributes == before


def test_someone_must_be_asked_about() -> None:
    """By the targeting key, or by the provider's default."""
    for context in (None, EvaluationContext(), EvaluationContext("")):
        assert subject_of(context, default="nobody").distinct_id == "nobody"
        with pytest.raises(TargetingKeyMissingError):
            subject_of(context, default=None)


def test_a_group_without_a_key_gets_none() -> None:
    """A text would make it a group of that name, whose flags would be another's."""
    attributes: dict[str, Any] = {"groups": {"company": None}}
    found = subject_of(EvaluationContext("user-1", attributes), default=None)
    assert found.groups == {"company": None}


@pytest.mark.parametrize(
    "wrong", [{"groups": "c-1"}, {"group_properties": [1]}, {"group_properties": {"company": 5}}]
)
def test_groups_are_mappings(wrong: dict[str, Any]) -> None:
    """Anything else is a mistake in the context, and named."""
    with pytest.raises(InvalidContextError):
        subject_of(EvaluationContext("user-1", wrong), default=None)
