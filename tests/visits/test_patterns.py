"""The template of a route that is a regular expression, as Django's may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.visits.patterns import template_of_pattern


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        ("items/<int:item>/", "items/{item}/"),
        ("items/<item>", "items/{item}"),
        (r"^articles/(?P<year>[0-9]{4})/(?P<slug>[\w-]+)/$", "articles/{year}/{slug}/"),
        (r"shops/<shop>/^items/(?P<item>\d+)$", "shops/{shop}/items/{item}"),
        (r"^a/(\d+)/(?:b|c(d))/f\.html$", "a/{}/{}/f.html"),
        (r"^(?P<outer>x(?P<inner>y))/z/?$", "{outer}/z/"),
        (r"^(?P<n>[)(]+)/a{2}$", "{n}/a"),
        (r"^a/[0-9]+/\w+\Z", "a/{}/{}"),
        ("a/[0-9]+/b", "a/{}/b"),
        ("", ""),
    ],
)
def test_it_is_read_as_a_person_would(pattern: str, template: str) -> None:
    """Names where something is filled in; nothing that only an engine understands."""
    assert template_of_pattern(pattern) == template


@given(st.text("()[]{}?P<>^$*+\\ab/.|"))
def test_no_pattern_raises(pattern: str) -> None:
    """Not even one that is none."""
    template_of_pattern(pattern)
