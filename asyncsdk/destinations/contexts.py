"""Contexts: what the call says of its situation, and over it what this SDK says of itself."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Raw

from asyncsdk.messages import Message
from asyncsdk.version import __version__
from asyncsdk.wire.encoding import encode

#: How RudderStack and Segment are told which SDK an event came from.
LIBRARY: Mapping[str, Any] = {"library": {"name": "asyncsdk", "version": __version__}}


class ContextForm(Protocol):
    """Make an event's context of its message, and of the traits that are to be in it."""

    def __call__(self, message: Message, traits: Any = None) -> Any:
        """Return it, in a form that can be encoded."""
        ...


def context_form(audit: Mapping[str, Any], *, session: str) -> ContextForm:
    """Return a system's form of contexts.

    A message that says nothing, as most do, gets bytes that are made once.

    Args:
        audit: What always wins.
        session: The name under which a `session_id` is put there, unless the caller used it.
    """
    bare = Raw(encode(audit))

    def context_of(message: Message, traits: Any = None) -> Any:
        context = message.context
        session_id = message.session_id
        if traits is None and session_id is None:
            return bare if context is None else {**context, **audit}
        merged = dict(context) if context is not None else {}
        if traits is not None:
            merged["traits"] = traits
        if session_id is not None:
            merged.setdefault(session, session_id)
        return {**merged, **audit}

    return context_of
