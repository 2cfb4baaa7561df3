"""A real Redis for the queues, and a collector; workers find both in their environment."""

from collections.abc import AsyncIterator, Iterator

import pytest

from asyncsdk.collector import Collector
from tests.stores.redis.servers import Server, running


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    """Run a server; each kind of worker has queues of its own."""
    with running("7") as server:
        yield server


@pytest.fixture
async def collector(redis: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """Run a collector."""
    async with Collector() as running_collector:
        monkeypatch.setenv("SHOP_URL", running_collector.url)
        monkeypatch.setenv("SHOP_REDIS", redis.url)
        yield running_collector
