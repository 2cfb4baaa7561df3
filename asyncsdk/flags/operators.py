"""What a property's value must be: one function for each operator and value of a filter.

A factory gets the filter's key and value and returns a test of properties, or None if the operator
cannot use that value. Null counts as given. The usual values are looked at in the test itself:
each function that is called less is a tenth of what a filter costs.
"""

from __future__ import annotations

import operator as comparing
from collections.abc import Callable, Generator
from typing import Final, TypeAlias

from asyncsdk.flags import dates, semver
from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.outcomes import MISSING, UNSUPPORTED, Evaluation
from asyncsdk.flags.regexes import Answer, search_for
from asyncsdk.flags.texts import (
    EXACT,
    NoText,
    folded,
    is_boolean_like,
    is_truthy,
    number_of,
    text_form,
)

#: What a filter says: yes, no, or why it cannot be said.
Found: TypeAlias = bool | Evaluation
Test: TypeAlias = Callable[[Properties, Call | None], Found]
Factory: TypeAlias = Callable[[str, object], Test | None]

#: In the place of a property that was not given; it has no text, and is no number.
ABSENT: Final = object()

#: Characters of a filter's number; to read a million digits takes milliseconds, and the server can.
_LONGEST_NUMBER = 10_000

#: What one value of a property is worth; of those that are given.
_Check: TypeAlias = Callable[[object, Call | None], Found]


def _given(key: str, check: _Check) -> Test:
    def test(properties: Properties, call: Call | None) -> Found:
        value = properties.get(key, ABSENT)
        return MISSING if value is ABSENT else check(value, call)

    return test


def equality(
    key: str, value: object, *, wanted: bool, version: object
) -> Generator[int, None, Test | None]:
    """Compile `exact` (*wanted*) or `is_not`; long lists in pieces."""
    if value == []:
        return _truth(key, expected=True, wanted=wanted)
    if version != 2 and is_boolean_like(value):
        return _truth(key, expected=is_truthy(value), wanted=wanted)
    texts: set[str] = set()
    for at, candidate in enumerate(value if isinstance(value, list) else [value]):
        if at % 500 == 499:
            yield 200
        try:
            texts.add(text_form(candidate).lower())
        except NoText:
            return None
    return _one_of(key, texts, wanted=wanted)


def _truth(key: str, *, expected: bool, wanted: bool) -> Test:
    def check(value: object, _: Call | None) -> Found:
        try:
            text_form(value)
        except NoText:
            return MISSING
        return (is_truthy(value) is expected) is wanted

    return _given(key, check)


def _one_of(key: str, texts: set[str], *, wanted: bool) -> Test:
    def test(properties: Properties, _: Call | None) -> Found:
        value = properties.get(key, ABSENT)
        if type(value) is str:
            return (value.lower() in texts) is wanted
        try:
            return (text_form(value).lower() in texts) is wanted
        except NoText:
            return MISSING

    return test


def pattern(key: str, value: object, *, wanted: bool) -> Test | None:
    """Compile `regex` (*wanted*) or `not_regex`."""
    search = search_for(value if isinstance(value, str) else str(value))
    if search is None:
        return None
    answers: dict[Answer, Found] = {
        Answer.FOUND: wanted,
        Answer.NOT_FOUND: not wanted,
        Answer.NO_PATTERN: False,
        Answer.UNKNOWN: UNSUPPORTED,
    }

    def check(given: object, _: Call | None) -> Found:
        try:
            return answers[search(text_form(given))]
        except NoText:
            return MISSING

    return _given(key, check)


def _text(compare: Callable[[str, str], bool], *, wanted: bool) -> Factory:
    def compiled(key: str, filter_value: object) -> Test | None:
        try:
            part = folded(text_form(filter_value))
        except NoText:
            return None

        def test(properties: Properties, _: Call | None) -> Found:
            value = properties.get(key, ABSENT)
            if type(value) is str and value.isascii():
                return compare(value.lower(), part) is wanted
            try:
                return compare(folded(text_form(value)), part) is wanted
            except NoText:
                return MISSING

        return test

    return compiled


