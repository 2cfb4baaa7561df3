"""Our evaluator beside theirs, and the few differences that are meant.

`MEANT` is the whole table: what theirs says, what ours says, and why. All else is a defect.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from asyncsdk.flags import Evaluation, evaluate
from tests.flags.cases import decoded
from tests.flags.inventing import FLAGS, Inventor
from tests.flags.oracle import Oracle, Said, at

NOW = datetime(2024, 3, 31, 12, 30, tzinfo=UTC)


class Difference(NamedTuple):
    """One answer of ours that is not theirs, with all that is needed to see it again."""

    theirs: Said
    ours: Evaluation
    key: str
    call: dict[str, Any]
    definitions: dict[str, Any]


def _is_error(found: Difference) -> bool:
    return bool(found.theirs.error) and found.ours.reason is not None


#: Why a difference is meant, and which ones are.
MEANT: dict[str, Callable[[Difference], bool]] = {
    "theirs raises an error, which its callers take for inconclusive; ours says so": _is_error,
}


def differences(seed: int, persons: int = 3) -> list[Difference]:
    """Evaluate made up flags for made up *persons*, here and there; return what is not meant."""
    inventor = Inventor(Random(seed))
    # As both get it: through JSON.
    definitions = json.loads(json.dumps(inventor.definitions()))
    oracle, ours = Oracle(definitions), decoded(definitions)
    found = []
    with at(NOW):
        for call in [inventor.person() for _ in range(persons)]:
            together = ours.all(**call, now=NOW)
            for key in FLAGS:
                alone = evaluate(ours, key, **call, now=NOW)
                assert together[key] == alone
                said = oracle.ask(key, **call)
                if not _same(alone, said):
                    found.append(Difference(said, alone, key, call, definitions))
    return [one for one in found if not any(is_meant(one) for is_meant in MEANT.values())]


def _same(ours: Evaluation, theirs: Said) -> bool:
    same = (ours.value, ours.payload, ours.reason, ours.stops_at_server) == theirs[:4]
    return same and not theirs.error and type(ours.value) is type(theirs.value)
