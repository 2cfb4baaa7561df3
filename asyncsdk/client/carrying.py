"""Carrying: what `bind` lends, from one process to another, with the job it is lent to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from asyncsdk.client.checking import Bound
from asyncsdk.errors import ValidationError
from asyncsdk.messages import Consent, Id, Object
from asyncsdk.reporting import logger
from asyncsdk.wire.encoding import decode, encode
from asyncsdk.wire.values import clean

_NAMES = ("user_id", "anonymous_id", "session_id", "context", "groups", "consent")


class Lender(Protocol):
    """A client, as far as it lends."""

    def bind(
        self,
        *,
        user_id: Id | None = None,
        anonymous_id: Id | None = None,
        session_id: Id | None = None,
        context: Object | None = None,
        groups: Object | None = None,
        consent: Consent | None = None,
    ) -> AbstractContextManager[object]:
        """Lend ids, context and consent to the calls inside a ``with`` block."""
        ...

    def bound(self) -> dict[str, Any]:
        """Return what is bound here, as plain JSON values."""
        ...


def carried(bound: Bound | None) -> dict[str, Any]:
    """Return *bound* as plain JSON values, without what is not bound."""
    found: dict[str, Any] = {}
    for name in _NAMES if bound is not None else ():
        value = getattr(bound, name)
        if value is not None:
            plain, _ = clean(value, name)
            found[name] = decode(encode(plain))
    return found


def lend(client: Lender, cargo: object) -> AbstractContextManager[object]:
    """Bind what another process has carried here; what cannot be read is left out, and said.

    A job must not fail for what its headers say of analytics.

    Args:
        client: Whose calls it is lent to.
        cargo: What `bound` returned there; None lends nothing.
    """
    if not isinstance(cargo, Mapping):
        return nullcontext()
    known = {name: cargo[name] for name in _NAMES if name in cargo}
    try:
        return client.bind(**known)
    except ValidationError as error:
        logger.warning("asyncsdk: what a job carried was not bound (%s)", error)
        return nullcontext()
