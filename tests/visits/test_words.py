"""Headers, cookies and query strings: what is usable of what a stranger wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.visits import CLICK_IDS, UTM
from asyncsdk.visits.words import campaign_in, cookie_in, id_in, locale_in, referrer_in


def campaign(query: str, *, most: int = 50) -> dict[str, str]:
    """Return what the usual lists find in *query*."""
    return campaign_in(query, UTM, CLICK_IDS, most)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("utm_source=a&utm_campaign=b+c&utm_id=7", {"source": "a", "name": "b c", "id": "7"}),
        ("utm_source=%C3%A4", {"source": "ä"}),
        ("gclid=G-1&fbclid=F", {"gclid": "G-1", "fbclid": "F"}),
        ("token=secret&email=a@example.com&utm_secret=x", {}),
        ("utm_source=first&utm_source=second", {"source": "first"}),
        ("utm_source=&utm_medium", {}),
        ("utm_source=%FF%00", {"source": "\ufffd\x00"}),
        ("", {}),
        ("&&&=&==", {}),
    ],
)
def test_of_a_query_only_what_is_listed_is_kept(query: str, found: dict[str, str]) -> None:
    """There are tokens and addresses in it that no analytics system should see."""
    assert campaign(query) == found


def test_long_values_are_cut_and_long_ids_left_out() -> None:
    """Half a click id is the id of nothing."""
    found = campaign(f"utm_source={'a' * 1000}&gclid={'b' * 1000}")
    assert found == {"source": "a" * 50}


def test_a_query_without_end_is_read_up_to_a_bound() -> None:
    """A parameter that stands on the bound is left out, since it may be cut."""
    inside, outside = "utm_source=a&", "&utm_medium=b"
    assert campaign(inside + "x" * 10_000 + outside) == {"source": "a"}
    assert campaign(inside + "x=1&" * 100 + outside) == {"source": "a"}
    assert campaign("utm_source=" + "a" * 10_000) == {}


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("visitor=v-1", "v-1"),
        ("other=1; visitor=v-1; more=2", "v-1"),
        ("other=1;visitor=v-1", "v-1"),
        ('visitor="v-1"', "v-1"),
        ("visitor=%22v-1%22", "v-1"),
        ("visitor=v%201", "v 1"),
        ("visitor=a; visitor=b", "a"),
        ("my-visitor=v-1; visitors=2", None),
        ("visitor=", None),
        ("visitor", None),
        (f"visitor={'v' * 256}", None),
        ("visitor=%00", None),
        (f"{'x' * 9_000}; visitor=v-1", None),
    ],
)
def test_a_cookie_is_found_by_its_name(header: str, found: str | None) -> None:
    """Segment's own is a quoted text with percent signs."""
    assert cookie_in(header, "visitor") == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de-DE"),
        ("en;q=0.5, fr", "fr"),
        ("de;q=0,en;q=0.1", "en"),
        ("*", None),
        ("de_DE, en", "en"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("de;q=x", None),
        ("", None),
        (f"{'a' * 1000}", None),
        ("x-1-2-3-4,," * 5_000, None),
    ],
)
def test_the_language_that_is_liked_best_is_the_locale(header: str, found: str | None) -> None:
    """What is no language is nobody's locale."""
    assert locale_in(header) == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("https://example.com/a?token=b#c", "https://example.com/a"),
        ("https://example.com", "https://example.com"),
        ("https://user:password@example.com/a", "https://example.com/a"),
        ("https://example.com/@user", "https://example.com/@user"),
        ("android-app://com.example", "android-app://com.example"),
        ("javascript:alert(1)", None),
        ("/relative", None),
        ("https://example.com/\x00", None),
    ],
)
def test_a_referrer_is_a_page_without_secrets(header: str, found: str | None) -> None:
    """Queries of pages carry tokens; passwords stand before the host."""
    assert referrer_in(header, 500) == found
    assert referrer_in(header, 10) == (None if found is None else found[:10])


@pytest.mark.parametrize("text", [None, "", "  ", "a" * 256, "a\nb", "\x7f"])
def test_what_cannot_be_an_id_is_none(text: str | None) -> None:
    """It is left out, not cut: a part of an id is another one's."""
    assert id_in(text) is None


@given(st.text())
def test_nothing_that_a_stranger_writes_raises(text: str) -> None:
    """A request with odd headers is answered like any other."""
    campaign(text)
    cookie_in(text, "visitor")
    locale_in(text)
    referrer_in(text, 10)


def test_a_cookie_that_would_be_cut_is_left_out() -> None:
    """Its beginning would be another visitor."""
    header = f"a={'x' * 8_170}; visitor=visitor-12345678"
    assert cookie_in(header, "visitor") is None
    assert cookie_in(f"visitor=v-1; {header}", "visitor") == "v-1"
    assert cookie_in(f"visitor={'x' * 9_000}", "visitor") is None
