"""Reading JSON in pieces, so that megabytes of it never hold up the loop.

A value is read at once if it ends within the window, which it nearly always does. One that does
not is opened: its members are read one after the other, each in the same way. What is
yielded between is about the microseconds that the last piece took.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Final, NoReturn, TypeVar

from asyncsdk.errors import InvalidResponseError

T = TypeVar("T")

#: Characters that are read at once, which takes about half a millisecond.
WINDOW = 32_768
#: A single text must end within this many characters.
_LONGEST_TEXT = 1 << 20
_DEEPEST = 100
_SPACE = re.compile(r"[ \t\r\n]{0,4096}")
_PARTLY: Final = object()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode


class Reader:
    """A cursor in a JSON text.

    Raises:
        InvalidResponseError: From all methods, where the text is no JSON, or nested too deeply.
    """

    def __init__(self, text: str) -> None:
        self.text: str = text
        # This is all that changes: the cursor, and the part of the text that is looked at.
        self.at: int = 0
        self._window = text[:WINDOW]
        self._begins = 0

    def peek(self) -> str:
        """Return the next character that is no white space, without passing it; "" at the end."""
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.text[self.at : self.at + 1]

    def enter(self, bracket: str) -> None:
        """Pass the *bracket* that opens an array or an object."""
        self._pass(bracket)

    def more(self, closing: str, *, first: bool) -> bool:
        """Say whether one more member follows; pass the comma, or the *closing* bracket."""
        if self.peek() == closing:
            self.at += 1
            return False
        if not first:
            self._pass(",")
            self.peek()
        return True

    def name(self) -> str:
        """Read the name of an object's member, and the colon."""
        if self.peek() != '"':
            raise invalid("it is no JSON")
        found = self.at_once()
        name = self._text() if found is _PARTLY else str(found)
        self._pass(":")
        return name

    def value(self, depth: int = 0) -> Generator[int, None, object]:
        """Read the next value, whatever it is."""
        begin = self.at
        found = self.at_once()
        if found is not _PARTLY:
            # About 100 MB a second, and something for each value.
            yield 4 + (self.at - begin) // 100
            return found
        yield WINDOW // 100
        if depth > _DEEPEST:
            raise invalid("it is nested too deeply")
        opening = self.peek()
        if opening == '"':
            return self._text()
        return (yield from self._opened(opening, depth + 1))

    def at_once(self) -> object:
        """Read the next value if it ends within a window; else return `_PARTLY`, and stay."""
        self.peek()
        found = self._within()
        if found is _PARTLY and self._begins != self.at:
            self._begins = self.at
            self._window = self.text[self.at : self.at + WINDOW]
            found = self._within()
        return found

    def _within(self) -> object:
        at = self.at - self._begins
        if at >= len(self._window):
            return _PARTLY
        try:
            found, end = _decode(self._window, at)
        except (RecursionError, ValueError):
            return _PARTLY
        is_last = self._begins + len(self._window) >= len(self.text)
        # A number may go on beyond the window.
        if end == len(self._window) and not is_last:
            return _PARTLY
        self.at = self._begins + end
        return found

    def _opened(self, opening: str, depth: int) -> Generator[int, None, object]:
        first = True
        if opening == "[":
            self.enter("[")
            items = []
            while self.more("]", first=first):
                first = False
                items.append((yield from self.value(depth)))
            return items
        if opening != "{":
            raise invalid("it is no JSON")
        self.enter("{")
        members: dict[str, object] = {}
        while self.more("}", first=first):
            first = False
            name = self.name()
            members[name] = yield from self.value(depth)
        return members

    def _text(self) -> str:
        part = self.text[self.at : self.at + _LONGEST_TEXT]
        try:
            found, end = _decode(part)
        except ValueError as error:
            raise invalid("a text in it does not end, or is too long") from error
        self.at += end
        return str(found)

    def _pass(self, character: str) -> None:
        if self.peek() != character:
            raise invalid("it is no JSON")
        self.at += 1


def invalid(why: str) -> InvalidResponseError:
    """Return the error that says *why* the definitions cannot be used."""
    return InvalidResponseError(f"The flag definitions cannot be read: {why}.")
