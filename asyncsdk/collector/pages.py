"""The collector's own pages: what it is, its counts, its events. Pure.

A page in a browser can make its own host name resolve to 127.0.0.1 and then read these answers as
same-origin (DNS rebinding). The name it used stays in the Host header: only loopback names pass.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Mapping

import msgspec

from asyncsdk.collector.answers import Answer, json_answer
from asyncsdk.collector.ledger import Event, Ledger

PATHS = frozenset({"/", "/api/events", "/api/summary"})

MAX_LIMIT = 1_000
_DEFAULT_LIMIT = 100

_ABOUT = """asyncsdk collector: a local stand-in for analytics servers.

RudderStack and Segment:
POST /v1/batch, /v1/track, /v1/identify, /v1/page, /v1/screen, /v1/group, /v1/alias
GetFluxly:
POST /v1/events/batch, /v1/events, /v1/identify/alias
Inslytic:
POST /v1/ingest
GET  /health
PostHog:
POST /batch/, /i/v0/e/, /flags/?v=2, /decide/?v=3
GET  /flags/definitions, /api/feature_flag/local_evaluation
GET  /api/projects/@current/feature_flags/KEY/remote_config

What came:
GET  /api/summary
GET  /api/events?limit=N&after=M
"""


class EventsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Holds events in the order they came; *next* is the `after` of the following page."""

    events: list[Event]
    next: int


def is_loopback(host: str) -> bool:
    """Say whether *host*, a bare name or address, is this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """Return the name or address in a Host header, without its port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def page(path: str, *, host: str, query: Mapping[str, str], ledger: Ledger) -> Answer:
    """Answer a GET of one of `PATHS`; 403 unless the Host header names this machine."""
    if not is_loopback(host_name(host)):
        return Answer(status=403, text="forbidden: use a loopback name\n")
    if path == "/":
        return Answer(status=200, text=_ABOUT)
    if path == "/api/summary":
        return json_answer(200, ledger.summary())
    try:
        limit = _count(query.get("limit", str(_DEFAULT_LIMIT)))
        after = _count(query.get("after", "0"))
    except ValueError:
        return Answer(status=400, text="limit and after are whole numbers from 0\n")
    return json_answer(200, events_page(ledger, limit=limit, after=after))


def events_page(ledger: Ledger, *, limit: int, after: int) -> EventsPage:
    """Return the oldest *limit* kept events with a number above *after*, 1,000 at most."""
    first = bisect_right(ledger.events, after, key=lambda event: event.number)
    events = ledger.events[first : first + min(limit, MAX_LIMIT)]
    return EventsPage(events=events, next=events[-1].number if events else after)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(text)
    return int(text)
