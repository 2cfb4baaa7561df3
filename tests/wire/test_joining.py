"""Joining: a body holds every event, between its head and its tail."""

from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.wire.joining import enclose


@given(st.lists(st.binary(), min_size=1), st.binary(), st.binary(), st.binary())
def test_it_is_what_three_joins_would_be(
    events: list[bytes], head: bytes, separator: bytes, tail: bytes
) -> None:
    """And the caller's list stays as it is, for the next attempt."""
    before = list(events)
    assert enclose(head, separator, events, tail) == head + separator.join(events) + tail
    assert events == before
