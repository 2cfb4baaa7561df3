"""Reading: a request's facts become a context and ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from asyncsdk.visits.rules import ContextRules
from asyncsdk.visits.words import campaign_in, cookie_in, id_in, locale_in, referrer_in

_PAGE = "text/html"


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


def read_visit(rules: ContextRules, facts: Facts) -> Visit:
    """Return what *facts* tell, as far as *rules* let them."""
    headers, most = facts.headers, rules.max_length
    context: dict[str, Any] = {"page": _page(rules, facts), "request": _request(rules, facts)}
    agent = headers.get("user-agent")
    if agent:
        context["userAgent"] = agent[:most]
    language = headers.get("accept-language")
    if language and (locale := locale_in(language)):
        context["locale"] = locale
    if facts.query and (campaign := campaign_in(facts.query, rules.utm, rules.click_ids, most)):
        context["campaign"] = campaign
    if rules.client_ip is not None:
        address = rules.client_ip.client_of(facts.peer, headers.get("x-forwarded-for", ""))
        if address is not None:
            context["ip"] = address
    visit = Visit(context)
    _read_ids(visit, rules, headers)
    return visit


def _page(rules: ContextRules, facts: Facts) -> dict[str, Any]:
    path = facts.path[: rules.max_length]
    page: dict[str, Any] = {"path": path}
    if rules.base_url is not None:
        page["url"] = f"{rules.base_url.rstrip('/')}{path}"
    came_from = facts.headers.get("referer")
    if came_from and (referrer := referrer_in(came_from, rules.max_length)):
        page["referrer"] = referrer
    return page


def _request(rules: ContextRules, facts: Facts) -> dict[str, Any]:
    request: dict[str, Any] = {}
    if facts.method is not None:
        request["method"] = facts.method[: rules.max_length]
    if facts.route is not None:
        request["route"] = facts.route[: rules.max_length]
    for name in rules.request_id_headers:
        found = id_in(facts.headers.get(name.lower()))
        if found is not None:
            request["id"] = found
            break
    return request


def _read_ids(visit: Visit, rules: ContextRules, headers: Mapping[str, str]) -> None:
    if rules.user_id_header is not None:
        visit.user_id = id_in(headers.get(rules.user_id_header.lower()))
    if rules.session_id_header is not None:
        visit.session_id = id_in(headers.get(rules.session_id_header.lower()))
    if rules.anonymous_id_cookie is not None:
        visit.anonymous_id = cookie_in(headers.get("cookie", ""), rules.anonymous_id_cookie)
    if rules.anonymous_id_header is not None and visit.anonymous_id is None:
        visit.anonymous_id = id_in(headers.get(rules.anonymous_id_header.lower()))


def is_page(method: str | None, status: int, content_type: str) -> bool:
    """Say whether an answer is a page that somebody looks at."""
    return method == "GET" and 200 <= status < 300 and content_type.lower().startswith(_PAGE)


def with_route(visit: Visit, route: str, most: int) -> Visit:
    """Return *visit* with the *route* that was not known before."""
    context = {**visit.context, "request": {**visit.context["request"], "route": route[:most]}}
    return Visit(context, visit.user_id, visit.anonymous_id, visit.session_id)
