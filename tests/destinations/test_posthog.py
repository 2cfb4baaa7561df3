"""PostHog's own: what a value of it may hold, and what its answers mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asyncsdk import ConfigurationError, PostHog
from asyncsdk.destinations import Secret
from asyncsdk.testing.destinations import check_destination

KEY = "phc_planted-project-key-1234"
PERSONAL = "phx_planted-personal-key-1234"


def test_it_keeps_the_promises_of_every_destination() -> None:
    """Pure, whole, strict JSON, no key in sight: neither the project's nor the personal one."""
    check_destination(PostHog(KEY, personal_api_key=PERSONAL))
    check_destination(PostHog(KEY, historical_migration=True, disable_geoip=False, is_server=False))


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("https://app.posthog.com", "https://us.i.posthog.com"),
        ("https://us.posthog.com/", "https://us.i.posthog.com"),
        ("https://eu.posthog.com", "https://eu.i.posthog.com"),
        ("https://EU.posthog.com", "https://eu.i.posthog.com"),
        ("https://eu.i.posthog.com", "https://eu.i.posthog.com"),
        ("https://ph.example.com", "https://ph.example.com"),
    ],
)
def test_the_addresses_of_web_pages_become_those_that_take_events(given: str, host: str) -> None:
    """What happens when the address was copied from the browser?"""
    destination = PostHog(KEY, host=given)
    assert destination.host == host
    assert destination.address("/flags/") == f"{host}/flags"
    request = destination.request("events", b"{}", encoding=None, key="k", attempt=1)
    assert request.url == f"{host}/batch/"
    assert destination.name == PostHog(KEY, host=host).name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("personal_api_key", ""),
        ("personal_api_key", "has blanks"),
        ("personal_api_key", 5),
        ("feature_flags_polling_interval", 0),
        ("feature_flags_polling_interval", "30"),
        ("flags_timeout", 0),
        ("max_cache_size", 0),
        ("max_definitions_bytes", 1.5),
        ("flag_definitions", ""),
        ("flag_definitions", 5),
        ("flag_definitions", {"flags": []}),
        ("only_evaluate_locally", "yes"),
        ("historical_migration", 1),
        ("disable_geoip", None),
        ("is_server", None),
        ("host", "http://ph.example.com"),
        ("host", None),
    ],
    ids=repr,
)
def test_a_field_that_cannot_be_right_is_refused_when_it_is_made(field: str, value: Any) -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=f"^{field}"):
        PostHog(KEY, **{field: value})


def test_no_polling_can_be_asked_for() -> None:
    """What happens when definitions are to be fetched by hand only?"""
    assert PostHog(KEY, feature_flags_polling_interval=None).feature_flags_polling_interval is None


def test_definitions_are_a_path_or_what_is_in_the_file() -> None:
    """The value stays hashable, and its text does not show them."""
    named = PostHog(KEY, flag_definitions="flags.json")
    assert named.flag_definitions == Path("flags.json")
    assert named == PostHog(KEY, flag_definitions=Path("flags.json"))
    read = PostHog(KEY, flag_definitions=b'{"flags": []}')
    assert read.flag_definitions == b'{"flags": []}'
    assert len({named, read}) == 2
    assert "flags" not in repr(read).replace("flags_timeout", "").replace("feature_flags", "")


def test_keys_are_secrets_and_the_personal_one_names_no_lane() -> None:
    """A key that is changed for flags must not leave stored events behind."""
    destination = PostHog(KEY, personal_api_key=PERSONAL)
    assert (destination.api_key, destination.personal_api_key) == (Secret(KEY), Secret(PERSONAL))
    assert destination.name == PostHog(KEY).name
