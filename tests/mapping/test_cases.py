"""The original engine's answers, case by case."""

import copy
import json
from typing import Any

import pytest

from tests.mapping.engine import CASES, answer

#: Where ours differs on purpose; the table in docs/mapping.md says why.
OURS = {
    "process/skip is not known any more",
    "rudderstack_extra/group dedupe across users",
    "rudderstack_extra/identify alternates for two users",
    "rudderstack_extra/identify anonymous visitors share one identity",
}


def names(cases: list[dict[str, Any]]) -> list[str]:
    """Return what the cases are called."""
    return [case["name"] for case in cases]


def text(value: object) -> str:
    """Return *value* as text, which tells true from 1."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_every_case_gives_the_original_answer(case: dict[str, Any]) -> None:
    """Does my mapping file do what it did? In compat="walkeros", to the letter."""
    assert text(answer(case, "walkeros")) == text(case["expected"])


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_ours_differs_only_where_the_table_says_so(case: dict[str, Any]) -> None:
    """What is different without compat? Four of these cases, each on purpose."""
    same = text(answer(case, None)) == text(case["expected"])
    assert same is (case["name"] not in OURS)


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_nothing_that_is_given_is_written_to(case: dict[str, Any]) -> None:
    """May I use my event and my mapping afterwards? They are as they were."""
    before = copy.deepcopy(case)
    answer(case, None)
    answer(case, "walkeros")
    assert case == before
