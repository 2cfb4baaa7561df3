"""What is told of trouble: every fact to the hooks, the numbers to the log, each lane for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Literal, Unpack

import pytest

from asyncsdk import AsyncAnalytics, DeliveryError
from asyncsdk.client.settings import Options
from tests.testing.scripted import (
    DOWN,
    RESET,
    YES,
    Act,
    Gateway,
    client,
    destination,
    in_turn,
    track,
)

Told = list[tuple[str, Mapping[str, Any]]]
WRONG_KEY = Act(status=401)


def attentive(gateway: Gateway, **options: Unpack[Options]) -> tuple[AsyncAnalytics, Told]:
    """Return a client of two lanes, and what its hook is told."""
    told: Told = []
    exact: Options = {"transport": gateway, "jitter": 0.0, "flush_at": 3}
    exact["on_event"] = lambda kind, facts: told.append((kind, facts))
    exact.update(options)
    return AsyncAnalytics(destination("here"), destination("there"), **exact), told


def of(told: Told, lane: str) -> Told:
    """Return what was told of one *lane*."""
    return [(kind, facts) for kind, facts in told if facts["destination"] == lane]


RETRY = {"count": 3, "status": 503}


@pytest.mark.parametrize(
    ("acts", "bad", "options", "expected"),
    [
        (
            [DOWN, DOWN],
            False,
            {},
            [
                ("retry", {**RETRY, "failures": 1, "pause": 1.0}),
                ("retry", {**RETRY, "failures": 2, "pause": 2.0}),
            ],
        ),
        (
            [RESET],
            False,
            {},
            [("retry", {"count": 3, "status": None, "failures": 1, "pause": 1.0})],
        ),
        ([WRONG_KEY], False, {}, [("flush_failed", {"reason": "HTTP 401", "status": 401})]),
        (
            [DOWN],
            False,
            {"max_retries": 0},
            [
                ("retry", {**RETRY, "failures": 1, "pause": 1.0}),
                ("exhausted", {"count": 3, "attempts": 1}),
            ],
        ),
        (
            [DOWN, DOWN],
            False,
            {"max_retries": 1, "exhausted": "requeue"},
            [
                ("retry", {**RETRY, "failures": 1, "pause": 1.0}),
                ("retry", {**RETRY, "failures": 2, "pause": 2.0}),
                ("requeued", {"count": 3, "attempts": 2}),
            ],
        ),
        ([], True, {}, [("rejected", {"count": 1, "status": 400})]),
    ],
    ids=["retry", "no answer", "flush_failed", "exhausted", "requeued", "rejected"],
)
async def test_a_hook_is_told_all_the_facts(
    acts: list[Act], *, bad: bool, options: Options, expected: Told
) -> None:
    """As the table in docs/delivery.md lists them, and of each lane the same."""
    scripts = {host: in_turn(*acts) for host in ("here", "there")}
    gateway = Gateway(lambda asked: scripts[asked.host](asked))
    analytics, told = attentive(gateway, **options)
    for number in range(3):
        track(analytics, number, bad=bad and number == 1)
    await asyncio.sleep(100)
    for lane in ("here", "there"):
        assert of(told, lane) == [
            (kind, {"destination": lane, **facts}) for kind, facts in expected
        ]
    await analytics.shutdown()


@pytest.mark.parametrize(
    ("acts", "bad", "words"),
    [
        ([DOWN], 0, ["HTTP 503", "3 events wait", "1 such failures", "in 1.0 s"]),
        ([RESET], 0, ["connection reset", "3 events wait"]),
        ([DOWN, DOWN], 0, ["3 events became dead letters", "after 2 attempts", "HTTP 503"]),
        ([WRONG_KEY], 0, ["HTTP 401", "3 events wait", "in 60 s", "***"]),
        ([], 1, ["1 events were refused", "HTTP 400", "dead_letters()"]),
    ],
    ids=["a failure", "no answer", "the last failure", "a wrong key", "bad events"],
)
async def test_a_line_has_the_numbers_of_its_lane(
    caplog: pytest.LogCaptureFixture, acts: list[Act], bad: int, words: list[str]
) -> None:
    """One line for each of two lanes with the same trouble: neither keeps the other's back."""
    scripts = {host: in_turn(*acts) for host in ("here", "there")}
    gateway = Gateway(lambda asked: scripts[asked.host](asked))
    analytics, _ = attentive(gateway, max_retries=1)
    await asyncio.sleep(1_000)  # what is told are spans of time, not moments
    for number in range(3):
        track(analytics, number, bad=number < bad)
    await asyncio.sleep(200)
    for lane in ("here", "there"):
        lines = [line for line in caplog.messages if line.startswith(f"asyncsdk: {lane}: ")]
        assert [line for line in lines if all(word in line for word in words)], lines
    await analytics.shutdown()


