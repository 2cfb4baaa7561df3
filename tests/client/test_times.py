"""Times of events: when the call was made, and when it happened if the caller says so."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics
from asyncsdk.collector import Collector
from asyncsdk.wire.times import parse_time
from tests.client.street import arrived, bodies

INDIA = timezone(timedelta(hours=5, minutes=30))


async def test_the_time_of_the_call_is_always_there(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Taken at the call, not when the batch goes out."""
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    client.track("E", user_id="u")
    after = datetime.now(UTC)
    body = await arrived(client, collector)
    assert before <= parse_time(body["originalTimestamp"]) <= after
    assert parse_time(body["sentAt"]) >= parse_time(body["originalTimestamp"])
    assert "timestamp" not in body


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=INDIA), "2026-01-01T21:34:05.000Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05.5+05:30", "2026-01-01T21:34:05.500Z"),
    ],
)
async def test_a_timestamp_arrives_in_one_form(
    client: AsyncAnalytics, collector: Collector, value: Any, text: str
) -> None:
    """UTC, milliseconds, Z, whatever it was given as."""
    client.track("E", user_id="u", timestamp=value)
    assert (await arrived(client, collector))["timestamp"] == text


@pytest.mark.parametrize("naive", [datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"])  # noqa: DTZ001
async def test_a_time_without_a_zone_is_utc_and_said_once_per_place(
    client: AsyncAnalytics,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    naive: Any,
) -> None:
    """The line names file and line, so that it can be mended."""
    for _ in range(3):
        client.track("E", user_id="u", timestamp=naive)
    client.page(user_id="u", timestamp=naive)
    await client.flush(10)
    assert {body["timestamp"] for body in bodies(collector)} == {"2026-01-02T03:04:05.000Z"}
    lines = [line for line in caplog.messages if "without a zone" in line]
    assert len(lines) == 2
    assert all("test_times.py:" in line for line in lines)
    assert "2026" not in "".join(lines)


async def test_a_time_with_a_zone_is_not_worth_a_word(
    client: AsyncAnalytics, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is none at all."""
    client.track("E", user_id="u", timestamp=datetime.now(UTC))
    client.track("E", user_id="u")
    await client.flush(10)
    assert caplog.messages == []
