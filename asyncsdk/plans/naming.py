"""Naming: a plan's names become Python's. Pure.

A name from a plan is a text from outside: what stands for it in code is made of ASCII letters, digits
and underscores alone, or is a literal.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection, Sequence

_WORD = re.compile(r"[A-Za-z0-9]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

#: What a written module uses; a field of that name would hide it from the fields after it.
TAKEN = frozenset(
    {
        *("Annotated", "Any", "EVENTS", "Event", "Literal", "Meta", "Struct", "UNSET", "UnsetType"),
        *("date", "datetime", "field", "event_name", "self"),
        *dir(builtins),
    }
)


def class_name(text: str, taken: Collection[str]) -> str:
    """Return a name for a class, as ``OrderCompleted`` for ``order completed``.

    Args:
        text: The plan's name.
        taken: Names that are in use.
    """
    words = _WORD.findall(text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name or name[0].isdigit():
        name = f"Event{name}"
    return _free(name, taken, "")


def field_names(texts: Sequence[str], taken: Collection[str]) -> dict[str, str]:
    """Return names for fields, each another one.

    What is a name already gets it first: a property that comes later takes nobody's name away.

    Args:
        texts: The plan's names.
        taken: Names that are in use.
    """
    used = set(taken)
    found: dict[str, str] = {}
    for text in sorted(texts, key=lambda one: _NAME.fullmatch(one) is None):
        found[text] = field_name(text, used)
        used.add(found[text])
    return found


def field_name(text: str, taken: Collection[str]) -> str:
    """Return a name for a field: *text* itself wherever that is one.

    Args:
        text: The plan's name.
        taken: Names that are in use.
    """
    name = text
    if not _NAME.fullmatch(name):
        name = "_".join(_WORD.findall(text))
    if not name or not name[0].isalpha():
        name = f"field_{name}"
    return _free(name, taken, "_")


def _free(name: str, taken: Collection[str], mark: str) -> str:
    """Return *name*, or one like it that is no keyword and is not taken."""
    if not _is_taken(name, taken):
        return name
    tries = (f"{name}{mark}{number or ''}" for number in range(0 if mark else 2, 1_000_000))
    return next(one for one in tries if not _is_taken(one, taken))


def _is_taken(name: str, taken: Collection[str]) -> bool:
    return name in taken or name in TAKEN or keyword.iskeyword(name) or keyword.issoftkeyword(name)


def quoted(text: str) -> str:
    """Return *text* as a literal, with double quotes where it holds neither kind."""
    shown = ascii(text) if not text.isprintable() else repr(text)
    return f'"{shown[1:-1]}"' if '"' not in text and "'" not in text else shown


def prose(text: str) -> str:
    """Return *text* as it may stand in a docstring: one line, nothing that ends it or escapes."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line.replace("\\", "\\\\").replace('"', "'")