@pytest.mark.parametrize(("overflow", "each"), [("drop_newest", 1), ("drop_oldest", 3)])
async def test_what_a_full_queue_drops_is_told_with_its_reason_and_its_lane(
    caplog: pytest.LogCaptureFixture, overflow: Literal["drop_newest", "drop_oldest"], each: int
) -> None:
    """To the hook as many as to the counters; to the log once for each lane."""
    told: list[tuple[str, int]] = []
    analytics, _ = attentive(
        Gateway(lambda _: DOWN),
        overflow=overflow,
        max_queue_events=18,
        max_batch_events=3,
        on_drop=lambda reason, count: told.append((reason, count)),
    )
    for number in range(30):
        track(analytics, number)
        await asyncio.sleep(0.1)
    counts = analytics.statistics()
    assert set(told) == {("queue_full", each)}
    assert sum(count for _, count in told) == counts.dropped == 24
    for lane in ("here", "there"):
        assert [line for line in caplog.messages if line.startswith(f"asyncsdk: {lane}: dropped")]
    await analytics.shutdown(0)


async def test_a_lane_that_stood_still_says_that_it_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each once, and not after a mere failure."""
    acts = [DOWN, YES, WRONG_KEY, WRONG_KEY, YES, YES]
    scripts = {host: in_turn(*acts) for host in ("here", "there")}
    analytics, _ = attentive(Gateway(lambda asked: scripts[asked.host](asked)))
    with caplog.at_level(logging.INFO, "asyncsdk"):
        for number in range(4):
            track(analytics, number)
            await asyncio.sleep(300)
    said = [record for record in caplog.records if "delivers again" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.INFO] * 2
    assert {record.getMessage() for record in said} == {
        "asyncsdk: here: delivers again",
        "asyncsdk: there: delivers again",
    }
    stops = [record for record in caplog.records if "HTTP 401" in record.getMessage()]
    assert {record.levelno for record in stops} == {logging.ERROR}
    await analytics.shutdown()


@pytest.mark.parametrize(
    ("act", "options", "code"),
    [
        (DOWN, {"max_retries": 0}, "http_503"),
        (RESET, {"max_retries": 0}, "network_error"),
        (DOWN, {"max_retries": 0, "exhausted": "requeue"}, "http_503"),
        (WRONG_KEY, {}, "http_401"),
    ],
)
async def test_an_error_says_where_and_what(act: Act, options: Options, code: str) -> None:
    """Whoever has several systems sees at once which of them it is."""
    errors: list[DeliveryError] = []
    options = {"flush_at": 1, "on_error": errors.append, **options}
    analytics = client(Gateway(in_turn(act)), **options)
    track(analytics, 1)
    await asyncio.sleep(1)
    assert [error.code for error in errors] == [code]
    assert str(errors[0]).startswith("here: ")
    await analytics.shutdown()


async def test_a_receipt_says_in_the_servers_words_why() -> None:
    """Rejected or given up: the status and what the server said, for people."""
    gateway = Gateway(lambda asked: DOWN if asked.host == "there" else YES)
    analytics, _ = attentive(gateway, max_retries=0)
    receipt = track(analytics, 1, bad=True)
    await analytics.flush()
    here, there = receipt.outcomes["here"], receipt.outcomes["there"]
    assert (here.status, here.reason) == (
        400,
        "HTTP 400: request neither has anonymousId nor userId",
    )
    assert (there.status, there.reason) == (503, "HTTP 503")
    assert str(here.error) == f"here: {here.reason}"
    assert str(there.error) == f"there: {there.reason}"
    await analytics.shutdown()


async def test_the_counters_of_requests_are_exact() -> None:
    """Requests, those sent again, and those that failed: each failure counts, a stop is one."""
    gateway = Gateway(in_turn(DOWN, RESET, WRONG_KEY, WRONG_KEY, YES, DOWN, YES))
    analytics = client(gateway, flush_at=1, gzip=False)
    track(analytics, 1)
    await asyncio.sleep(1_000)
    track(analytics, 2)
    await asyncio.sleep(1_000)
    counts = analytics.statistics()
    assert (counts.requests, counts.retries, counts.failures) == (7, 5, 5)
    assert counts.bytes_sent == sum(gateway.sizes)
    await analytics.shutdown()


@pytest.mark.parametrize("base", [0.125, 0.5, 2.0])
async def test_a_retry_is_told_with_its_pause(base: float) -> None:
    """However short it is."""
    gateway = Gateway(in_turn(DOWN))
    analytics, told = attentive(gateway, retry_base=base)
    for number in range(3):
        track(analytics, number)
    await asyncio.sleep(10)
    assert [facts["pause"] for kind, facts in told if kind == "retry"] == [base]
    await analytics.shutdown()


async def test_a_flush_says_of_each_lane_what_went_wrong() -> None:
    """By its name; the lane that delivers has nothing to say."""
    gateway = Gateway(lambda asked: DOWN if asked.host == "there" else YES)
    analytics, _ = attentive(gateway)
    for number in range(3):
        track(analytics, number)
    result = await analytics.flush(5)
    assert [str(error) for error in result.errors] == ["there: HTTP 503"]
    await analytics.shutdown(0)
