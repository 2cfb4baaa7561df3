"""Server: a collector that fails on purpose, in a process of its own, with books for millions.

The collector keeps the events themselves only until they are ticked off here: by producer and
number, which takes nine bytes an event. So it is known of each one how often it arrived, and
whether a repeat came with the id that it had before.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from asyncsdk.cli.reading import read_some
from asyncsdk.collector import Collector, Event, Fault, Received
from benchmarks.machine import ROOT
from benchmarks.soak.stream import is_poisoned

#: Seconds between two looks at what came; far fewer events than the collector keeps.
_EVERY = 0.05
_KEPT = 200_000
_HASH = 2**64 - 1

#: What goes wrong all the time, by chance; a hung request lasts as long as the client bears it.
FAULTS = (
    Fault(kind="status", status=503, share=0.05),
    Fault(kind="status", status=429, retry_after="0", share=0.01),
    Fault(kind="reset", share=0.02),
    Fault(kind="drop", share=0.01),
    Fault(kind="truncate", share=0.01),
    Fault(kind="hang", share=0.004),
    Fault(kind="delay", seconds=0.1, share=0.05),
)


class Arrived(Struct, frozen=True, kw_only=True):
    """What the server got.

    Attributes:
        events: Different events, by producer and number.
        poisoned: Of these, poisoned ones, which it should have refused.
        repeats: Events that came once more.
        renamed: Repeats that came with another id than before.
        clashes: Events that share an id with another one.
        strangers: Events that nobody made.
        requests: Requests in all.
        refused: Requests that it refused by its own rules.
        faults: How often it did what on purpose: a status, or a kind of fault.
    """

    events: int
    poisoned: int
    repeats: int
    renamed: int
    clashes: int
    strangers: int
    requests: int
    refused: int
    faults: dict[str, int]


class Books:
    """Tick off events as they come, *counts* of each producer."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._starts = [sum(counts[:number]) for number in range(len(counts))]
        self._counts = tuple(counts)
        # This is all that changes.
        self._seen = bytearray(sum(counts))
        self._ids = array("Q", bytes(8 * sum(counts)))
        self._repeats = self._renamed = self._strangers = self._poisoned = 0
        self._requests = self._refused = 0
        self._faults: Counter[str] = Counter()

    def tick(self, event: Event) -> None:
        """Note one event."""
        properties = event.body.get("properties") or {}
        place = self._place(properties.get("producer"), properties.get("number"))
        if place is None:
            self._strangers += 1
            return
        mark = hash(event.message_id) & _HASH
        if not self._seen[place]:
            self._seen[place] = 1
            self._ids[place] = mark
            self._poisoned += is_poisoned(properties["number"])
            return
        self._repeats += 1
        self._renamed += self._ids[place] != mark

    def _place(self, producer: object, number: object) -> int | None:
        """Return where the event is ticked off, None for one that nobody made."""
        if not isinstance(producer, int) or not isinstance(number, int):
            return None
        known = 0 <= producer < len(self._counts) and 0 <= number < self._counts[producer]
        return self._starts[producer] + number if known else None

    def note(self, request: Received) -> None:
        """Note one request."""
        self._requests += 1
        if request.fault:
            kind = str(request.status) if request.fault == "status" else request.fault
            self._faults[kind] += 1
        elif request.status != 200:
            self._refused += 1

    def close(self) -> Arrived:
        """Add up."""
        events = sum(self._seen)
        ids = {mark for mark, seen in zip(self._ids, self._seen, strict=True) if seen}
        return Arrived(
            events=events,
            poisoned=self._poisoned,
            repeats=self._repeats,
            renamed=self._renamed,
            clashes=events - len(ids),
            strangers=self._strangers,
            requests=self._requests,
            refused=self._refused,
            faults=dict(self._faults),
        )


def take_over(collector: Collector, books: Books) -> None:
    """Move what came from the collector into the books; nothing can come meanwhile."""
    for request in collector.requests:
        books.note(request)
    for event in collector.events:
        books.tick(event)
    collector.clear()


async def serve(counts: Sequence[int]) -> Arrived:
    """Print the address, work until stdin ends, and return what arrived."""
    books = Books(counts)
    async with Collector(faults=FAULTS, keep_events=_KEPT) as collector:
        sys.stdout.write(f"{collector.url}\n")
        sys.stdout.flush()
        asked = asyncio.ensure_future(_until_asked())
        while not asked.done():
            take_over(collector, books)
            await asyncio.wait((asked,), timeout=_EVERY)
        await collector.stop()
        take_over(collector, books)
    return books.close()


async def _until_asked() -> None:
    while await read_some(0):
        pass


class Server:
    """The parent's side of a running server."""

    def __init__(self, child: subprocess.Popen[bytes], url: str) -> None:
        self._child = child
        self.url = url

    def arrived(self) -> Arrived:
        """End the server and return what it got; ask once.

        Raises:
            RuntimeError: It had ended by itself.
        """
        told, _ = self._child.communicate(timeout=120)
        try:
            return msgspec.json.decode(told, type=Arrived)
        except msgspec.DecodeError:
            raise RuntimeError("the server ended before it was asked what arrived") from None


@contextmanager
def running_server(counts: Sequence[int]) -> Iterator[Server]:
    """Run the server within the block.

    Args:
        counts: How many events each producer makes.

    Raises:
        RuntimeError: It did not start.
    """
    command = [sys.executable, "-m", "benchmarks.soak.server", *map(str, counts)]
    with subprocess.Popen(  # noqa: S603 - a module of ours
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        try:
            url = child.stdout.readline().decode().strip() if child.stdout is not None else ""
            if not url:
                raise RuntimeError("the server did not start")
            yield Server(child, url)
        finally:
            child.kill()


if __name__ == "__main__":
    found = asyncio.run(serve([int(text) for text in sys.argv[1:]]))
    sys.stdout.buffer.write(msgspec.json.encode(found))
