"""Tending: what must be done all the while that Redis is here. Renew, claim, share, count."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, MutableMapping, Sequence

from asyncsdk.seams import Stock
from asyncsdk.stores.redis.keys import GROUP
from asyncsdk.stores.redis.line import Line
from asyncsdk.stores.redis.link import Link
from asyncsdk.stores.redis.processes import Process
from asyncsdk.stores.redis.settings import Settings
from asyncsdk.stores.redis.shard import NOBODY, Shard
from asyncsdk.stores.redis.shelf import Shelf, total

#: Seconds between rounds at the most.
_LONGEST_ROUND = 1.0
#: Rounds between looks for destinations that nobody delivers here.
_ROUNDS_OF_STRANGERS = 5


class Tender:
    """Keep what is ours ours, and take over what nobody has any more.

    Nothing is taken over from others while Redis has not been here for a whole lease: they could
    not renew either, and may be alive and sending.
    """

    def __init__(
        self,
        settings: Settings,
        link: Link,
        shelves: MutableMapping[str, Shelf],
        process: Callable[[], Process],
    ) -> None:
        self._settings = settings
        self._link = link
        self._shelves = shelves
        self._process = process
        # This is all that changes: what destinations have that nobody delivers here.
        self._strange: dict[str, Sequence[Shard]] = {}
        self._rounds = 0
        self._period = min(settings.lease / 5.0, _LONGEST_ROUND)

    async def tend(self, line: Line, ready: Callable[[], None]) -> None:
        """Do a round now and then, until Redis is away; *ready* after the first one."""
        while not self._link.away:
            for shelf in list(self._shelves.values()):
                await self._round(shelf, line)
            await self.count(line)
            ready()
            await self._link.changed.wait(self._period)

    async def _round(self, shelf: Shelf, line: Line) -> None:
        if not self._settings.owned:
            await self._renew_and_claim(shelf.shards[0], line)
            return
        if self._settings.shared_out:
            first = shelf.shards[0]
            living = await first.attend(line, self._process().words, self._settings.lease)
            shelf.share = math.ceil(len(shelf.shards) / max(living, 1))
        await self._hold(shelf, line)
        for shard in shelf.shards:
            if shelf.owned > shelf.share and shard.owned and not shard.held:
                await shard.release(line)

    async def _hold(self, shelf: Shelf, line: Line) -> None:
        for shard in shelf.shards:
            if shard.owned:
                await shard.hold(line, self._settings.lease)

    async def hold_again(self, line: Line) -> None:
        """Stay the owner of what is ours, after a time in which it could not be renewed."""
        for shelf in list(self._shelves.values()) if self._settings.owned else ():
            await self._hold(shelf, line)

    async def _renew_and_claim(self, shard: Shard, line: Line) -> None:
        await shard.renew(line)
        await self._inherit(shard, line)
        if self._patient():
            await shard.claim(line, self._settings.lease)

    async def _inherit(self, shard: Shard, line: Line) -> None:
        me = self._process()
        for name in await line.consumers(shard.keys.stream, GROUP):
            if name == NOBODY or me.knows_dead(name):
                await shard.inherit(line, name)

    def _patient(self) -> bool:
        since = self._link.here_since
        return not since or asyncio.get_running_loop().time() - since >= self._settings.lease

    async def acquire(self, shelf: Shelf, shard: Shard, line: Line) -> None:
        """Become the owner of *shard* if nobody is, or its owner is known to be dead.

        Where everybody may take: at first, take over what the dead have left.
        """
        if not self._settings.owned:
            if shard.next_try == 0.0:
                await self._inherit(shard, line)
                shard.next_try = math.inf
            return
        now = asyncio.get_running_loop().time()
        if shard.owned or shelf.owned >= shelf.share or now < shard.next_try:
            return
        shard.next_try = now + self._period
        if not self._patient():
            return
        await shard.hold(line, self._settings.lease)
        if not shard.owned and self._process().knows_dead(shard.owner):
            await shard.hold(line, self._settings.lease, dead=shard.owner)
        if not shard.owned and not self._settings.shared_out:
            self._link.reporter.say(
                f"stand-by {shelf.lane}",
                f"{shelf.lane}: another process delivers this queue; standing by until it ends. "
                "With multi_processor=True they would share the work",
                level=logging.WARNING,
            )

    async def leave(self, shelf: Shelf, line: Line) -> None:
        """Let others have at once what we own, or had taken."""
        for shard in shelf.shards:
            if not self._settings.owned:
                await shard.leave(line)
            elif shard.owned:
                await shard.release(line)

    async def count(self, line: Line) -> None:
        """Count what is kept: now and then for all destinations that have a queue here."""
        lanes = set(self._shelves)
        if self._rounds % _ROUNDS_OF_STRANGERS == 0:
            for base in self._settings.bases:
                lanes |= await line.members(f"{base}:lanes")
        self._rounds += 1
        for lane in lanes:
            for shard in self.shards_of(lane):
                await shard.count(line)

    def shards_of(self, lane: str) -> Sequence[Shard]:
        """Return the shards of a destination, of one that nobody delivers here, too."""
        shelf = self._shelves.get(lane)
        if shelf is not None:
            return shelf.shards
        if lane not in self._strange:
            self._strange[lane] = self._settings.shards_of(lane, self._process())
        return self._strange[lane]

    def forget(self) -> None:
        """Start anew in a forked child."""
        self._strange.clear()

    def stock(self) -> dict[str, Stock]:
        """Return what is kept, by lane, as last known."""
        known = {lane: shelf.shards for lane, shelf in self._shelves.items()}
        every = {**self._strange, **known}
        return {lane: total([shard.stock for shard in shards]) for lane, shards in every.items()}
