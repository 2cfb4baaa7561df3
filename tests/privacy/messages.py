"""Messages that hooks are tried on."""

from typing import Any

from asyncsdk import Message

SALT = "a salt that nobody can guess"


def track(**fields: Any) -> Message:
    """Return a track of Ann's, with *fields*."""
    given: dict[str, Any] = {"user_id": "ann", "event": "E", **fields}
    return Message("track", "m-1", "2026-01-01T00:00:00.000Z", **given)
