"""Plans in the forms that are read, and the modules that are written from them."""

import json
from types import ModuleType
from typing import Any

from asyncsdk.plans.reading import read_plan
from asyncsdk.plans.writing import write_module

PROPERTIES: dict[str, Any] = {
    "type": "object",
    "required": ["order_id", "revenue"],
    "properties": {
        "order_id": {"type": "string", "description": "As the shop has it."},
        "revenue": {"type": "number", "minimum": 0},
        "class": {"type": ["string", "null"]},
        "state": {"enum": ["paid", "open"]},
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["sku"],
                "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}},
            },
        },
    },
}
WHOLE = {"type": "object", "properties": {"properties": PROPERTIES, "context": {}}}
NAME, TEXT = "Order Completed", "A customer paid."

#: One event, and an identify, as each system has them.
FORMS: dict[str, Any] = {
    "RudderStack, the events of a plan": {
        "data": [
            {"name": NAME, "description": TEXT, "eventType": "track", "rules": WHOLE},
            {"name": "", "eventType": "identify", "rules": WHOLE},
        ],
        "currentPage": 1,
    },
    "RudderStack, a plan with its events": {
        "name": "Shop",
        "rules": {"events": [{"name": NAME, "description": TEXT, "rules": WHOLE}]},
    },
    "Segment, Public API": {
        "data": {
            "rules": [
                {"type": "TRACK", "key": NAME, "jsonSchema": {**WHOLE, "description": TEXT}},
                {"type": "IDENTIFY", "jsonSchema": WHOLE},
                {"type": "COMMON", "key": None, "jsonSchema": WHOLE},
            ]
        }
    },
    "Segment, Config API": {
        "tracking_plan": {
            "display_name": "Shop",
            "rules": {"events": [{"name": NAME, "description": TEXT, "rules": WHOLE}]},
        }
    },
    "RudderStack, one event": {
        "name": NAME,
        "description": TEXT,
        "eventType": "track",
        "rules": WHOLE,
    },
    "written by hand, for the properties alone": {
        "events": [{"name": NAME, "description": TEXT, "rules": PROPERTIES}]
    },
    "JSON Schema": {**PROPERTIES, "title": NAME, "description": TEXT},
    "JSON Schema, of parts": {
        "title": NAME,
        "description": TEXT,
        "allOf": [{"$ref": "#/$defs/Base"}],
        "$defs": {"Base": {"title": "Base", **PROPERTIES}},
    },
    "JSON Schema, elsewhere in itself": {
        "$ref": "#/definitions/Order",
        "definitions": {
            "Order": {**PROPERTIES, "title": NAME, "description": TEXT},
            "Address": {"title": "Address", "type": "object"},
        },
    },
    "JSON Schema, defined beside a text": {
        "$defs": {
            "Order": {**PROPERTIES, "title": NAME, "description": TEXT},
            "Sku": {"title": "Sku", "type": "string"},
        },
    },
    "JSON Schema, several": [{**PROPERTIES, "title": NAME, "description": TEXT}],
    "JSON Schema, definitions": {
        "$defs": {"order": {**PROPERTIES, "title": NAME, "description": TEXT}, "part": PROPERTIES}
    },
}


def written(plan: object) -> str:
    """Return the module of *plan*."""
    return write_module(read_plan(json.dumps(plan).encode()))


def imported(plan: object) -> ModuleType:
    """Return the module of *plan*, as an application imports it."""
    module = ModuleType("events_of_a_plan")
    exec(compile(written(plan), "events.py", "exec"), module.__dict__)  # noqa: S102 - it is ours
    return module


def of_schema(schema: object, name: str = "E") -> ModuleType:
    """Return the module of a plan with one event, of one property *p* of *schema*."""
    return imported({"title": name, "type": "object", "properties": {"p": schema}})
