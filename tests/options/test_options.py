"""Options of a lane: their rules, and which of the layers decides."""

import itertools
import math
from typing import Any

import pytest
from msgspec import structs

from asyncsdk.errors import ConfigurationError
from asyncsdk.options import (
    DELIVERY_OPTIONS,
    REQUEUE_MAX_AGE,
    Delivery,
    LaneOptions,
    check_bool,
    check_choice,
    check_count,
    check_mapping,
    check_seconds,
    resolve,
)

COUNTS = ("flush_at", "max_batch_events", "max_batch_bytes", "max_queue_events", "max_queue_bytes")
SECONDS = ("flush_interval", "retry_base", "retry_cap", "max_age", "timeout")
PROBES = ("probe_after", "probe_cap")

#: One value that is right and differs from the default, for every option.
RIGHT: dict[str, Any] = {
    **dict.fromkeys((*COUNTS, "concurrency"), 7),
    **dict.fromkeys((*SECONDS, *PROBES), 0.25),
    "overflow": "raise",
    "max_retries": 0,
    "jitter": "full",
    "exhausted": "requeue",
    "gzip": False,
    "consent": ("marketing",),
    "without_consent": "hold",
    "max_held_events": 7,
    "max_held_age": 0.25,
}

WRONG: list[tuple[str, Any]] = [
    *itertools.product((*COUNTS, "concurrency"), [0, -1, 1.5, "7", True]),
    *itertools.product((*SECONDS, *PROBES), [-0.1, math.nan, "1", True, []]),
    *itertools.product(PROBES, [0, 0.0]),
    *itertools.product(["max_retries"], [-1, 1.0, "3", False]),
    *itertools.product(["jitter"], [-0.1, 1.1, math.nan, "half", True]),
    *itertools.product(["overflow"], ["block", "", 1, []]),
    *itertools.product(["exhausted"], ["drop", True]),
    *itertools.product(["gzip"], [1, 0, "yes"]),
    *itertools.product(["consent"], ["marketing", [1], [""], {"marketing": True}, 5]),
    *itertools.product(["without_consent"], ["raise", None.__class__, 1]),
    *itertools.product(["max_held_events"], [0, 1.5, "7"]),
    *itertools.product(["max_held_age"], [-1, "7", True]),
]


def test_every_option_is_in_these_tests() -> None:
    """A new option has a right value here, a rule and a settled default."""
    assert set(RIGHT) == set(DELIVERY_OPTIONS)
    assert {field.name for field in structs.fields(LaneOptions)} == set(DELIVERY_OPTIONS)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any) -> None:
    """The error names the option, so that it is found in a long call."""
    with pytest.raises(ConfigurationError, match=f"^{name}="):
        Delivery(**{name: value})


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize("value", [0, 0.0, 5, math.inf])
def test_seconds_may_be_zero_or_endless(name: str, value: float) -> None:
    """Zero and infinity are both meant."""
    given: dict[str, Any] = {name: value}
    assert getattr(Delivery(**given), name) == value


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, 0.5, "full"])
def test_jitter_is_a_share_or_full(value: Any) -> None:
    """Both ends are allowed."""
    assert resolve(Delivery(jitter=value)).jitter == value


@pytest.mark.parametrize("name", DELIVERY_OPTIONS)
def test_the_destination_decides_before_the_client_before_the_vendor(name: str) -> None:
    """The first layer that speaks wins; without any the default stands."""
    said, nothing = Delivery(**{name: RIGHT[name]}), Delivery()
    default = getattr(LaneOptions(), name)
    other = Delivery(**{name: default})
    assert RIGHT[name] != default
    assert getattr(resolve(), name) == default
    assert getattr(resolve(said, other, other), name) == RIGHT[name]
    assert getattr(resolve(nothing, said, other), name) == RIGHT[name]
    assert getattr(resolve(nothing, nothing, said), name) == RIGHT[name]
    assert getattr(resolve(other, said, said), name) == default


def test_layers_decide_option_by_option() -> None:
    """A layer that speaks about one option leaves the others to the next."""
    merged = resolve(Delivery(flush_at=1), Delivery(flush_at=2, timeout=3.0), Delivery(timeout=4.0))
    assert (merged.flush_at, merged.timeout) == (1, 3.0)


def test_requeueing_has_an_end() -> None:
    """Without an age of its own, an outage of an hour ends a requeued batch."""
    assert resolve(Delivery(exhausted="requeue")).max_age == REQUEUE_MAX_AGE == 3_600.0
    assert resolve(Delivery(exhausted="requeue", max_age=5.0)).max_age == 5.0
    assert resolve(Delivery(exhausted="requeue"), Delivery(max_age=6.0)).max_age == 6.0
    assert resolve(Delivery()).max_age == math.inf


def test_the_documented_defaults_stand() -> None:
    """What the documentation says holds without a word from anybody."""
    settled = resolve()
    assert (settled.flush_at, settled.flush_interval) == (20, 10.0)
    assert (settled.max_queue_events, settled.max_queue_bytes) == (20_000, 64 * 1024 * 1024)
    assert (settled.overflow, settled.exhausted) == ("drop_newest", "dead_letter")
    assert (settled.max_retries, settled.retry_base, settled.retry_cap) == (10, 1.0, 30.0)
    assert (settled.jitter, settled.timeout, settled.concurrency) == (0.25, 10.0, 1)
    assert (settled.probe_after, settled.probe_cap, settled.gzip) == (60.0, 600.0, True)


def test_options_do_not_change() -> None:
    """They are fixed for a client's life."""
    with pytest.raises(AttributeError):
        Delivery(flush_at=1).flush_at = 2  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("least", [0.0, 2.5])
def test_seconds_have_a_least(least: float) -> None:
    """The bound itself is allowed and named in the error."""
    check_seconds("wait", least, least=least)
    with pytest.raises(ConfigurationError, match=f"{least:g} or more"):
        check_seconds("wait", least - 0.1, least=least)


def test_counts_have_a_least() -> None:
    """The bound itself is allowed and named in the error."""
    check_count("many", 3, least=3)
    with pytest.raises(ConfigurationError, match="many=2: a whole number, 3 or more"):
        check_count("many", 2, least=3)


def test_yes_and_no_are_bools() -> None:
    """A text such as "false" would otherwise be true."""
    check_bool("flag", True)  # noqa: FBT003 - that is the point
    with pytest.raises(ConfigurationError, match="flag='false': True or False"):
        check_bool("flag", "false")


def test_a_choice_lists_what_can_be_chosen() -> None:
    """The error says what to write instead."""
    check_choice("mode", "a", ("a", "b"))
    with pytest.raises(ConfigurationError, match="mode='c': one of a, b is needed"):
        check_choice("mode", "c", ("a", "b"))


def test_a_mapping_is_any_mapping() -> None:
    """The type of what is none is named; its contents are not shown."""
    check_mapping("facts", {"a": 1})
    with pytest.raises(ConfigurationError, match="facts: a mapping is needed, this is list"):
        check_mapping("facts", [("a", 1)])
