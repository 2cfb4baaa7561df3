"""Binding: what `bind` lends to the calls inside its block."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import TypeVar

from msgspec import structs

from asyncsdk.client.checking import BOUND, Bound, bound_to, check_bound, merge
from asyncsdk.client.gate import is_plain
from asyncsdk.wire.values import own_copy

OwnerT = TypeVar("OwnerT")


class Binding(AbstractContextManager[OwnerT]):
    """Lend *bound* to the calls of *owner* inside a ``with`` block.

    May be entered again, also inside itself, but not by two tasks at the same time.
    """

    def __init__(self, owner: OwnerT, client: object, bound: Bound) -> None:
        check_bound(bound)
        self._owner = owner
        self._client = client  # what stands for the client and all views of it
        # A later change of the caller's objects must not show in later calls.
        self._bound = structs.replace(
            bound,
            context=own_copy(bound.context),
            groups=own_copy(bound.groups),
            plain=is_plain(bound.context) and is_plain(bound.groups),
        )
        self._tokens: list[Token[Mapping[int, Bound]]] = []  # this is all that changes

    def __enter__(self) -> OwnerT:
        """Lend it."""
        mine = merge(bound_to(self._client), self._bound)
        self._tokens.append(BOUND.set({**BOUND.get({}), id(self._client): mine}))
        return self._owner

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Take it back."""
        BOUND.reset(self._tokens.pop())
