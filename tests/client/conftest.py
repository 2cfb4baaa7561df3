"""A running collector, and clients that end with their test."""

from collections.abc import AsyncIterator, Iterator
from typing import Protocol, Unpack

import pytest

from asyncsdk import AsyncAnalytics
from asyncsdk.client.settings import Options
from asyncsdk.collector import Collector
from asyncsdk.reporting import logger
from asyncsdk.seams import Destination
from tests.client.street import KEY, rudder


class MakeClient(Protocol):
    """Make clients; without destinations, one at the collector."""

    def __call__(self, *destinations: Destination, **options: Unpack[Options]) -> AsyncAnalytics:
        """Return a client that is shut down when the test ends."""
        ...


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector that knows one key."""
    async with Collector(write_keys=[KEY]) as running:
        yield running


@pytest.fixture
async def make(collector: Collector) -> AsyncIterator[MakeClient]:
    """Make clients; end them with the test, within a moment."""
    made: list[AsyncAnalytics] = []

    def client(*destinations: Destination, **options: Unpack[Options]) -> AsyncAnalytics:
        new = AsyncAnalytics(*(destinations or (rudder(collector),)), **options)
        made.append(new)
        return new

    yield client
    for one in made:
        await one.shutdown(0.1)


@pytest.fixture
async def client(make: MakeClient) -> AsyncAnalytics:
    """A client at the collector, with default options."""
    return make()


@pytest.fixture
def logger_left_alone() -> Iterator[None]:
    """Put the logger's level back after the test."""
    level = logger.level
    yield
    logger.setLevel(level)
