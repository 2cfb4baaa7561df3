"""What the tests of the whole way share: a quick client, waiting, and what must always hold."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Unpack

import anyio
import pytest

from asyncsdk import AsyncAnalytics, Delivery, RudderStack
from asyncsdk.client.settings import Options
from asyncsdk.collector import Collector, Event
from asyncsdk.ledger import LaneStatistics
from asyncsdk.receipts import Receipt
from asyncsdk.seams import DeadLetter
from tests.secrecy import EMAIL, WORD

KEY = "planted-key-of-the-street"
#: An id that the collector refuses as the gateway does: blank, and with it the whole batch.
BLANK = " "


def to(
    collector: Collector | str, *, name: str = "here", delivery: Delivery | None = None
) -> RudderStack:
    """Point a destination at *collector*."""
    url = collector if isinstance(collector, str) else collector.url
    return RudderStack(KEY, url, name=name, delivery=delivery or Delivery())


def client(collector: Collector | str, **options: Unpack[Options]) -> AsyncAnalytics:
    """Make a client that is in a hurry: short pauses, short timeouts."""
    hurried: Options = {
        "retry_base": 0.01,
        "retry_cap": 0.05,
        "timeout": 2.0,
        "flush_interval": 0.05,
    }
    hurried.update(options)
    return AsyncAnalytics(to(collector), **hurried)


def track(analytics: AsyncAnalytics, number: int, *, user: str = "u-1") -> Receipt:
    """Make one call; *number* says its place in the order."""
    facts = {"n": number, "email": EMAIL, "note": WORD}
    return analytics.track("Step", user_id=user, properties=facts)


def numbers(events: Iterable[Event]) -> list[int]:
    """List the places of *events*, in the order of their arrival."""
    return [event.body["properties"]["n"] for event in events]


def first_arrivals(events: Iterable[Event]) -> list[int]:
    """List the places in the order of first arrival, without repeats."""
    return list(dict.fromkeys(numbers(events)))


async def letters(analytics: AsyncAnalytics) -> list[DeadLetter]:
    """List the dead letters."""
    return [letter async for letter in analytics.dead_letters()]


async def until(condition: Callable[[], object], *, within: float = 10.0) -> None:
    """Wait for something that is about to happen."""
    with anyio.fail_after(within):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await anyio.sleep(0.002)


def adds_up(counts: LaneStatistics) -> bool:
    """Say whether every event is in exactly one place."""
    ended = counts.delivered + counts.rejected + counts.dead + counts.dropped
    return counts.accepted + counts.taken == ended + counts.stored + counts.pending


def said(caplog: pytest.LogCaptureFixture, *words: str) -> list[str]:
    """List what our logger said with these words in it."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("asyncsdk")
        and record.levelno >= logging.WARNING
        and all(word in record.getMessage() for word in words)
    ]
