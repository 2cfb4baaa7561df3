"""What holds for every test: asyncio, no deadlines for examples, more time for the whole way.

And nothing planted in the log, see secrecy.py.
"""

from collections.abc import Generator, Iterable

import pytest
from coverage import Coverage
from hypothesis import settings

from tests.secrecy import Guard

WHOLE_WAY_SECONDS = 120

# Shared machines stall; how long one example takes is no promise of ours.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the log of the whole run."""
    config.pluginmanager.register(Guard())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let coverage rest while a test repeats itself: it learns nothing, and takes twice as long."""
    watching = Coverage.current()
    if watching is None or item.get_closest_marker("repeats") is None:
        return (yield)
    watching.stop()
    try:
        return (yield)
    finally:
        watching.start()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run coroutine tests on asyncio alone: it is what the package promises."""
    return "asyncio"


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Give tests of the whole way more time, unless they name a limit of their own."""
    for item in items:
        if item.get_closest_marker("whole_way") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(WHOLE_WAY_SECONDS))
