"""Binding: what `bind` lends to the calls inside its block."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import Generic, TypeVar

from msgspec import structs

from asyncsdk.client.checking import BOUND, Bound, Later, check_bound, overlay
from asyncsdk.client.gate import is_plain
from asyncsdk.wire.values import own_copy

OwnerT = TypeVar("OwnerT")


class Binding(Generic[OwnerT]):
    """Lend *bound* to the calls of *owner* inside a ``with`` block.

    May be entered again, also inside itself, but not by two tasks at the same time.
    """

    # With slots and no base class that has none: a middleware makes one for each request.
    __slots__ = ("_bound", "_client", "_owner", "_tokens")

    def __init__(self, owner: OwnerT, client: object, bound: Bound | Later) -> None:
        self._owner = owner
        self._client = client  # what stands for the client and all views of it
        self._bound = bound
        self._tokens: list[Token[Mapping[int, Bound | Later]]] = []  # this is all that changes

    def __enter__(self) -> OwnerT:
        """Lend it."""
        around, me = BOUND.get(None), id(self._client)
        if around is None:
            bindings = {me: self._bound}
        else:
            bindings = {**around, me: overlay(around.get(me), self._bound)}
        self._tokens.append(BOUND.set(bindings))
        return self._owner

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Take it back.

        Whoever closes a generator may do so in another context than it ran in: what was lent is
        gone with that one.
        """
        try:
            BOUND.reset(self._tokens.pop())
        except ValueError:
            return


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
