"""A running collector for the whole way."""

from collections.abc import AsyncIterator

import pytest

from asyncsdk.collector import Collector


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector that lets every key in."""
    async with Collector() as running:
        yield running
