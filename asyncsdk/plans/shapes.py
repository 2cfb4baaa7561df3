"""Shapes: JSON Schema becomes annotations, and classes for the objects in it. Pure.

What msgspec can check becomes a type; what it cannot becomes a wider one, up to ``Any``: an event that
keeps to the plan is never refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from asyncsdk.plans.naming import class_name, field_names, prose, quoted
from asyncsdk.plans.reading import Schema, referred

#: Objects inside of objects, and references to references; what lies deeper may be anything.
_DEEPEST = 10
#: Classes of a plan; schemas that refer to themselves would make any number of them.
_MOST = 2_000
#: Schemas that are looked at for one event: of a few that refer to each other many times over there
#: are more ways through than time. What comes after these may be anything.
_PATIENCE = 50_000
#: msgspec's bounds and literals end here.
_WHOLE = 2**63
_PLAIN = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_FORMATS = {"date-time": "datetime", "date": "date"}
_BOUNDS = {
    "str": {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"},
    "list": {"minItems": "min_length", "maxItems": "max_length"},
    "int": {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"},
}
_BOUNDS["float"] = _BOUNDS["int"]


# Names that msgspec takes for no field; they pass unchecked.
_UNSAYABLE = re.compile(r'[\x00-\x1f"\\]')


class Field(Struct, frozen=True):
    """One field of a class."""

    name: str
    wire_name: str
    annotation: str
    required: bool
    description: str


class Shape(Struct, frozen=True):
    """One class."""

    name: str
    fields: tuple[Field, ...]
    closed: bool
    description: str = ""
    event: str | None = None


class Shaper:
    """Turn schemas into shapes; those of the objects inside of one come before it."""

    def __init__(self) -> None:
        # This is all that changes.
        self.shapes: list[Shape] = []
        self._names: set[str] = set()
        self._root: Schema = {}
        self._patience = _PATIENCE

    def event(self, name: str, schema: Schema, description: str, root: Schema) -> Shape:
        """Shape an event and everything inside of it; return its own shape."""
        self._root = root
        self._patience = _PATIENCE
        return self._class(name, self._whole(schema), description, 0, event=name)

    def _class(
        self, name: str, schema: Schema, description: str, depth: int, *, event: str | None = None
    ) -> Shape:
        own = class_name(name, self._names)
        self._names.add(own)
        fields, closed = self._fields(own, schema, depth)
        shape = Shape(own, fields, closed, prose(description), event)
        self.shapes.append(shape)
        return shape

    def _fields(self, own: str, schema: Schema, depth: int) -> tuple[tuple[Field, ...], bool]:
        """Return the fields of the class *own*, and whether there can be no others."""
        # What is required need not be described.
        required_too = [name for name in _sequence(schema.get("required")) if isinstance(name, str)]
        properties = {**_mapping(schema.get("properties"))}
        properties.update((name, {}) for name in required_too if name not in properties)
        sayable = [name for name in properties if not _UNSAYABLE.search(name)]
        first = len(self.shapes)
        whole = {name: self._whole(properties[name]) for name in sayable}
        annotations = {
            name: self._annotation(whole[name], f"{own} {name}", depth + 1) for name in sayable
        }
        # A field of the name of such a class would hide it from the fields after it.
        names = field_names(sayable, {shape.name for shape in self.shapes[first:]})
        needed = _sequence(schema.get("required"))
        fields: list[Field] = []
        for wire_name in sayable:
            text = prose(str(whole[wire_name].get("description") or ""))
            required = wire_name in needed
            annotation = annotations[wire_name]
            fields.append(Field(names[wire_name], wire_name, annotation, required, text))
        closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
        return tuple(fields), closed and len(sayable) == len(properties)

    def _whole(self, schema: object, depth: int = 0) -> Schema:
        """Return *schema* with what it refers to, and with the parts of ``allOf``, in it."""
        self._patience -= 1
        if depth > _DEEPEST or self._patience < 0:
            return {}
        found: dict[str, Any] = dict(_mapping(schema))
        for _ in range(_DEEPEST):
            if "$ref" in found:
                found = {**referred(found.pop("$ref"), self._root), **found}
            elif "allOf" in found:
                for part in _sequence(found.pop("allOf")):
                    found = _joined(found, self._whole(part, depth + 1))
            else:
                return found
        return {}

    def _annotation(self, schema: Schema, name: str, depth: int) -> str:
        """Return the type of *schema*; an object in it gets a class named after *name*."""
        self._patience -= 1
        if depth > _DEEPEST or self._patience < 0:
            return "Any"
        values = [schema["const"]] if "const" in schema else _sequence(schema.get("enum"))
        if values:
            return _literal(values)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                parts = [self._whole(part) for part in _sequence(schema[key])]
                return _union(self._annotation(part, name, depth + 1) for part in parts)
        kinds = schema.get("type")
        if kinds is None:
            kinds = "object" if "properties" in schema else []
        listed = [kinds] if isinstance(kinds, str) else _sequence(kinds)
        return _union(self._of_type(str(kind), schema, name, depth) for kind in listed)

    def _of_type(self, kind: str, schema: Schema, name: str, depth: int) -> str:
        if kind == "object":
            if not _mapping(schema.get("properties")) or len(self.shapes) >= _MOST:
                return "dict[str, Any]"
            return self._class(name, schema, str(schema.get("description") or ""), depth).name
        if kind == "array":
            inner = self._whole(schema.get("items"))
            return _bounded(f"list[{self._annotation(inner, name, depth + 1)}]", schema)
        if kind == "string":
            plain = _FORMATS.get(str(schema.get("format")), "str")
            return _bounded(plain, schema)
        return _bounded(_PLAIN.get(kind, "Any"), schema)


def _joined(one: dict[str, Any], other: Schema) -> dict[str, Any]:
    properties = {**_mapping(one.get("properties")), **_mapping(other.get("properties"))}
    needed = [*_sequence(one.get("required")), *_sequence(other.get("required"))]
    return {**other, **one, "properties": properties, "required": needed}


def _bounded(plain: str, schema: Schema) -> str:
    """Return the type *plain*, with the schema's bounds that msgspec can check."""
    kind = plain.partition("[")[0]
    bounds: dict[str, str] = {}
    for key, word in _BOUNDS.get(kind, {}).items():
        value = schema.get(key)
        shown = _expression(value) if key == "pattern" else _bound(kind, value)
        beside = {"gt": "ge", "lt": "le"}.get(word)  # msgspec takes one of the two
        if shown is not None and beside not in bounds:
            bounds[word] = shown
    said = ", ".join(f"{word}={shown}" for word, shown in bounds.items())
    return _Bounded(plain, said) if said else plain


