"""Reading: a request's facts become a context and ids.

Inside a server little of this code is in the processor's caches when a request comes, so what counts is
how much of it runs at all. What the rules say is worked out once, and what repeats is read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from asyncsdk.visits.rules import ContextRules
from asyncsdk.visits.words import CampaignReader, cookie_in, id_in, locale_in, referrer_in

_PAGE = "text/html"
#: What stands for itself in a URL's path, RFC 3986.
_IN_PATHS = "/:@!$&'()*+,;=~"


class Facts(Struct, gc=False):
    """A request, as much of it as may be read.

    Attributes:
        path: The path, decoded.
        query: The query string, as it was sent.
        headers: By their names in lower case; only those that the rules ask for need be there.
        method: GET and the like; None for a WebSocket.
        peer: The address at the other end of the connection; None if it has none.
        route: The route's template; None as long as nobody knows it.
    """

    path: str
    query: str
    headers: Mapping[str, str]
    method: str | None = None
    peer: str | None = None
    route: str | None = None


class Visit(Struct, gc=False):
    """What a request tells its events: plain values only."""

    context: dict[str, Any]
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None


class Reader:
    """Read requests by the same *rules*, from any thread."""

    def __init__(self, rules: ContextRules) -> None:
        self.rules: ContextRules = rules
        #: The names of the headers that are read, in lower case.
        self.headers: frozenset[str] = rules.headers
        self._most = rules.max_length
        self._site = None if rules.base_url is None else rules.base_url.rstrip("/")
        self._request_ids = tuple(name.lower() for name in rules.request_id_headers)
        self._user_id = _lower(rules.user_id_header)
        self._anonymous_id = _lower(rules.anonymous_id_header)
        self._session_id = _lower(rules.session_id_header)
        cookie = rules.anonymous_id_cookie
        self._names_nobody = not (cookie or self._user_id or self._anonymous_id or self._session_id)
        self._campaigns = CampaignReader(rules.utm, rules.click_ids, rules.max_length)

    def read(self, facts: Facts) -> Visit:
        """Return what *facts* tell, as far as the rules let them."""
        headers, most = facts.headers, self._most
        context: dict[str, Any] = {"page": self._page(facts), "request": self._request(facts)}
        agent = headers.get("user-agent")
        if agent:
            context["userAgent"] = agent[:most]
        language = headers.get("accept-language")
        if language and (locale := locale_in(language)):
            context["locale"] = locale
        if facts.query and (campaign := self._campaigns.read(facts.query)):
            context["campaign"] = campaign
        proxies = self.rules.client_ip
        if proxies is not None:
            address = proxies.client_of(facts.peer, headers.get("x-forwarded-for", ""))
            if address is not None:
                context["ip"] = address
        visit = Visit(context)
        if not self._names_nobody:
            self._read_ids(visit, headers)
        return visit

    def _page(self, facts: Facts) -> dict[str, Any]:
        path = facts.path[: self._most]
        page: dict[str, Any] = {"path": path}
        if self._site is not None:
            page["url"] = f"{self._site}{quote(path, safe=_IN_PATHS)}"
        came_from = facts.headers.get("referer")
        if came_from and (referrer := referrer_in(came_from, self._most)):
            page["referrer"] = referrer
        return page

    def _request(self, facts: Facts) -> dict[str, Any]:
        request: dict[str, Any] = {}
        if facts.method is not None:
            request["method"] = facts.method[: self._most]
        if facts.route is not None:
            request["route"] = facts.route[: self._most]
        for name in self._request_ids:
            found = facts.headers.get(name)
            if found is not None and (usable := id_in(found)) is not None:
                request["id"] = usable
                break
        return request

    def _read_ids(self, visit: Visit, headers: Mapping[str, str]) -> None:
        if self._user_id is not None:
            visit.user_id = id_in(headers.get(self._user_id))
        if self._session_id is not None:
            visit.session_id = id_in(headers.get(self._session_id))
        cookie = self.rules.anonymous_id_cookie
        if cookie is not None:
            visit.anonymous_id = cookie_in(headers.get("cookie", ""), cookie)
        if self._anonymous_id is not None and visit.anonymous_id is None:
            visit.anonymous_id = id_in(headers.get(self._anonymous_id))


def _lower(name: str | None) -> str | None:
    return None if name is None else name.lower()


def is_page(method: str | None, status: int, content_type: str) -> bool:
    """Say whether an answer is a page that somebody looks at."""
    return method == "GET" and 200 <= status < 300 and content_type.lower().startswith(_PAGE)


def with_route(visit: Visit, route: str, most: int) -> Visit:
    """Return *visit* with the *route* that was not known before."""
    context = {**visit.context, "request": {**visit.context["request"], "route": route[:most]}}
    return Visit(context, visit.user_id, visit.anonymous_id, visit.session_id)
