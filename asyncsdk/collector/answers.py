"""What a system's rules hand to the shell: an answer, and which events it took."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from msgspec import Struct

PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"


class Answer(Struct, frozen=True, kw_only=True):
    """Holds one HTTP answer together with what became of the events."""

    status: int
    text: str
    content_type: str = PLAIN
    headers: Mapping[str, str] = {}
    system: str = ""
    write_key: str = ""
    accepted: Sequence[dict[str, Any]] = ()
    refused: int = 0


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Say whether a decoded JSON value is an array."""
    return isinstance(value, list)


def plain_error(status: int, text: str) -> Answer:
    """Build an error as Go's `http.Error` writes it: plain text that ends with a newline.

    Source: rudder-server f2655fb gateway, checked 2026-11.
    """
    headers = {"X-Content-Type-Options": "nosniff"}
    return Answer(status=status, text=text + "\n", headers=headers)
