"""What names an event stands before it where its system has no field for that, and comes off."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.destinations.identities import Tag, identity_reader

nasty = st.sampled_from(
    [
        ',"first":',
        '","first":"',
        '\\","first":',
        '{"first":1,"first":',
        '"',
        "\\",
        '\\\\","first":1',
        "",
        "\u2028é🔑",
    ]
)
texts = nasty | st.text(st.characters(codec="utf-8"), max_size=30)


@given(message_id=texts, first=texts, second=texts)
def test_a_tag_comes_off_whatever_is_in_it(message_id: str, first: str, second: str) -> None:
    """An id of the caller's own may hold anything, the field's name included."""
    tag = Tag("first")
    event = msgspec.json.encode({"first": first, "second": second})[:-1]
    tagged = tag.put(event, messageId=message_id)
    assert msgspec.json.decode(tagged + b"}") == {
        "messageId": message_id,
        "first": first,
        "second": second,
    }
    assert tag.cut(tagged) == event


@given(message_id=texts, at=texts)
def test_an_identity_is_read_under_any_names(message_id: str, at: str) -> None:
    """Also if the time has a name of the user's own."""
    event = msgspec.json.encode({"x": [1, {"m": 2}], "m": message_id, "t î%s'": at})[:-1]
    assert identity_reader("m", "t î%s'")(event) == (message_id, at)
