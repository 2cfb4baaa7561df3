"""How the parts of a flag join into one decision: conditions in order, holdout, enrollment."""

from __future__ import annotations

from typing import cast

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.conditions import OUT, Condition
from asyncsdk.flags.hashing import digests
from asyncsdk.flags.outcomes import MISSING, SERVER, Evaluation, stronger
from asyncsdk.flags.payloads import Decision


def always(outcome: Evaluation) -> Decision:
    """Decide the same for everyone."""
    return lambda _, __, ___: outcome


def in_order(conditions: list[Condition], off: Evaluation) -> Decision:
    """Take the first condition that matches; remember what could not be said."""
    unsupported = any(condition.unsupported for condition in conditions)
    # Where the server must be asked, the strongest reason is that of the whole definition.
    at_server = SERVER if unsupported else None
    if len(conditions) == 1:
        return _the_only(conditions[0], off, at_server)
    return _the_first(conditions, off, at_server)


def _the_only(condition: Condition, off: Evaluation, at_server: Evaluation | None) -> Decision:
    only = condition.decide
    if not (condition.is_mixed or condition.unsupported):
        # It knows itself what others get.
        return cast("Decision", only)

    def decide(value: bytes, properties: Properties, call: Call | None) -> Evaluation:
        found = only(value, properties, call)
        if found is None or found is OUT:
            return off
        return at_server or found if found.stops_at_server else found

    return decide


def _the_first(
    conditions: list[Condition], off: Evaluation, at_server: Evaluation | None
) -> Decision:
    decisions = tuple(condition.decide for condition in conditions)

    def decide(value: bytes, properties: Properties, call: Call | None) -> Evaluation:
        doubt: Evaluation | None = None
        for one in decisions:
            found = one(value, properties, call)
            if found is None:
                continue
            if found is OUT:
                break
            if found.reason is None:
                return found
            if found.stops_at_server:
                return at_server or found
            doubt = stronger(doubt, found)
        return doubt or off

    return decide


def unless_held_out(held: Evaluation, limit: bytes, decide: Decision) -> Decision:
    """Give *held* to those below *limit*, before any condition is looked at."""
    # A hyphen and no key: the same people are held out of all flags.
    digest = digests("holdout-")

    def decide_unless_held_out(
        value: bytes, properties: Properties, call: Call | None
    ) -> Evaluation:
        return held if digest(value) < limit else decide(value, properties, call)

    return decide_unless_held_out


def by_enrollment(key: str, on: Evaluation, off: Evaluation) -> Decision:
    """Decide by whether the person enrolled; conditions are not looked at."""
    name = f"$feature_enrollment/{key}"

    def decide(_: bytes, properties: Properties, __: Call | None) -> Evaluation:
        if name not in properties:
            return MISSING
        enrolled = properties[name]
        return on if enrolled is True or enrolled == "true" else off

    return decide
