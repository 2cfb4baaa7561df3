"""Discreet values: what carries keys, events or persons is shown by its `__repr__`, and nothing else.

msgspec gives each struct a second way to be shown, which lists all fields: rich asks that one first,
for the local variables of a traceback too.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class Discreet(Struct, frozen=True):
    """A struct that says of itself what its own `__repr__` says."""

    def __rich_repr__(self) -> Iterator[str]:
        """Say the same to rich."""
        yield repr(self)
