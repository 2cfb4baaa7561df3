"""Filters on one property: each becomes a function that compares, and reads nothing anymore."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, NamedTuple, TypeAlias, TypeVar

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.dates import Moment, moment
from asyncsdk.flags.operators import NULL_IS_NO, OPERATORS, Check, Found, equality, pattern
from asyncsdk.flags.outcomes import MISSING, UNSUPPORTED

T = TypeVar("T")

Test: TypeAlias = Callable[[Properties, Call | None], Found]
#: Work that is done in pieces: what is yielded is about the microseconds that a piece took.
Work: TypeAlias = Generator[int, None, T]

_ABSENT: Final = object()


class Filter(NamedTuple):
    """One compiled filter.

    Attributes:
        test: Says whether properties pass.
        weight: Filters that it looks at, itself included.
        unsupported: It can never be decided here.
        stops: It may find that the server must be asked, whatever the others say.
        needs_call: It looks at more than the properties.
        reads_id: It may look at the property `distinct_id`, which is added for it.
    """

    test: Test
    weight: int = 1
    unsupported: bool = False
    stops: bool = False
    needs_call: bool = False
    reads_id: bool = True


def property_filter(definition: dict[str, object], *, version: object) -> Work[Filter]:
    """Compile a filter on a property, as version *version* of the server's rules has it."""
    key = definition.get("key")
    name = definition.get("operator") or "exact"
    value = definition.get("value")
    yield 3
    if not isinstance(name, str) or name not in OPERATORS or isinstance(key, list | dict):
        return Filter(_never, unsupported=True)
    if name in ("exact", "is_not"):
        check = yield from equality(value, wanted=name == "exact", version=version)
    elif name in ("regex", "not_regex"):
        yield 300
        check = pattern(value, wanted=name == "regex")
    else:
        check = OPERATORS[name](value)
    if check is None:
        return Filter(_null_is_no(key) if name in NULL_IS_NO else _never, unsupported=True)
    if name.startswith("is_date_"):
        return Filter(_on_date(key, check, moment(value)), needs_call=True)
    return Filter(_on(key, check), reads_id=key == "distinct_id")


def _never(_: Properties, __: Call | None) -> Found:
    return UNSUPPORTED


def _null_is_no(key: object) -> Test:
    """Return the test of an unusable filter that null does not pass all the same."""

    def test(properties: Properties, _: Call | None) -> Found:
        return False if properties.get(key, _ABSENT) is None else UNSUPPORTED  # type: ignore[call-overload]

    return test


def _on(key: object, check: Check) -> Test:
    def test(properties: Properties, call: Call | None) -> Found:
        value = properties.get(key, _ABSENT)  # type: ignore[call-overload]
        return MISSING if value is _ABSENT else check(value, call)

    return test


def _on_date(key: object, check: Check, meant: Moment | None) -> Test:
    """Return the test of a date, which on some days there is not: that outranks what is missing."""
    on = _on(key, check)

    def test(properties: Properties, call: Call | None) -> Found:
        found = on(properties, call)
        if found is MISSING and call and meant and meant(call.now) is None:
            return UNSUPPORTED
        return found

    return test
