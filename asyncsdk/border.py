"""The border: while pytest runs, requests, and what is kept in Redis, go no further than this machine.

The plugin of `asyncsdk.testing` sets a variable, so that children of a test, which inherit it, stay
here as well. Without it the border is open, and looking costs a microsecond a request.
"""

import os

from asyncsdk.errors import NETWORK_BLOCKED, TransportError

#: The variable; not of the form that `from_env` reads.
VARIABLE = "PYTEST_ASYNCSDK"
CLOSED = "loopback"


def check(url: str) -> None:
    """Refuse a request to another machine while the border is closed.

    Raises:
        TransportError: Final, for another attempt would end in the same way.
    """
    if os.environ.get(VARIABLE) != CLOSED:
        return
    from urllib.parse import urlsplit

    words = refusal(urlsplit(url).hostname or "")
    if words:
        raise TransportError(words, code=NETWORK_BLOCKED)


def refusal(host: str) -> str:
    """Say why nothing may be sent to *host*; empty if it may."""
    if os.environ.get(VARIABLE) != CLOSED or _is_here(host):
        return ""
    return (
        f"under pytest nothing is sent to {host}: use the fixtures analytics_events or "
        "collector, or mark the test with asyncsdk_network"
    )


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
