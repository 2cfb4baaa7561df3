"""Flags: microseconds of one evaluation, ours and posthog-python's by turns in one process.

A program: `python -m benchmarks.plays.flags COUNT [--without-peers]` prints its figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, TypeAlias

from msgspec import Struct

from asyncsdk.flags import Definitions, evaluate

#: Evaluates for a distinct id.
Evaluation: TypeAlias = Callable[[str], object]

#: Timed runs of each; the median counts.
_RUNS = 7

PERSON = {"plan": "pro", "email": "joe@example.com", "age": 30}
_COHORT = [
    {"key": "plan", "operator": "exact", "value": ["pro"], "type": "person"},
    {"key": "age", "operator": "gt", "value": 18, "type": "person"},
]
_COHORTS = {"1": {"type": "OR", "values": [{"type": "AND", "values": _COHORT}]}}


class Figure(Struct, frozen=True, kw_only=True):
    """One kind of evaluation: microseconds of ours, and of theirs if they take part."""

    kind: str
    ours_us: float
    theirs_us: float | None


def _flag(key: str, condition: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "key": key, "active": True, "filters": {"groups": [condition], **more}}


def _rollout(key: str) -> dict[str, Any]:
    return _flag(key, {"properties": [], "rollout_percentage": 50})


def _multivariate(key: str) -> dict[str, Any]:
    filters = [
        {"key": "plan", "operator": "exact", "value": ["pro", "team"], "type": "person"},
        {"key": "email", "operator": "icontains", "value": "@example.com", "type": "person"},
        {"key": "age", "operator": "gt", "value": 18, "type": "person"},
    ]
    variants = [{"key": f"v{share}", "rollout_percentage": share} for share in (34, 33, 33)]
    condition = {"properties": filters, "rollout_percentage": 100}
    return _flag(key, condition, multivariate={"variants": variants})


def _cohort(key: str) -> dict[str, Any]:
    member = {"key": "id", "type": "cohort", "value": 1}
    return _flag(key, {"properties": [member], "rollout_percentage": 100})


def definitions() -> dict[str, Any]:
    """Return 100 flags of three kinds in turn, the first of each named after its kind."""
    makers = {"rollout": _rollout, "multivariate": _multivariate, "cohort": _cohort}
    names = list(makers)
    flags = [
        makers[names[at % 3]](names[at] if at < 3 else f"{names[at % 3]}-{at}") for at in range(100)
    ]
    return {"flags": flags, "cohorts": _COHORTS, "group_type_mapping": {}}


def ours(document: dict[str, Any]) -> dict[str, Evaluation]:
    """Return our evaluations by kind, for a distinct id."""
    decoded = Definitions.decode(json.dumps(document).encode())

    found: dict[str, Evaluation] = {
        key: partial(evaluate, decoded, key, person_properties=PERSON)
        for key in ("rollout", "multivariate", "cohort")
    }
    found["all of 100"] = partial(decoded.all, person_properties=PERSON)
    return found


def theirs(document: dict[str, Any]) -> dict[str, Evaluation]:
    """Return theirs, without network; these are private names of the pinned version."""
    from posthog.client import Client

    client = Client("phc_none", host="http://127.0.0.1:9", send=False, sync_mode=True)
    by_key = {flag["key"]: flag for flag in document["flags"]}
    snapshot: Any = {**document, "flags_by_key": by_key, "property_matching_version": 1}
    # The public getter does more than evaluate.
    evaluator = partial(
        client._compute_flag_locally,  # noqa: SLF001
        person_properties=PERSON,
        _definition_snapshot=snapshot,
    )
    found: dict[str, Evaluation] = {
        key: partial(evaluator, by_key[key]) for key in ("rollout", "multivariate", "cohort")
    }
    found["all of 100"] = lambda distinct_id: {
        key: evaluator(flag, distinct_id) for key, flag in by_key.items()
    }
    return found


def _microseconds(evaluation: Evaluation, count: int) -> float:
    ids = [f"user-{at}" for at in range(count)]
    before = time.perf_counter()
    for distinct_id in ids:
        evaluation(distinct_id)
    return (time.perf_counter() - before) / count * 1e6


def compare(count: int, *, peers: bool) -> list[Figure]:
    """Time each kind, ours and theirs by turns."""
    document = definitions()
    mine = ours(document)
    other = theirs(document) if peers else {}
    found: list[Figure] = []
    for kind, evaluation in mine.items():
        number = max(count // (100 if kind == "all of 100" else 1), 3)
        against = other.get(kind)
        pairs = [
            (
                _microseconds(evaluation, number),
                _microseconds(against, number) if against else None,
            )
            for _ in range(_RUNS + 1)
        ][1:]  # the first warms up
        their = [value for _, value in pairs if value is not None]
        found.append(
            Figure(
                kind=kind,
                ours_us=median(value for value, _ in pairs),
                theirs_us=median(their) if their else None,
            )
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--without-peers", action="store_true")
    wanted = parser.parse_args()
    figures = compare(wanted.count, peers=not wanted.without_peers)
    sys.stdout.write(
        json.dumps(
            [{name: getattr(one, name) for name in one.__struct_fields__} for one in figures]
        )
    )
