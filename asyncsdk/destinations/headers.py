"""Headers: what every request repeats: who asks, in which form, from which SDK."""

from __future__ import annotations

from collections.abc import Mapping

from asyncsdk.destinations.secrets import Secret
from asyncsdk.errors import ConfigurationError
from asyncsdk.version import __version__

#: How this SDK names itself to servers.
SDK = f"asyncsdk/{__version__}"


def basic(key: Secret) -> dict[str, str]:
    """Return the headers of a system that takes its key as a user name without a password."""
    return _headers(f"Basic {key.basic()}")


def bearer(key: Secret) -> dict[str, str]:
    """Return the headers of a system that takes its key as it is."""
    return _headers(f"Bearer {key.reveal()}")


def keyless() -> dict[str, str]:
    """Return the headers of a system that takes its key in the body."""
    return {"Content-Type": "application/json", "User-Agent": SDK}


def _headers(authorization: str) -> dict[str, str]:
    return {"Authorization": authorization, **keyless()}


def packed_as(encoding: str | None, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return *headers*, with the body's *encoding* if it has one."""
    return headers if encoding is None else {**headers, "Content-Encoding": encoding}


def check_bearer(option: str, key: Secret) -> None:
    """Refuse a key that no header can carry as it is.

    Raises:
        ConfigurationError: It has blanks, or letters beyond ASCII.
    """
    text = key.reveal()
    if not text.isascii() or " " in text:
        raise ConfigurationError(
            f"{option}: has blanks or letters beyond ASCII in it; check how it was read"
        )
