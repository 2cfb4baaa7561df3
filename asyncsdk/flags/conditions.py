"""The release conditions of a flag: whom each is for, how many of them, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.cohorts import any_filter
from asyncsdk.flags.filters import Filter, Work
from asyncsdk.flags.hashing import begin, digests, first_above, variant_of
from asyncsdk.flags.operators import Test
from asyncsdk.flags.outcomes import MISSING, SERVER, Evaluation, both
from asyncsdk.flags.payloads import Payloads
from asyncsdk.flags.rulebook import MOST_FILTERS, Rulebook

#: All filters said yes, but the person is not in the rollout.
OUT: Final = Evaluation(value=False)

#: Returns what a bucketing value gets: a value, None for no match, OUT, or an undecided outcome.
Decide: TypeAlias = Callable[[bytes, Properties, Call | None], Evaluation | None]
#: Returns what a bucketing value that is in gets.
Award: TypeAlias = Callable[[bytes, Properties, Call | None], Evaluation]


class Malformed(Exception):
    """The definition of a flag cannot be read; the server may know better."""


class Condition(NamedTuple):
    """One compiled condition: its decision, and what its filters need."""

    decide: Decide
    weight: int
    unsupported: bool
    needs_call: bool
    is_mixed: bool
    reads_id: bool


class Prizes:
    """What the conditions of the flag *key* can give: plain yes, or variants."""

    def __init__(self, key: str, variants: list[tuple[str, float]], payloads: Payloads) -> None:
        self.key: str = key
        self.on: Evaluation = Evaluation(value=True, payload=payloads.of(value=True))
        self._named = {
            name: Evaluation(value=name, payload=payloads.of(name)) for name, _ in variants
        }
        # One place more for those who fall behind the last variant; a name of "" is none.
        in_order = [self._named[name] if name else self.on for name, _ in variants]
        self._in_order = (*in_order, self.on)
        self._place = variant_of([share for _, share in variants])

    def award(self, override: object) -> Award | Evaluation:
        """Return what a condition with the variant *override* gives: one thing, or by hash."""
        if isinstance(override, str) and override and override in self._named:
            return self._named[override]
        if len(self._in_order) == 1:
            return self.on
        in_order, place, begun = self._in_order, self._place, begin(f"{self.key}.")

        def by_hash(value: bytes, _: Properties, __: Call | None) -> Evaluation:
            hashing = begun()
            hashing.update(value + b"variant")
            return in_order[place(hashing.digest())]

        return by_hash


def compile_condition(
    definition: object,
    of_flag: dict[str, object],
    prizes: Prizes,
    book: Rulebook,
    miss: Evaluation | None,
) -> Work[Condition]:
    """Compile one condition of a flag, whose other settings are *of_flag*.

    Those whom it is not for get *miss*, which is not None if there are no other conditions.

    Raises:
        Malformed: It cannot be read.
    """
    if not isinstance(definition, dict):
        raise Malformed
    properties = definition.get("properties")
    if isinstance(properties, list) and len(properties) > MOST_FILTERS:
        yield from _discard(properties)
        raise Malformed
    entries = _entries(properties)
    filters: list[Filter] = []
    for entry in entries:
        found = yield from any_filter(entry, book)
        filters.append(found)
    award = prizes.award(definition.get("variant"))
    # Only with early exit it matters who passed the filters and still is not in.
    out = OUT if miss is None and of_flag.get("early_exit") else miss
    last = _rolled_out(definition.get("rollout_percentage"), prizes.key, award, out)
    tests = tuple(entry.test for entry in filters)
    decide = _tested(tests, last, miss) if tests else last
    aggregation = of_flag.get("aggregation_group_type_index")
    own = definition.get("aggregation_group_type_index", aggregation)
    is_mixed = own != aggregation and own is not None
    return Condition(
        _for_group(book.group_names.get(str(own)), decide) if is_mixed else decide,
        1 + sum(entry.weight for entry in filters),
        any(entry.unsupported for entry in filters),
        is_mixed or any(entry.needs_call for entry in filters),
        is_mixed,
        any(entry.reads_id for entry in filters),
    )


def _entries(properties: object) -> list[dict[str, object]]:
    entries = properties or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Malformed
    return entries


def _discard(entries: list[object]) -> Work[None]:
    """Forget many *entries*: to free them all at once would take milliseconds."""
    while entries:
        del entries[-500:]
        yield 200


def _rolled_out(
    share: object, key: str, award: Award | Evaluation, out: Evaluation | None
) -> Decide:
    """Give the *award* to *share* percent, and *out* to the others."""
    if share is None:
        return _everyone(award)
    if not isinstance(share, int | float):
        return _unreadable
    limit = first_above(share / 100)
    return _everyone(award) if limit is None else _some(key, limit, award, out)


def _tested(tests: tuple[Test, ...], last: Decide, miss: Evaluation | None) -> Decide:
    """Ask filters first: one that says no decides, also if others cannot say anything."""

    def decide(value: bytes, properties: Properties, call: Call | None) -> Evaluation | None:
        doubt: Evaluation | None = None
        for test in tests:
            found = test(properties, call)
            if found is True:
                continue
            if found is False:
                return miss
            doubt = both(doubt, found)
        return last(value, properties, call) if doubt is None else doubt

    return decide


def _everyone(award: Award | Evaluation) -> Decide:
    if isinstance(award, Evaluation):
        return lambda _, __, ___: award
    return award


def _some(key: str, limit: bytes, award: Award | Evaluation, out: Evaluation | None) -> Decide:
    if not isinstance(award, Evaluation):
        digest = digests(f"{key}.")
        return lambda value, *call: out if digest(value) >= limit else award(value, *call)
    begun = begin(f"{key}.")

    # The most frequent of all: as few calls as can be.
    def decide(value: bytes, _: Properties, __: Call | None) -> Evaluation | None:
        hashing = begun()
        hashing.update(value)
        return out if hashing.digest() >= limit else award

    return decide


def _unreadable(_: bytes, __: Properties, ___: Call | None) -> Evaluation | None:
    return SERVER


def _for_group(name: object, decide: Decide) -> Decide:
    """Decide for the group of type *name* that the call brings, if it brings one."""

    def decide_for_group(_: bytes, __: Properties, call: Call | None) -> Evaluation | None:
        if call is None or not isinstance(name, str) or not name or name not in call.groups:
            return None
        properties = call.group_properties.get(name)
        if properties is None:
            return MISSING
        return decide(str(call.groups[name]).encode(), properties, call)

    return decide_for_group
