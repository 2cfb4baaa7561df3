"""From the bytes of a definitions answer to flags, in pieces."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from asyncsdk.flags.cohorts import compile_cohorts
from asyncsdk.flags.filters import Work
from asyncsdk.flags.flag import Flag, read_flag
from asyncsdk.flags.reading import Reader, invalid
from asyncsdk.flags.rulebook import Rulebook

#: Microseconds of work between two pauses, about; twice that on slow machines, and Python may
#: collect garbage in any of them.
_PIECE = 400
#: Flags of more characters than this, or of more patterns, are compiled while decoding: others
#: when they are first asked for, which then takes less than a millisecond.
_SMALL = 10_000
_FEW_PATTERNS = 3


class Decoded(NamedTuple):
    """All that an answer says."""

    book: Rulebook
    minimal_flag_called_events: bool


def decoding(data: bytes) -> Generator[None, None, Decoded]:
    """Decode *data* in pieces of less than a millisecond.

    Raises:
        InvalidResponseError: It is no definitions answer.
    """
    work = _decode(data)
    spent = 0
    while True:
        try:
            spent += next(work)
        except StopIteration as end:
            decoded: Decoded = end.value
            return decoded
        if spent >= _PIECE:
            spent = 0
            yield


def _decode(data: bytes) -> Work[Decoded]:
    reader = Reader(data)
    book = Rulebook()
    heavy: list[Flag] = []
    facts: dict[str, object] = {}
    reader.enter("{")
    first = True
    while reader.more("}", first=first):
        first = False
        name = reader.name()
        if name == "flags" and reader.peek() == "[":
            yield from _read_flags(reader, book, heavy)
            facts[name] = True
        else:
            facts[name] = yield from reader.value()
    if reader.peek():
        raise invalid("something follows its end")
    if "flags" not in facts or facts["flags"] is not True:
        raise invalid("it has no list of flags")
    yield from _compile(facts, book, heavy)
    return Decoded(book, facts.get("minimal_flag_called_events") is True)


def _read_flags(reader: Reader, book: Rulebook, heavy: list[Flag]) -> Work[None]:
    book.flags.clear()
    heavy.clear()
    reader.enter("[")
    first = True
    while reader.more("]", first=first):
        first = False
        definition = yield from reader.value()
        if not isinstance(definition, dict) or not isinstance(definition.get("key"), str):
            continue  # nobody can ask for it
        source = reader.source
        is_small = 0 < len(source) <= _SMALL and source.count("regex") <= _FEW_PATTERNS
        flag = read_flag(definition["key"], definition, source if is_small else definition, book)
        book.flags[flag.key] = flag
        if not is_small:
            heavy.append(flag)
        yield 2


def _compile(facts: dict[str, object], book: Rulebook, heavy: list[Flag]) -> Work[None]:
    book.version = facts.get("property_matching_version", 1)
    names = facts.get("group_type_mapping") or {}
    cohorts = facts.get("cohorts") or {}
    if not isinstance(names, dict) or not isinstance(cohorts, dict):
        raise invalid("its groups or cohorts are no objects")
    book.group_names = names
    yield from compile_cohorts(cohorts, book)
    for flag in heavy:
        yield from flag.compiling()
