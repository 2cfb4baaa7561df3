"""The pytest plugin: nothing leaves the machine, and two fixtures.

pytest loads this module in every run where asyncsdk is installed, so the rest waits until a
fixture is used.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from asyncsdk import border

if TYPE_CHECKING:
    from asyncsdk.testing.recording import Recording
    from asyncsdk.testing.threaded import ThreadedCollector

_MARK = "asyncsdk_network"
_BEFORE = pytest.StashKey[str | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run, or a whole project, ask for the network."""
    words = "let asyncsdk send to other machines than this one"
    parser.getgroup("asyncsdk").addoption("--asyncsdk-network", action="store_true", help=words)
    parser.addini(_MARK, words, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Close the border, for this process and its children."""
    config.addinivalue_line("markers", f"{_MARK}: let asyncsdk send to other machines in this test")
    config.stash[_BEFORE] = os.environ.get(border.VARIABLE)
    _set("" if config.getoption("--asyncsdk-network") or config.getini(_MARK) else border.CLOSED)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the border as it was: a run within a run ends first."""
    _set(config.stash.get(_BEFORE, None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Open the border around a test that asks for it, with its fixtures."""
    before = os.environ.get(border.VARIABLE)
    if item.get_closest_marker(_MARK):
        _set("")
    try:
        return (yield)
    finally:
        _set(before)


@pytest.fixture
def analytics_events() -> Iterator[Recording]:
    """Record what every client says, instead of sending it."""
    from asyncsdk.testing.recording import record

    with record() as recording:
        yield recording


@pytest.fixture
def collector() -> Iterator[ThreadedCollector]:
    """Run a collector on this machine; ``collector.script(Fault(…))`` lets it fail."""
    from asyncsdk.testing.threaded import run_collector

    with run_collector() as running:
        yield running


def _set(value: str | None) -> None:
    if value is None:
        os.environ.pop(border.VARIABLE, None)
    else:
        os.environ[border.VARIABLE] = value
