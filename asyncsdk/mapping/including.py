"""Including: sections of the event, put under the data as ``section_key``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asyncsdk.mapping.paths import step
from asyncsdk.mapping.properties import NO_VALUE

_OF_EVENT = ("entity", "action", "id", "timestamp", "name", "trigger", "timing")


def _section(name: str) -> Callable[[Any], Any]:
    return lambda event: step(event, name)


def _event(event: Any) -> dict[str, Any]:
    return {name: step(event, name) for name in _OF_EVENT}


_SECTIONS: dict[str, Callable[[Any], Any]] = {
    "data": _section("data"),
    "globals": _section("globals"),
    "context": _section("context"),
    "user": _section("user"),
    "source": _section("source"),
    "event": _event,
}


def included(event: Any, sections: Sequence[str]) -> dict[str, Any]:
    """Return what *sections* of *event* hold, one level deep; of a context its first element.

    Source: @walkeros/core 4.2.1 (checked 2026-11). 4.4.0 goes on into objects.
    """
    found: dict[str, Any] = {}
    for name in _SECTIONS if "all" in sections else sections:
        section = _SECTIONS[name](event) if name in _SECTIONS else None
        if not isinstance(section, Mapping):
            continue
        for key, value in section.items():
            if name == "context" and isinstance(value, list | tuple):
                value = value[0] if value else NO_VALUE  # noqa: PLW2901 - the pair's label
            if value is not NO_VALUE:
                found[f"{name}_{key}"] = value
    return found


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay *over* on *under*, one level deep; two lists become one without what is there already."""
    merged = {**under, **over}
    for key in over.keys() & under.keys():
        first, second = under[key], over[key]
        if isinstance(first, list | tuple) and isinstance(second, list | tuple):
            merged[key] = _joined(first, second)
    return merged


def _joined(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    joined = list(first)
    known = {_same(one) for one in first}
    for one in second:
        if _same(one) not in known:
            known.add(_same(one))
            joined.append(one)
    return joined


def _same(value: Any) -> object:
    """Return what two values share that JavaScript takes for the same: objects only themselves."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str | int | float):
        return value
    return ("object", id(value))
