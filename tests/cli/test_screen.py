"""What is written where."""

import io

import pytest

from asyncsdk.cli.screen import Screen
from asyncsdk.cli.wording import Reading, Row


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say so."""
        return True


class Pipe(io.StringIO):
    """A stream of some encoding that is none."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the encoding."""
        return self._encoding


def test_a_terminal_has_one_line_that_rewrites_itself() -> None:
    """The line goes away before anything else is said."""
    out, log = Terminal(), Terminal()
    screen = Screen(out, log, {"TERM": "xterm"})
    screen.progress(Reading(seconds=0.1, settled=5))
    screen.progress(Reading(seconds=0.2, settled=9))
    screen.say("done")
    screen.clear()
    assert log.getvalue().count("\n") == 0
    assert log.getvalue().count("\r") == 3
    assert log.getvalue().endswith("\r\x1b[K")
    assert out.getvalue() == "done\n"


@pytest.mark.parametrize(
    "environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}], ids=str
)
def test_without_colour_a_terminal_gets_plain_lines(environ: dict[str, str]) -> None:
    """NO_COLOR, a dumb terminal or an unknown one: no escapes at all, one line a second."""
    out, log = Terminal(), Terminal()
    screen = Screen(out, log, environ)
    for tenth in range(5):
        screen.progress(Reading(seconds=tenth / 10, settled=tenth))
    screen.show([Row("lost", "0", "n", "good")])
    screen.say("ok", tone="bad")
    assert log.getvalue().count("\n") == 1
    assert "\x1b" not in log.getvalue() + out.getvalue()
    assert "\r" not in log.getvalue()


def test_a_log_that_is_kept_for_days_gets_fewer_lines() -> None:
    """What goes on for weeks would fill a disk with a line a second."""
    logs = [Pipe("utf-8"), Pipe("utf-8")]
    for log, every in zip(logs, (0.0, 60.0), strict=True):
        screen = Screen(Terminal(), log, {}, plain_every=every)
        for second in range(3):
            screen.progress(Reading(seconds=float(second), settled=second))
    assert [log.getvalue().count("\n") for log in logs] == [3, 1]


def test_a_terminal_gets_colours() -> None:
    """Good news are green."""
    out = Terminal()
    Screen(out, Pipe("utf-8"), {"TERM": "xterm"}).show([Row("lost", "0", "", "good")])
    assert "\x1b[32;1m" in out.getvalue()


def test_the_rate_is_that_of_the_last_second() -> None:
    """An average over the whole time would hide that everything stands still."""
    log = Terminal()
    screen = Screen(Terminal(), log, {"TERM": "xterm"})
    for tenth in range(31):
        screen.progress(Reading(seconds=tenth / 10, settled=min(tenth, 15) * 100))
    last = log.getvalue().rsplit("\r", 1)[1]
    assert " 0/s" in last
    assert "1,500 done" in last


def test_a_poor_encoding_gets_simpler_letters() -> None:
    """A log in ASCII is no reason to fail."""
    out = Pipe("ascii")
    Screen(out, Pipe("ascii"), {}).say("9 µs · ─ █ ü")
    assert out.getvalue() == "9 us | - # ?\n"
