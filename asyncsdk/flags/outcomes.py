"""What an evaluation can end in: a value, or one of four reasons why it has none.

An undecided outcome is an `Evaluation` too, one object for each kind, so that tests and
conditions hand it on as it is. Some of them also stop the conditions that follow.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Value: TypeAlias = bool | str

Reason: TypeAlias = Literal[
    "experience_continuity",
    "unsupported_definition",
    "unresolved_dependency",
    "missing_context",
]


class Evaluation(msgspec.Struct, frozen=True):
    """What one flag is for one caller, or why that cannot be said here.

    Attributes:
        value: False, True or the key of a variant; None if only the server can tell.
        payload: The decoded payload of that value; a fresh one for each evaluation.
        source: ``"local"``, or ``"inconclusive"``: ask the server.
        reason: Why it is inconclusive.
        stops_at_server: It was inconclusive in a way that no later condition could mend.
    """

    value: Value | None
    payload: object = None
    source: Literal["local", "inconclusive"] = "local"
    reason: Reason | None = None
    stops_at_server: bool = False


def _undecided(reason: Reason, *, stops: bool = False) -> Evaluation:
    return Evaluation(None, None, "inconclusive", reason, stops)


CONTINUITY = _undecided("experience_continuity")
UNSUPPORTED = _undecided("unsupported_definition")
DEPENDENCY = _undecided("unresolved_dependency")
MISSING = _undecided("missing_context")
#: Like the above, and no later condition may answer in the server's place.
SERVER = _undecided("unsupported_definition", stops=True)
SERVER_DEPENDENCY = _undecided("unresolved_dependency", stops=True)

#: Of several reasons the first of these is told.
_RANKS = {
    "experience_continuity": 0,
    "unsupported_definition": 1,
    "unresolved_dependency": 2,
    "missing_context": 3,
}
_GOING_ON = (CONTINUITY, UNSUPPORTED, DEPENDENCY, MISSING)


def rank(outcome: Evaluation) -> int:
    """Return the place of an undecided *outcome*'s reason; the strongest is 0."""
    return _RANKS[outcome.reason or "missing_context"]


def stronger(one: Evaluation | None, other: Evaluation) -> Evaluation:
    """Return the undecided outcome with the stronger reason; it stops nothing."""
    if one is None:
        return _GOING_ON[rank(other)]
    return _GOING_ON[min(rank(one), rank(other))]


def both(first: Evaluation | None, later: Evaluation) -> Evaluation:
    """Join what two filters of one condition could not say.

    Only what could not be said first may stop the conditions that follow; it keeps its reason.
    """
    if first is None or first.stops_at_server:
        return first or later
    return stronger(first, later)
