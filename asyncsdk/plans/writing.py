"""Writing: a plan's events become the text of a Python module. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap

from asyncsdk.plans.naming import quoted
from asyncsdk.plans.reading import PlannedEvent
from asyncsdk.plans.shapes import Field, Shape, Shaper

_WIDTH = 100
_HEAD = '''"""Typed events, written by `python -m asyncsdk codegen`: change the plan, not this file."""'''

_IMPORTS = {
    "datetime": ("date", "datetime"),
    "typing": ("Annotated", "Any", "Literal"),
    "msgspec": ("UNSET", "Meta", "Struct", "UnsetType", "field"),
}


def write_module(events: Sequence[PlannedEvent]) -> str:
    """Return a module with a class for each of *events*, and ``EVENTS`` with all of them."""
    shaper = Shaper()
    own = [
        shaper.event(event.name, event.schema, event.description, event.root) for event in events
    ]
    classes = "\n\n\n".join(_class(shape) for shape in shaper.shapes)
    names = "".join(f"    {shape.name},\n" for shape in own)
    listed = f"#: Every event of the plan.\nEVENTS: tuple[type[Event], ...] = (\n{names})\n"
    return f"{_HEAD}\n\n{_imports(classes)}\n\n\n{classes}\n\n\n{listed}"


def _imports(classes: str) -> str:
    # Words of descriptions and literals count as well: an import too many hurts nobody.
    words = set(re.findall(r"\w+", classes))
    found = {room: [name for name in names if name in words] for room, names in _IMPORTS.items()}
    lines = {
        room: f"from {room} import {', '.join(names)}" for room, names in found.items() if names
    }
    standard = "\n".join(lines[room] for room in ("datetime", "typing") if room in lines)
    others = "\n".join([*([lines["msgspec"]] if "msgspec" in lines else []), ""])
    return f"{standard}\n\n{others}\nfrom asyncsdk import Event".strip().replace("\n\n\n", "\n\n")


def _class(shape: Shape) -> str:
    options = ["Struct" if shape.event is None else f"Event, event={quoted(shape.event)}"]
    options.append("kw_only=True")
    if shape.closed:
        options.append("forbid_unknown_fields=True")
    lines = [f"class {shape.name}({', '.join(options)}):", *_docstring(shape)]
    if shape.fields:
        lines += ["", *(_field(field) for field in shape.fields)]
    return "\n".join(lines)


def _docstring(shape: Shape) -> list[str]:
    told = [field for field in shape.fields if field.description]
    first = shape.description or (
        "An event of the plan." if shape.event is not None else "An object in an event of the plan."
    )
    lines = _wrapped(first, "    ")
    lines[0] = f'    """{lines[0].strip()}'
    if not told:
        return [*lines[:-1], f'{lines[-1]}"""']
    lines += ["", "    Attributes:"]
    for field in told:
        inner = _wrapped(f"{field.name}: {field.description}", "            ")
        lines += [f"        {inner[0].strip()}", *inner[1:]]
    return [*lines, '    """']


def _wrapped(text: str, indent: str) -> list[str]:
    return wrap(
        text,
        _WIDTH - 4,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _field(field: Field) -> str:
    annotation = field.annotation
    if not field.required and annotation != "Any":
        annotation = f"{annotation} | UnsetType"
    renamed = field.name != field.wire_name
    if renamed:
        default = "" if field.required else "default=UNSET, "
        return f"    {field.name}: {annotation} = field({default}name={quoted(field.wire_name)})"
    return f"    {field.name}: {annotation}" + ("" if field.required else " = UNSET")
