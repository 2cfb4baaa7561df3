"""Servers for the tests of RedisStore: started once for a session, a queue of its own for each test."""

from collections.abc import Iterator

import pytest

from tests.stores.redis.servers import DURABLE, Server, running


@pytest.fixture(scope="session")
def server_7() -> Iterator[Server]:
    """Run a durable server for what is long, and the same on each version."""
    with running("7", *DURABLE) as one:
        yield one


@pytest.fixture(scope="session", params=["6.2", "7"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run a durable server of each version that is promised; tests leave it as it was."""
    with running(request.param, *DURABLE) as one:
        yield one
