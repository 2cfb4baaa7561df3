"""Reporting: one line per kind of trouble, hooks that cannot hurt."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from asyncsdk.errors import DeliveryError
from asyncsdk.reporting import QUIET, Reporter, logger


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at a round time."""
    return Clock()


def test_one_kind_of_trouble_is_said_once_in_a_while(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The next line says how much was not said meanwhile."""
    reporter = Reporter(clock)
    for _ in range(3):
        reporter.say("full", "{count} lost", count=2)
    clock.now += QUIET - 0.1
    reporter.say("full", "{count} lost")
    clock.now += 0.1
    reporter.say("full", "{count} lost")
    assert caplog.messages == ["asyncsdk: 2 lost", "asyncsdk: 6 lost"]


def test_kinds_do_not_silence_each_other(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Another lane's trouble is another kind."""
    reporter = Reporter(clock)
    reporter.say("full a", "a", level=logging.ERROR)
    reporter.say("full b", "b", level=logging.INFO)
    with caplog.at_level(logging.INFO):
        reporter.say("full c", "c", level=logging.INFO)
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("ERROR", "asyncsdk: a"),
        ("INFO", "asyncsdk: c"),
    ]


def test_trouble_at_the_very_start_of_the_clock_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A monotonic clock may begin at zero."""
    Reporter(lambda: 0.0).say("full", "lost")
    assert caplog.messages == ["asyncsdk: lost"]


def test_a_place_is_complained_about_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Not once in a while: it will not change while the program runs."""
    reporter = Reporter(clock)
    for place in ("a.py:1", "b.py:2", "a.py:1"):
        reporter.once(place, f"{place} is wrong")
        clock.now += 10 * QUIET
    assert caplog.messages == ["asyncsdk: a.py:1 is wrong", "asyncsdk: b.py:2 is wrong"]


def test_hooks_get_what_happened(clock: Clock) -> None:
    """Each its own facts, in full and at once, whatever the log does."""
    heard: list[tuple[Any, ...]] = []

    def on_event(kind: str, facts: Mapping[str, Any]) -> None:
        heard.append((kind, dict(facts)))

    reporter = Reporter(
        clock,
        on_error=lambda error: heard.append(("error", error)),
        on_drop=lambda reason, count: heard.append(("drop", reason, count)),
        on_event=on_event,
    )
    error = DeliveryError("no")
    reporter.error(error)
    reporter.drop("lane", "queue_full", 3)
    reporter.drop("lane", "queue_full", 4)
    reporter.event("retry", pause=1.0)
    assert heard == [
        ("error", error),
        ("drop", "queue_full", 3),
        ("drop", "queue_full", 4),
        ("retry", {"pause": 1.0}),
    ]


def test_without_hooks_nothing_is_called(clock: Clock) -> None:
    """Hooks are optional."""
    reporter = Reporter(clock)
    reporter.error(DeliveryError("no"))
    reporter.event("retry")


def test_a_hook_that_raises_hurts_nobody_and_is_named_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own text may hold anything, so only the kind of error is said."""

    def broken(*_facts: object) -> None:
        raise KeyError("secret-text")

    reporter = Reporter(clock, on_error=broken, on_drop=broken, on_event=broken)
    for _ in range(3):
        reporter.error(DeliveryError("no"))
        reporter.drop("lane", "closed")
        reporter.event("retry")
    lines = [line for line in caplog.messages if "raised" in line]
    assert [line.split()[1] for line in lines] == ["on_error", "on_drop", "on_event"]
    assert all("KeyError" in line for line in lines)
    assert "secret-text" not in caplog.text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("queue_full", "max_queue_events"),
        ("shutdown", "shutdown ended"),
        ("closed", "the client is closed"),
        ("hook_failed", "hook"),
        ("invalid", "broke a rule"),
        ("something_new", "something_new"),
    ],
)
def test_a_drop_says_why_in_words(
    clock: Clock, caplog: pytest.LogCaptureFixture, reason: str, words: str
) -> None:
    """And what to do, where there is something."""
    Reporter(clock).drop("lane", reason, 2)
    (line,) = caplog.messages
    assert line.startswith("asyncsdk: lane: dropped 2 events (")
    assert words in line


def test_the_logger_is_left_to_the_application() -> None:
    """Importing sets no level and prints nothing by itself."""
    assert logger.name == "asyncsdk"
    assert logger.level == logging.NOTSET
    assert any(isinstance(handler, logging.NullHandler) for handler in logger.handlers)


def test_lines_carry_their_facts_for_programs(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever writes JSON need not parse a text; what is not known is left out."""
    reporter = Reporter(clock)
    reporter.drop("here", "queue_full", 3)
    reporter.say("moved", "the loop changed")
    reporter.once("hook on_drop", "it raised")
    found = [
        {name: value for name, value in vars(record).items() if name.startswith("asyncsdk_")}
        for record in caplog.records
    ]
    assert found == [
        {
            "asyncsdk_kind": "drop",
            "asyncsdk_count": 3,
            "asyncsdk_destination": "here",
            "asyncsdk_reason": "queue_full",
        },
        {"asyncsdk_kind": "moved", "asyncsdk_count": 1},
        {"asyncsdk_kind": "hook", "asyncsdk_place": "on_drop"},
    ]
