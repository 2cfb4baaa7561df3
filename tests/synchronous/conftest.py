"""A collector on a loop of its own: the tests have none."""

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from asyncsdk.collector import Collector
from tests.collector.flagging import FLAGS, definitions


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Collector()) as one:
        yield one


@pytest.fixture
def collector_of_flags() -> Iterator[Collector]:
    """Run a collector that knows a shop's flags."""
    server = Collector(flag_definitions=definitions(*FLAGS))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server) as one:
        yield one
