"""What we ask PostHog about flags is what its own SDKs ask, and comes to the same."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import structs

from tests.destinations.flag_wire import (
    FlagFixture,
    asked_as_ours,
    load_flags,
    problems_of,
    repeat_flags,
    told_as_ours,
)

CASES = list(load_flags())

Change = Callable[[list[dict[str, Any]]], object]


def error(word: str) -> Change:
    """Say what went wrong in posthog-python's words: the Node SDK says `unknown_error`."""

    def change(told: list[dict[str, Any]]) -> None:
        """Change the first event."""
        told[0]["properties"]["$feature_flag_error"] = word

    return change


def still_known(told: list[dict[str, Any]]) -> None:
    """A refused key does not make us forget definitions: the same value is not told twice."""
    del told[1:]


def no_exposure(told: list[dict[str, Any]]) -> None:
    """We ask for v 2, as the Node SDK: rules and exposures of experiments are out of scope."""
    del told[1:]
    own = told[0]["properties"]
    for name in ("config_version", "reason_code", "rule_id", "rule_type", "variant_key"):
        del own[f"$feature_flag_{name}"]
    own["$feature_flag_reason"] = "Experiment split"


#: What is ours on purpose in a single case.
TOLD: dict[str, Change] = {
    "node/flags_timeout": error("timeout"),
    "node/flags_http_500": error("api_error_500"),
    "python/local_definitions_then_401": still_known,
    "python/flags_experiment_exposure_v4": no_exposure,
}

#: What comes of it here, where that is something else.
RESULTS: dict[str, Any] = {
    # Definitions are kept when the key is refused.
    "python/local_definitions_then_401": {"before_error": True, "after_error": True},
    # Payloads are decoded everywhere; there, not in calls for all flags.
    "python/flags_all_legacy_v1_response": {
        "featureFlags": {"simple-flag": True, "variant-flag": "test"},
        "featureFlagPayloads": {"simple-flag": {"color": "blue"}},
    },
    "python/local_all_flags_fallback": {
        "featureFlags": {"simple-flag": True, "variant-flag": "test", "off-flag": False},
        "featureFlagPayloads": {"simple-flag": {"color": "blue"}, "variant-flag": [1, 2]},
    },
    "python/local_all_flags_only_local": {
        "featureFlags": {"simple-flag": True, "variant-flag": "test"},
        "featureFlagPayloads": {"simple-flag": {"color": "blue"}, "variant-flag": [1, 2]},
    },
    "python/remote_config": {"a": 1},
    "python_async/remote_config": {"a": 1},
    # The result of `capture` is a receipt.
    "python/flags_capture_send_feature_flags_remote": None,
}


def _names(cases: Sequence[FlagFixture]) -> list[str]:
    return [f"{one.sdk}/{one.case}" for one in cases]


@pytest.mark.parametrize("fixture", CASES, ids=_names(CASES))
async def test_flags_are_asked_for_told_and_returned_as_by_the_vendors_sdk(
    fixture: FlagFixture,
) -> None:
    """Questions, definitions with their ETag, events about flags, and what the caller gets."""
    name = f"{fixture.sdk}/{fixture.case}"
    told = told_as_ours(fixture)
    if name in TOLD:
        TOLD[name](told)
    expected = structs.replace(fixture, result=RESULTS.get(name, fixture.result))
    seen = await repeat_flags(fixture)
    assert problems_of(expected, seen, asked_as_ours(fixture), told) == []


def test_every_difference_is_of_a_case_that_is_there() -> None:
    """A table that names what does not exist hides nothing, but says so."""
    assert {*TOLD, *RESULTS} <= set(_names(CASES))
    assert len(CASES) >= 50
