"""Searching texts with patterns that the server sends, none of which may hold up the loop.

With the extra ``asyncsdk[flags]`` patterns run on RE2, whose time grows with the text alone. Where
it is missing, or does not take the pattern, Python's `re` runs those that are harmless: with one
repetition or alternation at most there is nothing to try again and again. All else is left to the
server, and so are texts so long that even a search in linear time would be felt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol, TypeAlias

from asyncsdk.flags.patterns import Foreign, Pattern

#: Characters of a pattern, beyond which compiling it would take milliseconds.
_LONGEST_PATTERN = 1_000
#: Characters of a text that `re` may search: its time grows with their square.
_LONGEST_TEXT = 1_000
#: Times that `re` may repeat a group.
_MOST_TIMES = 1_000
#: States of a compiled pattern, times characters of the text.
_MOST_WORK = 500_000
_SEPARATORS = re.compile("[\x1c-\x1f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Answer(Enum):
    """What a search found out, if it did."""

    FOUND = auto()
    NOT_FOUND = auto()
    NO_PATTERN = auto()  # and so neither `regex` nor `not_regex` matches
    UNKNOWN = auto()


#: Says whether a text has what the pattern describes.
Search: TypeAlias = Callable[[str], Answer]


class _Compiled(Protocol):
    @property
    def search(self) -> Callable[[str], object]: ...
    @property
    def programsize(self) -> int: ...


def search_for(text: str) -> Search | None:
    """Return the search for the pattern *text*, or None if only the server can run it."""
    if not text:
        return _found
    if len(text) > _LONGEST_PATTERN:
        return None
    try:
        pattern = Pattern(text)
        harmless = re.compile(pattern.python)
    except re.error:
        return _no_pattern
    except (Foreign, OverflowError, RecursionError):
        return None
    short = _linear(pattern.ascii)
    if short:
        return _guarded(pattern, _Linear(pattern, short))
    return _guarded(pattern, _backtracking(harmless)) if _is_harmless(pattern) else None


def _found(_: str) -> Answer:
    return Answer.FOUND


def _no_pattern(_: str) -> Answer:
    return Answer.NO_PATTERN


def _linear(pattern: str) -> _Compiled | None:
    """Compile *pattern* with RE2, if it is there and takes it."""
    try:
        import re2
    except ImportError:
        return None
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 1 << 20
    try:
        compiled: _Compiled = re2.compile(pattern, options=options)
    except re2.error:
        return None
    return compiled


class _Linear:
    """One pattern on RE2; the program for texts beyond ASCII is made when one comes."""

    def __init__(self, pattern: Pattern, short: _Compiled) -> None:
        self._full = pattern.unicode
        self._short = short.search
        self._short_work = _MOST_WORK // max(short.programsize, 1)
        # This is all that changes.
        self._long: Callable[[str], object] | None = None
        self._long_work = 0

    def __call__(self, text: str) -> Answer:
        if not text.isascii():
            return self._beyond(text)
        if len(text) > self._short_work:
            return Answer.UNKNOWN
        return Answer.NOT_FOUND if self._short(text) is None else Answer.FOUND

    def _beyond(self, text: str) -> Answer:
        if self._full:
            compiled = _linear(self._full)
            self._full = ""
            if compiled:
                self._long = compiled.search
                self._long_work = _MOST_WORK // max(compiled.programsize, 1)
        if self._long is None or len(text) > self._long_work:
            return Answer.UNKNOWN
        return Answer.NOT_FOUND if self._long(text) is None else Answer.FOUND


def _is_harmless(pattern: Pattern) -> bool:
    """Say whether `re` has no more than one place at which it may have to think again."""
    # A repeated group may be empty; all else is repeated as often as the text is long.
    can_be_empty = "(" in pattern.python
    times = [int(number) for number in re.findall(r"(?<=[{,])[0-9]+", pattern.python)]
    return pattern.choices <= 1 and not (can_be_empty and max(times, default=0) > _MOST_TIMES)


def _backtracking(harmless: re.Pattern[str]) -> Search:
    def search(text: str) -> Answer:
        if len(text) > _LONGEST_TEXT:
            return Answer.UNKNOWN
        return Answer.NOT_FOUND if harmless.search(text) is None else Answer.FOUND

    return search


def _guarded(pattern: Pattern, search: Search) -> Search:
    """Let texts alone in which engines see different words, spaces or ends."""

    def guarded(text: str) -> Answer:
        if pattern.has_end and pattern.choices and text.endswith("\n"):
            return Answer.UNKNOWN
        if not text.isascii() and _differs(text, words=pattern.has_words):
            return Answer.UNKNOWN
        if pattern.has_spaces and _SEPARATORS.search(text):
            return Answer.UNKNOWN
        return search(text)

    return guarded


def _differs(text: str, *, words: bool) -> bool:
    if _SURROGATES.search(text):
        return True
    return words and not all(
        character.isascii() or character.isalpha() or character.isdecimal() for character in text
    )
