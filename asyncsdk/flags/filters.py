"""Filters on one property: each becomes a function that compares, and reads nothing anymore."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, TypeAlias, TypeVar, cast

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.dates import Moment, moment
from asyncsdk.flags.operators import (
    ABSENT,
    NULL_IS_NO,
    OPERATORS,
    Found,
    Test,
    equality,
    pattern,
)
from asyncsdk.flags.outcomes import MISSING, UNSUPPORTED

T = TypeVar("T")

#: Work that is done in pieces: what is yielded is about the microseconds that a piece took.
Work: TypeAlias = Generator[int, None, T]


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
    key = cast("str", definition.get("key"))  # or another name that no property has
    name = definition.get("operator") or "exact"
    value = definition.get("value")
    yield 3
    if not isinstance(name, str) or name not in OPERATORS or isinstance(key, list | dict):
        return Filter(_never, unsupported=True)
    if name in ("exact", "is_not"):
        test = yield from equality(key, value, wanted=name == "exact", version=version)
    elif name in ("regex", "not_regex"):
        yield 300
        test = pattern(key, value, wanted=name == "regex")
    else:
        test = OPERATORS[name](key, value)
    if test is None:
        return Filter(_null_is_no(key) if name in NULL_IS_NO else _never, unsupported=True)
    if name.startswith("is_date_"):
        return Filter(_on_date(test, moment(value)), needs_call=True)
    return Filter(test, reads_id=key == "distinct_id")


def _never(_: Properties, __: Call | None) -> Found:
    return UNSUPPORTED


def _null_is_no(key: str) -> Test:
    """Return the test of an unusable filter that null does not pass all the same."""

    def test(properties: Properties, _: Call | None) -> Found:
        return False if properties.get(key, ABSENT) is None else UNSUPPORTED

    return test


def _on_date(on: Test, meant: Moment | None) -> Test:
    """Return the test of a date, which on some days there is not: that outranks what is missing."""

    def test(properties: Properties, call: Call | None) -> Found:
        found = on(properties, call)
        if found is MISSING and call and meant and meant(call.now) is None:
            return UNSUPPORTED
        return found

    return test
