"""The command `map`: events in, calls out; or what is wrong with a mapping."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from asyncsdk.cli.arguments import MapOptions
from asyncsdk.cli.lines import BadLine, Splitter, read_object
from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping import Mapping as EventMapping
from asyncsdk.mapping import Stamp
from asyncsdk.mapping.checking import Check
from asyncsdk.mapping.making import Function
from asyncsdk.messages import Message

_PIECE = 128 * 1024

# As `asyncsdk demo --ndjson` reads them.
_SPELLING = {
    "type": "type",
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "event": "event",
    "name": "name",
    "group_id": "groupId",
    "previous_id": "previousId",
    "properties": "properties",
    "traits": "traits",
    "integrations": "integrations",
    "timestamp": "timestamp",
}

Write = Callable[[str], object]


def run(options: MapOptions, write: Write, complain: Write) -> int:
    """Do what *options* say and return the exit code: 1 if some line or event was bad.

    Args:
        options: Of the command.
        write: Takes the calls, or the report.
        complain: Takes what is wrong with the mapping or with a line.

    Raises:
        ConfigurationError: The mapping or the events cannot be read.
    """
    mapping = EventMapping.load(
        options.mapping,
        functions=load_functions(options.functions),
        compat="walkeros" if options.walkeros else None,
        watching=options.check,
    )
    for warning in mapping.warnings:
        complain(f"warning: {warning}\n")
    check = Check(mapping)
    bad = seen = 0
    for number, line in _lines(options.events):
        seen += 1
        bad += not _map_line(check, number, line, None if options.check else write, complain)
    if options.check:
        _report(check, seen, write, of_events=bool(options.events))
    return 1 if bad else 0


def _map_line(check: Check, number: int, line: bytes, write: Write | None, complain: Write) -> bool:
    """Map one line; say whether it was good."""
    try:
        event = read_object(line)
    except BadLine as error:
        complain(f"line {number}: {error}\n")
        return False
    called = check.map(event, Stamp(message_id=f"line-{number}"))
    for failure in called.failures:
        complain(f"line {number}: {failure.place}: {failure.reason}\n")
    if write is not None:
        for message in called.messages:
            write(f"{msgspec.json.encode(spelled(message)).decode()}\n")
    return not called.failures


def spelled(message: Message) -> dict[str, Any]:
    """Return a call as it is printed."""
    fields = {wire: getattr(message, ours) for ours, wire in _SPELLING.items()}
    return {name: value for name, value in fields.items() if value is not None}


def _report(check: Check, seen: int, write: Write, *, of_events: bool) -> None:
    if not of_events:
        write("The mapping is good. Give events too, to see which rules and paths they use.\n")
        return
    for place in check.unused_rules:
        write(f"unused rule: {place}\n")
    for place in check.paths_never_found:
        write(f"never found: {place}\n")
    write(f"The mapping is good; {seen} events were looked at.\n")


def _lines(file: str | None) -> Iterator[tuple[int, bytes]]:
    if file is None:
        return
    if file == "-":
        yield from _split(sys.stdin.buffer)
        return
    try:
        with Path(file).open("rb") as source:
            yield from _split(source)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror or error})") from None


def _split(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    splitter = Splitter()
    while piece := source.read(_PIECE):
        yield from splitter.feed(piece)
    yield from splitter.end()


def load_functions(where: str | None) -> Mapping[str, Function] | None:
    """Import the functions that a mapping names: ``package.module:NAME``, an object of functions.

    Raises:
        ConfigurationError: There is no such object.
    """
    if where is None:
        return None
    module, _, name = where.partition(":")
    try:
        found: object = getattr(importlib.import_module(module), name or "functions")
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"--functions: {error}") from None
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"--functions: {where} is no dict of functions")
    return found
