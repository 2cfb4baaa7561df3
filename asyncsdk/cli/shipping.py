"""Shipping: a file of events, line by line, to a real server.

The file is read no faster than the server takes its events: receipts are awaited, so the queue's
bound holds and a file of any size needs the same memory.
"""

import asyncio
import math
import os
import stat
import sys
import time
from collections import Counter

import anyio
from msgspec import Struct

from asyncsdk.cli.arguments import FileOptions
from asyncsdk.cli.calls import make
from asyncsdk.cli.hopeless import Hope
from asyncsdk.cli.lines import BadLine, Splitter, read_line
from asyncsdk.cli.reading import read_some
from asyncsdk.cli.screen import LIVE_EVERY, Screen
from asyncsdk.cli.wording import Reading, Shipment, indented, ship_rows
from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.settings import Options
from asyncsdk.destinations import RudderStack, Segment
from asyncsdk.errors import ValidationError
from asyncsdk.receipts import Statistics
from asyncsdk.seams import Destination

INTERRUPTED = 130

_NAMED = 10  # bad lines that are shown with their reason
_MOST_NAMES = 100  # unknown fields that are told apart
#: Seconds that Ctrl-C leaves for what is on its way.
_AFTER_INTERRUPT = 3.0

# Order and bounds are the defaults. Retries begin sooner than for a service, since somebody waits,
# and go on for about four minutes.
_OPTIONS: Options = {
    "flush_interval": 1.0,
    "max_retries": 14,
    "retry_base": 0.25,
    "probe_after": 2.0,
    "probe_cap": 5.0,
}


class _Books(Struct):
    """What is known of the file so far."""

    size: int | None
    bytes_read: int = 0
    lines: int = 0
    bad: int = 0
    named: list[str] = []
    unknown: Counter[str] = Counter()


async def ship(options: FileOptions, screen: Screen) -> int:
    """Send the file; return 0 (all delivered), 2 (not all), 3 (nothing) or 130 (Ctrl-C).

    Raises:
        ConfigurationError: The address or the key can never work.
    """
    analytics = AsyncAnalytics(_destination(options), **_OPTIONS)
    try:
        descriptor = 0 if options.file == "-" else os.open(options.file, os.O_RDONLY)
        books = _Books(size=_size(descriptor))
    except OSError as error:
        screen.complain(f"asyncsdk demo: cannot read {options.file}: {error.strerror}")
        return 3
    try:
        shipment = await _Shipping(analytics, books, screen).run(descriptor)
    finally:
        if descriptor:
            os.close(descriptor)
    return _conclude(shipment, books, screen)


def _destination(options: FileOptions) -> Destination:
    insecure = options.allow_insecure_http
    if options.destination == "segment":
        return Segment(options.write_key, host=options.to, allow_insecure_http=insecure)
    return RudderStack(options.write_key, options.to, allow_insecure_http=insecure)


def _size(descriptor: int) -> int | None:
    """Return the bytes of a regular file, None for what has no size, such as a pipe."""
    facts = os.fstat(descriptor)
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(21, "it is a directory")
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None
