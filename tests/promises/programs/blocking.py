"""A client's whole life, with every call watched that could block the loop.

    python blocking.py URL DEAD_URL [planted]

Writes the places of the blocking calls, one a line. With ``planted`` a hook blocks on purpose.
The interpreter's exit is not watched: its last resort is a blocking request, and says so.
"""

import asyncio
import logging
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import blockbuster

from asyncsdk import AsyncAnalytics, RudderStack, Segment

logging.basicConfig(format="%(levelname)s %(message)s", level="WARNING")
logging.getLogger("asyncio").setLevel("ERROR")
url, dead_url, *words = sys.argv[1:]
found: list[str] = []


class Blocking(blockbuster.BlockingError):
    """Note who called, for whatever is raised in a hook or a seam is caught there."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        place = traceback.extract_stack(limit=3)[0]
        found.append(f"{name} at {place.filename}:{place.lineno}")


patch("blockbuster.blockbuster.BlockingError", Blocking).start()  # raised by this name


def hook(_kind: str, _facts: Mapping[str, Any]) -> None:
    """Hear of events, and block if told to."""
    if "planted" in words:
        time.sleep(0.001)


def make(**options: Any) -> AsyncAnalytics:
    """Make a client of two living servers and a dead one."""
    destinations = (
        RudderStack("planted-key", url, name="rudder"),
        Segment("planted-key", host=url.replace("127.0.0.1", "localhost"), name="segment"),
        RudderStack("planted-key", dead_url, name="dead"),
    )
    settings: dict[str, Any] = {
        "flush_interval": 0.05,
        "retry_base": 0.02,
        "retry_cap": 0.05,
        "max_retries": 4,
        "timeout": 0.3,
        "shutdown_timeout": 2.0,
        "handle_signals": True,
        "trust_env": True,
        "include_runtime_context": True,
        "on_event": hook,
        **options,
    }
    return AsyncAnalytics(*destinations, **settings)


def call(client: AsyncAnalytics, size: int) -> None:
    """Make calls of every kind, with values of many."""
    facts = {"text": "x" * size, "odd": object(), "when": time, "nested": [{1: {2, 3}}]}
    client.identify("u", traits=facts)
    client.group("g", user_id="u", traits=facts)
    client.alias(previous_id="a", user_id="u")
    for number in range(40):
        client.track("E", user_id="u", properties={**facts, "n": number})
    client.track("E", user_id=" ")  # the gateway refuses it


async def live() -> None:
    """Start, call, flush, replay, shut down; start again; leave for good."""
    client = make()
    await client.start()
    call(client, 20_000)  # large enough to be packed in a thread
    await asyncio.to_thread(call, client, 10)
    receipt = client.track("E", user_id="u")
    for waiting in (receipt.delivered(0.2), client.flush(1.0)):
        with suppress(TimeoutError):  # the dead one takes longer
            await waiting
    letters = [letter async for letter in client.dead_letters()]
    await client.replay(letters[0].message_id)
    await client.purge()
    client.statistics()
    await client.shutdown(0.5)
    async with client:
        await client.track("E", user_id="u")
    client.track("E", user_id="u")  # too late
    # The end of asyncio.run drains this one.
    call(make(exit_drain=0.5), 10)


async def watched() -> None:
    """Live, with all that blocks under watch until the loop is closed."""
    watch.activate()
    await live()


watch = blockbuster.BlockBuster()
asyncio.run(watched())
watch.deactivate()
sys.stdout.write("".join(f"{place}\n" for place in found))
