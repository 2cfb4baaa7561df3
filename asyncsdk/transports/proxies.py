"""Proxies: which one a request goes through, as the application or the environment says.

Read by us and not by aiohttp: that would take passwords for the target from a ``.netrc`` as well.
"""

from __future__ import annotations


class Proxies:
    """Choose the proxy of a request.

    Args:
        proxy: The URL of an HTTP proxy for all requests.
        trust_env: Whether, without *proxy*, ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` decide.
    """

    def __init__(self, proxy: str | None, *, trust_env: bool) -> None:
        self._proxy = proxy
        self._from_environment = _in_environment() if trust_env and not proxy else {}

    def for_url(self, url: str) -> str | None:
        """Return the proxy for *url*, or None to go directly."""
        if self._proxy is not None or not self._from_environment:
            return self._proxy
        import urllib.parse
        import urllib.request

        parts = urllib.parse.urlsplit(url)
        if urllib.request.proxy_bypass(parts.netloc):
            return None
        found = self._from_environment.get(parts.scheme) or self._from_environment.get("all")
        return found if found is None or "://" in found else f"http://{found}"


def _in_environment() -> dict[str, str]:
    import urllib.request  # half of what this package would cost to import, for few who need it

    return urllib.request.getproxies()
