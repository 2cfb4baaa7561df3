"""A collector with flags, and OpenFeature as it was before."""

from collections.abc import AsyncIterator, Iterator

import pytest
from openfeature import api

from asyncsdk.collector import Collector
from tests.collector.flagging import FLAGS, definitions


@pytest.fixture
async def server() -> AsyncIterator[Collector]:
    """Run a collector that knows a shop's flags."""
    async with Collector(flag_definitions=definitions(*FLAGS)) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Take providers and handlers back: OpenFeature keeps them for the whole process."""
    yield
    api.clear_providers()
