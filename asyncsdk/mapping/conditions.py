"""Conditions: the declarative form, compiled once.

``{"key": "data.total", "operator": "gt", "value": "100"}``, with ``"not": true``, and ``and``,
``or``, ``not`` around them. Values are compared as JavaScript's texts and numbers, which is what
the original does where it has such conditions.

Regular expressions come from the application's own file, never from an event. Python's engine can
take very long for some of them (nested repetitions), so patterns are short and only short texts are
searched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.paths import reader
from asyncsdk.mapping.properties import NO_VALUE
from asyncsdk.mapping.tracing import Trace
from asyncsdk.wire.ids import number_text

#: Say whether a condition holds for a value.
Test: TypeAlias = Callable[[Any, Trace], bool]
_Check: TypeAlias = Callable[[Any], bool]

#: Characters of a pattern at most.
MAX_PATTERN = 500
#: A longer text matches no pattern.
MAX_SEARCHED = 1_000
#: Conditions inside conditions.
_MAX_DEPTH = 20

_LEAF = frozenset({"key", "operator", "value", "not"})


def condition(raw: Mapping[str, Any], place: str, depth: int = _MAX_DEPTH) -> Test:
    """Compile one declarative condition.

    Raises:
        ConfigurationError: It is none; the place says where.
    """
    if depth <= 0:
        raise ConfigurationError(f"{place}: conditions are nested more than {_MAX_DEPTH} deep")
    for word in ("and", "or"):
        if word in raw:
            _only(raw, frozenset({word}), place)
            parts = _parts(raw[word], f"{place}.{word}", depth)
            return _all(parts) if word == "and" else _any(parts)
    if isinstance(raw.get("not"), Mapping):
        _only(raw, frozenset({"not"}), place)
        return _not(condition(raw["not"], f"{place}.not", depth - 1))
    return _leaf(raw, place)


def _parts(raw: Any, place: str, depth: int) -> list[Test]:
    if not isinstance(raw, list | tuple):
        raise ConfigurationError(f"{place}: a list of conditions is needed")
    tests: list[Test] = []
    for number, one in enumerate(raw):
        if not isinstance(one, Mapping):
            raise ConfigurationError(f"{place}[{number}]: a condition is needed")
        tests.append(condition(one, f"{place}[{number}]", depth - 1))
    return tests


def _only(raw: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    unknown = [key for key in raw if key not in known]
    if unknown:
        raise ConfigurationError(f'{place}: unknown key "{unknown[0]}"')


def _all(tests: list[Test]) -> Test:
    return lambda value, trace: all(test(value, trace) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda value, trace: any(test(value, trace) for test in tests)


def _not(test: Test) -> Test:
    return lambda value, trace: not test(value, trace)


def _leaf(raw: Mapping[str, Any], place: str) -> Test:
    _only(raw, _LEAF, place)
    key, operator = raw.get("key"), raw.get("operator")
    if not isinstance(key, str):
        raise ConfigurationError(f"{place}: key: a path is needed")
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise ConfigurationError(
            f"{place}: operator: one of {', '.join(_OPERATORS)} is needed, not {operator!r}"
        )
    if operator != "exists" and not isinstance(raw.get("value"), str | int | float):
        raise ConfigurationError(f"{place}: value: a text, a number or a boolean is needed")
    if not isinstance(raw.get("not", False), bool):
        raise ConfigurationError(f"{place}: not: true or false is needed")
    check = _OPERATORS[operator](raw.get("value", ""), place)
    read = reader(key)
    if raw.get("not"):
        return lambda value, trace: not check(read(value, trace))
    return lambda value, trace: check(read(value, trace))


def as_text(value: Any) -> str:
    """Return *value* as JavaScript's ``String`` writes it; nothing and null are empty."""
    if isinstance(value, str):
        return str(value)
    if value is None or value is NO_VALUE:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, list | tuple):
        return ",".join(as_text(one) for one in value[:MAX_SEARCHED])
    return "[object Object]" if isinstance(value, Mapping) else str(value)


def _number_text(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    return number_text(value)


def as_number(value: Any) -> float:
    """Return *value* as JavaScript's ``Number`` reads it; NaN where it is none."""
    if value is NO_VALUE:
        return math.nan
    try:
        if isinstance(value, bool | int | float):
            return float(value)
        text = as_text(value).strip()
        return float(text or 0) if "_" not in text else math.nan
    except ValueError:
        return math.nan
    except OverflowError:  # Python's own integers have no end
        return math.inf if value > 0 else -math.inf


def _eq(wanted: Any, _place: str) -> _Check:
    text = as_text(wanted)
    return lambda found: as_text(found) == text


def _contains(wanted: Any, _place: str) -> _Check:
    text = as_text(wanted)
    return lambda found: text in as_text(found)


def _prefix(wanted: Any, _place: str) -> _Check:
    text = as_text(wanted)
    return lambda found: as_text(found).startswith(text)


def _suffix(wanted: Any, _place: str) -> _Check:
    text = as_text(wanted)
    return lambda found: as_text(found).endswith(text)


def _regex(wanted: Any, place: str) -> _Check:
    text = as_text(wanted)
    if len(text) > MAX_PATTERN:
        raise ConfigurationError(f"{place}: value: a pattern has at most {MAX_PATTERN} characters")
    try:
        search = re.compile(text).search
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"{place}: value: no regular expression ({error})") from None

    def check(found: Any) -> bool:
        searched = as_text(found)
        return len(searched) <= MAX_SEARCHED and search(searched) is not None

    return check


def _gt(wanted: Any, _place: str) -> _Check:
    number = as_number(wanted)
    return lambda found: as_number(found) > number


def _lt(wanted: Any, _place: str) -> _Check:
    number = as_number(wanted)
    return lambda found: as_number(found) < number


def _exists(_wanted: Any, _place: str) -> _Check:
    return lambda found: found is not NO_VALUE and found is not None


_OPERATORS: dict[Any, Callable[[Any, str], _Check]] = {
    "eq": _eq,
    "contains": _contains,
    "prefix": _prefix,
    "suffix": _suffix,
    "regex": _regex,
    "gt": _gt,
    "lt": _lt,
    "exists": _exists,
}
