"""Answers: what HTTP statuses mean for events, where a system does not say otherwise.

    2xx                             delivered
    408, 425, 429, 5xx, 1xx         again, later (not 501, 505)
    413, 400, 422, other 4xx        in parts: one event is guilty, or they are too many
    401 to 405, 407, 410, 421, 426, 451, 3xx, 501, 505
                                    the lane stands still: key, account, place or proxy are wrong

A status that is unknown to us never burns a whole batch: in parts, the guilty are found.

Source: the codes of rudder-server f2655fb and what the vendors' SDKs retry (checked 2026-11).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from asyncsdk.destinations.secrets import Secret
from asyncsdk.seams import Fate, HttpResponse, Verdict

_AGAIN = frozenset({408, 425, 429})
_STOP = frozenset({401, 402, 403, 404, 405, 407, 410, 421, 426, 451, 501, 505})
_ASKS_TO_WAIT = frozenset({429, 503})

#: The server's words are for people: this much of them is enough.
MAX_REASON = 200


def judge_status(response: HttpResponse, key: Secret) -> Verdict:
    """Say what the status of *response* means for all events of its request.

    Should the server repeat the *key* in its words, it is masked.
    """
    status = response.status
    if 200 <= status < 300:
        if is_page(response):
            return Verdict(
                fate=Fate.AGAIN,
                reason="an HTML page instead of an answer",
                status=status,
                code="invalid_response",
            )
        return Verdict(fate=Fate.DELIVERED, status=status)
    return Verdict(
        fate=fate_of(status),
        status=status,
        reason=words_of(response, key),
        retry_after=retry_after(response.headers) if status in _ASKS_TO_WAIT else None,
    )


def fate_of(status: int) -> Fate:
    """Return what a *status* outside 2xx means."""
    if status in _STOP or 300 <= status < 400:
        return Fate.STOP
    if status in _AGAIN or status >= 500 or status < 200:
        return Fate.AGAIN
    return Fate.SPLIT


def is_page(response: HttpResponse) -> bool:
    """Say whether *response* is a web page, as a captive portal or a proxy sends it."""
    return response.headers.get("content-type", "").lower().startswith("text/html")


def words_of(response: HttpResponse, key: Secret) -> str:
    """Return the server's words for people: cut, on one line, without control characters or key."""
    # Masked before it is cut: half a key is too much as well.
    text = key.mask(response.body.decode("utf-8", "replace")).strip()[:MAX_REASON]
    return "".join(letter if letter.isprintable() else " " for letter in text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a `Retry-After` asks for, or None.

    A date is read against the answer's own `Date`, so that a wrong local clock does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_between(headers.get("date", ""), value)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _seconds_between(earlier: str, later: str) -> float:
    try:
        return (_date(later) - _date(earlier)).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return math.nan


def _date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
