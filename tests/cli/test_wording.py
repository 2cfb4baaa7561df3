"""Numbers, tables and progress as text."""

import pytest

from asyncsdk import Statistics
from asyncsdk.cli.tallying import Act, Shipment, Tally
from asyncsdk.cli.wording import (
    RULE,
    Reading,
    Row,
    Run,
    demo_rows,
    duration,
    listed,
    micros,
    progress,
    reasons,
    ship_rows,
    size,
    table,
    verdict,
)

TALLY = Tally(accepted=1_000, delivered=999, dead=1, lost=0, duplicates=250, strangers=0)


def run(tally: Tally = TALLY, *, early: bool = False, act: Act | None = None) -> Run:
    """Build what a demo brought about."""
    return Run(
        tally=tally,
        seconds=2.0,
        retries=41,
        refusals={"HTTP 400: no id": 1},
        p50=9_876,
        p99=1_250_000,
        peak_bytes=96_400_000,
        early=early,
        act=act,
    )


def test_the_demos_table_is_aligned_and_complete() -> None:
    """Labels to the left, numbers to the right, remarks behind: all that was promised."""
    assert table(demo_rows(run()), colour=False) == [
        "  accepted         1,000   calls that returned a receipt",
        "  delivered          999   of these, at the server",
        "  retried             41   requests sent again",
        "  dead letters         1   HTTP 400: no id",
        "  lost                 0   counted by message id at the server",
        "  duplicates         250   the answer was lost, not the events; same ids",
        "  ──────────────────────",
        "  events/s           500   2.0 s in all",
        "  track() p50     9.9 µs",
        "  track() p99     1.2 ms",
        "  peak memory    96.4 MB   of this process; the server has its own",
    ]


def test_a_loss_is_told_in_the_table_and_in_a_sentence() -> None:
    """Nobody can overlook it."""
    lost = Tally(accepted=10, delivered=7, dead=0, lost=3, duplicates=0, strangers=2)
    lines = table(demo_rows(run(lost)), colour=False)
    assert "  lost                 3   neither at the server nor a dead letter" in lines
    assert "  strangers            2   ids that no call returned" in lines
    assert verdict(lost).startswith("lost 3 of 10:")


def test_the_second_act_has_rows_of_its_own() -> None:
    """Flags and events of PostHog, the lost among them; what nobody decided is not hidden."""
    act = Act(visitors=60, here=180, asked=1, nobody=1, p50=4_200, accepted=241, arrived=240)
    assert act.lost == 1
    assert table(demo_rows(run(act=act)), colour=False)[-5:] == [
        "  ────────────────────────────",
        "  PostHog flags            181   180 here, 1 by the server, for 60 visitors",
        "  flags.get() p50       4.2 µs   decided here and reported",
        "  PostHog events    240 of 241   at the server, those that report a flag among them",
        "  undecided                  1   flags: the server failed just then",
    ]


def test_what_an_interrupt_left_is_not_called_lost() -> None:
    """The person ended it: what waits was not sent."""
    left = Tally(accepted=10, delivered=7, dead=0, lost=3, duplicates=0, strangers=0)
    labels = [row.label for row in demo_rows(run(left, early=True))]
    assert "not sent" in labels
    assert "lost" not in labels


def test_nothing_lost_is_said_in_a_sentence() -> None:
    """With the dead letters, if there are any."""
    whole = Tally(accepted=5, delivered=5, dead=0, lost=0, duplicates=0, strangers=0)
    assert verdict(whole) == "lost 0 of 5: every event is at the server."
    assert verdict(TALLY).endswith("at the server or a dead letter with its reason.")


def test_the_table_of_a_file_names_what_is_missing_only() -> None:
    """Reasons stand where there is something to explain."""
    view = Statistics(accepted=8, delivered=5, rejected=1, dead=1, dropped=1, requests=9, retries=2)
    shipment = Shipment(lines=9, bad=1, view=view, seconds=0.5, refusals={"HTTP 400: x": 1})
    lines = table(ship_rows(shipment), colour=False)
    assert lines[:6] == [
        "  lines               9   blank ones left out",
        "  bad lines           1   no events; not sent",
        "  delivered           5",
        "  rejected            1   HTTP 400: x",
        "  dead letters        1",
        "  not sent            1   still queued at the end",
    ]
    whole = Shipment(lines=5, bad=0, view=Statistics(accepted=5, delivered=5), seconds=0.0)
    assert [row.note for row in ship_rows(whole)[1:5]] == ["", "", "", ""]


def test_colour_does_not_move_the_columns() -> None:
    """Escapes have no width on a terminal, and must not be counted as such."""
    rows = [Row("a", "1", "n", "good"), RULE, Row("bb", "22")]
    bare = [
        line.replace("\x1b[32;1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
        for line in table(rows, colour=True)
    ]
    assert bare == table(rows, colour=False)


def test_a_progress_line_tells_the_rate_of_late_and_fits_its_terminal() -> None:
    """A bar takes what room is left, or none."""
    now = Reading(seconds=3.0, settled=62_113, waiting=18_220, retries=23, share=0.62)
    before = Reading(seconds=2.0, settled=40_000)
    plain = progress(now, before)
    assert plain == " 62 %     62,113 done   18,220 waiting    23 retries    22,113/s"
    assert [len(progress(now, before, room=room)) for room in (60, 79, 200)] == [64, 79, 90]
    assert progress(now, before, room=200).count("█") == 14


def test_a_progress_line_of_unknown_length_has_no_share() -> None:
    """A pipe has no size; bad lines and pauses are said where they are."""
    now = Reading(seconds=0.0, settled=1, bad=1_200, pause="next try in 4 s")
    line = progress(now, Reading(seconds=0.0), room=200)
    assert "%" not in line
    assert line.endswith("0/s  1,200 bad lines  next try in 4 s")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (duration(8.24), "8.2 s"),
        (duration(61.4), "1 min 01 s"),
        (micros(9_876), "9.9 µs"),
        (micros(1_250_000), "1.2 ms"),
        (size(96_432_100), "96.4 MB"),
        (size(4_210), "4.2 kB"),
        (reasons({}), ""),
        (reasons({"a": 1}), "a"),
        (reasons({"a": 1, "b": 2_000, "c": 3}), "2,000 x b; 3 x c; and 1 more"),
    ],
)
def test_numbers_are_short_and_have_separators(text: str, expected: str) -> None:
    """For people."""
    assert text == expected


def test_a_long_list_takes_several_aligned_lines() -> None:
    """No line of a list is broken by the terminal."""
    assert listed("  faults  ", ["a" * 30, "b" * 30, "c" * 30], width=80) == [
        "  faults  " + "a" * 30 + " · " + "b" * 30,
        "          " + "c" * 30,
    ]
