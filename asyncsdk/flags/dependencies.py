"""Filters on what another flag evaluates to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.filters import Filter
from asyncsdk.flags.operators import Found
from asyncsdk.flags.outcomes import DEPENDENCY, SERVER_DEPENDENCY, UNSUPPORTED, Evaluation
from asyncsdk.flags.rulebook import Rulebook

if TYPE_CHECKING:
    from asyncsdk.flags.flag import Flag

#: Flags that depend on flags that depend on flags …; chains are given in order, and stay flat.
_DEEPEST = 30


def _no(_: Properties, __: Call | None) -> Found:
    return False


def _never(_: Properties, __: Call | None) -> Found:
    return UNSUPPORTED


def dependency_filter(definition: dict[str, object], book: Rulebook) -> Filter:
    """Compile a filter of type `flag`; one without its key or value matches nobody."""
    key, expected = definition.get("key"), definition.get("value")
    if definition.get("operator", "exact") != "flag_evaluates_to" or not key or expected is None:
        return Filter(_no)
    chain = definition.get("dependency_chain")
    # An empty chain is the server's word for a circle.
    if not isinstance(chain, list) or not chain or not isinstance(key, str):
        return Filter(_never, unsupported=True)
    if not all(isinstance(member, str) for member in chain):
        return Filter(_never, unsupported=True)
    dependency = _Dependency(key, expected, tuple(chain), book)
    return Filter(
        dependency.test,
        weight=1 + len(chain) // 20,
        unsupported=dependency.is_unsupported(),
        stops=True,
        needs_call=True,
    )


class _Dependency:
    """One filter on another flag: evaluates the chain in its order, then compares the last."""

    def __init__(self, key: str, expected: object, chain: tuple[str, ...], book: Rulebook) -> None:
        self._key = key
        self._expected = expected
        self._chain = chain
        self._is_whole = key in chain
        self._book = ref(book)  # weak, as in the flags themselves

    def is_unsupported(self) -> bool:
        return any(member not in self._flags for member in self._chain)

    @property
    def _flags(self) -> dict[str, Flag]:
        book = self._book()
        return book.flags if book else {}

    def test(self, properties: Properties, call: Call | None) -> Found:
        if call is None:
            return UNSUPPORTED
        nested = call.without_groups()
        missing = self._missing(call)
        if missing:
            call.known[missing] = None
            nested.doubts += 1
            return UNSUPPORTED
        nested.doubts += not self._is_whole
        for member in self._chain:
            doubt = self._evaluate(member, properties, nested)
            if doubt:
                nested.doubts += 1
                return doubt
        found = call.known.get(self._key)
        if found is None:
            return UNSUPPORTED
        return DEPENDENCY if found.reason else self._matches(found.value)

    def _missing(self, call: Call) -> str | None:
        """Return the first of the chain without a definition that this call has not met yet."""
        known, flags = call.known, self._flags
        return next((one for one in self._chain if one not in known and one not in flags), None)

    def _evaluate(self, member: str, properties: Properties, call: Call) -> Evaluation | None:
        """Evaluate one flag of the chain, once; return why that could not be done, if so."""
        known, settled = call.known, call.settled
        if member in known:
            before = known[member]
            # One that was asked in vain is passed over: what comes of it holds on this way alone.
            call.doubts += before is None or before.reason is not None
            return None
        # A chain without its own end needs what is found out on the way.
        if self._is_whole and member in settled:
            known[member] = settled[member]
            return None
        doubts = call.doubts
        found = self._found(member, properties, call)
        if found is None:
            return UNSUPPORTED
        if found.stops_at_server:
            del known[member]  # who asks again may have learned something on another way
            return SERVER_DEPENDENCY
        known[member] = found
        if found.reason is not None:
            return DEPENDENCY
        if call.doubts == doubts:
            settled[member] = found
        return None

    def _found(self, member: str, properties: Properties, call: Call) -> Evaluation | None:
        """Evaluate another flag, within what one evaluation may take; else return None."""
        flag = self._flags.get(member)
        if flag is None:
            return None
        call.budget -= flag.weight
        if call.depth >= _DEEPEST or call.budget < 0:
            return None
        # Who comes back here meanwhile has gone in a circle.
        call.known[member] = UNSUPPORTED
        call.depth += 1
        try:
            return flag.as_dependency(properties, call)
        finally:
            call.depth -= 1

    def _matches(self, value: object) -> bool:
        expected = self._expected
        if isinstance(value, str) and value:
            return expected is True or (isinstance(expected, str) and expected == value)
        return isinstance(value, bool) and value is expected
