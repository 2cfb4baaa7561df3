"""What a property's value must be: one function for each operator and value of a filter.

A factory gets the filter's value and returns a check, or None if the operator cannot use that
value. A check gets the value of a property that was given (null counts as given).
"""

from __future__ import annotations

import operator as comparing
from collections.abc import Callable, Generator
from typing import TypeAlias

from asyncsdk.flags import dates, semver
from asyncsdk.flags.calls import Call
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
Check: TypeAlias = Callable[[object, Call | None], Found]
Factory: TypeAlias = Callable[[object], Check | None]


def equality(value: object, *, wanted: bool, version: object) -> Generator[int, None, Check | None]:
    """Compile `exact` (*wanted*) or `is_not`; long lists in pieces."""
    if value == []:
        return _truth(expected=True, wanted=wanted)
    if version != 2 and is_boolean_like(value):
        return _truth(expected=is_truthy(value), wanted=wanted)
    texts: set[str] = set()
    for at, candidate in enumerate(value if isinstance(value, list) else [value]):
        if at % 500 == 499:
            yield 200
        try:
            texts.add(text_form(candidate).lower())
        except NoText:
            return None
    return _one_of(texts, wanted=wanted)


def _truth(*, expected: bool, wanted: bool) -> Check:
    def check(value: object, _: Call | None) -> Found:
        try:
            text_form(value)
        except NoText:
            return MISSING
        return (is_truthy(value) is expected) is wanted

    return check


def _one_of(texts: set[str], *, wanted: bool) -> Check:
    def check(value: object, _: Call | None) -> Found:
        if type(value) is str:
            return (value.lower() in texts) is wanted
        try:
            return (text_form(value).lower() in texts) is wanted
        except NoText:
            return MISSING

    return check


def pattern(value: object, *, wanted: bool) -> Check | None:
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

    return check


def _text(compare: Callable[[str, str], bool], *, wanted: bool) -> Factory:
    def compiled(filter_value: object) -> Check | None:
        try:
            part = folded(text_form(filter_value))
        except NoText:
            return None

        def check(value: object, _: Call | None) -> Found:
            if type(value) is str and value.isascii():  # the usual one, in fewer calls
                return compare(value.lower(), part) is wanted
            try:
                return compare(folded(text_form(value)), part) is wanted
            except NoText:
                return MISSING

        return check

    return compiled


def _number(compare: Callable[[float, float], bool]) -> Factory:
    def compiled(filter_value: object) -> Check | None:
        limit = number_of(filter_value)
        if limit is None:
            return None

        def check(value: object, _: Call | None) -> Found:
            if type(value) is int and -EXACT < value < EXACT:  # the usual one, in fewer calls
                return compare(value, limit)
            number = number_of(value)
            return number is not None and compare(number, limit)

        return check

    return compiled


def _date(sign: int) -> Factory:
    def compiled(filter_value: object) -> Check | None:
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

        return check

    return compiled


def _version(compare: Callable[[semver.Version, semver.Version], bool]) -> Factory:
    def compiled(filter_value: object) -> Check | None:
        limit = semver.parse(filter_value)
        if limit is None:
            return None

        def check(value: object, _: Call | None) -> Found:
            if value is None:
                return False
            version = semver.parse(value)
            return MISSING if version is None else compare(version, limit)

        return check

    return compiled


def _version_range(read: Callable[[object], semver.Range | None]) -> Factory:
    def compiled(filter_value: object) -> Check | None:
        limits = read(filter_value)
        if limits is None:
            return None
        low, high = limits

        def check(value: object, _: Call | None) -> Found:
            if value is None:
                return False
            version = semver.parse(value)
            return MISSING if version is None else low <= version < high

        return check

    return compiled


def _is_given(_: object) -> Check | None:
    return lambda _, __: True


def _is_not_given(_: object) -> Check | None:
    # Absence proves nothing, and this is only asked of what is there.
    return lambda _, __: False


def _own_factory(_: object) -> Check | None:
    """Stand in for operators whose factory needs more than the filter's value."""
    return None


def _contains(text: str, part: str) -> bool:
    return part in text


OPERATORS: dict[str, Factory] = {
    "exact": _own_factory,
    "is_not": _own_factory,
    "regex": _own_factory,
    "not_regex": _own_factory,
    "is_set": _is_given,
    "is_not_set": _is_not_given,
    "icontains": _text(_contains, wanted=True),
    "not_icontains": _text(_contains, wanted=False),
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
