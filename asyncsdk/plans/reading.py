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
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from asyncsdk.errors import ConfigurationError

Schema: TypeAlias = Mapping[str, Any]

#: Where the events of a plan may lie, from the outside inwards.
_WRAPPERS = ("data", "tracking_plan", "trackingPlan", "rules", "events")
_SCHEMAS = ("rules", "jsonSchema", "json_schema", "schema")
#: What only a JSON Schema has, and what only one of objects has.
_OF_SCHEMAS = ("$defs", "definitions", "$schema", "$ref")
_OF_OBJECTS = ("properties", "allOf")
#: The parts of a call: a plan's schema of an event has them around the properties.
_OF_CALLS = frozenset(
    {
        *("anonymousId", "channel", "context", "event", "integrations", "messageId"),
        *("originalTimestamp", "properties", "sentAt", "timestamp", "traits", "type", "userId"),
    }
)


class PlannedEvent(Struct, frozen=True):
    """One event of a plan.

    Attributes:
        name: As it is tracked.
        schema: Of its properties.
        description: What the plan says of it.
        root: Where the schema's ``$ref`` begin.
        version: Of several rules for one event, the highest holds.
    """

    name: str
    schema: Schema
    description: str = ""
    root: Schema = {}
    version: int = 0


def read_plan(text: bytes) -> list[PlannedEvent]:
    """Return the events of a plan, in its order.

    Rules for other calls than `track` are left out, and of an event's versions all but the last.

    Raises:
        ConfigurationError: It is no JSON, no plan, or two events have one name and one version.
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
    (name, _), times = Counter((one.name, one.version) for one in events).most_common(1)[0]
    if times > 1:
        raise ConfigurationError(f"the plan has two events named {name!r}")
    last: dict[str, int] = {}
    for one in events:
        last[one.name] = max(one.version, last.get(one.name, one.version))
    return [one for one in events if one.version == last[one.name]]


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
    if "eventType" in plan:  # one event alone
        return [plan]
    for name in _WRAPPERS:
        inner = plan.get(name)
        if isinstance(inner, Mapping | list):
            return _rules(inner)
    return None


def _is_schema(value: object) -> bool:
    if not isinstance(value, Mapping) or any(name in value for name in _SCHEMAS):
        return False
    return _is_object(value) or any(name in value for name in _OF_SCHEMAS)


def _is_object(schema: Schema) -> bool:
    """Say whether *schema* is one of objects."""
    return schema.get("type") == "object" or any(name in schema for name in _OF_OBJECTS)


def _of_rule(rule: Mapping[str, Any]) -> PlannedEvent:
    name = rule.get("name") or rule.get("key")
    if not isinstance(name, str):
        raise ConfigurationError("the plan has an event without a name")
    schemas = [rule[key] for key in _SCHEMAS if isinstance(rule.get(key), Mapping)]
    found: Schema = schemas[0] if schemas else {}
    description = rule.get("description") or found.get("description")
    version = rule.get("version")
    return PlannedEvent(
        name,
        _of_properties(found),
        _text(description),
        found,
        version if isinstance(version, int) else 0,
    )


def _of_properties(schema: Schema) -> Schema:
    """Return the schema of the properties: plans have one for the whole call around it.

    One without, that names more than a call's parts, was written by hand, for the properties alone.
    """
    parts = schema.get("properties")
    if not isinstance(parts, Mapping):
        return {"type": "object"}
    if "properties" not in parts and not _OF_CALLS.issuperset(parts):
        return schema
    inner = parts.get("properties")
    return inner if isinstance(inner, Mapping) else {"type": "object"}


def _schemas(plan: object) -> Iterator[PlannedEvent]:
    if isinstance(plan, Sequence) and not isinstance(plan, str):
        for one in plan:
            found = _of_whole(one)
            if not found:
                raise ConfigurationError("a list of JSON Schemas has something else in it")
            yield from found
    else:
        yield from _of_whole(plan)


def _of_whole(plan: object) -> list[PlannedEvent]:
    """Return the events of a document: it is one, or refers to one, or defines some."""
    if not isinstance(plan, Mapping) or not _is_schema(plan):
        return []
    if "$ref" in plan:
        return [_referred(plan)]
    defined = plan.get("$defs") or plan.get("definitions")
    if _is_object(plan) and (plan.get("title") or not isinstance(defined, Mapping)):
        return [_of_schema(plan, plan)]
    parts = defined.values() if isinstance(defined, Mapping) else ()
    # What has no title there is a part of others.
    events = [one for one in parts if isinstance(one, Mapping) and _text(one.get("title"))]
    return [_of_schema(one, plan) for one in events if _is_object(one)]


def _referred(plan: Schema) -> PlannedEvent:
    """Return the event of a schema that says where it lies in itself."""
    found = referred(plan["$ref"], plan)
    if not found:
        raise ConfigurationError(f"the schema's $ref {plan['$ref']!r} leads nowhere in it")
    return _of_schema({"title": plan.get("title"), **found}, plan)


def referred(reference: object, root: Schema) -> Schema:
    """Return the schema that a ``$ref`` means within *root*; empty if it leads nowhere in it."""
    at: Any = root if isinstance(reference, str) and reference[:1] == "#" else {}
    for part in str(reference)[2:].split("/"):
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        at = at.get(name) if isinstance(at, Mapping) else None
    return at if isinstance(at, Mapping) else {}


def _of_schema(schema: Schema, root: Schema) -> PlannedEvent:
    title = _text(schema.get("title"))
    if not title:
        raise ConfigurationError("a JSON Schema needs a title: it is the event's name")
    return PlannedEvent(title, schema, _text(schema.get("description")), root)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
