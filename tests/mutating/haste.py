"""A plugin of pytest for mutants: what falls quickly comes first, and nothing hangs for long.

A mutant may stop a lane for good, and whoever waits for an event then waits for ever: that is a
fall like another one, but it must not cost the usual limits.
"""

import os
from collections.abc import Iterable

import pytest

#: Seconds; the tests chosen for mutants take less than two.
PATIENCE = 5


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of the whole way last, and give every test of a mutant a short limit."""
    if "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        for item in items:
            # By a thread: what a signal raises in one of our tasks would end that task, not the test.
            item.add_marker(pytest.mark.timeout(PATIENCE, method="thread"), append=False)
    items.sort(key=_slowness)


def _slowness(item: pytest.Item) -> tuple[bool, bool]:
    """Return where *item* belongs; real sockets are slower than none."""
    return bool(item.get_closest_marker("whole_way")), "collector" in _fixtures(item)


def _fixtures(item: pytest.Item) -> Iterable[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else ()
