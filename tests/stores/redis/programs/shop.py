"""A shop that stores in Redis what it says, and can be killed at any moment.

    python shop.py URL REDIS QUEUE MODE FIRST
    python shop.py URL REDIS QUEUE MODE drain

Numbers its events from FIRST on, in groups, and writes the number of the last event of a group once
that is stored. With ``drain`` it writes the time (monotonic), says nothing new, and ends when nothing is
left. MODE is ``single``, ``multi``, or a number of shards that several share.
"""

import asyncio
import logging
import os
import random
import sys
import time

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.stores import RedisStore

logging.basicConfig(format="%(levelname)s %(message)s", level="ERROR")
url, redis, queue, mode, first = sys.argv[1:]


def make() -> AsyncAnalytics:
    """Make a client that sends one request after the other, in a hurry."""
    store = RedisStore(
        redis,
        queue_name=queue,
        multi_processor=mode != "single",
        shards=int(mode) if mode.isdigit() else 1,
        lease=1.0,
        timeout=1.0,
    )
    return AsyncAnalytics(
        RudderStack("planted-key", url, name="there"),
        store=store,
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
        receipts = []
        for _ in range(random.choice((1, 5, 20, 60))):
            facts = {"n": number}
            receipts.append(analytics.track("Step", user_id=f"u{number % 7}", properties=facts))
            number += 1
        for receipt in receipts:
            await receipt.stored()
        os.write(1, b"%d\n" % (number - 1))
        await asyncio.sleep(random.random() * (0.004 if mode == "single" else 0.04))


async def drain() -> None:
    """Write the time, and send what was stored."""
    os.write(1, b"%f\n" % time.monotonic())
    async with make() as analytics:
        quiet = 0
        while quiet < 4:  # the count of what is in Redis is a fifth of a second old at the most
            quiet = 0 if analytics.statistics().in_store or analytics.pending else quiet + 1
            await asyncio.sleep(0.1)


asyncio.run(drain() if first == "drain" else talk(int(first)))
