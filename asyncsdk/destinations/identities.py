"""Identities: the id and the time by which an event is known, read from its bytes alone.

Where a system has no field for them, they stand in front of the event as long as it is here, and
are cut off on its way out: dead letters and replays need them all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

import msgspec

from asyncsdk.errors import ConfigurationError
from asyncsdk.wire.encoding import encode

#: Reads the message id and the time of the call from an encoded event.
IdentityReader = Callable[[bytes], tuple[str, str]]


def identity_reader(id_field: str, time_field: str) -> IdentityReader:
    """Return a function that reads both from an encoded event, past whatever else is in it.

    Args:
        id_field: The wire name of the message id.
        time_field: The wire name of the time of the call.
    """
    names = {"message_id": id_field, "made_at": time_field}
    kind = msgspec.defstruct(
        "Identity", [("message_id", str), ("made_at", str)], rename=names, module=__name__
    )
    read = cast("Callable[[bytes], Any]", msgspec.json.Decoder(kind).decode)

    def identity(event: bytes) -> tuple[str, str]:
        found = read(event + b"}")
        return found.message_id, found.made_at

    return identity


def check_field(option: str, name: object, taken: Collection[str]) -> None:
    """Refuse *name* as that of a wire field of the user's own.

    Raises:
        ConfigurationError: It is no plain text, or is among those that are *taken*.
    """
    plain = isinstance(name, str) and name.isprintable() and not set('"\\') & set(name)
    if not plain or not name or name in taken:
        raise ConfigurationError(
            f"{option}: the name of a field is needed that an event does not have otherwise "
            f"({', '.join(sorted(taken))})"
        )


class Tag:
    """Put what a system has no field for in front of its events, and take it off again.

    Args:
        first: The wire name of the field with which every event of the system begins.
    """

    def __init__(self, first: str) -> None:
        # A quote inside of a JSON text is escaped, so this cannot stand in one.
        self._mark: bytes = b',"%s":' % first.encode()

    def put(self, event: bytes, **fields: str) -> bytes:
        """Return *event*, an object without its closing brace, with *fields* in front."""
        return encode(fields)[:-1] + b"," + event[1:]

    def cut(self, event: bytes) -> bytes:
        """Return *event* as it was."""
        return b"{" + event[event.index(self._mark) + 1 :]
