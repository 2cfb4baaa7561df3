"""The link: whether Redis is here or away, and what is owed to it.

    away ──connect, check, pay what is owed──▶ here ──any error──▶ away

While it is away nobody waits for it but the one task that tries again, ever more slowly. What a
lane has settled meanwhile is *owed*: it is written down before anything else when Redis is back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import anyio

from asyncsdk.errors import StoreAwayError, StoreFullError
from asyncsdk.inheriting import leave_alone
from asyncsdk.outside import Bell, Outside
from asyncsdk.reporting import Reporter
from asyncsdk.stores.redis.line import Address, Line
from asyncsdk.stores.redis.scripts import PROBE

#: What is done with a line: one write that is owed, say.
Debt = Callable[[Line], Awaitable[object]]


#: Seconds before Redis is tried again: at once, then doubling.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
#: The longest if it is there, and then fails again: what it was asked may be what it refuses.
_LONGEST_IN_BETWEEN = 0.2
#: Seconds of being there after which that is over.
_STEADY = 1.0


async def _nothing(_line: Line) -> None:
    """Nothing need be done."""


class Link:
    """Know whether Redis is here."""

    def __init__(self, address: Address, outside: Outside, *, probe_key: str) -> None:
        self._address = address
        self._probe_key = probe_key
        self._outside = outside
        self.reporter: Reporter = Reporter(time.monotonic)
        #: What is done with a new line before anything is paid on it.
        self.prepare: Callable[[Line], Awaitable[None]] = _nothing
        # This is all that changes.
        self.changed: Bell = Bell()  # here or away
        self.kept: bool = False  # a task of ours tries again while Redis is away
        self.away: str = ""  # why; empty while it is here or was not asked yet
        self.away_since: float = 0.0  # on the loop's clock
        self.here_since: float = 0.0  # on the loop's clock; 0 if it was never away
        self._line: Line | None = None
        self._open: set[Line] = set()  # lines that are not known to be closed
        self._debts: dict[str, list[Debt]] = {}
        self.met: bool = False  # it has been here once
        self._door: tuple[asyncio.AbstractEventLoop | None, asyncio.Lock] = (None, asyncio.Lock())

    @property
    def owed(self) -> frozenset[str]:
        """The keys of the batches of which something is owed."""
        return frozenset(self._debts)

    async def line(self) -> Line | None:
        """Return the line, None while Redis is away."""
        line = self._line
        if line is not None and line.loop is asyncio.get_running_loop() and not self.away:
            return line
        if self.kept and self.away:
            return None
        try:
            return await self.connect()
        except (StoreAwayError, StoreFullError) as error:
            self.went(error)
            return None

    async def connect(self) -> Line:
        """Connect, and pay what is owed; whoever asks meanwhile gets the same line.

        Raises:
            StoreAwayError: Redis is away.
            StoreFullError: What is owed needs more memory than it has.
        """
        loop = asyncio.get_running_loop()
        if self._door[0] is not loop:
            self._door = (loop, asyncio.Lock())
        before = self._line
        async with self._door[1]:
            line = self._line
            if line is not None and line is not before and line.loop is loop and not self.away:
                return line
            return await self._connect()

    async def _connect(self) -> Line:
        await self.close()
        self._line = line = Line(self._address)
        self._open.add(line)
        await line.run(PROBE, [self._probe_key])
        await self.prepare(line)
        await self._pay(line)
        if self.away:
            self.reporter.say("back", f"Redis is back ({self._address.masked})", level=logging.INFO)
            self.here_since = line.loop.time()
        self.away = ""
        self.changed.ring()
        if not self.met:
            self.met = True
            await self._check(line)
        return line

    def went(self, error: Exception) -> None:
        """Note that Redis is away."""
        if not self.away:
            self.away = str(error) or type(error).__name__
            self.away_since = asyncio.get_running_loop().time()
            self.reporter.say("away", f"Redis is away; events are kept here meanwhile. {error}")
            self.changed.ring()

    async def keep(self, tend: Debt, ready: Callable[[], None]) -> None:
        """Connect again and again, and *tend* while Redis is here; ends by cancellation."""
        self.kept = True
        pause = 0.0
        try:
            while True:
                pause = min(pause, await self._keep_once(tend))
                ready()
                await anyio.sleep(pause * (1.0 + 0.5 * self._outside.spread()))
                pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        finally:
            self.kept = False

    async def _keep_once(self, tend: Debt) -> float:
        """Connect, and tend until Redis is away; return the longest pause that may follow."""
        came: float | None = None
        clock = asyncio.get_running_loop().time
        try:
            line = await self.line() if not self.away else await self.connect()
            if line is not None:
                came = clock()
                await tend(line)
        except (StoreAwayError, StoreFullError) as error:
            self.went(error)
        if came is None:
            return _LONGEST_PAUSE
        return 0.0 if clock() - came > _STEADY else _LONGEST_IN_BETWEEN

    def owe(self, key: str, debt: Debt) -> None:
        """Note a write for the batch *key* that has to be made once Redis is back."""
        self._debts.setdefault(key, []).append(debt)

    async def _pay(self, line: Line) -> None:
        for key in list(self._debts):
            debts = self._debts.get(key, [])
            while debts:
                await debts[0](line)
                del debts[0]
            self._debts.pop(key, None)

    async def close(self) -> None:
        """Let go of the line; the next one who asks connects again."""
        self._line = None
        for line in list(self._open):
            if line.loop is asyncio.get_running_loop():
                await line.close()
            self._open.discard(line)  # cancelled before, it is closed by whoever comes next

    def forget(self) -> None:
        """Drop the line without a word: it is a forked child's parent's."""
        self._line = None
        # TLS would say goodbye on the parent's connection, besides.
        leave_alone(self._open)
        self._open = set()
        self._debts.clear()
        self.away = ""

    async def _check(self, line: Line) -> None:
        """Say once what makes the server less safe than it should be."""
        try:
            kept, memory = await line.info("persistence"), await line.info("memory")
        except StoreAwayError:  # it may not be asked
            return
        if not kept.get("aof_enabled", 1):
            self.reporter.once(
                "appendonly",
                "Redis runs with appendonly no: what it holds is gone when it crashes. Set "
                "appendonly yes",
            )
        policy = str(memory.get("maxmemory_policy", "noeviction"))
        if policy != "noeviction":
            self.reporter.once(
                "maxmemory-policy",
                f"Redis runs with maxmemory-policy {policy}: it may throw the queue away when its "
                "memory is full. Set maxmemory-policy noeviction",
            )
