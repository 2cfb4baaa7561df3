"""Recorded evaluations: each was confirmed with the vendor's own package."""

import sys

import pytest

from asyncsdk.flags import evaluate
from tests.flags.cases import answer, decoded, expected, recorded

#: Left to the server without the extra `[flags]`, or with a pattern that it does not take.
_LEFT = ("inconclusive", "unsupported_definition")


def test_every_recorded_case_has_the_recorded_outcome() -> None:
    """Do I get what the vendor's SDK would say? In 3,161 cases: value, payload, source, reason."""
    cases = recorded()["cases"]
    assert len(cases) == 3161
    wrong = {}
    for case in cases:
        found, wanted = answer(case), expected(case)
        if found != wanted or type(found.value) is not type(wanted.value):
            wrong[case["name"]] = (found, wanted)
    assert wrong == {}


@pytest.mark.parametrize("number", [0, 1], ids=["rollout", "variants"])
def test_everybody_is_in_the_same_bucket_as_with_the_vendors_sdk(number: int) -> None:
    """Will users keep their variant when I move here? All 500 of each of the vendors' own tables."""
    table = recorded()["tables"][number]
    definitions = decoded({"flags": table["flags"]})
    assert len(table["rows"]) == 500
    for distinct_id, wanted in table["rows"]:
        assert evaluate(definitions, table["flag_key"], distinct_id).value == wanted


def test_without_the_extra_only_patterns_are_left_to_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What if RE2 is not installed? All is the same, but some patterns are for the server to decide."""
    monkeypatch.setitem(sys.modules, "re2", None)
    wrong = {}
    for case in recorded()["cases"]:
        found, wanted = answer(case), expected(case)
        if found != wanted:
            assert "regex" in str(case["flags"]) + str(case["cohorts"])
            wrong[case["name"]] = (found.source, found.reason)
    assert set(wrong.values()) <= {_LEFT}
    assert len(wrong) < 40
