"""What a system's rules hand to the shell: an answer, and which events it took."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeGuard

import msgspec
from msgspec import Struct

from asyncsdk.collector.persons import Learned

PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"


class Taken(Struct, frozen=True):
    """Holds one event that was taken: the id by which its repeat is known, its kind, itself."""

    message_id: str
    type: str
    body: dict[str, Any]


class Answer(Struct, frozen=True, kw_only=True):
    """Holds one HTTP answer together with what became of the events.

    `keep_as` is the key under which it is given again, `joins` which ids were joined to which
    user, `learns` what the events say of persons; `repeat` says that it was given before.
    """

    status: int
    text: str
    content_type: str = PLAIN
    headers: Mapping[str, str] = {}
    system: str = ""
    write_key: str = ""
    accepted: Sequence[Taken] = ()
    refused: int = 0
    keep_as: str = ""
    joins: Mapping[str, str] = {}
    learns: Sequence[Learned] = ()
    repeat: bool = False


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Say whether a decoded JSON value is an array."""
    return isinstance(value, list)


def plain_error(status: int, text: str, *, system: str = "", refused: int = 0) -> Answer:
    """Build an error as Go's `http.Error` writes it: plain text that ends with a newline.

    Source: rudder-server f2655fb gateway, checked 2026-11.
    """
    headers = {"X-Content-Type-Options": "nosniff"}
    return Answer(status=status, text=text + "\n", headers=headers, system=system, refused=refused)


def json_answer(status: int, value: object, *, system: str = "", refused: int = 0) -> Answer:
    """Build an answer whose text is *value* as JSON."""
    text = msgspec.json.encode(value).decode()
    return Answer(status=status, text=text, content_type=JSON, system=system, refused=refused)


def phrase(status: int) -> str:
    """Return the standard phrase of *status* in lower case, or its number where it has none."""
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return f"status {status}"
