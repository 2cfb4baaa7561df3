"""Lending: what a request tells is lent to the calls inside it, read when the first one asks.

At the start of a request its route is not known, and most requests have no events. So nothing is read
but by a call; what was read is kept, and the route is added as soon as the router knows it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.checking import Bound
from asyncsdk.errors import AnalyticsError
from asyncsdk.reporting import logger
from asyncsdk.visits.reading import Facts, Reader, Visit, with_route
from asyncsdk.visits.rules import ContextRules


class Request(Protocol):
    """What a host tells of one request."""

    def facts(self) -> Facts:
        """Return what is known of it by now."""
        ...

    def route(self) -> str | None:
        """Return the route's template, None as long as it is not known."""
        ...


class Lending:
    """Lend what one request tells; called by `bind_from`, from any thread."""

    __slots__ = ("_bound", "_reader", "_request", "_routed", "_visit")

    def __init__(self, reader: Reader, request: Request) -> None:
        self._reader = reader
        self._request = request
        # This is all that changes: what was read, and whether the route is in it.
        self._visit: Visit | None = None
        self._bound: Bound = _NOTHING
        self._routed = False

    def __call__(self) -> Bound:
        """Return what the request tells; nothing if it cannot be read, which is said once."""
        if not self._routed:
            try:
                self._read()
            except Exception as error:  # noqa: BLE001 - an odd server must not break the host's calls
                _complain("a request's context cannot be read", error)
                self._routed = True
        return self._bound

    def _read(self) -> None:
        visit, route = self._visit, self._request.route()
        if visit is None:
            facts = self._request.facts()
            facts.route = route
            visit = self._reader.read(facts)
        elif route is None:
            return
        else:
            visit = with_route(visit, route, self._reader.rules.max_length)
        self._routed = route is not None
        self._visit = visit
        self._bound = Bound(
            visit.user_id, visit.anonymous_id, visit.session_id, visit.context, plain=True
        )


_NOTHING = Bound()


def accepts(rules: ContextRules, method: str, path: str) -> bool:
    """Say whether *rules* want this request; one whose filter raises is not wanted."""
    if rules.accept is None:
        return True
    try:
        return rules.accept(method, path)
    except Exception as error:  # noqa: BLE001 - the host's request goes on
        _complain("accept of ContextRules raised", error)
        return False


def tell_page(client: AsyncAnalytics, lending: Lending) -> None:
    """Track the page that was just answered, if it is known whose it is."""
    context = lending().context or {}
    page = context.get("page", {})
    name = context.get("request", {}).get("route") or page.get("path")
    with suppress(AnalyticsError):  # of nobody, or the queue is full: a page is no reason to fail
        client.page(name, properties=page)


_complaints: set[str] = set()


def _complain(what: str, error: Exception) -> None:
    """Log it, once per kind: what is wrong once is wrong with each request."""
    kind = f"{what} ({type(error).__name__})"
    if kind not in _complaints:
        _complaints.add(kind)
        logger.warning("%s; it is said once", kind)
