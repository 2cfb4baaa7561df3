"""Made up flags and persons through our evaluator and the vendor's own package."""

import os
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flags.comparing import differences
from tests.flags.oracle import Oracle, Said

#: `nox -s differential` asks for 20,000.
EXAMPLES = int(os.environ.get("FLAGS_EXAMPLES", "2000"))

_SEEDS = st.integers(0, 2**63)


@pytest.mark.repeats
@settings(max_examples=EXAMPLES)
@given(seed=_SEEDS)
@pytest.mark.timeout(120)
def test_ours_says_what_theirs_says(seed: int) -> None:
    """Is local evaluation really the same? For whatever is made up: value, payload, reason.

    A seed makes five flags, up to three cohorts and three persons: 15 evaluations an example.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # theirs compiles odd patterns with `re`
        assert differences(seed) == []


def test_the_comparison_finds_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Could that test fail at all? If theirs is asked for somebody else, it does."""
    whole = Oracle.ask

    def ask_for_another(self: Oracle, key: str, *, distinct_id: str, **call: Any) -> Said:
        return whole(self, key, distinct_id=f"{distinct_id}!", **call)

    monkeypatch.setattr(Oracle, "ask", ask_for_another)
    assert len([one for seed in range(60) for one in differences(seed)]) > 10
