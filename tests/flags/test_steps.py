"""However large or odd the definitions are, no step holds up the loop, and the last good ones stay."""

import asyncio
import gc
import json
import sys
import time
from asyncio.events import Handle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import anyio
import pytest

from asyncsdk import AsyncAnalytics
from tests.destinations.recorder import said
from tests.flags.answering import Said, answering, definitions, flag

#: Seconds of thread time that one step may take.
LIMIT = 0.005


def _is_ours(handle: Any) -> bool:
    """Say whether a callback of the loop is a step of a task of ours, or of aiohttp's connection."""
    callback = handle._callback
    while isinstance(callback, partial):
        callback = callback.func
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return owner.get_name().startswith("asyncsdk")
    owner = getattr(owner, "_protocol", owner)
    return type(owner).__module__.startswith("aiohttp.")


@contextmanager
def steps() -> Iterator[list[float]]:
    """Measure the thread time of each step of ours, in seconds.

    What the tests themselves hold is left out of the collector's work: it is no host of ours. So is
    coverage, which takes several times as long as what it watches.
    """
    took: list[float] = []
    run = Handle._run

    def step(handle: Handle) -> None:
        """Run a callback, and measure it if it is ours."""
        ours = _is_ours(handle)
        began = time.thread_time()
        run(handle)
        if ours:
            took.append(time.thread_time() - began)

    tracing = sys.gettrace()
    sys.settrace(None)
    gc.collect()
    gc.freeze()
    try:
        with patch.object(Handle, "_run", step):
            yield took
    finally:
        gc.unfreeze()
        sys.settrace(tracing)


def many(count: int, size: int) -> list[dict[str, Any]]:
    """Define *count* flags of about *size* bytes: conditions, variants and a payload."""
    wanted = {"key": "plan", "operator": "exact", "type": "person"}
    names = [f"variant-{number}" for number in range(4)]
    payload = json.dumps({"text": "x" * max(size - 1_200, 10)})
    groups = [
        {"properties": [{**wanted, "value": [f"p{n}", f"q{n}"]}], "rollout_percentage": 50}
        for n in range(4)
    ]
    filters = {
        "groups": groups,
        "multivariate": {"variants": [{"key": n, "rollout_percentage": 25} for n in names]},
        "payloads": {names[0]: payload},
    }
    return [flag(f"flag-{number}", number=number, filters=filters) for number in range(count)]


def nested_groups(depth: int) -> dict[str, Any]:
    """Define a cohort of groups in groups."""
    inner: dict[str, Any] = {
        "type": "OR",
        "values": [{"key": "plan", "value": "pro", "type": "person"}],
    }
    for _ in range(depth):
        inner = {"type": "AND", "values": [inner]}
    return inner


def _deep(depth: int) -> bytes:
    """Write 10,000 nested groups: more than Python's own encoder can."""
    one = json.dumps({"key": "plan", "value": "pro", "type": "person"})
    group = '{"type":"AND","values":[' * depth + one + "]}" * depth
    by_cohort = {"key": "id", "value": 1, "type": "cohort", "operator": "in"}
    odd = flag("odd", filters={"groups": [{"properties": [by_cohort], "rollout_percentage": 100}]})
    flags = json.dumps([flag("a"), odd])
    return f'{{"flags":{flags},"group_type_mapping":{{}},"cohorts":{{"1":{group}}}}}'.encode()


def _cycle() -> dict[str, Any]:
    """Define two cohorts that are in each other, and a flag of one."""
    first, second = ({"type": "cohort", "key": "id", "value": n} for n in (1, 2))
    cohorts = {"1": {"type": "AND", "values": [second]}, "2": {"type": "AND", "values": [first]}}
    by = flag("odd", filters={"groups": [{"properties": [first], "rollout_percentage": 100}]})
    return definitions(flag("a"), by, cohorts=cohorts)


