"""Moments in filters and properties, in one grammar on every version of Python."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

_RELATIVE = re.compile(r"-?([0-9]{1,4300})([a-z])\n?")
_YEAR = re.compile(r"\d{4}")
_SPACED_ZONE = re.compile(r" ([+-]\d{2}:\d{2})$")
#: `fromisoformat` reads the same in all versions, but for the hour 24, which is no hour here.
_ISO = re.compile(
    r"(?:\d{4}-\d\d-\d\d|\d{8}|\d{4}-W\d\d(?:-\d)?|\d{4}W\d\d\d?)(?:.(?!24).+)?", re.DOTALL
)
_MOST_YEARS = 3_000
#: Longer texts are no moments.
_LONGEST = 200

#: Returns the moment that a filter means now, or None if there is none.
Moment: TypeAlias = Callable[[datetime], datetime | None]


def moment(value: object) -> Moment | None:
    """Return what a filter's *value* means, or None if it can mean nothing at any time."""
    text = value if isinstance(value, str) else str(value)
    relative = _RELATIVE.fullmatch(text)
    if relative and len(relative[1]) <= _LONGEST and int(relative[1]) < 10_000:
        number, step = int(relative[1]), _STEPS.get(relative[2])
        # So many years ago was before the year 1, whenever this is asked.
        if step is _years and number >= _MOST_YEARS:
            return None
        if step:
            return lambda now: step(now, number)
    fixed = parse(text, EPOCH)
    if fixed is None:
        return None
    # Only years depend on the day on which they are read.
    return (lambda now: parse(text, now)) if _YEAR.fullmatch(text.strip()) else (lambda _: fixed)


def parse(text: str, now: datetime) -> datetime | None:
    """Return the moment that *text* tells, in UTC if it names no zone, or None."""
    if len(text) > _LONGEST:
        return None
    text = text.strip()
    if text.endswith("Z"):
        text = text[:-1] + "+00:00"
    elif text.upper().endswith(" UTC"):
        text = text[:-4] + "+00:00"
    elif _YEAR.fullmatch(text):
        return _on_this_day(int(text), now)
    text = _SPACED_ZONE.sub(r"\1", text)
    if not _ISO.fullmatch(text):
        return None
    try:
        return aware(datetime.fromisoformat(text))
    except ValueError:
        return None


def aware(value: datetime) -> datetime:
    """Return *value* as a moment: without a zone it is in UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def given(value: object, now: datetime) -> datetime | date | None:
    """Return the moment, or the mere date, that a property's *value* is, or None."""
    if isinstance(value, datetime):
        return aware(value)
    if isinstance(value, date):
        return value
    return parse(value, now) if isinstance(value, str) else None


def order(one: datetime | date, other: datetime) -> int:
    """Return below, at or above zero as *one* is before, at or after *other*.

    A date without a time is compared with the date only.
    """
    if isinstance(one, datetime):
        return (one > other) - (one < other)
    return (one > other.date()) - (one < other.date())


def _on_this_day(year: int, now: datetime) -> datetime | None:
    try:
        return datetime(year, now.month, now.day, tzinfo=UTC)
    except ValueError:
        return None


def _hours(now: datetime, number: int) -> datetime | None:
    return now - timedelta(hours=number)


def _days(now: datetime, number: int) -> datetime | None:
    return now - timedelta(days=number)


def _weeks(now: datetime, number: int) -> datetime | None:
    return now - timedelta(weeks=number)


def _months(now: datetime, number: int) -> datetime | None:
    """Go back month by month; a day that a month has not is lost for the months before."""
    day, index = now.day, now.year * 12 + now.month - 1
    first = index - number
    if first < 12:
        return None
    while index > first and day > 28:
        index -= 1
        day = min(day, monthrange(index // 12, index % 12 + 1)[1])
    return now.replace(year=first // 12, month=first % 12 + 1, day=day)


def _years(now: datetime, number: int) -> datetime | None:
    if now.year <= number:
        return None
    is_leap_day = number > 0 and (now.month, now.day) == (2, 29)
    return now.replace(year=now.year - number, day=28 if is_leap_day else now.day)


_STEPS: dict[str, Callable[[datetime, int], datetime | None]] = {
    "h": _hours,
    "d": _days,
    "w": _weeks,
    "m": _months,
    "y": _years,
}

#: A moment for where none can matter.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
