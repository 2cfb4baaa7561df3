"""Reading: a tracking plan's JSON becomes the events in it. Pure.

Three forms are known by their shape: RudderStack's plans and their events, as its catalog's API answers
them; Segment's, as its Public API and the Config API before it do; and plain JSON Schema, one for an event.

Sources: rudderstack.com/docs/api/data-catalog-api, Segment's Public API `TrackingPlanRule`
(checked 2026-11).
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from asyncsdk.errors import ConfigurationError

Schema: TypeAlias = Mapping[str, Any]

#: Where the events of a plan may lie, from the outside inwards.
_WRAPPERS = ("data", "tracking_plan", "trackingPlan", "rules", "events")
_SCHEMAS = ("rules", "jsonSchema", "json_schema", "schema")


class PlannedEvent(Struct, frozen=True):
    """One event of a plan.

    Attributes:
        name: As it is tracked.
        schema: Of its properties.
        description: What the plan says of it.
        root: Where the schema's ``$ref`` begin.
    """

    name: str
    schema: Schema
    description: str = ""
    root: Schema = {}


def read_plan(text: bytes) -> list[PlannedEvent]:
    """Return the events of a plan, in its order.

    Rules for other calls than `track` are left out.

    Raises:
        ConfigurationError: It is no JSON, no plan, or two events have one name.
    """
    try:
        events = list(_events(msgspec.json.decode(text.removeprefix(BOM_UTF8))))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the plan is no JSON: {error}") from None
    except RecursionError:
        raise ConfigurationError("the plan is nested too deep") from None
    if not events:
        raise ConfigurationError(
            "the plan has no events; give one of RudderStack's or Segment's, or a JSON Schema with "
            "a title"
        )
    name, times = Counter(event.name for event in events).most_common(1)[0]
    if times > 1:
        raise ConfigurationError(f"the plan has two events named {name!r}")
    return events


def _events(plan: object) -> Iterator[PlannedEvent]:
    rules = _rules(plan)
    if rules is None:
        yield from _schemas(plan)
        return
    for rule in rules:
        if not isinstance(rule, Mapping):
            raise ConfigurationError("the plan's events must be objects")
        kind = rule.get("eventType") or rule.get("type") or "track"
        if str(kind).lower() == "track":
            yield _of_rule(rule)


def _rules(plan: object) -> Sequence[object] | None:
    """Return the list of the plan's events, or None if it is no plan but a schema."""
    if isinstance(plan, Sequence) and not isinstance(plan, str):
        return None if any(_is_schema(one) for one in plan) else plan
    if not isinstance(plan, Mapping) or _is_schema(plan):
        return None
    for name in _WRAPPERS:
        inner = plan.get(name)
        if isinstance(inner, Mapping | list):
            return _rules(inner)
    return None


def _is_schema(value: object) -> bool:
    if not isinstance(value, Mapping) or any(name in value for name in _SCHEMAS):
        return False
    return any(name in value for name in ("properties", "$defs", "definitions", "$schema"))


def _of_rule(rule: Mapping[str, Any]) -> PlannedEvent:
    name = rule.get("name") or rule.get("key")
    if not isinstance(name, str):
        raise ConfigurationError("the plan has an event without a name")
    schemas = [rule[key] for key in _SCHEMAS if isinstance(rule.get(key), Mapping)]
    found: Schema = schemas[0] if schemas else {}
    description = rule.get("description") or found.get("description")
    return PlannedEvent(name, _of_properties(found), _text(description), found)


def _of_properties(schema: Schema) -> Schema:
    """Return the schema of the properties: plans have one for the whole call around it."""
    parts = schema.get("properties")
    inner = parts.get("properties") if isinstance(parts, Mapping) else None
    return inner if isinstance(inner, Mapping) else {"type": "object"}


def _schemas(plan: object) -> Iterator[PlannedEvent]:
    if isinstance(plan, Sequence) and not isinstance(plan, str):
        for one in plan:
            yield from _schemas(one)
        return
    if not isinstance(plan, Mapping) or not _is_schema(plan):
        return
    if "properties" in plan:
        title = _text(plan.get("title"))
        if not title:
            raise ConfigurationError("a JSON Schema needs a title: it is the event's name")
        yield PlannedEvent(title, plan, _text(plan.get("description")), plan)
        return
    defined = plan.get("$defs") or plan.get("definitions")
    for schema in defined.values() if isinstance(defined, Mapping) else ():
        # What has no title there is a part of others.
        if isinstance(schema, Mapping) and _text(schema.get("title")):
            text = _text(schema.get("description"))
            yield PlannedEvent(_text(schema.get("title")), schema, text, plan)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
