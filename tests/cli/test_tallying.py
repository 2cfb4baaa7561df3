"""The count that decides whether anything was lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import Statistics
from asyncsdk.cli.tallying import Shipment, Tally, percentile, tally

IDS = st.sampled_from([f"m-{number}" for number in range(12)])


def test_an_id_that_is_nowhere_is_lost() -> None:
    """Neither at the server nor a dead letter: no other count can hide it."""
    assert tally(["a", "b", "c", "d"], {"a": 1, "b": 3, "z": 1}, ["c"]) == Tally(
        accepted=4, delivered=2, dead=1, lost=1, duplicates=2, strangers=1
    )


def test_an_id_given_twice_hides_no_event() -> None:
    """Two calls, one id, one event at the server: the other event is lost."""
    assert tally(["a", "a"], {"a": 2}, []).lost == 1


def test_a_dead_letter_that_arrived_is_delivered() -> None:
    """The answer was lost again and again, the event was not."""
    found = tally(["a"], {"a": 5}, ["a"])
    assert (found.delivered, found.dead, found.lost, found.duplicates) == (1, 0, 0, 4)


@given(
    ids=st.lists(IDS, unique=True),
    arrived=st.dictionaries(IDS, st.integers(1, 4)),
    letters=st.lists(IDS),
)
def test_the_counts_add_up(ids: list[str], arrived: dict[str, int], letters: list[str]) -> None:
    """Whatever comes: accepted is delivered, dead or lost, and all that arrived is counted."""
    found = tally(ids, arrived, letters)
    assert found.accepted == found.delivered + found.dead + found.lost
    assert found.lost == len(set(ids) - arrived.keys() - set(letters))
    ours = sum(count for one, count in arrived.items() if one in ids)
    assert ours == found.delivered + found.duplicates
    assert found.strangers == len(arrived.keys() - set(ids))


@pytest.mark.parametrize(
    ("numbers", "percent", "expected"),
    [
        ([], 50, 0),
        ([7], 99, 7),
        (range(1, 101), 50, 50),
        (range(1, 101), 99, 99),
        (range(1, 101), 100, 100),
        (range(1, 101), 0, 1),
        ([1, 2], 50, 1),
        ([1, 2], 51, 2),
    ],
)
def test_percentiles_are_values_that_were_measured(
    numbers: list[int], percent: float, expected: int
) -> None:
    """Nearest rank: nothing is interpolated."""
    assert percentile(numbers, percent) == expected


@pytest.mark.parametrize(
    ("lines", "bad", "view", "trouble", "code"),
    [
        (0, 0, Statistics(), "", 0),
        (3, 0, Statistics(accepted=3, delivered=3), "", 0),
        (3, 1, Statistics(accepted=2, delivered=2), "", 2),
        (3, 3, Statistics(), "", 2),
        (3, 0, Statistics(accepted=3, delivered=2, rejected=1), "", 2),
        (3, 0, Statistics(accepted=3, delivered=2, dead=1), "", 2),
        (3, 0, Statistics(accepted=3, delivered=2, dropped=1), "", 2),
        (3, 0, Statistics(accepted=3, delivered=3), "the file cannot be read further", 2),
        (3, 0, Statistics(accepted=3, dropped=3), "no answer", 3),
        (3, 0, Statistics(accepted=3, rejected=3), "", 3),
        (3, 1, Statistics(accepted=2, dead=2), "", 3),
        (0, 0, Statistics(), "the file cannot be read further", 3),
    ],
)
def test_the_exit_code_says_all_not_all_or_nothing(
    lines: int, bad: int, view: Statistics, trouble: str, code: int
) -> None:
    """A script can go by it."""
    shipment = Shipment(lines=lines, bad=bad, view=view, seconds=1.0, trouble=trouble)
    assert shipment.exit_code == code
