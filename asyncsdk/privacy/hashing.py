"""Hashing: a value's salted hash in its place."""

from __future__ import annotations

import hashlib
import hmac

from asyncsdk.destinations.secrets import Secret
from asyncsdk.errors import ConfigurationError

#: Characters. Addresses and phone numbers can be guessed one by one if the salt can.
_LEAST_SALT = 16


class Hashed:
    """Put a hash in the place of a text: HMAC-SHA256 with a salt, 64 hexadecimal digits.

    The same text has the same hash in every process and on every day, so that who is the same
    stays the same. Without the salt nobody can find out which text it was, not even by guessing:
    it is a key, and must be kept like one.

    Args:
        salt: 16 characters or more.

    Raises:
        ConfigurationError: The salt is too short.
    """

    __slots__ = ("_salt",)

    def __init__(self, salt: str | Secret) -> None:
        self._salt = Secret(salt)
        if len(self._salt.reveal()) < _LEAST_SALT:
            raise ConfigurationError(
                f"salt: {_LEAST_SALT} characters or more are needed; what is hashed with a "
                "short one can be guessed"
            )

    def __call__(self, text: str) -> str:
        """Return the hash of *text*."""
        salt = self._salt.reveal().encode()
        return hmac.new(salt, text.encode(errors="replace"), hashlib.sha256).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Compare salts."""
        return isinstance(other, Hashed) and other._salt == self._salt

    def __hash__(self) -> int:
        """Hash the salt."""
        return hash((Hashed, self._salt))

    def __repr__(self) -> str:
        """Show no salt."""
        return "Hashed(***)"
