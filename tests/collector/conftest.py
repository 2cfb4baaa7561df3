"""A running collector, and one who asks it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from asyncsdk.collector import Collector
from tests.collector.asking import KEY, Asker


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector that knows one key."""
    async with Collector(write_keys=[KEY]) as running:
        yield running


@pytest.fixture
async def asker(collector: Collector) -> AsyncIterator[Asker]:
    """Ask the running collector."""
    async with aiohttp.ClientSession() as session:
        yield Asker(session, collector)
