"""Made up flags and persons through our evaluator and the vendor's own package."""

import os
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flags.comparing import differences

#: `nox -s differential` asks for 20,000.
EXAMPLES = int(os.environ.get("FLAGS_EXAMPLES", "2000"))

_SEEDS = st.integers(0, 2**63)


@settings(max_examples=EXAMPLES)
@given(seed=_SEEDS)
def test_ours_says_what_theirs_says(seed: int) -> None:
    """Is local evaluation really the same? For whatever is made up: value, payload, reason.

    A seed makes five flags, up to three cohorts and three persons: 15 evaluations an example.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # theirs compiles odd patterns with `re`
        assert differences(seed) == []


def test_the_comparison_finds_a_difference() -> None:
    """Could that test fail at all? If theirs is asked at another distinct id, it does."""
    from tests.flags import comparing

    whole = comparing.Oracle.ask
    try:
        comparing.Oracle.ask = lambda self, key, *, distinct_id, **call: whole(  # type: ignore[method-assign]
            self, key, distinct_id=distinct_id + "!", **call
        )
        found = [one for seed in range(60) for one in differences(seed)]
    finally:
        comparing.Oracle.ask = whole  # type: ignore[method-assign]
    assert len(found) > 10
