"""What an answer means for the events of its request, nearly the same for all systems."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.seams import Fate, Verdict
from tests.destinations.making import ALL, INSLYTIC, KEY, NAMES, RUDDER, One, answer

MEANINGS = {
    Fate.DELIVERED: (200, 201, 202, 204, 299),
    Fate.AGAIN: (101, 199, 408, 425, 429, 500, 502, 503, 504, 507, 511, 520, 599),
    Fate.SPLIT: (400, 406, 409, 413, 415, 422, 431, 460),
    Fate.STOP: (
        *(300, 301, 302, 304, 307, 308),
        *(401, 402, 403, 404, 405, 407, 410, 421, 426, 451),
        *(501, 505),
    ),
}
STATUSES = [(status, fate) for fate, statuses in MEANINGS.items() for status in statuses]
#: Inslytic's SDK tries no 4xx again; ours follows it but for 429, which passes by itself.
NOT_AGAIN = {INSLYTIC.name: {408: Fate.SPLIT, 425: Fate.SPLIT}}

each = pytest.mark.parametrize("destination", ALL, ids=NAMES)


def events_route(destination: One) -> str:
    """Return the route of its events."""
    return next(iter(destination.routes))


def judged(status: int, body: bytes = b"", **headers: str) -> Verdict:
    """Return what RudderStack's judge says; the others say the same, see below."""
    return RUDDER.judge("batch", answer(status, body, **headers), 3)


@each
@pytest.mark.parametrize(("status", "fate"), STATUSES)
def test_a_status_means_one_fate(destination: One, status: int, fate: Fate) -> None:
    """What passes comes again, what is the lane's fault stops it, nothing burns a whole batch."""
    body = b"" if fate is Fate.DELIVERED else b"words"
    verdict = destination.judge(events_route(destination), answer(status, body), 3)
    fate = NOT_AGAIN.get(destination.name, {}).get(status, fate)
    assert (verdict.fate, verdict.status, dict(verdict.but)) == (fate, status, {})


@given(status=st.integers(200, 599), count=st.integers(1, 50_000))
def test_no_status_is_a_final_no_to_a_whole_batch(status: int, count: int) -> None:
    """Only an event that was found guilty alone is refused for good."""
    for one in ALL:
        verdict = one.judge(events_route(one), answer(status, b"no"), count)
        assert verdict.fate is not Fate.NEVER
        assert not verdict.but


@each
@pytest.mark.parametrize("media", ["text/html", "text/html; charset=utf-8", "Text/HTML"])
@pytest.mark.parametrize("status", [200, 204])
def test_a_web_page_is_no_delivery(destination: One, media: str, status: int) -> None:
    """A captive portal says 200 to everything; the events come again."""
    page = answer(status, b"<html>Log in</html>", content_type=media)
    verdict = destination.judge(events_route(destination), page, 3)
    assert (verdict.fate, verdict.code) == (Fate.AGAIN, "invalid_response")
    assert verdict.status == status
    assert "HTML" in verdict.reason


@pytest.mark.parametrize("media", ["text/plain", "application/json", ""])
@pytest.mark.parametrize("body", [b"", b"OK", b"not json", b'{"success":true}', b"<html>"])
def test_any_other_yes_is_one(media: str, body: bytes) -> None:
    """The gateway answers in plain text, Segment in JSON, proxies with nothing at all."""
    assert judged(200, body, content_type=media).fate is Fate.DELIVERED


def test_a_page_with_an_error_status_means_its_status() -> None:
    """A proxy's own error page in HTML is still a 503, a 413 or a 401."""
    fates = [judged(status, content_type="text/html").fate for status in (503, 413, 401)]
    assert fates == [Fate.AGAIN, Fate.SPLIT, Fate.STOP]


