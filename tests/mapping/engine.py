"""The recorded answers of the original engine, and ours in the same form."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncsdk import Message
from asyncsdk.mapping import NO_VALUE, Mapping, calls, match, merge, process, resolve
from asyncsdk.mapping.making import Compat

_FILE = Path(__file__).parents[1] / "fixtures" / "mapping" / "cases.json"
#: What @walkeros/core 4.2.1 answered, case by case.
CASES: list[dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))["cases"]

_WIRE = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "event": "event",
    "properties": "properties",
    "traits": "traits",
    "name": "name",
    "group_id": "groupId",
    "previous_id": "previousId",
}


def answer(case: dict[str, Any], compat: Compat) -> Any:
    """Return our answer to *case*, written as the recorded one is."""
    return _BY_KIND[case["kind"]](case, compat)


def written(value: Any) -> Any:
    """Return *value* with the recording's mark for no value."""
    if value is NO_VALUE:
        return {"$undefined": True}
    if isinstance(value, dict):
        return {key: written(one) for key, one in value.items()}
    return [written(one) for one in value] if isinstance(value, list) else value


def call_written(message: Message) -> list[Any]:
    """Return a call as the recording has it."""
    fields = {wire: getattr(message, ours) for ours, wire in _WIRE.items()}
    present = {name: value for name, value in fields.items() if value is not None}
    return [f"analytics.{message.type}", {**present, "timestamp": {"$date": message.timestamp}}]


def _value(case: dict[str, Any], compat: Compat) -> Any:
    found = resolve(
        case["event"],
        case["mapping"],
        consent=case.get("context_consent"),
        collector_consent=case.get("collector_consent"),
        compat=compat,
    )
    return written(found)


def _event(case: dict[str, Any], compat: Compat) -> Any:
    found = match(case["event"], case["mapping"], compat=compat)
    both = {"eventMapping": found.rule, "mappingKey": found.mapping_key}
    return {name: value for name, value in both.items() if value is not None}


def _process(case: dict[str, Any], compat: Compat) -> Any:
    found = process(case["event"], case["config"], compat=compat)
    flags = {"ignore": found.ignore, "silent": found.silent}
    key = {"mappingKey": found.mapping_key} if found.mapping_key else {}
    data = {} if found.data is NO_VALUE else {"data": written(found.data)}
    return {"event": written(found.event), **data, **key, **flags}


def _merge(case: dict[str, Any], _compat: Compat) -> Any:
    return merge(case["base"], case["override"])


def _rudderstack(case: dict[str, Any], compat: Compat) -> Any:
    mapping = Mapping(case["config"], compat=compat)
    memory = mapping.memory()
    events = case.get("events") or [case["event"]]
    return [call_written(one) for event in events for one in calls(event, mapping, memory)]


_BY_KIND: dict[str, Callable[[dict[str, Any], Compat], Any]] = {
    "value": _value,
    "event": _event,
    "process": _process,
    "merge": _merge,
    "rudderstack": _rudderstack,
}
