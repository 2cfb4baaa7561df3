"""Patterns as the server's engine, Python's `re` and RE2 all read them.

A pattern is scanned once. What the three read differently is not read here at all: such a
pattern is for the server to decide. What is left is written out twice: for `re`, which says
whether the pattern is one, and for RE2, once for ASCII texts and once for all others.

Source: protocol facts "Local evaluation", regex portability (checked 2026-11).
"""

from __future__ import annotations

import re

_TIMES = re.compile(r"\{([0-9]{1,10})(?:,([0-9]{0,10}))?\}")
_HEX = re.compile(r"x[0-9a-fA-F]{2}")
_MOST_TIMES = 0xFFFFFFFF

#: In ASCII texts, then in others. What is no ASCII there is a letter or a decimal digit if the
#: pattern asks for words: other texts are not searched.
_SHORTHANDS = {
    "d": ("0-9", r"\p{Nd}"),
    "w": ("0-9A-Za-z_", r"0-9A-Za-z_\x{80}-\x{10ffff}"),
    "s": (
        r"\t-\r ",
        r"\t-\r\x{1c}- \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}",
    ),
}
_NO_WORD = r"\x{0}-\x{2f}:-@\x{5b}-\x{5e}\x{60}\x{7b}-\x{7f}"
#: The complements, for inside a class.
_COMPLEMENTS = {
    "D": (r"\D", r"\P{Nd}"),
    "W": (_NO_WORD, _NO_WORD),
    "S": (
        r"\x{0}-\x{8}\x{e}-\x{1f}!-\x{7f}",
        r"\x{0}-\x{8}\x{e}-\x{1b}!-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}"
        r"\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff}",
    ),
}


class Foreign(Exception):
    """The engines read this pattern differently; only the server can say what it matches."""


