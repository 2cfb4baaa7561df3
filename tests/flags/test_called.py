"""Each flag is reported once for each person, and what is remembered is bounded."""

from collections.abc import AsyncIterator

import pytest

from asyncsdk import AsyncAnalytics
from asyncsdk.flags.called import MOST_EACH, Called, report_of
from tests.flags.answering import (
    Server,
    answering,
    as_file,
    definitions,
    flag,
    flags_answer,
    record,
)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that takes events."""
    async with answering() as running:
        yield running


async def test_a_flag_is_reported_once_for_each_person_value_and_group(server: Server) -> None:
    """By all that ask for one flag; not by payloads, not by lists, and not if the call says so."""
    file = as_file(flag("a"), flag("b"))
    async with AsyncAnalytics(server.hog(flag_definitions=file, personal_api_key=None)) as client:
        flags = client.flags
        await flags.get("a", "u-1", send_events=False)
        for _ in range(3):
            await flags.get("a", "u-1")
            await flags.is_enabled("a", "u-1")
            await flags.result("a", "u-1")
            flags.local_result("a", "u-1")
            await flags.payload("a", "u-2")
            await flags.all("u-2")
            (await flags.snapshot("u-1")).get("a")
        await flags.get("a", "u-2")
        await flags.get("b", "u-1")
        for company in ("x", "y", "x"):
            await flags.get("a", "u-1", groups={"company": company})
    told = [(one["distinct_id"], one["properties"]["$feature_flag"]) for one in server.events]
    groups = [one["properties"].get("$groups") for one in server.events]
    assert told == [("u-1", "a"), ("u-2", "a"), ("u-1", "b"), ("u-1", "a"), ("u-1", "a")]
    assert groups == [None, None, None, {"company": "x"}, {"company": "y"}]


async def test_another_value_is_reported_again() -> None:
    """It is news."""
    answers = [flags_answer(record("f", value)) for value in ("x", "x", "y", "y", "x")]
    async with answering(flags=[*answers]) as server:
        async with AsyncAnalytics(server.hog(personal_api_key=None)) as client:
            for _ in answers:
                await client.flags.get("f", "u")
        assert [value for _, value, _ in server.told()] == ["x", "y"]


@pytest.mark.parametrize(
    ("minimal", "experiment", "bare"),
    [(True, False, True), (True, True, False), (True, None, False), (False, False, False)],
)
@pytest.mark.parametrize("local", [True, False])
async def test_the_server_may_ask_for_bare_events(
    *, local: bool, minimal: bool, experiment: bool | None, bare: bool
) -> None:
    """Only if it says so and no experiment looks at the flag: then nothing of the caller's goes."""
    more = {} if experiment is None else {"has_experiment": experiment}
    answer = flags_answer(record("f", value=True, **more), minimalFlagCalledEvents=minimal)
    polls = definitions(flag("f", **more), minimal_flag_called_events=minimal)
    async with answering(flags=[answer], polls=[(200, polls)]) as server:
        hog = server.hog() if local else server.hog(personal_api_key=None)
        async with AsyncAnalytics(hog, default_context={"app": {"name": "shop"}}) as client:
            if local:
                await client.flags.ready()
            with client.bind(context={"own": 1}):
                await client.flags.get("f", "u")
    (event,) = server.events
    own = event["properties"]
    assert own["locally_evaluated"] is local
    assert own["$lib"] == "asyncsdk"
    for name in ("$feature/f", "$app_name", "context"):
        assert (name in own) is not bare


def test_who_was_not_seen_for_longest_is_forgotten_first() -> None:
    """A person who is asked about again counts as new."""
    called = Called(3)
    for person in "abc":
        called.note(person, report_of("f", True, {}))  # noqa: FBT003
    assert called.knows("a", ("f", True))
    called.note("d", ("f", True))
    assert [called.knows(person, ("f", True)) for person in "abcd"] == [True, False, True, True]


def test_a_person_with_endless_flags_is_bounded() -> None:
    """Flag keys may come from outside: they must not fill the memory."""
    called = Called(50_000)
    for number in range(10 * MOST_EACH):
        called.note("u", (f"f{number}", None))
    assert len(called) <= MOST_EACH
    assert called.knows("u", (f"f{10 * MOST_EACH - 1}", None))


def test_all_persons_together_are_bounded() -> None:
    """A thousand flags of ten thousand persons are ten million reports."""
    called = Called(100)
    for person in range(1_000):
        for number in range(50):
            called.note(f"u{person}", (f"f{number}", True))
        assert len(called) <= 1_000
    assert called.knows("u999", ("f49", True))


def test_a_small_cache_still_knows_all_flags_of_one_person() -> None:
    """Would a page that reads fifty flags report all of them at every visit?"""
    called = Called(1)
    for number in range(50):
        called.note("u", (f"f{number}", True))
    assert all(called.knows("u", (f"f{number}", True)) for number in range(50))
    called.note("v", ("f0", True))
    assert len(called) == 1


def test_a_count_that_threads_spoilt_mends_itself() -> None:
    """Flags are read on any thread: a count that came out too high must not raise, nor stay."""
    called = Called(2)
    called._reports = 10 * MOST_EACH
    called.note("u", ("f", True))
    assert len(called) == 0
    called.note("u", ("f", True))
    assert called.knows("u", ("f", True))


def test_groups_in_another_order_are_the_same_groups() -> None:
    """A mapping has no order here."""
    one = report_of("f", "x", {"a": "1", "b": "2"})
    assert one == report_of("f", "x", {"b": "2", "a": "1"}) != report_of("f", "x", {"a": "1"})
