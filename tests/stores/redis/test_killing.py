"""What happens to what is in Redis when a process is killed, or the server, or both? It arrives."""

import asyncio
from itertools import cycle

import pytest

from asyncsdk.collector import Collector
from tests.promises.children import WHOLE_WAY, started
from tests.stores.redis.killing import PROGRAM, Killer, kill_often
from tests.stores.redis.servers import Server
from tests.stores.redis.using import new_queue

pytestmark = WHOLE_WAY


async def test_whatever_was_stored_arrives_whoever_is_killed() -> None:
    """Some rounds of many: `python -m tests.stores.redis.killing` makes as many as one likes."""
    for figures in await asyncio.gather(kill_often(3), kill_often(3)):
        assert figures.is_right, figures
        assert figures.kills == 3
        assert figures.stored > 100


async def test_after_a_crash_the_first_batch_is_there_within_a_second(server_7: Server) -> None:
    """From the client's start, and it is the one that was active: no lock has to run out."""
    queue = new_queue()
    async with Collector() as collector:
        dead = "http://127.0.0.1:9"  # nobody listens: all stays in Redis
        words = (dead, server_7.url, queue, "single", "0")
        async with started(str(PROGRAM), *words, unmeasured=True) as child:
            while "\n" not in child.out or int(child.out.split("\n")[-2]) < 500:
                await child.more()
        words = (collector.url, server_7.url, queue, "single", "drain")
        async with started(str(PROGRAM), *words, unmeasured=True) as child:
            ended = await child.ended()
        assert (ended.code, ended.said) == (0, "")
        assert collector.requests[0].time - float(ended.out) < 1.0
        numbers = [event.body["properties"]["n"] for event in collector.events]
        assert numbers[:500] == list(range(500))


# Which repeats a kill explains is told by the time between them, which a crowded machine stretches.
@pytest.mark.alone
@pytest.mark.parametrize("mode", ["multi", "4"], ids=["common", "shards"])
async def test_three_processes_that_are_killed_over_and_over_lose_nothing(
    server_7: Server, mode: str
) -> None:
    """A dead one's batches are claimed; none is sent by two live ones; with shards users keep order."""
    async with Collector() as collector:
        killer = Killer(server_7, collector, mode)
        shops = await asyncio.gather(*(killer.talking(number) for number in range(3)))
        for number, place in zip(range(3, 4), cycle(range(3)), strict=False):
            await asyncio.sleep(0.3)
            await killer.end(shops[place])
            shops[place] = await killer.talking(number)
        await asyncio.sleep(0.3)
        for shop in shops:
            await killer.end(shop)
        await killer.drain()
        figures = killer.count()
    assert figures.kills == 4
    assert (figures.lost, figures.changed, figures.disorder) == (0, 0, 0), figures
    assert figures.stored > 100
    assert figures.unexplained == 0, figures