class Pattern:
    """One pattern, scanned.

    Attributes:
        python: For `re`, where `$` is strict.
        ascii: For RE2, on ASCII texts.
        unicode: For RE2, on other texts.
        choices: Repetitions and alternations: where an engine that goes back has to.
        has_words: It has a class of words, and
        has_spaces: one of white space, and
        has_end: an end anchor.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._before = ""
        self._groups: list[bool] = []
        self._closed_repeats = False
        self._python: list[str] = []
        self._ascii: list[str] = []
        self._unicode: list[str] = []
        self.choices: int = 0
        self.has_words: bool = False
        self.has_spaces: bool = False
        self.has_end: bool = False
        while self._at < len(text):
            self._step()
        self.python: str = "".join(self._python)
        self.ascii: str = "".join(self._ascii)
        self.unicode: str = "".join(self._unicode)

    def _step(self) -> None:
        character = self._text[self._at]
        if "\ud800" <= character <= "\udfff":
            raise Foreign
        steps = {
            "\\": self._escape, "[": self._class, "(": self._open, ")": self._close,
            "{": self._times, "*": self._repeat, "+": self._repeat, "?": self._repeat,
            "|": self._alternative, "^": self._start, "$": self._end,
        }  # fmt: skip
        step = steps.get(character)
        if step:
            step()
        elif character == ".":
            self._emit(".", "literal")
        else:
            self._emit(_literal(character), "literal")

    def _emit(self, text: str, kind: str, *, length: int = 1) -> None:
        self._write(text, text, text)
        self._before = kind
        self._at += length

    def _write(self, python: str, short: str, full: str) -> None:
        self._python.append(python)
        self._ascii.append(short)
        self._unicode.append(full)

    # Groups and what may be repeated.

    def _open(self) -> None:
        self._groups.append(False)
        if self._text[self._at + 1 : self._at + 2] != "?":
            self._emit("(", "(")
        elif self._text[self._at + 2 : self._at + 3] == ":":
            self._emit("(?:", "(", length=3)
        else:
            raise Foreign

    def _close(self) -> None:
        self._closed_repeats = self._groups.pop() if self._groups else False
        if self._groups:
            self._groups[-1] |= self._closed_repeats
        self._emit(")", "nothing" if self._before in ("(", "nothing") else ")")

    def _alternative(self) -> None:
        self.choices += 1
        self._emit("|", "|")

    def _start(self) -> None:
        self._emit("^", "^")

    def _end(self) -> None:
        self.has_end = True
        self._write(r"\Z", r"\z", r"\z")
        self._before = "$"
        self._at += 1

    def _repeat(self) -> None:
        if self._before in ("^", "$", "nothing"):
            raise Foreign
        self._repeats(self._text[self._at])

    def _times(self) -> None:
        times = _TIMES.match(self._text, self._at)
        if times is None or self._before in ("", "|", "(", "^", "$", "nothing", "repeated"):
            raise Foreign
        if any(int(number) > _MOST_TIMES for number in times.groups() if number):
            raise Foreign
        self._repeats(times[0])

    def _repeats(self, text: str) -> None:
        # Repetition of repetition is what makes an engine that goes back go back for ever.
        if self._before == ")" and self._closed_repeats:
            raise Foreign
        if self._text[self._at + len(text) : self._at + len(text) + 1] in ("+", "{"):
            raise Foreign
        if self._groups:
            self._groups[-1] = True
        self.choices += 1
        self._emit(text, "repeated", length=len(text))

    # Escapes and classes.

    def _escape(self) -> None:
        escaped = self._text[self._at + 1 : self._at + 2]
        if escaped in _SHORTHANDS or escaped in _COMPLEMENTS:
            self._shorthand(escaped)
            return
        if escaped in ("b", "B", "<", ">"):
            raise Foreign
        self._escaped(escaped)

    def _shorthand(self, escaped: str) -> None:
        self._note(escaped)
        negated = "^" if escaped.isupper() else ""
        short, full = _SHORTHANDS[escaped.lower()]
        self._write("\\" + escaped, f"[{negated}{short}]", f"[{negated}{full}]")
        self._before = "literal"
        self._at += 2

    def _note(self, escaped: str) -> None:
        self.has_words |= escaped in "wW"
        self.has_spaces |= escaped in "sS"

    def _escaped(self, escaped: str) -> None:
        """Pass an escape that stands for one character."""
        if escaped == "x":
            code = _HEX.match(self._text, self._at + 1)
            if code is None:
                raise Foreign
            self._emit("\\" + code[0], "literal", length=4)
        elif escaped == "":
            self._emit("\\", "literal")  # `re` says that it is no pattern
        elif escaped in "fnrt":
            self._emit("\\" + escaped, "literal", length=2)
        elif not " " <= escaped <= "~" or escaped.isalnum():
            raise Foreign
        else:
            self._emit(_literal(escaped), "literal", length=2)

    def _class(self) -> None:
        self._at += 1
        negated = self._text[self._at : self._at + 1] == "^"
        self._emit("[^" if negated else "[", "literal", length=int(negated))
        first = self._at
        while (character := self._text[self._at : self._at + 1]) != "]":
            if not character:
                return  # it never ends, and `re` says so
            self._class_item(character)
        if self._at == first:
            raise Foreign
        self._emit("]", "literal")

    def _class_item(self, character: str) -> None:
        pair = self._text[self._at : self._at + 2]
        if character == "[" or "\ud800" <= character <= "\udfff" or pair in ("&&", "--", "~~"):
            raise Foreign
        if character == "\\":
            self._class_escape(self._text[self._at + 1 : self._at + 2])
        elif character == "-":
            self._dash()
        else:
            self._emit(_literal(character), "literal")

    def _dash(self) -> None:
        """Pass a range, unless one of its ends is a class itself."""
        following = self._text[self._at + 1 : self._at + 3]
        preceding = self._text[max(self._at - 2, 0) : self._at]
        if following and following[0] != "]" and _is_shorthand(following):
            raise Foreign
        if following and following[0] != "]" and _is_shorthand(preceding):
            raise Foreign
        self._emit("-", "literal")

    def _class_escape(self, escaped: str) -> None:
        if escaped in _SHORTHANDS:
            self._note(escaped)
            self._write("\\" + escaped, *_SHORTHANDS[escaped])
            self._at += 2
        elif escaped in _COMPLEMENTS:
            self._note(escaped)
            self._write("\\" + escaped, *_COMPLEMENTS[escaped])
            self._at += 2
        elif escaped == "b":
            self._emit(r"\x08", "literal", length=2)
        elif escaped.isalnum() or escaped in tuple(r"\-[]^.$*+?(){}|") or not escaped:
            self._escaped(escaped)
        else:
            raise Foreign


def _is_shorthand(text: str) -> bool:
    return len(text) == 2 and text[0] == "\\" and text[1] in "dDsSwW"


def _literal(character: str) -> str:
    """Write *character* so that all engines take it for itself."""
    if character.isalnum() or not character.isascii():
        return character
    return f"\\x{ord(character):02x}"
