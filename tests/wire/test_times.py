"""Times on the wire: UTC, milliseconds, Z."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.errors import ValidationError
from asyncsdk.wire.times import format_time, parse_time, read_timestamp

INDIA = timezone(timedelta(hours=5, minutes=30))
NEW_YORK = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 21, 9, 0, tzinfo=UTC), "2026-11-21T09:00:00.000Z"),
        (datetime(2026, 11, 21, 9, 0), "2026-11-21T09:00:00.000Z"),  # noqa: DTZ001 - on purpose
        (datetime(2026, 11, 21, 9, 0, tzinfo=INDIA), "2026-11-21T03:30:00.000Z"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=NEW_YORK), "2027-01-01T04:00:00.000Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 678_901, tzinfo=UTC), "2026-01-01T00:00:00.678Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC), "2026-01-01T00:00:00.999Z"),
        (datetime(33, 1, 1, tzinfo=UTC), "0033-01-01T00:00:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_time_is_utc_with_milliseconds(moment: datetime, text: str) -> None:
    """Offsets are taken out, microseconds are cut, years have four digits."""
    assert format_time(moment) == text


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its zone")
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_zone_of_the_machine_plays_no_part(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """A time without a zone is UTC on a developer's machine too, and nothing is written in its zone."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert datetime.now().astimezone().utcoffset() != timedelta()
        naive = datetime(2026, 11, 21, 9, 0)  # noqa: DTZ001 - on purpose
        assert format_time(naive) == "2026-11-21T09:00:00.000Z"
        assert format_time(naive.replace(tzinfo=INDIA)) == "2026-11-21T03:30:00.000Z"
        assert read_timestamp("2026-11-21T09:00:00") == ("2026-11-21T09:00:00.000Z", True)
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_survives_the_way_there_and_back(moment: datetime) -> None:
    """What is read again is the same moment, to the millisecond."""
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_time(format_time(moment)) == cut


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
)
def test_an_offset_moves_no_moment(moment: datetime, minutes: int) -> None:
    """The same moment seen from anywhere is the same text."""
    here = moment.replace(tzinfo=UTC)
    there = here.astimezone(timezone(timedelta(minutes=minutes)))
    assert format_time(here) == format_time(there)


@pytest.mark.parametrize(
    ("value", "text", "naive"),
    [
        (datetime(2026, 11, 21, tzinfo=UTC), "2026-11-21T00:00:00.000Z", False),
        (datetime(2026, 11, 21), "2026-11-21T00:00:00.000Z", True),  # noqa: DTZ001 - on purpose
        ("2026-11-21T09:00:00Z", "2026-11-21T09:00:00.000Z", False),
        ("2026-11-21T09:00:00.123456Z", "2026-11-21T09:00:00.123Z", False),
        ("2026-11-21T09:00:00+05:30", "2026-11-21T03:30:00.000Z", False),
        ("2026-11-21 09:00:00-05:00", "2026-11-21T14:00:00.000Z", False),
        ("2026-11-21T09:00:00", "2026-11-21T09:00:00.000Z", True),
    ],
)
def test_a_timestamp_is_a_datetime_or_its_text(value: object, text: str, naive: bool) -> None:  # noqa: FBT001
    """Both become the same form, and a missing zone is said."""
    assert read_timestamp(value) == (text, naive)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "RFC 3339"),
        ("yesterday", "RFC 3339"),
        ("2026-11-21", "RFC 3339"),
        ("2026-13-01T00:00:00Z", "RFC 3339"),
        (1_700_000_000, "this is int"),
        (1_700_000_000.5, "this is float"),
        (True, "this is bool"),
        (date(2026, 11, 21), "this is date"),
        (datetime.max.replace(tzinfo=NEW_YORK), "years 1 to 9999"),
        (datetime.min.replace(tzinfo=INDIA), "years 1 to 9999"),
    ],
)
def test_what_is_no_time_is_refused(value: object, why: str) -> None:
    """A number could be seconds or milliseconds, a date has no time: neither is guessed at."""
    with pytest.raises(ValidationError, match=f"^timestamp: .*{why}"):
        read_timestamp(value)


@pytest.mark.parametrize("text", ["", "yesterday", "the day before yesterday", "2026-11-21"])
def test_a_text_that_is_no_time_is_refused_where_it_is_read(text: str) -> None:
    """A date alone is none: nobody knows when on that day."""
    with pytest.raises(ValidationError, match="RFC 3339"):
        parse_time(text)
