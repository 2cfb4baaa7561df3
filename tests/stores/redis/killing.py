"""Kill a shop, or its redis-server, or both, again and again; count what became of what was stored.

    python -m tests.stores.redis.killing --rounds 60

The collector lives here; the shop and redis-server are children that are killed (`kill -9`) at random
moments. One request in twenty is answered with an error after its events were taken. Prints the
figures, and fails if an event is lost that was said to be stored, if order is broken, or if an event
came twice that was neither in flight at a kill nor in a request that was answered with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from asyncsdk.collector import Collector, Event, Fault
from tests.stores.killing import STEP, Figures
from tests.stores.redis.servers import DURABLE, Server, running
from tests.stores.redis.using import new_queue

PROGRAM = Path(__file__).parent / "programs" / "shop.py"
#: Who is killed, round by round.
WHO = ("client", "server", "both")
_FAULT = Fault(kind="drop_after_head", share=0.05)


class Shop(NamedTuple):
    """One shop of several, and its first word."""

    number: int
    process: asyncio.subprocess.Process
    word: bytes


class Killer:
    """A queue, its server, and the shops that are killed."""

    def __init__(self, server: Server, collector: Collector, mode: str = "single") -> None:
        self._server = server
        self._collector = collector
        self._mode = mode
        self._queue = new_queue()
        # This is all that changes.
        self.figures = Figures()
        self.stored: list[
            tuple[int, int]
        ] = []  # of each shop, the first number and the last stored
        self.flying: set[int] = set()  # requests that were the last before a kill
        self._when: dict[int, float] = {}  # when each request came
        self.kills: list[float] = []  # when one of several was killed

    async def start(self, first: str) -> asyncio.subprocess.Process:
        """Start a shop."""
        words = (self._collector.url, self._server.url, self._queue, self._mode, first)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROGRAM), *words), stdout=asyncio.subprocess.PIPE
        )

    async def round(self, number: int, who: str) -> None:
        """Start a shop, and kill *who* a moment after its first request."""
        before = len(self._collector.requests)
        process = await self.start(str(number * STEP))
        assert process.stdout is not None
        word = await asyncio.wait_for(process.stdout.readline(), 30)
        began = time.monotonic()
        while len(self._collector.requests) == before:
            assert time.monotonic() - began < 10, "no request came"
            await asyncio.sleep(0.002)
        self.figures.first_ms = max(self.figures.first_ms, (time.monotonic() - began) * 1e3)
        await asyncio.sleep(0.02 + random.random() * 0.25)
        if who != "client":
            self._note_flight()
            await self._server.restart(away=0.1)
            await asyncio.sleep(random.random() * 0.3 if who == "server" else 0.0)
        process.kill()
        self.figures.kills += 1
        words = (word + await process.stdout.read()).split(b"\n")
        await process.wait()
        self._note_flight()
        self.stored.append((number * STEP, int(words[-2])))  # the last may be half a number

    async def talking(self, number: int) -> Shop:
        """Start one shop of several, and wait until it has stored something."""
        process = await self.start(str(number * STEP))
        assert process.stdout is not None
        return Shop(number, process, await asyncio.wait_for(process.stdout.readline(), 30))

    async def end(self, shop: Shop) -> None:
        """Kill one shop of several; note what it had stored."""
        self.kills.append(time.monotonic())
        shop.process.kill()
        assert shop.process.stdout is not None
        words = (shop.word + await shop.process.stdout.read()).split(b"\n")
        await shop.process.wait()
        self.figures.kills += 1
        self.stored.append((shop.number * STEP, int(words[-2])))

    def _note_flight(self) -> None:
        self.flying.update(one.number for one in self._collector.requests[-2:])

    async def drain(self) -> None:
        """Let a last shop deliver what is left."""
        process = await self.start("drain")
        await asyncio.wait_for(process.wait(), 60)

    def count(self) -> Figures:
        """Compare what arrived with what was said to be stored."""
        self._when = {one.number: one.time for one in self._collector.requests}
        came: dict[int, list[Event]] = {}
        for event in self._collector.events:
            came.setdefault(event.body["properties"]["n"], []).append(event)
        for first, last in self.stored:
            self.figures.stored += last - first + 1
            self.figures.lost += sum(number not in came for number in range(first, last + 1))
        self._count_disorder(came)
        for events in came.values():
            self._count_again(events)
        return self.figures

    def _count_disorder(self, came: dict[int, list[Event]]) -> None:
        """In order: all of them from one processor, each user's with shards, none otherwise."""
        if self._mode == "single":
            self.figures.disorder = sum(one > two for one, two in pairwise(came))
        elif self._mode.isdigit():
            for user in range(7):
                own = [n for n in came if n % STEP % 7 == user % 7]
                self.figures.disorder += _per_shop(own)

    def _count_again(self, events: Sequence[Event]) -> None:
        broken = {one.number for one in self._collector.requests if one.fault}
        self.figures.changed += len({one.message_id for one in events}) > 1
        for one in events[:-1]:
            if one.request in broken:
                self.figures.answered += 1
            elif one.request in self.flying or self._at_a_kill(one.request):
                self.figures.in_flight += 1
            else:
                self.figures.unexplained += 1

    def _at_a_kill(self, number: int) -> bool:
        """Whether a request of one of several came when one was killed: it may have been its own."""
        came = self._when.get(number, 0.0)
        return any(-0.1 < kill - came < 0.3 for kill in self.kills)


def _per_shop(numbers: Sequence[int]) -> int:
    """Count what is out of order among the events of each shop."""
    by_shop: dict[int, list[int]] = {}
    for number in numbers:
        by_shop.setdefault(number // STEP, []).append(number)
    return sum(one > two for own in by_shop.values() for one, two in pairwise(own))


async def kill_often(rounds: int, version: str = "7") -> Figures:
    """Kill *rounds* times; then let a shop drain, and count."""
    with running(version, *DURABLE) as server:
        async with Collector(seed=1) as collector:
            collector.script(_FAULT)
            killer = Killer(server, collector)
            for number in range(rounds):
                await killer.round(number, WHO[number % len(WHO)])
            collector.script()
            await killer.drain()
            return killer.count()


def main() -> None:
    """Do it as the arguments say, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--version", choices=["6.2", "7"], default="7")
    asked = parser.parse_args()
    figures = asyncio.run(kill_often(asked.rounds, asked.version))
    sys.stdout.write(f"{figures}\n")
    if not figures.is_right:
        sys.exit("a promise was broken")


if __name__ == "__main__":
    main()
