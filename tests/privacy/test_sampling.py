"""Sampling: the same users everywhere, all of what they do, and as many as was asked for."""

import subprocess
import sys

import pytest

from asyncsdk import ConfigurationError, Message
from asyncsdk.privacy import sample
from tests.privacy.messages import track

USERS = [f"user-{number}" for number in range(10_000)]


def test_as_many_users_are_in_as_was_asked_for() -> None:
    """Within what chance allows: four standard deviations of 10,000 draws."""
    share = sum(sample(0.1).has(user) for user in USERS) / len(USERS)
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / len(USERS)) ** 0.5


def test_whoever_is_in_stays_in_when_the_rate_grows() -> None:
    """And another salt draws others."""
    small, large, other = (
        {user for user in USERS if one.has(user)}
        for one in (sample(0.1), sample(0.2), sample(0.1, salt="other"))
    )
    assert small < large
    assert small != other


def test_every_process_draws_the_same() -> None:
    """Python's own hash would not."""
    program = (
        "from asyncsdk.privacy import sample\n"
        "print([number for number in range(100) if sample(0.3).has(f'user-{number}')])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    here = [number for number in range(100) if sample(0.3).has(f"user-{number}")]
    assert ended.stdout.strip() == str(here)


def test_all_calls_of_a_user_fare_alike() -> None:
    """So a funnel of those who are in is whole; 42 and "42" are one user."""
    hook = sample(0.5)
    for who in range(1, 51):
        calls = [
            track(user_id=who),
            track(user_id=str(who), event="Other"),
            Message("identify", "m", "", user_id=who),
            track(user_id=None, anonymous_id=str(who)),
        ]
        assert len({hook(call) is None for call in calls}) == 1


def test_what_goes_says_at_which_rate() -> None:
    """Whoever counts can scale up; at 1.0 nothing is to be said, at 0.0 nobody goes."""
    going = next(made for user in USERS if (made := sample(0.25)(track(user_id=user))))
    assert going.context == {"sample_rate": 0.25}
    assert sample(1.0)(track(context={"a": 1})) == track(context={"a": 1})
    assert [sample(0.0)(track(user_id=user)) for user in USERS[:100]] == [None] * 100


def test_some_events_and_those_of_nobody_always_go() -> None:
    """An order is counted whole; a group has no user to draw."""
    hook = sample(0.0, keep=["Order Completed"])
    assert hook(track(event="Order Completed")) == track(event="Order Completed")
    group = Message("group_identify", "m", "", group_type="company", group_id="c")
    assert hook(group) is group
    assert hook(Message("identify", "m", "", user_id="u")) is None


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), True, "0.5"])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    """When the application starts."""
    with pytest.raises(ConfigurationError, match="rate="):
        sample(rate)


def test_names_to_keep_are_a_list() -> None:
    """A text would be read as a list of its letters."""
    with pytest.raises(ConfigurationError, match="keep="):
        sample(0.5, keep="Order Completed")
