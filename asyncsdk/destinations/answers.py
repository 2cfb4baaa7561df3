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
from typing import Any

from msgspec import structs

from asyncsdk.destinations.secrets import Secret
from asyncsdk.seams import Fate, HttpResponse, Refusal, Verdict
from asyncsdk.wire.encoding import decode

#: Beside 5xx: the request came too slowly, too early, or too often.
AGAIN = frozenset({408, 425, 429})
_STOP = frozenset({401, 402, 403, 404, 405, 407, 410, 421, 426, 451, 501, 505})
_ASKS_TO_WAIT = frozenset({429, 503})

#: The server's words are for people: this much of them is enough.
MAX_REASON = 200


def judge_status(response: HttpResponse, key: Secret, *, again: frozenset[int] = AGAIN) -> Verdict:
    """Say what the status of *response* means for all events of its request.

    Args:
        response: The whole answer.
        key: Should the server repeat it in its words, it is masked.
        again: The statuses below 500 after which the same may be tried again.
    """
    status = response.status
    if 200 <= status < 300:
        if is_page(response):
            return no_answer(response, "an HTML page instead of an answer")
        return Verdict(fate=Fate.DELIVERED, status=status)
    return Verdict(
        fate=fate_of(status, again),
        status=status,
        reason=words_of(response, key),
        retry_after=retry_after(response.headers) if status in _ASKS_TO_WAIT else None,
    )


def no_answer(response: HttpResponse, reason: str) -> Verdict:
    """Say that *response* is none of the system's, whatever its status: the same comes again."""
    return Verdict(fate=Fate.AGAIN, reason=reason, status=response.status, code="invalid_response")


def fate_of(status: int, again: frozenset[int] = AGAIN) -> Fate:
    """Return what a *status* outside 2xx means; *again* as in `judge_status`."""
    if status in _STOP or 300 <= status < 400:
        return Fate.STOP
    if status in again or status >= 500 or status < 200:
        return Fate.AGAIN
    return Fate.SPLIT


def is_page(response: HttpResponse) -> bool:
    """Say whether *response* is a web page, as a captive portal or a proxy sends it."""
    return response.headers.get("content-type", "").lower().startswith("text/html")


def words_of(response: HttpResponse, key: Secret) -> str:
    """Return the server's words for people, as `readable`."""
    return readable(response.body.decode("utf-8", "replace"), key)


def readable(text: str, key: Secret) -> str:
    """Return *text* for people: cut, on one line, without control characters or *key*."""
    # Masked before it is cut: half a key is too much as well.
    text = key.mask(text).strip()[:MAX_REASON]
    return "".join(letter if letter.isprintable() else " " for letter in text)


def refusal_in(content: object, key: Secret) -> Refusal | None:
    """Return what an error's JSON *content* says, or None if it is of no known form.

    The forms are ``{"error": "code", "detail": "words"}`` and
    ``{"error": {"code": "code", "message": "words"}}``; what has a blank in it is no code.
    """
    fields: dict[str, Any] = content if isinstance(content, dict) else {}
    error = fields.get("error")
    if isinstance(error, dict):
        fields, error = error, error.get("code")
    if not isinstance(error, str) or not error:
        return None
    words = next((fields[name] for name in ("detail", "message") if name in fields), "")
    code = readable(error, key)
    if " " in code:
        return Refusal(code)
    return Refusal(readable(words, key) if isinstance(words, str) else "", code)


def json_in(response: HttpResponse) -> object:
    """Return the JSON value of an answer's body; an empty one counts as null.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return decode(response.body) if response.body.strip() else None
    except RecursionError:
        raise ValueError("nested too deep") from None


def with_words(verdict: Verdict, response: HttpResponse, key: Secret) -> Verdict:
    """Return *verdict* with the code and the words of an error's JSON body, if it has that form."""
    try:
        said = refusal_in(json_in(response), key)
    except ValueError:
        return verdict
    return (
        verdict if said is None else structs.replace(verdict, code=said.code, reason=in_words(said))
    )


def in_words(said: Refusal) -> str:
    """Return code and words on one line."""
    return ": ".join(part for part in (said.code, said.reason) if part)[:MAX_REASON]


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
    from email.utils import parsedate_to_datetime

    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
