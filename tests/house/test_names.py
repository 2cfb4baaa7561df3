"""Names of tests: whoever reads one in a report must be able to run it."""

import pytest


def test_a_test_has_the_same_name_in_every_process(request: pytest.FixtureRequest) -> None:
    """A place in memory in it, and nobody can ask for it again; of all tests that run with this one."""
    assert [item.nodeid for item in request.session.items if " at 0x" in item.nodeid] == []
