"""When a file is given up."""

import pytest

from asyncsdk import Statistics
from asyncsdk.cli.hopeless import Hope


@pytest.mark.parametrize(
    ("view", "gone"),
    [
        (Statistics(pending=5), False),
        (Statistics(pending=5, failures=4), False),
        (Statistics(pending=5, failures=5), True),
        (Statistics(pending=5, stopped="HTTP 401: invalid write key"), True),
        (Statistics(pending=5, delivered=1, failures=50), False),
    ],
)
def test_a_server_that_never_took_anything_is_given_up_soon(view: Statistics, gone: bool) -> None:  # noqa: FBT001
    """A wrong key at once, a silent server after five requests; a failing one never."""
    assert Hope().gone(view, 0.0) is gone


def test_a_lane_that_stands_still_later_gets_a_while() -> None:
    """A key may be put right meanwhile; a delivery starts the wait anew."""
    hope = Hope()
    stopped = Statistics(delivered=7, pending=5, stopped="HTTP 401")
    assert not hope.gone(stopped, 100.0)
    assert not hope.gone(stopped, 114.9)
    assert hope.gone(stopped, 115.0)
    assert not hope.gone(Statistics(delivered=8, pending=4, stopped="HTTP 401"), 115.1)
    assert not hope.gone(Statistics(delivered=8, pending=4), 140.0)
    assert not hope.gone(Statistics(delivered=8, pending=4, stopped="HTTP 401"), 154.9)
