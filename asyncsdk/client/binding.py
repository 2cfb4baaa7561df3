"""Binding: what `bind` lends to the calls inside its block."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, Generic, TypeVar

from msgspec import Struct, structs

from asyncsdk.client.checking import BOUND, Bound, Later, check_bound, overlay
from asyncsdk.client.gate import is_plain
from asyncsdk.wire.values import own_copy

OwnerT = TypeVar("OwnerT")


# A struct is made without a call of Python's: a middleware makes one for each request.
class Binding(Struct, Generic[OwnerT], eq=False):
    """Lend *bound* to the calls of *owner* inside a ``with`` block.

    May be entered again, also inside itself, but not by two tasks at the same time.

    Attributes:
        owner: What the block is given.
        client: What stands for the client and all views of it.
        bound: What is lent.
        tokens: How to take it back; this is all that changes.
    """

    owner: OwnerT
    client: object
    bound: Bound | Later
    tokens: list[Token[Mapping[int, Bound | Later]]] = []

    def __repr__(self) -> str:
        """Show that it is one, never what is lent."""
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show no more to rich, which does not ask `__repr__` of structs."""
        return []

    def __enter__(self) -> OwnerT:
        """Lend it."""
        around, me = BOUND.get(None), id(self.client)
        if around is None:
            bindings = {me: self.bound}
        else:
            bindings = {**around, me: overlay(around.get(me), self.bound)}
        self.tokens.append(BOUND.set(bindings))
        return self.owner

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Take it back."""
        BOUND.reset(self.tokens.pop())


def own(bound: Bound) -> Bound:
    """Return a copy of *bound* that no later change of the caller's objects shows in.

    Raises:
        ValidationError: Naming field, rule and the value's type.
    """
    check_bound(bound)
    return structs.replace(
        bound,
        context=own_copy(bound.context),
        groups=own_copy(bound.groups),
        plain=is_plain(bound.context) and is_plain(bound.groups),
    )
