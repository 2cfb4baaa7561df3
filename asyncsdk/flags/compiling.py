"""From the definition of a flag to the function that decides it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from asyncsdk.flags.conditions import Condition, Malformed, Prizes, compile_condition
from asyncsdk.flags.deciding import always, by_enrollment, in_order, unless_held_out
from asyncsdk.flags.filters import Work
from asyncsdk.flags.hashing import first_above
from asyncsdk.flags.outcomes import CONTINUITY, SERVER, UNSUPPORTED, Evaluation, Reason
from asyncsdk.flags.payloads import NO_PAYLOADS, Decision, Payloads
from asyncsdk.flags.rulebook import MOST_FILTERS, Rulebook


class Compiled(NamedTuple):
    """One flag, ready to be asked.

    Attributes:
        decide: Decides for a bucketing value and the properties that go with it.
        off: What it is for those who get nothing.
        for_whom: Whose id is the bucketing value.
        group_name: The type of group it is for, if it is for groups of a known type.
        weight: Filters that an evaluation may look at.
        unresolved: Why it can never be decided here.
        is_direct: It looks at nothing but the distinct id and person properties.
        reads_id: It may look at the person property `distinct_id`.
        is_mixed: Some of its conditions are for groups, others are not.
    """

    decide: Decision
    off: Evaluation
    for_whom: Literal["person", "device", "group"] = "person"
    group_name: str | None = None
    weight: int = 1
    unresolved: Reason | None = None
    is_direct: bool = True
    reads_id: bool = True
    is_mixed: bool = False
    payloads: Payloads = NO_PAYLOADS


def compile_flag(key: str, definition: dict[str, object], book: Rulebook) -> Work[Compiled]:
    """Compile the flag *key*; one that cannot be read is always left to the server."""
    off = Evaluation(value=False)
    yield 10
    try:
        key.encode()
        return (yield from _compile(key, definition, book))
    except (Malformed, OverflowError, UnicodeError, RecursionError):
        return Compiled(always(SERVER), off, unresolved="unsupported_definition")


def _compile(key: str, definition: dict[str, object], book: Rulebook) -> Work[Compiled]:
    filters = _object(definition.get("filters"))
    payloads = Payloads(filters.get("payloads"))
    off = Evaluation(value=False, payload=payloads.of(value=False))
    if not definition.get("active"):
        return Compiled(payloads.apart(always(off)), off, payloads=payloads)
    if definition.get("ensure_experience_continuity"):
        reason: Reason = "experience_continuity"
        return Compiled(always(CONTINUITY), off, unresolved=reason, payloads=payloads)
    prizes = Prizes(key, _variants(filters.get("multivariate")), payloads)
    conditions: list[Condition] = []
    definitions = _list(filters.get("groups"))
    for condition in definitions:
        miss = off if len(definitions) == 1 else None
        found = yield from compile_condition(condition, filters, prizes, book, miss)
        conditions.append(found)
    decide = in_order(conditions, off)
    decide = _held_out(filters.get("holdout"), decide, payloads)
    for_whom = _for_whom(definition, filters)
    if filters.get("feature_enrollment") is True:
        is_for_group = for_whom == "group"
        decide = always(UNSUPPORTED) if is_for_group else by_enrollment(key, prizes.on, off)
    compiled = Compiled(payloads.apart(decide), off, for_whom, payloads=payloads)
    return _described(compiled, conditions, filters, book)


def _described(
    compiled: Compiled, conditions: list[Condition], filters: dict[str, object], book: Rulebook
) -> Compiled:
    """Add to *compiled* what its conditions need, and whether they can be decided at all."""
    weight = 1 + sum(condition.weight for condition in conditions)
    unsupported = any(condition.unsupported for condition in conditions)
    name: object = None
    if compiled.for_whom == "group":
        name = book.group_names.get(str(filters.get("aggregation_group_type_index")))
        unsupported = unsupported or not name
    is_heavy = weight > MOST_FILTERS
    return compiled._replace(
        decide=always(SERVER) if is_heavy else compiled.decide,
        group_name=name if isinstance(name, str) and name else None,
        weight=1 if is_heavy else weight,
        unresolved="unsupported_definition" if unsupported or is_heavy else None,
        reads_id=any(condition.reads_id for condition in conditions),
        is_direct=compiled.for_whom == "person"
        and not any(condition.needs_call for condition in conditions),
        is_mixed=any(condition.is_mixed for condition in conditions),
    )


def _held_out(holdout: object, decide: Decision, payloads: Payloads) -> Decision:
    definition = _object(holdout)
    share, name = definition.get("exclusion_percentage"), definition.get("id")
    if share is None or name is None:
        return decide
    label = f"holdout-{name}"
    held = Evaluation(value=label, payload=payloads.of(label))
    limit = first_above(min(max(_percentage(share), 0.0), 100.0) / 100)
    return always(held) if limit is None else unless_held_out(held, limit, decide)


def _percentage(share: object) -> float:
    if not isinstance(share, str | int | float):
        raise Malformed
    try:
        return float(share)
    except ValueError as error:
        raise Malformed from error


def _for_whom(
    definition: dict[str, object], filters: dict[str, object]
) -> Literal["person", "device", "group"]:
    if filters.get("aggregation_group_type_index") is not None:
        return "group"
    named = definition.get("bucketing_identifier") or filters.get("bucketing_identifier")
    return "device" if named == "device_id" else "person"


def _object(value: object) -> dict[str, object]:
    if value and not isinstance(value, dict):
        raise Malformed
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    if value and not isinstance(value, list):
        raise Malformed
    return value if isinstance(value, list) else []


def _variants(multivariate: object) -> list[tuple[str, float]]:
    variants = []
    for variant in _list(_object(multivariate).get("variants")):
        name = variant.get("key") if isinstance(variant, dict) else None
        share = variant.get("rollout_percentage") if isinstance(variant, dict) else None
        if not isinstance(name, str) or not isinstance(share, int | float):
            raise Malformed
        variants.append((name, share))
    return variants
