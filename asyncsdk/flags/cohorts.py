"""Cohorts: groups of filters in groups, whose membership a flag may ask for.

They are compiled from the leaves up, so that cohorts in cohorts cost no recursion; those that
contain themselves, or are nested too deeply, are left over, and left to the server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.dependencies import dependency_filter
from asyncsdk.flags.filters import Filter, Work, property_filter
from asyncsdk.flags.operators import Found, Test
from asyncsdk.flags.outcomes import SERVER, UNSUPPORTED, Evaluation, stronger
from asyncsdk.flags.rulebook import DEEPEST, Rulebook

_JUNCTIONS = ("AND", "OR")


def _ask_server(_: Properties, __: Call | None) -> Found:
    return SERVER


def _never(_: Properties, __: Call | None) -> Found:
    return UNSUPPORTED


def _everyone(_: Properties, __: Call | None) -> Found:
    return True


#: For what is not known here, or is no definition.
_UNKNOWN = Filter(_ask_server, unsupported=True, stops=True)


class _Deep(NamedTuple):
    """A compiled part with the number of groups it is deep."""

    filter: Filter
    depth: int


def compile_cohorts(definitions: dict[str, object], book: Rulebook) -> Work[None]:
    """Compile all cohorts of *definitions* into `book.cohorts`; empties *definitions*."""
    waiting: dict[str, set[str]] = {}
    users: defaultdict[str, list[str]] = defaultdict(list)
    for name, definition in definitions.items():
        used = yield from _used_cohorts(definition)
        waiting[name] = used & definitions.keys()
        for other in waiting[name]:
            users[other].append(name)
    ready = [name for name, used in waiting.items() if not used]
    depths: dict[str, int] = {}
    while ready:
        name = ready.pop()
        found = yield from _Compiling(book, depths).group(definitions[name], 0)
        book.cohorts[name], depths[name] = found
        for user in users[name]:
            waiting[user].discard(name)
            if not waiting[user]:
                ready.append(user)
    for name in tuple(definitions):
        book.cohorts.setdefault(name, _UNKNOWN)
        # To free them all at once would take milliseconds.
        del definitions[name], waiting[name]
        users.pop(name, None)
        yield 1


def _used_cohorts(definition: object) -> Work[set[str]]:
    """Collect the cohorts that *definition* names, however deep."""
    used: set[str] = set()
    stack = [definition]
    while stack:
        part = stack.pop()
        yield 1
        if isinstance(part, dict):
            if part.get("type") == "cohort" and isinstance(part.get("value"), str | int):
                used.add(str(part["value"]))
            values = part.get("values")
            if isinstance(values, list):
                stack.extend(values)
    return used


def cohort_filter(definition: dict[str, object], book: Rulebook) -> Filter:
    """Return the filter that asks for membership in a cohort, or for the contrary."""
    value = definition.get("value")
    cohort = book.cohorts.get(value if isinstance(value, str) else str(value))
    if cohort is None:
        return _UNKNOWN
    name = definition.get("operator") or "exact"
    if name not in ("exact", "in", "not_in"):
        return Filter(_never, unsupported=True)
    return cohort._replace(test=_negated(cohort.test)) if name == "not_in" else cohort


def _negated(test: Test) -> Test:
    def negated(properties: Properties, call: Call | None) -> Found:
        found = test(properties, call)
        if found is True:
            return False
        return True if found is False else found

    return negated


class _Compiling:
    """Compiles the groups of one cohort."""

    def __init__(self, book: Rulebook, depths: Mapping[str, int]) -> None:
        self._book = book
        self._depths = depths

    def group(self, definition: object, depth: int) -> Work[_Deep]:
        yield 1
        if definition == {}:
            return _Deep(Filter(_everyone), 0)
        values = definition.get("values") if isinstance(definition, dict) else None
        kind = definition.get("type") if isinstance(definition, dict) else None
        if kind not in _JUNCTIONS or not isinstance(values, list) or depth > DEEPEST:
            return _Deep(_UNKNOWN, 0)
        entries: list[_Deep] = []
        for value in values:
            entry = yield from self._entry(value, depth)
            entries.append(entry)
        below = 1 + max((entry.depth for entry in entries), default=0)
        if below > DEEPEST:
            return _Deep(_UNKNOWN, 0)
        return _Deep(_junction([entry.filter for entry in entries], kind == "AND"), below)

    def _entry(self, definition: object, depth: int) -> Work[_Deep]:
        if not isinstance(definition, dict):
            return _Deep(_UNKNOWN, 0)
        kind = definition.get("type")
        if definition == {} or "values" in definition or kind in _JUNCTIONS:
            return (yield from self.group(definition, depth + 1))
        found = yield from any_filter(definition, self._book)
        below = self._depths.get(str(definition.get("value")), 0) if kind == "cohort" else 0
        if definition.get("negation"):
            found = found._replace(test=_negated(found.test))
        return _Deep(found, below)


def any_filter(definition: dict[str, object], book: Rulebook) -> Work[Filter]:
    """Compile a filter of any type."""
    kind = definition.get("type")
    if kind == "cohort":
        yield 3
        return cohort_filter(definition, book)
    if kind == "flag":
        yield 3
        return dependency_filter(definition, book)
    return (yield from property_filter(definition, version=book.version))


def _junction(entries: list[Filter], every: bool) -> Filter:  # noqa: FBT001
    """Join *entries*; *every* one must match, or any.

    If none of them can ask for the server, the first that decides ends it.
    """
    if not entries:
        return Filter(_everyone)
    stops = any(entry.stops for entry in entries)
    tests = tuple(entry.test for entry in entries)
    if len(tests) == 1:
        test = tests[0]
    elif stops:
        test = _all_looked_at(tests, deciding=not every)
    else:
        test = _until_decided(tests, deciding=not every)
    return Filter(
        test,
        1 + sum(entry.weight for entry in entries),
        any(entry.unsupported for entry in entries),
        stops,
        any(entry.needs_call for entry in entries),
    )


def _until_decided(tests: tuple[Test, ...], *, deciding: bool) -> Test:
    def test(properties: Properties, call: Call | None) -> Found:
        doubt: Evaluation | None = None
        for one in tests:
            found = one(properties, call)
            if found is deciding:
                return deciding
            if found is not True and found is not False:
                doubt = stronger(doubt, found)
        return not deciding if doubt is None else doubt

    return test


def _all_looked_at(tests: tuple[Test, ...], *, deciding: bool) -> Test:
    def test(properties: Properties, call: Call | None) -> Found:
        doubt: Evaluation | None = None
        decided = False
        for one in tests:
            found = one(properties, call)
            if found is deciding:
                decided = True
            elif found is not True and found is not False:
                if found.stops_at_server:
                    return found
                doubt = stronger(doubt, found)
        if decided:
            return deciding
        return not deciding if doubt is None else doubt

    return test
