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

#: Bytes that become text at once, and are read in about half a millisecond.
WINDOW = 32_768
#: A single text must end within this many bytes.
_LONGEST_TEXT = 1 << 20
_DEEPEST = 100
_MOST_SPACE = 4096
_SPACE = re.compile(rf"[ \t\r\n]{{0,{_MOST_SPACE}}}")
_PARTLY: Final = object()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode


class Reader:
    """A cursor in a JSON text, of which no more than a window is text at a time.

    Raises:
        InvalidResponseError: From all methods, where the text is no JSON in UTF-8, or nested too
            deeply.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        # This is all that changes: the bytes that became text, the window, which is the last of
        # that text, the cursor in it, and where in it the last value begins, until it moves on.
        self._taken = 0
        self._window = ""
        self._at = 0
        self._begins: int | None = None

    @property
    def source(self) -> str:
        """The text of the value that was just read; "" if it was longer than a window."""
        return "" if self._begins is None else self._window[self._begins : self._at]

    def peek(self) -> str:
        """Return the next character that is no white space, without passing it; "" at the end."""
        if len(self._window) - self._at <= _MOST_SPACE:
            self._look()
        space = _SPACE.match(self._window, self._at)
        self._at = space.end() if space else self._at
        return self._window[self._at : self._at + 1]

    def enter(self, bracket: str) -> None:
        """Pass the *bracket* that opens an array or an object."""
        self._pass(bracket)

    def more(self, closing: str, *, first: bool) -> bool:
        """Say whether one more member follows; pass the comma, or the *closing* bracket."""
        if self.peek() == closing:
            self._at += 1
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
        if found is _PARTLY:
            raise invalid("a name in it does not end, or is too long")
        self._pass(":")
        return str(found)

    def value(self, depth: int = 0) -> Generator[int, None, object]:
        """Read the next value, whatever it is."""
        found = self.at_once()
        if found is not _PARTLY:
            # About 100 MB a second, and something for each value.
            yield 4 + (self._at - (self._begins or 0)) // 100
            return found
        yield WINDOW // 100
        if depth > _DEEPEST:
            raise invalid("it is nested too deeply")
        opening = self.peek()
        reading = self._text() if opening == '"' else self._opened(opening, depth + 1)
        found = yield from reading
        self._begins = None
        return found

    def at_once(self) -> object:
        """Read the next value if it ends within a window; else return `_PARTLY`, and stay."""
        self.peek()
        found = self._within()
        if found is _PARTLY and self._look():
            found = self._within()
        return found

    def _within(self) -> object:
        try:
            found, end = _decode(self._window, self._at)
        except (RecursionError, ValueError):
            return _PARTLY
        # A number may go on beyond the window, from where it is cut: `1` of `1.` and of `1e+`.
        if end >= len(self._window) - 2 and self._taken < len(self._data):
            return _PARTLY
        self._begins, self._at = self._at, end
        return found

    def _look(self) -> bool:
        """Move the window to the cursor; return whether there is more in it than before."""
        missing = WINDOW - (len(self._window) - self._at)
        if missing <= 0 or self._taken >= len(self._data):
            return False
        more, self._taken = self._characters(self._taken, missing)
        self._window, self._at, self._begins = self._window[self._at :] + more, 0, None
        return True

    def _characters(self, begin: int, size: int) -> tuple[str, int]:
        """Return the text of about *size* bytes from *begin* on, and where the next one begins."""
        data, end = self._data, begin + size
        for _ in range(3):
            # The bytes of a character that are not its first begin with 10.
            end += end < len(data) and data[end] & 0xC0 == 0x80
        try:
            return data[begin:end].decode(), min(end, len(data))
        except UnicodeDecodeError as error:
            raise invalid("it is not UTF-8") from error

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

    def _text(self) -> Generator[int, None, object]:
        """Read a text that does not end in the window: in twice as much of it, and again."""
        begin = self._taken - len(self._window[self._at :].encode())
        size = WINDOW
        while size < _LONGEST_TEXT and begin + size < len(self._data):
            size *= 2
            part, self._taken = self._characters(begin, size)
            yield size // 50  # a step of its own, and the search another one
            try:
                found, end = _decode(part)
            except ValueError:
                yield size // 50
                continue
            self._taken -= len(part[end:].encode())
            self._window, self._at = "", 0
            return found
        raise invalid("a text in it does not end, or is too long")

    def _pass(self, character: str) -> None:
        if self.peek() != character:
            raise invalid("it is no JSON")
        self._at += 1


def invalid(why: str) -> InvalidResponseError:
    """Return the error that says *why* the definitions cannot be used."""
    return InvalidResponseError(f"The flag definitions cannot be read: {why}.")
