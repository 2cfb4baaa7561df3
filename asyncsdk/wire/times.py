"""Times on the wire: UTC, milliseconds, ``Z``."""

from __future__ import annotations

from datetime import UTC, datetime

from asyncsdk.errors import ValidationError


def format_time(moment: datetime) -> str:
    """Return *moment* as ``2026-11-21T09:00:00.000Z``; without a zone it is read as UTC.

    Source: what the RudderStack Node SDK sends for a Date (checked 2026-11).
    """
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    # The year is written by hand: strftime("%Y") does not pad years before 1000 everywhere.
    return f"{utc.year:04d}-{utc:%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def parse_time(text: str) -> datetime:
    """Read RFC 3339 *text*, with or without a zone.

    Raises:
        ValidationError: It is not a date with a time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or len(text) <= len("2026-11-21"):
        raise ValidationError(
            "timestamp: an aware datetime or RFC 3339 text such as 2026-11-21T09:00:00Z is needed"
        )
    return moment


def read_timestamp(value: object) -> tuple[str, bool]:
    """Turn a caller's `timestamp` into its wire form.

    Returns:
        The text, and whether the zone was missing (it was then read as UTC).

    Raises:
        ValidationError: It is neither a datetime nor RFC 3339 text, or falls out of the calendar.
    """
    if isinstance(value, str):
        value = parse_time(value)
    if not isinstance(value, datetime):
        raise ValidationError(
            "timestamp: an aware datetime or RFC 3339 text is needed, "
            f"this is {type(value).__name__}"
        )
    try:
        return format_time(value), value.tzinfo is None
    except OverflowError:
        raise ValidationError("timestamp: lies outside the years 1 to 9999 in UTC") from None