def _bomb() -> dict[str, Any]:
    """Define a flag whose pattern takes a backtracking engine for ever."""
    bomb = {"key": "plan", "operator": "regex", "type": "person", "value": "^(a|a)*(a|a)*(a|a)*b$"}
    by = flag("odd", filters={"groups": [{"properties": [bomb], "rollout_percentage": 100}]})
    return definitions(flag("a"), by)


LARGE: dict[str, tuple[bytes, bool]] = {
    "8 MB of few flags": (json.dumps(definitions(*many(1_600, 4_900), flag("a"))).encode(), True),
    "8 MB of small flags": (json.dumps(definitions(*many(8_000, 0), flag("a"))).encode(), True),
    "20 MB": (json.dumps(definitions(*many(4_000, 5_000), flag("a"))).encode(), False),
    "8 MB of garbage": (b"[" * 8_000_000, False),
    "8 MB of one text": (b'{"flags":[{"key":"' + b"x" * 8_000_000, False),
    "8 MB of long Cyrillic texts": (
        json.dumps({"flags": [flag("a"), *["ж" * 33_000] * 120]}, ensure_ascii=False).encode(),
        True,
    ),
    "a text of a megabyte": (
        json.dumps(
            {"flags": [flag("a"), "ж" * 520_000, "x" * 1_000_000]}, ensure_ascii=False
        ).encode(),
        True,
    ),
    "8 MB of long names": (
        json.dumps(
            {"flags": [{f"{n}{'ж' * 33_000}": 1} for n in range(120)]}, ensure_ascii=False
        ).encode(),
        False,
    ),
    "10,000 nested groups": (_deep(10_000), False),
    "50 nested groups": (
        json.dumps(definitions(flag("a"), cohorts={"1": nested_groups(50)})).encode(),
        True,
    ),
    "a cohort cycle": (json.dumps(_cycle()).encode(), True),
    "a regex bomb": (json.dumps(_bomb()).encode(), True),
}


@pytest.mark.alone
@pytest.mark.whole_way
@pytest.mark.parametrize("name", LARGE)
async def test_no_definitions_hold_up_the_loop(name: str) -> None:
    """They are used, or refused with those kept that were there; the host goes on meanwhile."""
    # A crowded machine adds to what a step takes: what is too long by itself is so three times.
    body, usable = LARGE[name]
    longest: list[float] = []
    while len(longest) < 3:
        longest.append(await _longest_step(body, usable=usable))
        if longest[-1] < LIMIT:
            return
    pytest.fail(f"{longest} s")


async def _longest_step(body: bytes, *, usable: bool) -> float:
    """Poll a good answer and then *body*; return the seconds of the longest step."""
    first = definitions(flag("a"), flag("kept"))
    polls: list[Said] = [(200, first), said(200, body, "application/json")]
    async with answering(polls=polls) as server:
        hog = server.hog(
            feature_flags_polling_interval=None, max_definitions_bytes=9_000_000, flags_timeout=0.2
        )
        server.flags[:] = [(500, {})]
        async with AsyncAnalytics(hog, shutdown_timeout=0.1) as client:
            assert await client.flags.reload()
            heard: list[object] = []
            client.flags.watch(heard.append)
            with steps() as took, anyio.fail_after(30):
                assert await client.flags.reload() is usable
                assert await client.flags.reload() is usable
                await asyncio.sleep(0.05)
                person = {"plan": "a" * 5_000 + "!"}
                began = time.thread_time()
                odd = client.flags.local_result("odd", "u", person_properties=person)
                took.append(time.thread_time() - began)
            assert odd.value in (None, False)
            assert ("kept" in client.flags.keys) is not usable
            assert await client.flags.get("a", "u", send_events=False) is True
    assert len(took) > 1, "steps were measured"
    return max(took)


async def test_the_measure_finds_a_step_that_takes_too_long() -> None:
    """A test that could not fail would promise nothing."""

    async def busy() -> None:
        """Hold up the loop."""
        until = time.thread_time() + 2 * LIMIT
        while time.thread_time() < until:
            pass

    with steps() as took:
        await asyncio.create_task(busy(), name="asyncsdk busy")
    assert max(took) > LIMIT
