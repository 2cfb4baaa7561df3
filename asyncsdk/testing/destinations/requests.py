"""Requests: pure, to one absolute address, with the key in headers alone."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from asyncsdk.seams import HttpRequest
from asyncsdk.testing.destinations.subject import Subject

_PACKED = b'{"packed":"as it goes on the wire"}'
_KEYS = ("3f9c1d2ab4e85f60718293a4b5c6d7e8", "0a1b2c3d4e5f60718293a4b5c6d7e8f9")
_ATTEMPTS = (1, 2, 3, 10)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?").fullmatch
# These are the transport's: it knows what it sends.
_NOT_ITS = frozenset({"content-length", "transfer-encoding", "connection"})


def check_requests(subject: Subject) -> None:
    """Check the requests of each route."""
    for route in subject.destination.routes:
        for encoding in (None, "gzip"):
            for attempt in _ATTEMPTS:
                _check_request(subject, route, encoding, attempt)
        _check_key(subject, route)


def carried(subject: Subject, route: str) -> list[str]:
    """Return the secrets as they are, and as a request's headers carry them."""
    request = _request(subject, route, key=_KEYS[0], attempt=1)
    words = [word for value in request.headers.values() for word in value.split()]
    return [*subject.secrets, *(word for word in words if subject.is_shown(word))]


def _request(
    subject: Subject, route: str, *, encoding: str | None = None, key: str, attempt: int
) -> HttpRequest:
    what = f"request on {route!r}, attempt {attempt}"
    request = subject.ask_twice(
        what,
        lambda: subject.destination.request(
            route, _PACKED, encoding=encoding, key=key, attempt=attempt
        ),
    )
    subject.demand(isinstance(request, HttpRequest), f"{what} must be an HttpRequest(…)")
    return request


def _check_request(subject: Subject, route: str, encoding: str | None, attempt: int) -> None:
    what = f"request on {route!r}, attempt {attempt}"
    request = _request(subject, route, encoding=encoding, key=_KEYS[0], attempt=attempt)
    subject.demand(request.body == _PACKED, f"{what}: its body must be what was packed")
    subject.demand(
        isinstance(request.method, str) and _TOKEN(request.method), f"{what}: method is none"
    )
    subject.demand(request.timeout == 0.0, f"{what}: timeout is the lane's to fill in")
    subject.hide(f"the repr of {what}", repr(request))
    _check_url(subject, what, request.url)
    _check_headers(subject, what, request.headers, encoding)


def _check_url(subject: Subject, what: str, url: str) -> None:
    subject.hide(f"the url of {what}", url)
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        subject.fail(f"{what}: its url cannot be read")
    safe = parts.scheme == "https" or (
        parts.scheme == "http"
        and (_is_here(host or "") or getattr(subject.destination, "allow_insecure_http", False))
    )
    subject.demand(
        host and safe and url.isprintable() and " " not in url,
        f"{what}: url must be absolute https (or http to this machine), this is {url!r}",
    )
    subject.demand(
        parts.username is None and parts.password is None and not parts.fragment,
        f"{what}: url must have no credentials and no fragment",
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_headers(
    subject: Subject, what: str, headers: Mapping[str, str], encoding: str | None
) -> None:
    named = {name.lower(): value for name, value in headers.items()}
    subject.demand(len(named) == len(headers), f"{what}: a header is there twice")
    for name, value in headers.items():
        subject.demand(_TOKEN(name), f"{what}: {name!r} is no name of a header")
        subject.demand(
            isinstance(value, str) and _HEADER(value),
            f"{what}: the value of {name} must be printable ASCII without blanks at its ends",
        )
    taken = sorted(_NOT_ITS & named.keys())
    subject.demand(not taken, f"{what}: {', '.join(taken)} is the transport's to say")
    subject.demand("content-type" in named, f"{what}: Content-Type must say what its body is")
    subject.demand(
        named.get("content-encoding") == encoding,
        f"{what}: Content-Encoding must be {encoding!r}, as it was packed, "
        f"not {named.get('content-encoding')!r}",
    )


def _check_key(subject: Subject, route: str) -> None:
    """Check that the batch's key is on the wire, the same on every attempt, or nowhere."""
    what = f"request on {route!r}"
    if not subject.destination.wire_key:
        first, second = (_request(subject, route, key=key, attempt=1) for key in _KEYS)
        subject.demand(
            first == second,
            f"{what}: another key makes another request, and wire_key is False: a request would "
            "carry several batches, and its key would not stay the same",
        )
        return
    kept = [_keyed(subject, route, attempt) for attempt in _ATTEMPTS]
    subject.demand(kept[0], f"{what}: wire_key is True, and another key makes the same request")
    subject.demand(
        all(one == kept[0] for one in kept),
        f"{what}: what carries the key is not the same on every attempt: the server would count "
        "a repeat as new",
    )


def _keyed(subject: Subject, route: str, attempt: int) -> dict[str, str]:
    """Return what of a request depends on its key."""
    first, second = (_request(subject, route, key=key, attempt=attempt) for key in _KEYS)
    kept = {
        name: value for name, value in first.headers.items() if second.headers.get(name) != value
    }
    return {**kept, "url": first.url} if first.url != second.url else kept
