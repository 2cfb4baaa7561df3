"""What a store wrote down is read again byte for byte, and what it did not write is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.stores.codec import pack, pack_letter, unpack, unpack_letter
from tests.delivery.making import letter


@given(st.lists(st.binary(max_size=300), max_size=40))
def test_events_come_back_as_they_were(events: list[bytes]) -> None:
    """Whatever bytes they are: a destination of one's own may write newlines, or nothing."""
    assert unpack(pack(events)) == events


@given(st.binary(max_size=60))
def test_what_is_no_packed_value_is_refused(data: bytes) -> None:
    """Never a wrong event: only what would be written so is read."""
    try:
        events = unpack(data)
    except ValueError:
        return
    assert pack(events) == data


def test_a_packed_value_that_was_cut_is_refused() -> None:
    """At whatever place."""
    whole = pack([b"one", b"", b"three"])
    for size in range(len(whole)):
        with pytest.raises(ValueError, match="no packed events"):
            unpack(whole[:size])


def test_a_letter_comes_back_as_it_was() -> None:
    """With every field; what is no letter is refused."""
    one = letter("m-1")
    assert unpack_letter(pack_letter(one)) == one
    for data in (b"", pack_letter(one)[:-1], b"\x80"):
        with pytest.raises(ValueError, match="no packed letter"):
            unpack_letter(data)