DATE = "Sat, 21 Nov 2026 09:00:00 GMT"
WAITS = [
    ("0", 0.0),
    ("5", 5.0),
    (" 120 ", 120.0),
    ("2.5", 2.5),
    ("-7", 0.0),
    ("Sat, 21 Nov 2026 09:00:30 GMT", 30.0),
    ("Sat, 21 Nov 2026 10:00:30 +0100", 30.0),
    ("Saturday, 21-Nov-26 09:00:30 GMT", 30.0),
    ("Sat Nov 21 09:00:30 2026", 30.0),
    ("Sat, 21 Nov 2026 08:00:00 GMT", 0.0),
    ("", None),
    ("soon", None),
    ("nan", None),
    ("inf", None),
    ("-inf", None),
    ("1e400", None),
    ("5 seconds", None),
    ("99 Foo 2026", None),
    ("Sat, 41 Nov 2026 09:00:00 GMT", None),
    ("Sat, 21 Nov 99999999 09:00:00 GMT", None),
    ("5\x00", None),
]


@pytest.mark.parametrize(("value", "seconds"), WAITS)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_seconds_or_a_date(status: int, value: str, seconds: float | None) -> None:
    """A date counts from the answer's own Date; what cannot be read asks for nothing."""
    assert judged(status, retry_after=value, date=DATE).retry_after == seconds


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 41 Nov 2026 09:00:00 GMT"])
def test_a_date_without_the_servers_own_is_not_trusted(date: str) -> None:
    """Measured with a local clock that is wrong, it would stop the lane for hours."""
    later = "Sat, 21 Nov 2026 09:00:30 GMT"
    assert judged(503, retry_after=later, date=date).retry_after is None


@pytest.mark.parametrize("status", [200, 400, 401, 408, 413, 500, 502, 302])
def test_only_429_and_503_can_ask_to_wait(status: int) -> None:
    """Elsewhere the header means something else, or comes from somebody else."""
    assert judged(status, retry_after="60").retry_after is None


@given(st.text(), st.text())
def test_no_header_makes_judging_fail(value: str, date: str) -> None:
    """Whatever a server writes there, the verdict stands."""
    seconds = judged(429, retry_after=value, date=date).retry_after
    assert seconds is None or seconds >= 0


WORDS = [
    (b"", ""),
    (b"  invalid write key \n", "invalid write key"),
    (b"two\r\nlines\tand\x00nul", "two  lines and nul"),
    (b"a \x1b[31mred\x1b[0m", "a  [31mred [0m"),
    ("Größe ✓".encode(), "Größe ✓"),
    (b"\xff\xfe", "\ufffd\ufffd"),
    ("a\u2028b\u202ec".encode(), "a b c"),
    (b"x" * 10_000, "x" * 200),
]


@pytest.mark.parametrize(("body", "words"), WORDS)
def test_the_servers_words_are_cut_and_clean(body: bytes, words: str) -> None:
    """They go into logs: one line, no control characters, no more than is readable."""
    assert judged(400, body).reason == words


@given(st.binary(max_size=2_000))
def test_no_body_makes_words_that_hurt_a_log(body: bytes) -> None:
    """Whatever the server answers, one short printable line is left of it."""
    reason = judged(500, body).reason
    assert len(reason) <= 200
    assert reason.isprintable()


@each
def test_a_server_that_repeats_the_headers_shows_no_key(destination: One) -> None:
    """Debugging proxies answer with what they got; a log must not have the key, in no form."""
    route = events_route(destination)
    sent = destination.request(route, b"{}", encoding=None, key="k", attempt=1)
    # PostHog has its key in the body alone.
    _, _, credentials = sent.headers.get("Authorization", f"Body {KEY}").partition(" ")
    echo = answer(400, f"Authorization: Basic {credentials} and {KEY}".encode())
    reason = destination.judge(route, echo, 3).reason
    assert credentials not in reason
    assert KEY not in reason
    assert reason == "Authorization: Basic ***890 and ***890"


@given(status=st.integers(100, 599), body=st.binary(max_size=300), count=st.integers(1, 50))
def test_no_answer_makes_judging_fail(status: int, body: bytes, count: int) -> None:
    """A judge that raises would crash its lane; whatever the body, there is a verdict."""
    for one in ALL:
        for route in one.routes:
            assert isinstance(one.judge(route, answer(status, body), count), Verdict)
