"""Words: headers, cookies and query strings, read with distrust.

Each function takes what a stranger wrote and returns what is usable of it, or None.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache, partial
from urllib.parse import unquote

#: Characters of a query string and of a cookie header that are looked at.
MOST_QUERY = 4_096
MOST_COOKIES = 8_192
#: Parameters of a query string, and languages, that are looked at.
MOST_FIELDS = 64
MOST_LANGUAGES = 8
#: Characters of a text whose reading is remembered: visitors of one page bring the same ones.
MOST_KEPT = 500
#: Characters of `Accept-Language` that are looked at.
MOST_LANGUAGE = 200
#: An id that is longer is none: cut, it would be somebody else's.
MOST_ID = 255

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,3}\Z")
_SCHEMES = frozenset({"http", "https", "android-app"})
_UTM = "utm_"
#: Segment's name for a campaign's name; the other parts are called as in the query.
_CAMPAIGN = "utm_campaign"


def id_in(text: str | None) -> str | None:
    """Return *text* as an id: without spaces around it, not empty, not endless, all printable."""
    if text is None:
        return None
    text = text.strip()
    return text if 0 < len(text) <= MOST_ID and text.isprintable() else None


def cookie_in(header: str, name: str) -> str | None:
    """Return the id in the cookie *name*; quotes and percent signs around it are taken off."""
    end = len(header)
    if end > MOST_COOKIES:  # a cookie that was cut would be somebody else's
        end = max(header.rfind(";", 0, MOST_COOKIES + 1), 0)
    found = _cookie(name).search(header, 0, end)
    if found is None:
        return None
    return id_in(_decoded(found[1].replace("%22", '"')).strip('" '))


def _decoded(text: str) -> str:
    """Take off percent signs; to look for one first is ten times as quick."""
    return unquote(text) if "%" in text else text


@lru_cache(maxsize=16)
def _cookie(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|;) *{re.escape(name)}=([^;]*)")


def locale_in(header: str) -> str | None:
    """Return the language that `Accept-Language` likes best, as it spells it."""
    return _best_language(header[:MOST_LANGUAGE])


@lru_cache(maxsize=256)
def _best_language(header: str) -> str | None:
    best: tuple[float, str] | None = None
    for part in header.split(",", MOST_LANGUAGES)[:MOST_LANGUAGES]:
        language, _, weight = part.partition(";")
        language = language.strip()
        rank = _weight(weight)
        if rank > 0 and _LANGUAGE.match(language) and (best is None or rank > best[0]):
            best = (rank, language)
    return None if best is None else best[1]


def _weight(text: str) -> float:
    text = text.strip()
    if not text:
        return 1.0
    try:
        return float(text.removeprefix("q="))
    except ValueError:
        return 0.0


def referrer_in(header: str, most: int) -> str | None:
    """Return the page that `Referer` names: without query, fragment and password."""
    return (_referrer if len(header) <= MOST_KEPT else _referrer.__wrapped__)(header, most)


@lru_cache(maxsize=256)
def _referrer(header: str, most: int) -> str | None:
    address = header.partition("?")[0].partition("#")[0].strip()
    scheme, is_one, rest = address.partition("://")
    if not is_one or scheme not in _SCHEMES or not rest.isprintable():
        return None
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:most]


class CampaignReader:
    """Read what query strings say of campaigns, under Segment's names; the rest of them is dropped.

    Args:
        utm: Parameters of the kind ``utm_source``; longer ones are cut.
        clicks: Parameters that are ids of clicks, kept whole or not at all.
        most: Characters of a value.
    """

    def __init__(self, utm: Collection[str], clicks: Collection[str], most: int) -> None:
        self._read = partial(campaign_in, utm=frozenset(utm), clicks=frozenset(clicks), most=most)
        self._look = lru_cache(maxsize=256)(self._read)

    def read(self, query: str) -> dict[str, str]:
        """Return what *query* says; others are given the same dict, so it stays as it is."""
        return self._look(query) if len(query) <= MOST_KEPT else self._read(query)


def campaign_in(
    query: str, utm: Collection[str], clicks: Collection[str], most: int
) -> dict[str, str]:
    """Return what *query* says of a campaign; see `CampaignReader`."""
    if "=" not in query:
        return {}
    if len(query) > MOST_QUERY:
        query = query[:MOST_QUERY].rpartition("&")[0]  # half a parameter is a wrong one
    found: dict[str, str] = {}
    for part in query.split("&", MOST_FIELDS)[:MOST_FIELDS]:
        name, _, value = part.partition("=")
        if not value:
            continue
        if name in utm:
            key = "name" if name == _CAMPAIGN else name.removeprefix(_UTM)
            found.setdefault(key, _decoded(value.replace("+", " "))[:most])
        elif name in clicks and (click := id_in(_decoded(value.replace("+", " ")))) is not None:
            found.setdefault(name, click)
    return found
