"""Getters: microseconds of one question about a flag, as an application asks it; ours and theirs by turns.

A program: `python -m benchmarks.plays.getters COUNT [--without-peers]` prints its figures as JSON.
Both decide from definitions that are there, and send no events; ours is awaited on a running loop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from typing import Any, TypeAlias

from msgspec import Struct

from asyncsdk import AsyncAnalytics, PostHog
from benchmarks.plays.flags import PERSON, definitions

#: Asks for a distinct id.
Ask: TypeAlias = Callable[[str], Awaitable[object]]
AskThem: TypeAlias = Callable[[str], object]

KINDS = ("rollout", "multivariate", "cohort")
ALL = "all of 100"
REPORTED = "rollout, reported already"

#: Timed runs of each; the median counts.
_RUNS = 7


class Figure(Struct, frozen=True, kw_only=True):
    """One kind of question: microseconds of ours, and of theirs if they take part.

    Attributes:
        p99_us: Of ours, of questions that are timed one by one.
    """

    kind: str
    ours_us: float
    theirs_us: float | None
    p99_us: float


def ours(document: dict[str, Any]) -> dict[str, Ask]:
    """Return our getters by kind; the client is not started, and sends nothing."""
    file = json.dumps(document).encode()
    flags = AsyncAnalytics(
        PostHog("phc_none", host="http://127.0.0.1:9", flag_definitions=file), enabled=False
    ).flags
    found: dict[str, Ask] = {
        kind: partial(flags.get, kind, person_properties=PERSON, send_events=False)
        for kind in KINDS
    }
    found[REPORTED] = partial(flags.get, "rollout", person_properties=PERSON)
    found[ALL] = partial(flags.all, person_properties=PERSON)
    return found


def theirs(document: dict[str, Any]) -> dict[str, AskThem]:
    """Return their public getters, with definitions put where a poll puts them."""
    from posthog.client import Client

    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # each call would be measured warning of itself
    client: Any = Client("phc_none", host="http://127.0.0.1:9", send=False, sync_mode=True)
    client.feature_flags = document["flags"]
    client.cohorts = document["cohorts"]
    client.group_type_mapping = {}
    given: dict[str, Any] = {"person_properties": PERSON, "only_evaluate_locally": True}
    getter = partial(client.get_feature_flag, **given)
    found: dict[str, AskThem] = {
        kind: partial(getter, kind, send_feature_flag_events=False) for kind in KINDS
    }
    found[REPORTED] = partial(getter, "rollout")
    found[ALL] = partial(client.get_all_flags, **given)
    return found


async def _microseconds(ask: Ask, ids: list[str]) -> float:
    before = time.perf_counter()
    for distinct_id in ids:
        await ask(distinct_id)
    return (time.perf_counter() - before) / len(ids) * 1e6


def _their_microseconds(ask: AskThem, ids: list[str]) -> float:
    before = time.perf_counter()
    for distinct_id in ids:
        ask(distinct_id)
    return (time.perf_counter() - before) / len(ids) * 1e6


async def _p99(ask: Ask, ids: list[str]) -> float:
    took: list[int] = []
    for distinct_id in ids:
        before = time.perf_counter_ns()
        await ask(distinct_id)
        took.append(time.perf_counter_ns() - before)
    return sorted(took)[len(took) * 99 // 100] / 1e3


async def compare(count: int, *, peers: bool) -> list[Figure]:
    """Time each kind, ours and theirs by turns."""
    document = definitions()
    other = theirs(document) if peers else {}
    found: list[Figure] = []
    for kind, ask in ours(document).items():
        number = max(count // (100 if kind == ALL else 1), 3)
        ids = [f"user-{at}" for at in range(number)]
        against = other.get(kind)
        mine: list[float] = []
        their: list[float] = []
        for _ in range(_RUNS + 1):
            mine.append(await _microseconds(ask, ids))
            if against is not None:
                their.append(_their_microseconds(against, ids))
        # The first run warms up.
        theirs_us = median(their[1:]) if their else None
        p99_us = await _p99(ask, ids)
        found.append(
            Figure(kind=kind, ours_us=median(mine[1:]), theirs_us=theirs_us, p99_us=p99_us)
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--without-peers", action="store_true")
    wanted = parser.parse_args()
    figures = asyncio.run(compare(wanted.count, peers=not wanted.without_peers))
    sys.stdout.write(
        json.dumps(
            [{name: getattr(one, name) for name in one.__struct_fields__} for one in figures]
        )
    )
