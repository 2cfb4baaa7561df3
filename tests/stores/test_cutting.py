"""What does a power cut take? Nothing that was committed, with `durability="power"`."""

from __future__ import annotations

from tests.stores.cutting import cut_often


def test_a_power_cut_takes_nothing_that_was_committed() -> None:
    """Some cuts of many: `python -m tests.stores.cutting` makes as many as one likes."""
    figures = cut_often(30, "power", seed=7)
    assert figures.cuts == 30
    assert (figures.damaged, figures.wrong, figures.lost, figures.returned) == (0, 0, 0, 0)


def test_without_waiting_for_the_disk_it_takes_the_youngest_and_damages_nothing() -> None:
    """What the cheaper promise means, and that these cuts can take something at all."""
    figures = cut_often(20, "process", seed=8)
    assert (figures.damaged, figures.wrong, figures.holes) == (0, 0, 0)
    assert figures.lost > 0
