"""A request's facts become a context: what is in it, and what never is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import ConfigurationError
from asyncsdk.visits import ContextRules, TrustedProxies
from asyncsdk.visits.reading import Facts, Reader, is_page, with_route
from asyncsdk.wire.encoding import encode

HEADERS = {
    "user-agent": "Browser/1.0",
    "accept-language": "de-DE,de;q=0.9",
    "referer": "https://example.com/from?token=t",
    "x-request-id": "r-1",
    "x-user": "u-1",
    "x-visitor": "a-1",
    "x-session": "s-1",
    "cookie": "visitor=c-1",
    "x-forwarded-for": "192.0.2.66, 198.51.100.1",
    "authorization": "Bearer planted",
}
FACTS = Facts("/items/42", "utm_source=mail&token=t", HEADERS, "GET", "10.0.0.1", "/items/{item}")
ALL = ContextRules(
    base_url="https://shop.example.com/",
    client_ip=TrustedProxies("10.0.0.0/8"),
    anonymous_id_cookie="visitor",
    user_id_header="X-User",
    anonymous_id_header="X-Visitor",
    session_id_header="X-Session",
)


def test_the_default_is_a_context_without_anybody() -> None:
    """No address, no cookie, no id: who wants them asks for them."""
    visit = Reader(ContextRules()).read(FACTS)
    assert visit.context == {
        "page": {"path": "/items/42", "referrer": "https://example.com/from"},
        "request": {"method": "GET", "route": "/items/{item}", "id": "r-1"},
        "userAgent": "Browser/1.0",
        "locale": "de-DE",
        "campaign": {"source": "mail"},
    }
    assert (visit.user_id, visit.anonymous_id, visit.session_id) == (None, None, None)


def test_what_is_asked_for_is_there() -> None:
    """The site's own address makes the page's, the cookie goes before the header."""
    visit = Reader(ALL).read(FACTS)
    assert visit.context["ip"] == "198.51.100.1"
    assert visit.context["page"]["url"] == "https://shop.example.com/items/42"
    assert (visit.user_id, visit.anonymous_id, visit.session_id) == ("u-1", "c-1", "s-1")
    del (headers := dict(HEADERS))["cookie"]
    assert Reader(ALL).read(Facts("/", "", headers)).anonymous_id == "a-1"


def test_a_request_that_tells_nothing_has_a_path() -> None:
    """A WebSocket has no method; what is not known has no place in the context."""
    assert Reader(ALL).read(Facts("/", "", {})).context == {
        "page": {"path": "/", "url": "https://shop.example.com/"},
        "request": {},
    }


def test_the_first_request_id_that_is_one_counts() -> None:
    """Proxies differ in what they call it."""
    headers = {"x-request-id": "a" * 1000, "x-correlation-id": "c-1"}
    assert Reader(ContextRules()).read(Facts("/", "", headers)).context["request"] == {"id": "c-1"}


_Text = st.text(max_size=2_000)


@given(_Text, _Text, st.dictionaries(st.sampled_from(sorted(HEADERS)), _Text), st.text())
def test_every_text_is_bounded(path: str, query: str, headers: dict[str, str], method: str) -> None:
    """A stranger cannot fill the queue with one request."""
    rules = ContextRules(
        max_length=20,
        base_url="https://e.example",
        anonymous_id_cookie="visitor",
        client_ip=TrustedProxies("10.0.0.0/8"),
    )
    facts = Facts(path, query, headers, method, "10.0.0.1", path)
    assert all(len(text) <= 255 for text in texts(Reader(rules).read(facts).context))
    assert len(encode(Reader(rules).read(facts).context)) < 5_000


def texts(value: Any) -> list[str]:
    """List the texts in *value*."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    return [value]


def test_a_route_can_be_added_later() -> None:
    """The former context is left alone: an event may be in the middle of being encoded."""
    visit = Reader(ContextRules()).read(Facts("/items/42", "", {}, "GET"))
    routed = with_route(visit, "/items/{item}", 5)
    assert routed.context["request"] == {"method": "GET", "route": "/item"[:5]}
    assert "route" not in visit.context["request"]


@pytest.mark.parametrize(
    ("method", "status", "kind", "page"),
    [
        ("GET", 200, "text/html; charset=utf-8", True),
        ("GET", 200, "Text/HTML", True),
        ("GET", 304, "text/html", False),
        ("GET", 404, "text/html", False),
        ("GET", 200, "application/json", False),
        ("POST", 200, "text/html", False),
        (None, 200, "text/html", False),
    ],
)
def test_a_page_is_html_that_somebody_got(
    method: str | None,
    status: int,
    kind: str,
    page: bool,  # noqa: FBT001
) -> None:
    """An error, a form that was sent and an API's answer are none."""
    assert is_page(method, status, kind) is page


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_length": 0},
        {"utm": "utm_source"},
        {"click_ids": "gclid"},
        {"request_id_headers": "x-request-id"},
        {"client_ip": "10.0.0.0/8"},
        {"base_url": "shop.example.com"},
    ],
)
def test_rules_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    """At the start, not with the first request."""
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=name):
        ContextRules(**wrong)


def test_a_path_stays_a_path_in_the_url() -> None:
    """What was decoded is encoded again: no part of it becomes a query."""
    rules = ContextRules(base_url="https://e.example")
    page = Reader(rules).read(Facts("/a b/?q#f/ж/@x", "", {})).context["page"]
    assert page == {
        "path": "/a b/?q#f/ж/@x",
        "url": "https://e.example/a%20b/%3Fq%23f/%D0%B6/@x",
    }
