"""A host at 2,000 events a second that measures what asyncsdk takes of its loop.

    python steps.py URL COUNT [zlib] [burdened] [stored]

Makes COUNT calls, of events up to 32 KB, and writes ``halfway`` when half of them are made, so that
somebody may end the server; then what it measured, as one line of JSON. With ``zlib`` as if isal
was not installed; with ``burdened`` every body is packed in the loop, whatever its size; with
``stored`` batches are written to a folder of its own.

A step is one callback of the loop, and what counts is the time of the thread, not of the clock:
other programs of this machine take no part in it.
"""

import asyncio
import gc
import importlib
import json
import logging
import math
import random
import sys
import tempfile
import time
from array import array
from asyncio.events import Handle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

url, COUNT, *words = sys.argv[1:]
if "zlib" in words:
    sys.modules["isal"] = None  # type: ignore[assignment]

from asyncsdk import (  # noqa: E402
    AsyncAnalytics,
    MemoryStore,
    RudderStack,
    Segment,
    SQLiteStore,
    Statistics,
)
from asyncsdk.wire import gzip  # noqa: E402

if "burdened" in words:
    gzip.ISAL_IN_LOOP = gzip.ZLIB_IN_LOOP = sys.maxsize

PER_SECOND = 2_000
LARGEST = 32_000
FLOOR = 200

took = array("d")  # seconds of each step of ours
slowest: list[tuple[float, str]] = []  # those above half a millisecond, by name
calls = array("d")  # seconds of each call
lines: list[tuple[float, str]] = []  # what was logged, and when


def name_of(handle: Any) -> str:
    """Name the step if it is ours: of any task but the host's, or a callback of ours or aiohttp's."""
    callback = handle._callback
    while isinstance(callback, partial):
        callback = callback.func
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        coroutine: Any = owner.get_coro()
        return "" if coroutine.cr_code is main.__code__ else owner.get_name()
    owner = getattr(owner, "_protocol", owner)  # a socket's callbacks are its protocol's
    module = callback.__module__ if owner is None else type(owner).__module__
    ours = str(module).startswith(("asyncsdk.", "aiohttp."))
    return str(getattr(callback, "__qualname__", callback)) if ours else ""


def measured(run: Callable[[Any], None]) -> Callable[[Any], None]:
    """Wrap the loop's way to run a callback."""

    def step(handle: Any) -> None:
        name = name_of(handle)
        began = time.thread_time()
        run(handle)
        seconds = time.thread_time() - began
        if name:
            took.append(seconds)
            if seconds > 0.0005:
                slowest.append((seconds, name))

    return step


def contents(draw: random.Random) -> Iterator[dict[str, object]]:
    """Make properties of all sizes, small ones more often: text, numbers, objects in lists."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    terms = ["".join(draw.choices(letters, k=draw.randint(3, 11))) for _ in range(4_000)]
    while True:
        size = int(FLOOR * (LARGEST / FLOOR / 1.3) ** (draw.random() ** 1.5))
        yield {
            "text": " ".join(draw.choices(terms, k=size // 16)),
            "numbers": [draw.getrandbits(32) for _ in range(size // 50)],
            "items": [
                {"id": f"{draw.getrandbits(48):012x}", "price": draw.uniform(0, 500)}
                for _ in range(size // 200)
            ],
        }


async def host(client: AsyncAnalytics, properties: list[dict[str, object]]) -> None:
    """Call at an even pace, however late the loop comes round."""
    began = time.monotonic()
    for number in range(int(COUNT)):
        if number == int(COUNT) // 2:
            say("halfway")
        while number > (time.monotonic() - began) * PER_SECOND:  # noqa: ASYNC110 - it is the pace
            await asyncio.sleep(0.002)
        before = time.thread_time()
        client.track("Step", user_id="u", properties=properties[number % len(properties)])
        calls.append(time.thread_time() - before)


async def main() -> Statistics:
    """Live the client's whole life, in trouble."""
    destinations = (
        RudderStack("planted-key", url, name="rudder"),
        Segment("planted-key", host=url, name="segment"),
    )
    properties = [one for one, _ in zip(contents(random.Random(7)), range(1_000), strict=False)]
    # What the host holds is not ours to collect, nor is what a library makes when it is imported.
    importlib.import_module("aiohttp")
    gc.collect()
    gc.freeze()
    folder = tempfile.TemporaryDirectory()
    store = SQLiteStore(folder.name) if "stored" in words else MemoryStore()
    async with AsyncAnalytics(
        *destinations,
        flush_interval=0.2,
        retry_base=0.02,
        retry_cap=0.05,
        max_retries=20,
        timeout=0.3,
        shutdown_timeout=1.0,
        store=store,
    ) as client:
        await host(client, properties)
    folder.cleanup()
    return client.statistics()


class Lines(logging.Handler):
    """Keep what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        lines.append((time.monotonic(), record.getMessage()))


def say(text: str) -> None:
    """Write a line for whoever started this."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def summary(seconds: "array[float]") -> dict[str, float]:
    """Return how many there are, and what 999 of 1,000 stay within, in milliseconds."""
    ranked = sorted(seconds)
    rank = math.ceil(len(ranked) * 0.999) - 1
    return {"count": len(ranked), "p999": ranked[rank] * 1e3, "most": ranked[-1] * 1e3}


if __name__ == "__main__":
    logging.getLogger("asyncsdk").addHandler(Lines())
    with patch.object(Handle, "_run", measured(Handle._run)):
        counts = asyncio.run(main())
    found = {
        "steps": summary(took),
        "calls": summary(calls),
        "slowest": [(round(taken * 1e3, 3), name) for taken, name in sorted(slowest)[-8:]],
        "lines": lines,
        "delivered": counts.delivered,
        "failures": counts.failures,
        "dead": counts.dead,
        "left": counts.dropped + counts.stored,
    }
    say(json.dumps(found))
