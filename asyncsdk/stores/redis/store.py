"""The store that many machines share: batches in Redis until somebody has delivered them.

    append ──▶ stream ──take──▶ leased (on a consumer's list of pending entries) ──settle──▶ gone
                  ▲                          │
                  └── strays: before all that is new ──┘   a death, a lost answer, `give_back`

Who may take: with one processor, whoever owns the queue (a text in Redis that expires); with
several, everybody, each batch once, and what a dead one had is claimed by the others. With several
shards each shard has one owner, so that the events of one user keep their order.

While Redis is away batches go to the fallback and are taken from there; without one they are lent
from memory. With `strict_order` they wait instead, in the lane's bounded queue.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import anyio

from asyncsdk.errors import ConfigurationError, StoreAwayError, StoreFullError
from asyncsdk.outside import Outside
from asyncsdk.seams import Batch, DeadLetter, Durability, Lease, Progress, Room, Stock, Store
from asyncsdk.stores.redis.codec import name_letter
from asyncsdk.stores.redis.detour import Detour
from asyncsdk.stores.redis.letters import Letters
from asyncsdk.stores.redis.line import Address, Line, check_options, require_redis
from asyncsdk.stores.redis.link import Debt, Link
from asyncsdk.stores.redis.processes import this_process
from asyncsdk.stores.redis.settings import Settings
from asyncsdk.stores.redis.shard import Bounds, Held, Shard
from asyncsdk.stores.redis.shelf import Shelf, total
from asyncsdk.stores.redis.spreading import spread
from asyncsdk.stores.redis.tending import Tender

#: Seconds between looks for what others have put into Redis.
_LOOK = 0.2
#: Seconds for which an append waits for Redis to be back before it goes elsewhere.
_GRACE = 1.0
#: Seconds that leaving a queue to others may take.
_LEAVING = 0.015


class RedisStore:
    """Keep batches and dead letters in Redis, where many processes share them.

    Args:
        url: ``redis://``, ``rediss://`` for TLS, or ``unix://``; with a name and a password of an ACL
            in it if need be. Neither is ever shown.
        queue_name: All that have the same one share the queue.
        prefix: Begins every key, in braces: a cluster keeps them together.
        multi_processor: Whether several processes deliver this queue at once. Without it one does,
            in order, and others stand by.
        max_attempts: Deliveries of one batch in all, unless the client's `max_retries` says so.
        shards: With more than 1, users are spread over that many queues. Several processes then
            share them, and the events of one user keep their order. All clients must say the same.
        fallback: A store where batches go while Redis is away, such as `SQLiteStore`. Without one
            they are sent from memory, one after the other, and count as not stored.
        strict_order: Hold everything while Redis is away, instead of using the fallback.
        cluster: Whether *url* is of a Redis Cluster.
        sentinel: The name of the service, if *url* is of sentinels; hosts with commas between them.
        lease: Seconds after which what a silent process had goes to others.
        timeout: Seconds for each answer of Redis.
        max_batches: Most batches of one destination (and shard); beyond it the queue is full.
        max_bytes: The same in bytes of events.
        max_letters: Most dead letters; beyond it the oldest go.
        max_letter_bytes: The same in bytes.

    Raises:
        ConfigurationError: redis-py is missing, or an argument cannot be right.
    """

    durability: Durability = "process"

    def __init__(  # noqa: PLR0913 - the options of a whole subsystem, by name
        self,
        url: str = "redis://localhost:6379/0",
        *,
        queue_name: str = "rudderEventsQueue",
        prefix: str = "rudder",
        multi_processor: bool = False,
        max_attempts: int = 10,
        shards: int = 1,
        fallback: Store | None = None,
        strict_order: bool = False,
        cluster: bool = False,
        sentinel: str | None = None,
        lease: float = 5.0,
        timeout: float = 2.0,
        max_batches: int = 1_000_000,
        max_bytes: int = 1024 * 1024 * 1024,
        max_letters: int = 10_000,
        max_letter_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        address = Address(url=url, cluster=cluster, sentinel=sentinel, timeout=timeout)
        address.check()
        require_redis()
        check_options(address)
        if max_attempts < 1:
            raise ConfigurationError("max_attempts must be 1 or more")
        if strict_order and fallback is not None:
            raise ConfigurationError("strict_order and fallback exclude each other")
        self._settings = Settings(
            queue_name=queue_name,
            prefix=prefix,
            multi_processor=multi_processor,
            shards=shards,
            lease=lease,
            bounds=Bounds(
                batches=max_batches,
                bytes=max_bytes,
                letters=max_letters,
                letter_bytes=max_letter_bytes,
            ),
        )
        self._settings.check()
        self.max_attempts: int = max_attempts
        self.queue_name: str = queue_name
        self._address = address
        # This is all that changes.
        self._process = this_process()
        self._shelves: dict[str, Shelf] = {}
        self._link = Link(address, Outside(), probe_key=f"{self._settings.bases[0]}:probe")
        self._tender = Tender(self._settings, self._link, self._shelves, lambda: self._process)
        self._link.prepare = self._tender.hold_again
        self._letters = Letters(self._link, self._tender.shards_of, self._settings.bases)
        self._strict = strict_order
        lasts = fallback is not None and fallback.durability != "memory"
        self._detour = Detour(fallback if lasts else None)

    @property
    def shared(self) -> bool:
        """Whether others take what we append: with several processors, or while we stand by."""
        if self._settings.multi_processor or self._settings.shards > 1:
            return True
        return any(shard.owner for shelf in self._shelves.values() for shard in shelf.shards)

    def __repr__(self) -> str:
        """Show where it is, never a password."""
        return f"RedisStore({self._address.masked!r}, queue_name={self._settings.queue_name!r})"

    @property
    def away(self) -> str:
        """Why Redis cannot be reached; empty while it can, or nobody has asked yet."""
        return self._link.away

    def owned(self, lane: str) -> int:
        """Return how many shards of a destination are delivered here; 1 if there is but one."""
        return self._shelf(lane).owned

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Renew, claim, reconnect; ready as soon as it is known whether Redis is here."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._detour.run())
            await self._link.keep(partial(self._tender.tend, ready=ready), ready)

    async def recover(self, lane: str) -> None:
        """Return the lane's own unsettled leases to the front, in order."""
        self._shelf(lane).recover(self._link.owed)
        await self._detour.recover(lane)

    # Batches.

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Keep *batch* in Redis; while it is away, in the fallback.

        Raises:
            StoreFullError: Redis has no room for it.
            StoreAwayError: Redis is away, and there is no fallback that keeps it; unless order is
                strict, it is lent from memory until it is appended again.
        """
        shelf = self._shelf(lane)
        if batch.key in shelf.lent:
            raise StoreAwayError(f"{self._why}; a batch is being sent from memory")
        if batch.key in shelf.gone and not letters:  # its lane is about to hear of it
            raise StoreAwayError(f"{self._why}; a batch was sent meanwhile")
        shelf.gone.clear()  # a lane appends one batch at a time
        shelf.spare.clear()
        work = partial(self._append, shelf, batch, age, letters)
        with anyio.move_on_after(self._patience()) as scope:
            await work()
        if scope.cancelled_caught:
            if self._detour.there:
                await self._append_elsewhere(shelf, batch, age, letters)
            else:
                self._spare(shelf, batch, age)
                raise StoreAwayError(self._why)
        shelf.filled.ring()

    def _spare(self, shelf: Shelf, batch: Batch, age: float) -> None:
        """Let a batch that could not be kept be lent from memory."""
        known = batch.key in shelf.gone or shelf.find(batch.key) is not None
        if not (self._strict or known):
            whole = Progress(open=[(0, len(batch.events))], age=age)
            shelf.spare[batch.key] = Lease(shelf.lane, batch, whole, kept=False)
            shelf.filled.ring()

    @property
    def _why(self) -> str:
        return self._link.away or f"{self!r} does not answer"

    def _patience(self) -> float:
        """Return for how long Redis is waited for: not long if it has been away for long."""
        if not self._link.away or not self._link.kept:
            return _GRACE
        if not self._link.met:  # there is nothing that it could come back from
            return 0.0
        return max(_GRACE - (asyncio.get_running_loop().time() - self._link.away_since), 0.0)

    async def _append(
        self, shelf: Shelf, batch: Batch, age: float, letters: Sequence[DeadLetter]
    ) -> None:
        """Append to Redis; while it is away, wait for it."""
        while True:
            line = await self._link.line()
            if line is None:
                await self._link.changed.wait(_LOOK)
                continue
            shelf.doubtful.add(batch.key)  # until every answer is here
            try:
                kept = await self._spread(shelf, line, batch, age, letters)
            except StoreAwayError as error:
                self._link.went(error)
                continue
            if not kept:
                raise StoreFullError(f"{self!r} is full: raise max_batches or max_bytes")
            shelf.doubtful.discard(batch.key)
            self._letters.let_go(letters)
            await self._detour.forget_letters(shelf.lane, letters)
            return

    async def _spread(
        self, shelf: Shelf, line: Line, batch: Batch, age: float, letters: Sequence[DeadLetter]
    ) -> bool:
        """Append the parts of *batch* to their shards; False if one has no room."""
        parts = spread(batch, len(shelf.shards))
        names = [name_letter(letter).name for letter in letters]
        for number, shard in enumerate(shelf.shards):
            part = parts.get(number)
            if part is None:
                if names:
                    await shard.purge(line, names)
            elif not await shard.append(line, part, age=age, letters=letters):
                return False
        return True

    async def _append_elsewhere(
        self, shelf: Shelf, batch: Batch, age: float, letters: Sequence[DeadLetter]
    ) -> None:
        """Append to the fallback; if Redis is back before it has room, to Redis after all."""
        elsewhere = partial(self._detour.append, shelf, batch, age, letters)
        if await self._before_it_is_back(elsewhere):
            self._letters.let_go(letters)
            names = [name_letter(letter).name for letter in letters]
            for shard in shelf.shards if names else ():
                self._link.owe(batch.key, partial(_purge, shard, names))
            return
        shelf.kept_twice.add(batch.key)  # cancelled, it may have been kept
        await self._append(shelf, batch, age, letters)

    async def _before_it_is_back(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do *work* unless Redis comes back first; say whether it was done."""
        task = asyncio.ensure_future(work())
        try:
            while not task.done() and self._link.away:
                await asyncio.wait([task], timeout=_LOOK)
        finally:
            task.cancel()
            await asyncio.wait([task])
            error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error
        return not task.cancelled()

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease the oldest batches that fit *room*; what the fallback has goes first."""
        shelf = self._shelf(lane)
        async with shelf.turn:
            while True:
                leases = await self._take(shelf, room)
                if leases:
                    return leases
                await shelf.filled.wait(_LOOK)

    async def _take(self, shelf: Shelf, room: Room) -> list[Lease]:
        line = await self._link.line()
        leases = await self._detour.take(shelf, room, away=line is None)
        if leases:
            return await self._not_twice(shelf, leases)
        if line is None:
            return shelf.lend()
        try:
            for shard in shelf.around():
                leases = await self._take_from(shelf, shard, line, room)
                if leases:
                    return leases
        except StoreAwayError as error:
            self._link.went(error)
        return []

    async def _not_twice(self, shelf: Shelf, leases: list[Lease]) -> list[Lease]:
        """Forget what the fallback kept although it went to Redis."""
        fresh: list[Lease] = []
        for lease in leases:
            if lease.batch.key in shelf.kept_twice:
                shelf.kept_twice.discard(lease.batch.key)
                shelf.elsewhere.discard(lease.batch.key)
                await self._detour.store.settle(lease, ())
            else:
                fresh.append(lease)
        return fresh

    async def _take_from(self, shelf: Shelf, shard: Shard, line: Line, room: Room) -> list[Lease]:
        await self._tender.acquire(shelf, shard, line)
        # Of one shard one batch of requests at a time, or the events of a user overtake each other.
        if not shard.owned or (len(shelf.shards) > 1 and shard.held):
            return []
        leases, unread = await shard.take(line, room)
        try:
            for held in unread:
                self._link.reporter.say(
                    "aside",
                    f"{shelf.lane}: {{count}} batches in Redis cannot be read by this version; they "
                    f"are set aside in {shard.keys.aside}",
                )
                await shard.set_aside(line, held)
        except BaseException:  # nobody gets the others either
            for key in (*(held.key for held in unread), *(one.batch.key for one in leases)):
                shard.give_back(key)
            raise
        return leases

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return *leases* to the front, in their order, with their progress."""
        for lease in leases:
            shelf = self._shelf(lease.lane)
            key = lease.batch.key
            if key in shelf.lent:
                shelf.lent.discard(key)
                shelf.spare[key] = lease
            elif key in shelf.elsewhere:
                await self._detour.store.give_back([lease])
                shelf.elsewhere.discard(key)
                shelf.detour = True
            elif found := shelf.find(key):
                shard, held = found
                await self._write(key, partial(_note, shard, held, lease, ()))
                shard.give_back(key)
            shelf.filled.ring()

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Write down the lease's progress and keep *letters*; while Redis is away, later."""
        shelf = self._shelf(lease.lane)
        if lease.batch.key in shelf.lent:
            await self._keep_letters(shelf, lease.batch.key, letters)
        elif lease.batch.key in shelf.elsewhere:
            await self._detour.store.note(lease, letters)
        elif found := shelf.find(lease.batch.key):
            shard, held = found
            await self._write(lease.batch.key, partial(_note, shard, held, lease, letters))

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Forget the batch and keep *letters*; while Redis is away, later."""
        shelf, key = self._shelf(lease.lane), lease.batch.key
        if key in shelf.lent:
            await self._keep_letters(shelf, key, letters)
            shelf.gone.add(key)
            shelf.lent.discard(key)
            await self._resolve(shelf, lease.batch)
            return True
        if key in shelf.elsewhere:
            settled = await self._detour.store.settle(lease, letters)
            shelf.elsewhere.discard(key)
            await self._resolve(shelf, lease.batch)
            return settled
        found = shelf.find(key)
        if found is None:
            return False
        shard, held = found
        if key in shelf.doubtful:  # in Redis, and whoever appends it has not heard of it
            shelf.gone.add(key)
        return await self._write(key, partial(_settle, shard, held, letters))

    async def _resolve(self, shelf: Shelf, batch: Batch) -> None:
        """Forget in Redis what was delivered elsewhere, if it may be there: an answer was lost."""
        if batch.key in shelf.doubtful:
            shelf.doubtful.discard(batch.key)
            for number, part in spread(batch, len(shelf.shards)).items():
                await self._write(batch.key, partial(_withdraw, shelf.shards[number], part))

    async def _keep_letters(self, shelf: Shelf, key: str, letters: Sequence[DeadLetter]) -> None:
        if letters:
            await self._write(key, partial(_bury, shelf.shards[0], letters))

    async def _write(self, key: str, debt: Debt) -> bool:
        """Write now, or owe it: a lane goes on with what it knows to be done."""
        line = await self._link.line()
        if line is not None and key not in self._link.owed:
            try:
                return bool(await debt(line))
            except StoreAwayError as error:
                self._link.went(error)
        self._link.owe(key, debt)
        return True

    # Letters.

    async def dead_letters(self, lane: str | None = None) -> AsyncIterator[DeadLetter]:
        """Iterate over the letters, oldest first; then those of the fallback."""
        for _, _, letter in await self._letters.read(lane):
            yield letter
        for letter in await self._detour.dead_letters(lane):
            yield letter

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters into hand: those with these ids, or all."""
        letters = await self._letters.exhume(lane, message_ids)
        return letters + await self._detour.exhume(lane, message_ids)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Put exhumed *letters* back in their places; others are kept as new ones."""
        others = await self._detour.bury(letters)
        if others:
            await self._letters.bury(others)

    async def purge(self, lane: str | None, message_ids: frozenset[str] | None) -> int:
        """Forget letters for good: those with these ids, or all; return how many."""
        count = await self._letters.purge(lane, message_ids)
        return count + await self._detour.purge(lane, message_ids)

    # The rest.

    def stock(self) -> Mapping[str, Stock]:
        """Return what is kept, by lane, as last known; what the fallback has included."""
        here, there = self._tender.stock(), self._detour.stock()
        lanes = {*here, *there}
        none = Stock()
        return {lane: total([here.get(lane, none), there.get(lane, none)]) for lane in lanes}

    def forget(self, lane: str) -> None:
        """Start anew in a forked child: connections and leases are the parent's."""
        if self._process.pid != os.getpid():
            self._process = this_process()
            self._shelves.clear()
            self._link.forget()
            self._tender.forget()
        self._detour.forget(lane)

    async def retire(self, lane: str) -> None:
        """Let another process have the lane's queue, unless something is still owed to Redis."""
        shelf = self._shelves.get(lane)
        if shelf is not None and not self._link.away and not self._link.owed:
            # In a moment or not at all: closing needs its time as well, and what is not left to
            # others they take over a little later.
            with anyio.move_on_after(_LEAVING), suppress(StoreAwayError):
                line = await self._link.line()
                if line is not None:
                    await self._tender.leave(shelf, line)
        await self._detour.retire(lane)

    async def close(self) -> None:
        """Let go of the connections; the next call opens them again."""
        await self._link.close()
        await self._detour.close()

    def _shelf(self, lane: str) -> Shelf:
        shelf = self._shelves.get(lane)
        if shelf is None:
            shards = self._tender.shards_of(lane)
            shelf = self._shelves[lane] = Shelf(lane, shards, lasting=self._detour.lasting)
        return shelf


async def _note(
    shard: Shard, held: Held, lease: Lease, letters: Sequence[DeadLetter], line: Line
) -> object:
    return await shard.note(line, held, lease, letters)


async def _settle(shard: Shard, held: Held, letters: Sequence[DeadLetter], line: Line) -> object:
    return await shard.settle(line, held, letters)


async def _purge(shard: Shard, names: Sequence[str], line: Line) -> object:
    return await shard.purge(line, names)


async def _bury(shard: Shard, letters: Sequence[DeadLetter], line: Line) -> object:
    await shard.bury(line, letters)
    return True


async def _withdraw(shard: Shard, batch: Batch, line: Line) -> object:
    await shard.withdraw(line, batch)
    return True