def _number(compare: Callable[[float, float], bool]) -> Factory:
    def compiled(key: str, filter_value: object) -> Test | None:
        if isinstance(filter_value, str) and len(filter_value) > _LONGEST_NUMBER:
            return None
        limit = number_of(filter_value)
        if limit is None:
            return None

        def test(properties: Properties, _: Call | None) -> Found:
            value = properties.get(key, ABSENT)
            if type(value) is int and -EXACT < value < EXACT:
                return compare(value, limit)
            if value is ABSENT:
                return MISSING
            number = number_of(value)
            return number is not None and compare(number, limit)

        return test

    return compiled


def _date(sign: int) -> Factory:
    def compiled(key: str, filter_value: object) -> Test | None:
        meant = dates.moment(filter_value)
        if meant is None:
            return None

        def check(value: object, call: Call | None) -> Found:
            if value is None:
                return False
            # Flags with such filters are always given their call.
            now = call.now if call else dates.EPOCH
            limit = meant(now)
            if limit is None:
                return UNSUPPORTED
            moment = dates.given(value, now)
            return MISSING if moment is None else dates.order(moment, limit) == sign

        return _given(key, check)

    return compiled


def _version(compare: Callable[[semver.Version, semver.Version], bool]) -> Factory:
    def compiled(key: str, filter_value: object) -> Test | None:
        limit = semver.parse(filter_value)
        if limit is None:
            return None

        def check(value: object, _: Call | None) -> Found:
            if value is None:
                return False
            version = semver.parse(value)
            return MISSING if version is None else compare(version, limit)

        return _given(key, check)

    return compiled


def _version_range(read: Callable[[object], semver.Range | None]) -> Factory:
    def compiled(key: str, filter_value: object) -> Test | None:
        limits = read(filter_value)
        if limits is None:
            return None
        low, high = limits

        def check(value: object, _: Call | None) -> Found:
            if value is None:
                return False
            version = semver.parse(value)
            return MISSING if version is None else low <= version < high

        return _given(key, check)

    return compiled


def _is_given(key: str, _: object) -> Test | None:
    return lambda properties, _: True if key in properties else MISSING


def _is_not_given(key: str, _: object) -> Test | None:
    # Absence proves nothing: of what is not here, the server may know more.
    return lambda properties, _: False if key in properties else MISSING


def _own_factory(_: str, __: object) -> Test | None:
    """Stand in for operators whose factory needs more than the filter's key and value."""
    return None


OPERATORS: dict[str, Factory] = {
    "exact": _own_factory,
    "is_not": _own_factory,
    "regex": _own_factory,
    "not_regex": _own_factory,
    "is_set": _is_given,
    "is_not_set": _is_not_given,
    "icontains": _text(comparing.contains, wanted=True),
    "not_icontains": _text(comparing.contains, wanted=False),
    "starts_with": _text(str.startswith, wanted=True),
    "not_starts_with": _text(str.startswith, wanted=False),
    "ends_with": _text(str.endswith, wanted=True),
    "not_ends_with": _text(str.endswith, wanted=False),
    "gt": _number(comparing.gt),
    "gte": _number(comparing.ge),
    "lt": _number(comparing.lt),
    "lte": _number(comparing.le),
    "is_date_before": _date(-1),
    "is_date_after": _date(1),
    "semver_eq": _version(comparing.eq),
    "semver_neq": _version(comparing.ne),
    "semver_gt": _version(comparing.gt),
    "semver_gte": _version(comparing.ge),
    "semver_lt": _version(comparing.lt),
    "semver_lte": _version(comparing.le),
    "semver_tilde": _version_range(semver.tilde),
    "semver_caret": _version_range(semver.caret),
    "semver_wildcard": _version_range(semver.wildcard),
}
#: With these, null is a plain no, even where the filter's value is unusable.
NULL_IS_NO = frozenset(name for name in OPERATORS if name.startswith(("is_date_", "semver_")))
