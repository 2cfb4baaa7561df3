"""The recorded cases: definitions, a call, and what the vendor's own package said of it."""

import gzip
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from asyncsdk.flags import Definitions, Evaluation, evaluate

_FILE = Path(__file__).parents[1] / "fixtures" / "flags" / "cases.json.gz"
_OF_DEFINITIONS = ("flags", "group_type_mapping", "cohorts", "property_matching_version")
_OF_CALL = ("groups", "person_properties", "group_properties", "device_id")


@cache
def recorded() -> dict[str, Any]:
    """Return all cases and tables."""
    found: dict[str, Any] = json.loads(gzip.decompress(_FILE.read_bytes()))
    return found


def decoded(definitions: dict[str, Any]) -> Definitions:
    """Return *definitions* as they are after a poll."""
    # Python writes numbers beyond doubles as a word that is no JSON.
    return Definitions.decode(json.dumps(definitions).replace("Infinity", "1e400").encode())


def answer(case: dict[str, Any]) -> Evaluation:
    """Evaluate the flag of *case* as its call asks for it."""
    now = case["now"] and datetime.fromisoformat(case["now"].replace("Z", "+00:00"))
    return evaluate(
        decoded({name: case[name] for name in _OF_DEFINITIONS}),
        case["flag_key"],
        case["distinct_id"],
        now=now,
        **{name: case[name] for name in _OF_CALL},
    )


def expected(case: dict[str, Any]) -> Evaluation:
    """Return what theirs said."""
    return Evaluation(
        case["expected"],
        case["expected_payload"],
        case["expected_source"],
        case["reason"],
        case["stops_at_server"],
    )
