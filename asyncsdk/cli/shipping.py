"""Shipping: a file of events, line by line, to a real server.

The file is read no faster than the server takes its events: receipts are awaited, so the queue's
bound holds and a file of any size needs the same memory.
"""

import errno
import math
import os
import stat
import time
from collections import Counter

import anyio

from asyncsdk.cli.arguments import FileOptions
from asyncsdk.cli.calls import make
from asyncsdk.cli.hopeless import Hope
from asyncsdk.cli.interrupting import INTERRUPTED, interrupt_by_cancelling, until_interrupted
from asyncsdk.cli.lines import BadLine, Splitter, read_line
from asyncsdk.cli.reading import read_some
from asyncsdk.cli.screen import LIVE_EVERY, Screen
from asyncsdk.cli.tallying import Shipment
from asyncsdk.cli.wording import Reading, listed, ship_rows
from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.settings import Options
from asyncsdk.destinations import PostHog, RudderStack, Segment
from asyncsdk.errors import ValidationError
from asyncsdk.ledger import FlushResult, Statistics
from asyncsdk.seams import Destination

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
    "exit_drain": 0.0,  # a second Ctrl-C means now
}


async def ship(options: FileOptions, screen: Screen) -> int:
    """Send the file; return 0 (all delivered), 2 (not all), 3 (nothing) or 130 (Ctrl-C).

    Raises:
        ConfigurationError: The address or the key can never work.
    """
    interrupt_by_cancelling()
    destination = _destination(options)
    analytics = AsyncAnalytics(destination, **_OPTIONS)
    try:
        descriptor = 0 if options.file == "-" else os.open(options.file, os.O_RDONLY)
        size = _size(descriptor)
    except OSError as error:
        screen.complain(f"asyncsdk demo: cannot read {options.file}: {error.strerror}")
        return 3
    shipping = _Shipping(analytics, screen, size, prefix=f"{destination.name}: ")
    try:
        early = await shipping.run(descriptor)
    finally:
        if descriptor:
            os.close(descriptor)
    shipment = await shipping.shipment()
    _show(shipment, shipping, screen)
    return INTERRUPTED if early else shipment.exit_code


def _show(shipment: Shipment, shipping: "_Shipping", screen: Screen) -> None:
    if shipment.trouble:
        screen.complain(f"asyncsdk demo: {shipment.trouble}")
    if shipping.named:
        more = shipment.bad - len(shipping.named)
        screen.say("bad lines:", *(f"  {line}" for line in shipping.named))
        screen.say(*([f"  and {more:,} more"] if more else []))
    if shipping.unknown:
        fields = [f"{count:,} x {name}" for name, count in shipping.unknown.most_common()]
        screen.say(*listed("fields that no call has, left out:  ", fields))
    screen.say("")
    screen.show(ship_rows(shipment))


def _destination(options: FileOptions) -> Destination:
    insecure = options.allow_insecure_http
    if options.destination == "segment":
        return Segment(options.write_key, host=options.to, allow_insecure_http=insecure)
    if options.destination == "posthog":
        return PostHog(options.write_key, host=options.to, allow_insecure_http=insecure)
    return RudderStack(options.write_key, options.to, allow_insecure_http=insecure)


def _size(descriptor: int) -> int | None:
    """Return the bytes of a regular file, None for what has no size, such as a pipe."""
    facts = os.fstat(descriptor)
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None


class _Shipping:
    """Send one file and keep the books of it."""

    def __init__(
        self, analytics: AsyncAnalytics, screen: Screen, size: int | None, *, prefix: str
    ) -> None:
        self._analytics = analytics
        self._screen = screen
        self._size = size  # of the file in bytes, if it is one
        self._prefix = prefix  # of error texts; there is but one destination here
        # This is all that changes.
        self.named: list[str] = []  # the first bad lines, with their reasons
        self.unknown: Counter[str] = Counter()
        self._lines = 0
        self._bad = 0
        self._bytes = 0
        self._seconds = 0.0
        self._trouble = ""

    async def run(self, descriptor: int) -> bool:
        """Send what *descriptor* has to give; return whether Ctrl-C cut it short."""
        began = time.monotonic()
        hopeful = anyio.CancelScope()
        early, result = False, FlushResult()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, hopeful, began)
            early = await until_interrupted(self._send_all(descriptor, hopeful))
            if early:
                self._trouble = "stopped early; what is known so far:"
            result = await self._analytics.shutdown(_AFTER_INTERRUPT if early else 0.0)
            tasks.cancel_scope.cancel()
        if hopeful.cancelled_caught:
            error = str(result.errors[-1]) if result.errors else "no answer"
            self._trouble = f"the server takes no events: {error.removeprefix(self._prefix)}"
        self._seconds = time.monotonic() - began
        self._screen.clear()
        return early

    async def shipment(self) -> Shipment:
        """Return what became of the file."""
        letters = self._analytics.dead_letters()
        return Shipment(
            lines=self._lines,
            bad=self._bad,
            view=self._analytics.statistics(),
            seconds=self._seconds,
            refusals=Counter([letter.reason async for letter in letters]),
            trouble=self._trouble,
        )

    async def _send_all(self, descriptor: int, hopeful: anyio.CancelScope) -> None:
        with hopeful:
            await self._analytics.start()
            try:
                await self._read_all(descriptor)
            except OSError as error:
                self._trouble = f"the file cannot be read further: {error.strerror}"
            while self._analytics.pending:
                # A flush ends early where a lane stands still.
                await self._analytics.flush(math.inf)
                await anyio.sleep(0.02)

    async def _read_all(self, descriptor: int) -> None:
        splitter = Splitter()
        while piece := await read_some(descriptor):
            self._bytes += len(piece)
            for number, text in splitter.feed(piece):
                await self._post(number, text)
        for number, text in splitter.end():
            await self._post(number, text)

    async def _post(self, number: int, text: bytes) -> None:
        """Make the call of one line; wait while the queue is nearly full."""
        self._lines += 1
        try:
            line = read_line(text)
            receipt = make(self._analytics, line.call)
        except (BadLine, ValidationError) as error:
            self._bad += 1
            if len(self.named) < _NAMED:
                self.named.append(f"line {number:,}: {error}")
            return
        for field in line.unknown:
            if field in self.unknown or len(self.unknown) < _MOST_NAMES:
                self.unknown[field] += 1
        await receipt

    async def _watch(self, hopeful: anyio.CancelScope, began: float) -> None:
        hope = Hope()
        while True:
            await anyio.sleep(LIVE_EVERY)
            view = self._analytics.statistics()
            now = time.monotonic() - began
            self._screen.progress(self._reading(view, now))
            if hope.gone(view, now):
                hopeful.cancel()

    def _reading(self, view: Statistics, now: float) -> Reading:
        settled = view.delivered + view.rejected + view.dead
        share = None
        if self._size:
            share = self._bytes / self._size * (settled / view.accepted if view.accepted else 1.0)
        return Reading(
            seconds=now,
            settled=settled,
            waiting=view.pending,
            retries=view.retries,
            share=share if share is None else min(share, 1.0),
            bad=self._bad,
            pause=f"next try in {view.paused:.0f} s" if view.paused >= 1.0 else "",
        )
