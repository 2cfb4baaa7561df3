"""The destination that is checked, and how it is said what is wrong with it."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

from msgspec import Struct

from asyncsdk.destinations import Secret
from asyncsdk.seams import Destination, Encoded

T = TypeVar("T")

_LEAST_SECRET = 8


class Made(Struct, frozen=True):
    """A sample that the destination has a form for.

    Attributes:
        title: What sample it is.
        message_id: Its id.
        times: The times by which its event may be known.
        encoded: Its form.
    """

    title: str
    message_id: str
    times: tuple[str | None, ...]
    encoded: Encoded


class Subject:
    """Ask one destination, and fail in clear words."""

    def __init__(self, destination: Destination, secrets: Collection[str]) -> None:
        self.destination: Destination = destination
        self._hidden: tuple[str, ...] = ()
        self.secrets: tuple[str, ...] = self._known(secrets)
        # Longest first: a short form may stand within a longer one.
        forms = {form for secret in self.secrets for form in _forms(secret)}
        self._hidden = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        # This is all that changes: what encoding has found, for the checks after it.
        self.made: dict[str, Made] = {}

    def of_route(self, route: str) -> list[Made]:
        """Return the samples that take *route*."""
        return [one for one in self.made.values() if one.encoded.route == route]

    def fail(self, words: str) -> NoReturn:
        """Say that a promise is broken.

        Raises:
            AssertionError: Always.
        """
        raise AssertionError(self._told(words))

    def demand(self, met: object, words: str) -> None:
        """Say in *words* that a promise is broken, unless it is *met*."""
        if not met:
            self.fail(words)

    def ask(self, what: str, call: Callable[[], T]) -> T:
        """Return what *call* does, which must not raise.

        Args:
            what: What is called, for the failure.
            call: The call.
        """
        try:
            return call()
        except Exception as error:
            raise AssertionError(self._told(f"{what} raised {error!r}")) from error

    def ask_twice(self, what: str, call: Callable[[], T]) -> T:
        """Return what *call* does, which must be the same again."""
        first = self.ask(what, call)
        self.demand(
            first == self.ask(what, call), f"{what} is not pure: twice the same, it differs"
        )
        return first

    def hide(self, place: str, text: str) -> None:
        """Demand that *text*, found at *place*, shows nothing of a secret."""
        self.demand(
            not self.is_shown(text),
            f"{place} shows the key: it is for headers alone, or for a body if the system wants it",
        )

    def is_shown(self, text: str) -> bool:
        """Say whether *text* has a secret in it, plain or as headers have it."""
        return any(form in text for form in self._hidden)

    def _told(self, words: str) -> str:
        for form in self._hidden:
            words = words.replace(form, "***")
        return f"{type(self.destination).__name__}: {words}"

    def _known(self, secrets: Collection[str]) -> tuple[str, ...]:
        fields = [getattr(self.destination, name, None) for name in self.fields()]
        known = {*secrets, *(one.reveal() for one in fields if isinstance(one, Secret))}
        for secret in known:
            self.demand(
                len(secret) >= _LEAST_SECRET,
                f"check it with a key of {_LEAST_SECRET} or more characters: a shorter one is "
                "found everywhere",
            )
        return tuple(sorted(known))

    def fields(self) -> list[str]:
        """Return the names of the destination's fields."""
        kind = type(self.destination)
        if dataclasses.is_dataclass(kind):
            return [one.name for one in dataclasses.fields(kind)]
        if issubclass(kind, Struct):
            return list(kind.__struct_fields__)
        return list(getattr(self.destination, "__dict__", ()))


def _forms(secret: str) -> tuple[str, ...]:
    """Return *secret* as it is, and as headers and addresses have it."""
    raw = secret.encode()
    packed = [base64.b64encode(one).decode().rstrip("=") for one in (raw, raw + b":", b":" + raw)]
    return (secret, quote(secret, safe=""), *packed)


def strict_json(data: bytes) -> Any:
    """Return the value of *data*, JSON as every server reads it.

    Raises:
        ValueError: It is not UTF-8, not JSON, or has NaN, Infinity, lone surrogates, or a name
            twice in one object.
    """
    value = json.loads(data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_object_of)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a name twice")
    return found
