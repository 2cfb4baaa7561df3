"""Verdicts: every answer is judged, and nothing burns events but a server's final no to them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from asyncsdk.seams import Fate, HttpResponse, Refusal, Verdict
from asyncsdk.testing.destinations.answers import PAGE, answers, answers_with
from asyncsdk.testing.destinations.requests import carried
from asyncsdk.testing.destinations.subject import Subject

#: The longest words that a log line can bear.
MAX_WORDS = 1_000

_YES = HttpResponse(status=200, headers={"content-type": "application/json"}, body=b"{}")
_PASSES = (429, 500, 502, 503, 504)


def check_verdicts(subject: Subject, accepted: Mapping[str, HttpResponse]) -> None:
    """Check what each route makes of answers.

    Args:
        subject: The destination.
        accepted: As in `check_destination`.
    """
    for route, limits in subject.destination.routes.items():
        for count in {1, min(3, limits.max_events)}:
            for response in answers():
                _judged(subject, route, response, count)
            for key in carried(subject, route):
                for response in answers_with(key):
                    _judged(subject, route, response, count)
            _check_fates(subject, route, count)
            _check_yes(subject, route, accepted.get(route, _YES), count)


def _judged(subject: Subject, route: str, response: HttpResponse, count: int) -> Verdict:
    what = (
        f"judge({route!r}, {response.status} {response.body[:60]!r}, {response.headers}, "
        f"{count} events)"
    )
    verdict = subject.ask_twice(what, lambda: subject.destination.judge(route, response, count))
    subject.demand(
        isinstance(verdict, Verdict) and isinstance(verdict.fate, Fate),
        f"{what} must be a Verdict(…) with a Fate",
    )
    subject.demand(
        verdict.status == response.status,
        f"{what}: its status must be {response.status}, not {verdict.status!r}",
    )
    _check_singles(subject, what, verdict, count)
    _check_words(subject, what, verdict)
    wait = verdict.retry_after
    subject.demand(
        wait is None or (wait >= 0 and math.isfinite(wait)),
        f"{what}: retry_after must be seconds, 0 or more, or None, not {wait!r}",
    )
    subject.demand(
        verdict.answer is None or isinstance(verdict.answer, bytes), f"{what}: answer must be bytes"
    )
    return verdict


def _check_singles(subject: Subject, what: str, verdict: Verdict, count: int) -> None:
    for name, singles, kind in (
        ("but", verdict.but, Fate),
        ("refusals", verdict.refusals, Refusal),
    ):
        for index, said in singles.items():
            subject.demand(
                type(index) is int and 0 <= index < count,
                f"{what}: {name} names event {index!r}, which is not there",
            )
            subject.demand(isinstance(said, kind), f"{what}: {name} must hold a {kind.__name__}")


def _check_words(subject: Subject, what: str, verdict: Verdict) -> None:
    said = [("reason", verdict.reason), ("code", verdict.code)]
    for one in verdict.refusals.values():
        said += [("a refusal's reason", one.reason), ("a refusal's code", one.code)]
    for place, words in said:
        if words is None and place.endswith("code"):
            continue
        subject.demand(
            isinstance(words, str) and words.isprintable() and len(words) <= MAX_WORDS,
            f"{what}: {place} must be one printable line of at most {MAX_WORDS} characters",
        )
        subject.hide(f"{what}: {place}", words or "")


def _check_fates(subject: Subject, route: str, count: int) -> None:
    """Check that statuses mean what they mean everywhere."""
    several = count > 1
    for status in range(100, 600):
        verdict = _judged(subject, route, HttpResponse(status=status, body=b"no"), count)
        fate, what = verdict.fate, f"judge({route!r}, {status}, {count} events) is {verdict.fate}"
        is_yes = 200 <= status < 300
        subject.demand(fate is not Fate.DELIVERED or is_yes, f"{what}: that is no yes")
        subject.demand(
            fate is not Fate.NEVER or (not several and not is_yes),
            f"{what}: a status alone must not burn all events; SPLIT finds the guilty",
        )
        subject.demand(fate is not Fate.SPLIT or not is_yes, f"{what}: that is no refusal")
        if status in _PASSES:
            subject.demand(fate is Fate.AGAIN, f"{what}: that passes; it must be AGAIN")
        if status == 401:
            subject.demand(
                fate is Fate.STOP or (fate is Fate.NEVER and not several),
                f"{what}: the key is wrong, not the events; it must be STOP",
            )
        if status == 413 and several:
            subject.demand(fate is Fate.SPLIT, f"{what}: they are too many; it must be SPLIT")
    late = HttpResponse(status=429, headers={"retry-after": "7"}, body=b"no")
    subject.demand(
        _judged(subject, route, late, count).retry_after == 7.0,
        f"judge({route!r}, 429): retry_after must be the 7 seconds of the header Retry-After",
    )


def _check_yes(subject: Subject, route: str, response: HttpResponse, count: int) -> None:
    """Check that a yes is one, and a web page is none."""
    verdict = _judged(subject, route, response, count)
    subject.demand(
        verdict.fate is Fate.DELIVERED and not verdict.but,
        f"judge({route!r}, {response.status} {response.body[:60]!r}) is {verdict.fate}, and must "
        "be DELIVERED; if this system says yes otherwise, give check_destination(accepted=…)",
    )
    if response.headers.get("content-type", "").startswith("text/html"):
        return
    subject.demand(
        _judged(subject, route, PAGE, count).fate is not Fate.DELIVERED,
        f"judge({route!r}, a 200 with a web page) is DELIVERED: a captive portal says that to all",
    )