class _Bounded(str):
    """An annotation with bounds, which remembers what it is without them."""

    __slots__ = ("plain",)
    plain: str

    def __new__(cls, plain: str, bounds: str) -> _Bounded:
        made = super().__new__(cls, f"Annotated[{plain}, Meta({bounds})]")
        made.plain = plain
        return made


def _bound(kind: str, value: object) -> str | None:
    """Return a bound for values, or for the length of values, of this *kind*."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= _WHOLE:
        return None
    if isinstance(value, float) and kind != "float":
        return None
    if kind in ("str", "list") and value < 0:
        return None
    return repr(value)


def _expression(pattern: object) -> str | None:
    return quoted(pattern) if isinstance(pattern, str) and _compiles(pattern) else None


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _literal(values: Sequence[object]) -> str:
    """Return what says that a value is one of *values*; numbers with a fraction are any number."""
    if all(isinstance(value, bool) for value in values):
        return "bool"
    if not all(_is_literal(value) for value in values):
        return "Any"
    shown = [quoted(value) if isinstance(value, str) else repr(value) for value in values]
    return f"Literal[{', '.join(dict.fromkeys(shown))}]"


def _is_literal(value: object) -> bool:
    if type(value) is int:
        return abs(value) < _WHOLE
    return value is None or type(value) is str


#: msgspec tells apart at most one type of each of these in a union.
_FAMILIES = (("str", "datetime", "date", "Annotated[str"), ("list", "Annotated[list"))


def _union(annotations: Iterator[str]) -> str:
    found = list(dict.fromkeys(annotations))
    if not found or "Any" in found:
        return "Any"
    if len(found) == 1:
        return found[0]
    families = [_family(one) for one in found]
    literals = [one for one in found if one.startswith("Literal")]
    if literals and set(found) <= {*literals, "None"}:
        values = [one.removeprefix("Literal[").removesuffix("]") for one in literals]
        return f"Literal[{', '.join((*values, *({'None'} & set(found))))}]"
    if {"int", "float"} <= set(families):  # what breaks the one's bounds may keep to the other's
        found = [
            one.plain if isinstance(one, _Bounded) and family in ("int", "float") else one
            for one, family in zip(found, families, strict=True)
        ]
    if len(set(families)) < len(families) or (literals and len(found) > 1):
        return "Any"
    if len(found) - ("None" in found) > 1:
        # msgspec 0.22 crashes when it lets go of the union of a text with bounds and an object.
        found = [one.plain if isinstance(one, _Bounded) else one for one in found]
    return " | ".join(sorted(found, key=lambda one: one == "None"))


def _family(annotation: str) -> str:
    for family in _FAMILIES:
        if annotation.startswith(family):
            return family[0]
    head = annotation.removeprefix("Annotated[").partition(",")[0]
    return head if head in ("int", "float", "bool", "None") else "object"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
