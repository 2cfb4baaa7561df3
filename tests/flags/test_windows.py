"""Definitions are read through a window; wherever its borders fall, what is read is the same."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncsdk import InvalidResponseError
from asyncsdk.flags import reading
from asyncsdk.flags.reading import Reader

TEXTS = st.text(st.sampled_from('ab"\\\n é€😀{}[],:'), max_size=60)
NAMES = st.text(st.sampled_from('a"é€😀{}'), max_size=2)  # must end within a window
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=30,
)
SPACES = st.sampled_from(["", " ", "\n\t ", " " * 7])
#: A number must end within a window, the longest of these among them.
WINDOWS = st.integers(32, 120)


#: Characters as they are, or as escapes.
WRITTEN = st.sampled_from([{"ensure_ascii": True}, {"ensure_ascii": False}])


@contextmanager
def windows_of(size: int) -> Iterator[None]:
    """Read through small windows, and look far ahead for spaces no more."""
    with (
        patch.object(reading, "WINDOW", size),
        patch.object(reading, "_MOST_SPACE", 8),
        patch.object(reading, "_SPACE", re.compile("[ \\t\\r\\n]{0,8}")),
    ):
        yield


def read(data: bytes) -> tuple[object, str]:
    """Return the one value in *data*, and its text as far as the reader has it."""
    reader = Reader(data)
    pieces = reader.value()
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            source = reader.source
            assert reader.peek() == "", "nothing is left"
            return end.value, source


@pytest.mark.repeats
@settings(deadline=None, max_examples=500)
@given(VALUES, SPACES, SPACES, WINDOWS, WRITTEN)
def test_any_window_reads_what_python_reads(
    value: object, before: str, between: str, window: int, written: dict[str, Any]
) -> None:
    """Texts, numbers and characters of several bytes lie across its borders."""
    text = json.dumps(value, **written, separators=(f"{between},", f":{between}"))
    with windows_of(window):
        found, source = read(f"{before}{text}{between}".encode())
    assert found == value
    assert source in ("", text)


@pytest.mark.repeats
@settings(deadline=None, max_examples=300)
@given(VALUES, WINDOWS, st.data())
def test_what_is_cut_is_refused(value: object, window: int, data: st.DataObject) -> None:
    """Half of a document is none, wherever it was cut."""
    text = json.dumps([value], ensure_ascii=False).encode()
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    with windows_of(window), pytest.raises(InvalidResponseError):
        read(cut)
