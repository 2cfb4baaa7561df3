"""Discreet values: what carries keys, events or persons is shown by its `__repr__`, and nothing else.

msgspec gives each struct a second way to be shown, which lists all fields: rich asks that one first,
for the local variables of a traceback too.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Discreet(Struct, frozen=True):
    """A struct whose fields only its own `__repr__` may show."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show rich no field."""
        return []
