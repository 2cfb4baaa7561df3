"""Addresses: which URLs a destination may be given, and its name when nobody gives one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncsdk.destinations.secrets import Secret
from asyncsdk.errors import ConfigurationError
from asyncsdk.options import Delivery, check_bool

if TYPE_CHECKING:
    from urllib.parse import SplitResult


def endpoint(option: str, url: object, path: object, *, allow_insecure_http: bool) -> str:
    """Return *url* and *path* as one address, without a slash at its end.

    A path in *url* is kept: ``https://example.com/proxy`` and ``/v1/batch`` become
    ``https://example.com/proxy/v1/batch``.

    Args:
        option: The name of the option that *url* came from, for the error.
        url: Absolute http or https.
        path: Where under *url*.
        allow_insecure_http: Whether plain http may leave this machine.

    Raises:
        ConfigurationError: *url* or *path* breaks a rule.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"{option}: a text is needed, this is {type(url).__name__}")
    if not isinstance(path, str):
        raise ConfigurationError(f"path: a text is needed, this is {type(path).__name__}")
    check_bool("allow_insecure_http", allow_insecure_http)
    parts = _split(option, url)
    if parts.scheme == "http" and not allow_insecure_http and not _loopback(parts.hostname or ""):
        raise ConfigurationError(
            f"{option}: plain http would send events unprotected to {parts.hostname}; "
            "use https, or say allow_insecure_http=True"
        )
    tail = path.strip("/")
    if not tail.isprintable() or " " in tail or "?" in tail or "#" in tail:
        raise ConfigurationError("path: a plain URL path such as /v1/batch is needed")
    return f"{url.rstrip('/')}/{tail}" if tail else url.rstrip("/")


def _split(option: str, url: str) -> SplitResult:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(f"{option}: is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable():
        raise ConfigurationError(
            f"{option}: an absolute http or https URL such as https://example.com is needed"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"{option}: must not carry credentials; the key has its own option"
        )
    if any(mark in url for mark in "?# "):
        raise ConfigurationError(f"{option}: must not carry a query, a fragment or blanks")
    return parts


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_name(name: object) -> None:
    """Refuse a lane's name that would not survive a log line or a store's key.

    Raises:
        ConfigurationError: It is no text of printable characters without blanks.
    """
    if not isinstance(name, str) or not name or not name.isprintable() or " " in name:
        raise ConfigurationError("name: printable text without blanks is needed")


def check_delivery(delivery: object) -> None:
    """Refuse what is no `Delivery`.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(delivery, Delivery):
        raise ConfigurationError(
            f"delivery: a Delivery(…) is needed, this is {type(delivery).__name__}"
        )


def default_name(kind: str, key: Secret, url: str) -> str:
    """Return *kind* and a short hash, so that equal names mean the same source."""
    import hashlib

    digest = hashlib.sha256(f"{key.reveal()}\n{url}".encode()).hexdigest()
    return f"{kind}-{digest[:8]}"
