"""Checking: what breaks the plan is found at run time, and fares as was chosen."""

import dataclasses
import logging
from decimal import Decimal
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError, Event, Message, RudderStack
from asyncsdk.collector import Collector
from asyncsdk.plans import Check, Violation


class Paid(Event, event="Paid", kw_only=True, forbid_unknown_fields=True):
    """An event of the plan."""

    total: float
    items: list[str] | None = None


class Base(Event):
    """No event itself."""


@dataclasses.dataclass
class Items:
    """An object of an application's, of which no list can be made."""

    sku: str


def track(event: str = "Paid", **properties: Any) -> Message:
    """Return a track."""
    return Message("track", "m", "", user_id="u", event=event, properties=properties or None)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"total": 1}, ""),
        ({"total": Decimal("1.5"), "items": ("a", "b")}, ""),
        ({}, "missing required field `total`"),
        ({"total": "1"}, "Expected `float`, got `str` - at `$.total`"),
        ({"total": 1, "items": Items("a")}, "Expected `array | null`, got `object`"),
        ({"total": 1, "more": 1}, "unknown field `more`"),
    ],
)
def test_properties_are_checked_as_they_are_sent(properties: Any, reason: str) -> None:
    """A decimal goes as a number, a tuple as a list."""
    found: list[Violation] = []
    check = Check([Paid], violations="drop", on_violation=found.append)
    assert (check(track(**properties)) is None) == bool(reason)
    assert all(reason in one.reason and one.event == "Paid" for one in found)
    assert check.counts == ({"Paid": 1} if reason else {})


def test_forwarded_events_say_what_is_wrong() -> None:
    """Whoever gets them can sort them out."""
    message = track(total="1")
    message.context = {"ip": "192.0.2.1"}
    kept = Check([Paid])(message)
    assert kept is not None
    (reason,) = kept.context["violations"]
    assert "`$.total`" in reason
    assert kept.context["ip"] == "192.0.2.1"


def test_dead_letters_are_kept_within_bounds_until_they_are_taken() -> None:
    """The oldest go first."""
    check = Check([Paid], violations="dead_letter", max_letters=2)
    for number in range(3):
        assert check(track(total=str(number))) is None
    taken = check.take()
    assert [one.message.properties["total"] for one in taken] == ["1", "2"]
    assert check.take() == []
    assert check.counts == {"Paid": 3}


@pytest.mark.parametrize("choice", ["forward", "drop", "dead_letter"])
def test_events_that_are_not_in_the_plan_have_a_choice_of_their_own(choice: Any) -> None:
    """Their names may be anything, so they are counted as one."""
    check = Check([Paid], violations="drop", unknown=choice)
    kept = [check(track(f"E{number}", total=1)) for number in range(3)]
    assert [message is not None for message in kept] == [choice == "forward"] * 3
    assert check.counts == {"(not in the plan)": 3}
    assert len(check.take()) == (3 if choice == "dead_letter" else 0)


def test_other_calls_are_none_of_a_plans_business() -> None:
    """It knows tracks only."""
    message = Message("identify", "m", "", user_id="u", traits={"total": "1"})
    assert Check([Paid], violations="drop", unknown="drop")(message) is message


def test_the_log_names_the_event_once_and_shows_nothing_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither values nor names that nobody planned."""
    check = Check([Paid])
    for _ in range(3):
        check(track(total="secret"))
        check(track("secret", total=1))
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text
    assert [vars(one)["asyncsdk_place"] for one in caplog.records] == ["Paid", "(not in the plan)"]


def test_a_reporter_that_raises_loses_no_event(caplog: pytest.LogCaptureFixture) -> None:
    """A redactor that fails must drop; this is none."""

    def fail(_violation: Violation) -> None:
        raise KeyError("planted-text")

    assert Check([Paid], on_violation=fail)(track()) is not None
    assert "on_violation raised KeyError" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


def test_what_can_never_work_is_refused() -> None:
    """When the application starts."""
    wrong: Any = "dead-letter"
    with pytest.raises(ConfigurationError, match="violations="):
        Check([Paid], violations=wrong)
    with pytest.raises(ConfigurationError, match="unknown="):
        Check([Paid], unknown=wrong)
    with pytest.raises(ConfigurationError, match="has no name"):
        Check([Base])


async def test_what_was_kept_can_be_sent_once_it_is_right() -> None:
    """With its id and its time; typed events are checked like others."""
    check = Check([Paid], violations="dead_letter")
    async with Collector() as server:
        there = RudderStack("WRITE_KEY", server.url)
        async with AsyncAnalytics(there, before_send=check) as analytics:
            analytics.track("Paid", user_id="u", properties={"total": "1.5"}, message_id="m-1")
            analytics.track(Paid(total=2.0), user_id="u")
            assert analytics.statistics().dropped_reasons == {"before_send": 1}
            for letter in check.take():
                message = letter.message
                message.properties["total"] = float(message.properties["total"])
                analytics.track(
                    letter.event,
                    user_id=message.user_id,
                    properties=message.properties,
                    message_id=message.message_id,
                    timestamp=message.original_timestamp,
                )
        totals = {event.body["messageId"]: event.body["properties"] for event in server.events}
    assert totals["m-1"] == {"total": 1.5}
    assert len(totals) == 2
