"""A shop that stores what it says, and can be killed at any moment.

    python shop.py URL FOLDER DURABILITY FIRST
    python shop.py URL FOLDER DURABILITY drain

Numbers its events from FIRST on, in groups, and writes the number of the last event of a group once
that is stored. With ``drain`` it writes the time (monotonic), says nothing new, and ends when nothing is
left.
"""

import asyncio
import logging
import os
import random
import sys
import time

from asyncsdk import AsyncAnalytics, RudderStack, SQLiteStore

logging.basicConfig(format="%(levelname)s %(message)s", level="ERROR")
url, folder, durability, first = sys.argv[1:]


def make() -> AsyncAnalytics:
    """Make a client that sends one request after the other, in a hurry."""
    return AsyncAnalytics(
        RudderStack("planted-key", url, name="there"),
        store=SQLiteStore(folder, durability="power" if durability == "power" else "process"),
        flush_at=20,
        flush_interval=0.01,
        max_batch_events=100,
        max_retries=1_000,
        retry_base=0.001,
        retry_cap=0.02,
    )


async def talk(number: int) -> None:
    """Say something for ever."""
    analytics = make()
    await analytics.start()
    while True:
        receipt = None
        for _ in range(random.choice((1, 5, 20, 60))):
            receipt = analytics.track("Step", user_id="u", properties={"n": number})
            number += 1
        if receipt is not None:
            await receipt.stored()
        os.write(1, b"%d\n" % (number - 1))
        await asyncio.sleep(random.random() * 0.004)


async def drain() -> None:
    """Write the time, and send what was stored."""
    os.write(1, b"%f\n" % time.monotonic())
    async with make() as analytics:
        while analytics.statistics().in_store:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


asyncio.run(drain() if first == "drain" else talk(int(first)))
