"""Lines of a file of events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import AsyncAnalytics, RudderStack, State
from asyncsdk.cli.calls import KINDS, Call, make
from asyncsdk.cli.lines import MAX_LINE, BadLine, Splitter, read_line

# A byte order mark is another test's.
TEXTS = st.binary(max_size=12).map(lambda text: text.translate(None, b"\n\xef"))


def line(**fields: Any) -> bytes:
    """Write one line."""
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("fields", "call"),
    [
        (
            {"type": "track", "userId": "u", "event": "E", "properties": {"a": 1}},
            Call("track", {"user_id": "u", "event": "E", "properties": {"a": 1}}),
        ),
        (
            {"type": "track", "user_id": "u", "event": "E", "message_id": "m", "context": {}},
            Call("track", {"user_id": "u", "event": "E", "message_id": "m", "context": {}}),
        ),
        (
            {"type": "identify", "anonymousId": "a", "traits": {"plan": "pro"}},
            Call("identify", {"anonymous_id": "a", "traits": {"plan": "pro"}}),
        ),
        (
            {"type": "page", "userId": "u", "name": "Home", "category": "shop"},
            Call("page", {"user_id": "u", "name": "Home", "category": "shop"}),
        ),
        (
            {"type": "screen", "userId": "u", "name": "Main", "properties": {}},
            Call("screen", {"user_id": "u", "name": "Main", "properties": {}}),
        ),
        (
            {"type": "group", "userId": "u", "groupId": "g", "group_type": "team"},
            Call("group", {"user_id": "u", "group_id": "g", "group_type": "team"}),
        ),
        (
            {"type": "alias", "userId": "u", "previousId": "p"},
            Call("alias", {"user_id": "u", "previous_id": "p"}),
        ),
        (
            {"type": "track", "userId": "u", "event": "E", "timestamp": None, "messageId": None},
            Call("track", {"user_id": "u", "event": "E"}),
        ),
    ],
)
def test_both_spellings_are_read(fields: dict[str, Any], call: Call) -> None:
    """What a vendor's SDK wrote and what a person writes is the same call; null says nothing."""
    assert read_line(line(**fields)).call == call


@pytest.mark.parametrize("field", ["originalTimestamp", "original_timestamp"])
def test_an_event_that_was_sent_before_keeps_its_time(field: str) -> None:
    """A recorded event happened when its call was made, unless its caller said otherwise."""
    when, said = "2026-11-01T10:00:00Z", "2026-10-01T10:00:00Z"
    fields: dict[str, Any] = {"type": "track", "userId": "u", "event": "E", field: when}
    assert read_line(line(**fields)).call.arguments["timestamp"] == when
    assert read_line(line(**fields, timestamp=said)).call.arguments["timestamp"] == said


def test_unknown_fields_are_named_and_those_of_the_way_are_not() -> None:
    """A misspelt field is not thrown away in silence."""
    read = read_line(line(type="track", userId="u", event="E", propertys={}, sentAt="x", channel=1))
    assert read.unknown == ("propertys",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"not json", "not JSON (invalid character (byte 4))"),
        (b'{"type":"track"', "not JSON (Input data was truncated)"),
        (b'{"type":"\xff"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b"{}", "type: one of track, identify, page, screen, group, alias is needed"),
        (b'{"type":"Track"}', "type: one of"),
        (b'{"type":["track"]}', "type: one of"),
        (b'{"type":"track","userId":"u","user_id":"u"}', "user_id: said twice, in both spellings"),
        (b" " * (MAX_LINE + 1), "longer than 4,194,304 bytes"),
    ],
)
def test_a_bad_line_says_why(text: bytes, reason: str) -> None:
    """Whatever a file holds, it is an event or a reason."""
    with pytest.raises(BadLine) as caught:
        read_line(text)
    assert str(caught.value).startswith(reason)


def test_every_kind_is_made_and_what_is_missing_is_refused_by_the_call_itself() -> None:
    """A line without its name or id gets the words that a program would get."""
    analytics = AsyncAnalytics(RudderStack("KEY", "http://127.0.0.1:1"), enabled=False)
    whole = {"userId": "u", "event": "E", "name": "n", "groupId": "g", "previousId": "p"}
    for kind in KINDS:
        call = read_line(line(type=kind, **whole)).call
        assert make(analytics, call).state is State.DROPPED
        with pytest.raises(ValueError, match=r"needed|needs"):
            make(analytics, read_line(line(type=kind)).call)


@given(
    texts=st.lists(TEXTS),
    cuts=st.lists(st.integers(1, 9), min_size=1),
)
def test_lines_are_the_same_however_the_file_is_cut(texts: list[bytes], cuts: list[int]) -> None:
    """A read may end anywhere, within a letter too; blank lines count but are not yielded."""
    whole = b"\n".join(texts)
    pieces: list[bytes] = []
    while whole:
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(whole[:size])
        whole = whole[size:]
    splitter = Splitter()
    found = [pair for piece in pieces for pair in splitter.feed(piece)] + list(splitter.end())
    assert found == [pair for pair in enumerate(texts, 1) if pair[1].strip()]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """Editors on Windows put one there."""
    assert list(Splitter().feed(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n")) == [
        (1, b"{}"),
        (2, b"\xef\xbb\xbf{}"),
    ]


def test_a_line_without_end_is_not_held() -> None:
    """A file without line breaks needs no more memory than its longest allowed line."""
    splitter = Splitter()
    for _ in range(20):
        assert list(splitter.feed(b"x" * 1_000_000)) == []
    assert len(splitter._rest) == MAX_LINE + 1
    ((number, text), (_, after)) = splitter.feed(b"\n{}\n")
    assert (number, len(text), after) == (1, MAX_LINE + 1, b"{}")
