"""Secrets: keys that can be used but not seen."""

from __future__ import annotations

import base64
from typing import NoReturn

from asyncsdk.errors import ConfigurationError

#: Characters; the vendors' keys have about 30.
MAX_KEY = 256


class Secret:
    """Hold a key; whatever shows it shows ``***`` and its last characters instead.

    Only the rooms that write to the wire call `reveal` and `basic`. A secret cannot be pickled.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        self._value: str = value.reveal() if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """Return the key itself."""
        return self._value

    def basic(self) -> str:
        """Return the key as a header carries it: basic authentication, without a password."""
        return base64.b64encode(f"{self._value}:".encode()).decode()

    def mask(self, text: str) -> str:
        """Return *text* without the key, as it is and as a header carries it."""
        return text.replace(self._value, str(self)).replace(self.basic(), str(self))

    def __repr__(self) -> str:
        """Show the end of a long key, nothing of a short one."""
        return f"***{self._value[-3:]}" if len(self._value) >= 12 else "***"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        """Show no more than repr does."""
        return repr(self)

    def __eq__(self, other: object) -> bool:
        """Compare keys."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash the key."""
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: keys do not travel with data."""
        raise TypeError("a Secret cannot be pickled or copied")

    def __copy__(self) -> Secret:
        """Be the copy: a secret never changes."""
        return self

    def __deepcopy__(self, _memo: object) -> Secret:
        """Be the copy: a secret never changes."""
        return self


def check_key(option: str, value: object) -> Secret:
    """Return *value* as a secret.

    Raises:
        ConfigurationError: It is no text, empty, or has blanks at its ends or control characters
            in it: no vendor's key has, and a header must not.
    """
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        raise ConfigurationError(f"{option}: a text is needed, this is {type(text).__name__}")
    if not text:
        raise ConfigurationError(f"{option}: is empty; give the key of your source")
    if len(text) > MAX_KEY:
        raise ConfigurationError(f"{option}: has {len(text)} characters; no key has over {MAX_KEY}")
    if text != text.strip() or not text.isprintable():
        raise ConfigurationError(
            f"{option}: has blanks at its ends or control characters in it; check how it was read"
        )
    return Secret(text)
