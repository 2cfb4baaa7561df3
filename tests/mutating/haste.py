"""A plugin of pytest for mutants: what falls quickly comes first, and nothing hangs for long.

A mutant may stop a lane for good, and whoever waits for an event then waits for ever: that is a
fall like another one, but it must not cost the usual limits.

A mutant's tests are called by names that another process has collected. A test that cannot be
found is no fall, but would look like one: so names must be the same in every process and each time.
"""

import os
from collections.abc import Iterable

import pytest

#: Seconds; the tests chosen for mutants take less than two.
PATIENCE = 5


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let names be made anew: pytest keeps those of its last run, and escapes them once more."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        maker = mark._param_ids_from
        if maker is not None and callable(maker.kwargs.get("ids")):
            object.__setattr__(maker, "_param_ids_generated", None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of the whole way last, and give every test of a mutant a short limit."""
    passing = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if passing:
        raise pytest.UsageError(f"These names are others in the next process: {passing}")
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
