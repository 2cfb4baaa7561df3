"""Totalling: a counter of a process never goes back, whoever ends or comes again."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.hosting import totalling
from asyncsdk.hosting.totalling import Totals

OWNERS = st.tuples(st.integers(0, 2), st.sampled_from("ab"))


@given(st.lists(st.dictionaries(OWNERS, st.integers(0, 5))))
def test_no_line_ever_falls(looks: list[dict[tuple[int, str], float]]) -> None:
    """Owners end, come again at nothing, and go on."""
    totals: Totals[str] = Totals()
    before: dict[str, float] = {}
    for look in looks:
        sums = totals.add(look.copy)
        assert all(sums[line] >= value for line, value in before.items() if value)
        before = sums


def test_what_ended_is_added_to_what_came_after_it() -> None:
    """The same name is the same line."""
    totals: Totals[str] = Totals()
    looks: list[dict[tuple[int, str], float]] = [{(0, "a"): 5, (1, "a"): 2}, {(1, "a"): 3}, {}]
    assert [totals.add(look.copy) for look in looks] == [{"a": 7}, {"a": 8}, {"a": 8}]
    assert totals.add(lambda: {(0, "a"): 1}) == {"a": 9}


def test_tenants_that_are_gone_are_not_remembered_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that ended first are forgotten first."""
    monkeypatch.setattr(totalling, "_MOST", 2)
    totals: Totals[str] = Totals()
    for name in "abc":
        totals.add({(0, name): 1.0}.copy)
    assert totals.add(dict) == {"b": 1, "c": 1}


def test_a_forked_child_counts_its_own_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clients begin at nothing, and what the parent counted the parent shows."""
    totals: Totals[str] = Totals()
    totals.add(lambda: {(0, "a"): 5})
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    assert totals.add(lambda: {(0, "a"): 1}) == {"a": 1}
