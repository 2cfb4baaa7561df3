"""SQLiteStore: the seam of stores, as a lane calls it, on its loop; the work is the worker's."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from asyncsdk.errors import ConfigurationError, StoreError
from asyncsdk.options import check_choice, check_count
from asyncsdk.outside import Bell
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Batch, DeadLetter, Durability, Lease, Room, Stock
from asyncsdk.stores.sqlite.database import Connect, connect
from asyncsdk.stores.sqlite.folder import Folder
from asyncsdk.stores.sqlite.spool import Limits, Spool
from asyncsdk.stores.sqlite.worker import Job, Worker

T = TypeVar("T")

#: Seconds between looks for what processes left that died meanwhile.
_LOOK = 5.0
#: Seconds that the start may wait for what dead processes left; the rest follows.
_ADOPTING = 0.3
#: Seconds between files that are handed over.
_HANDING = 1.0


class _News:
    """Whether something came for a lane since somebody looked."""

    def __init__(self) -> None:
        self.count = 0  # this is all that changes
        self.bell = Bell()

    def tell(self) -> None:
        self.count += 1
        self.bell.ring()


class SQLiteStore:
    """Keep batches and dead letters in SQLite files on this machine's disk.

    Several processes may share a folder: each has a file of its own, and takes over what processes
    that died have left. Files are readable by their owner only, and hold no keys. A local disk is
    needed, not a network file system. A store is one client's; another client has another one, on
    the same folder if you like.

    Args:
        folder: Where the files are; it is made if it is missing.
        durability: ``"process"`` survives the death of the process; a power cut may take the last
            moments. ``"power"`` survives that too: each write waits for the disk.
        max_bytes: Most bytes of events that wait. Beyond it the `overflow` policy decides.
        max_letters: Most dead letters kept; beyond it the oldest go.
        max_letter_bytes: The same in bytes.

    Raises:
        ConfigurationError: An argument cannot work.
    """

    shared = False

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        durability: Durability = "process",
        max_bytes: int = 256 * 1024 * 1024,
        max_letters: int = 10_000,
        max_letter_bytes: int = 16 * 1024 * 1024,
        _connect: Connect = connect,
        _look: float = _LOOK,
    ) -> None:
        if not isinstance(folder, str | os.PathLike) or not str(folder):
            raise ConfigurationError(f"folder={folder!r}: the path of a folder is needed")
        check_choice("durability", durability, ("process", "power"))
        check_count("max_bytes", max_bytes)
        check_count("max_letters", max_letters, least=0)
        check_count("max_letter_bytes", max_letter_bytes, least=0)
        self._path = Path(folder).absolute()
        self._durability: Durability = durability
        self._limits = Limits(
            max_bytes=max_bytes, max_letters=max_letters, max_letter_bytes=max_letter_bytes
        )
        self._reporter = Reporter(time.monotonic)
        self._connect = _connect
        self._look = _look
        self.hands_over: bool = False  # a client that does not deliver says so
        # This is all that changes.
        self._pid = os.getpid()
        self._runs = 0
        self._news: dict[str, _News] = {}
        self._last_stock: Mapping[str, Stock] = {}
        self._worker: Worker | None = None

    @property
    def durability(self) -> Durability:
        """What it survives."""
        return self._durability

    def __repr__(self) -> str:
        """Show where it keeps things, and how safely."""
        return f"SQLiteStore({str(self._path)!r}, durability={self._durability!r})"

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Take over what dead processes left, at the start and now and then; or hand over."""
        self._runs += 1
        try:
            if self.hands_over:
                await self._hand_over(ready)
            loop = asyncio.get_running_loop()
            until = loop.time() + _ADOPTING
            while await self._adopt() and loop.time() < until:
                pass
            ready()
            while True:
                if not await self._adopt():
                    await asyncio.sleep(self._look)
        finally:
            self._runs = max(self._runs - 1, 0)

    async def _hand_over(self, ready: Callable[[], None]) -> None:
        """Let others have now and then what was stored here."""
        ready()
        while self.hands_over:
            await asyncio.sleep(_HANDING)
            if self._worker is not None and self.stock():
                with suppress(StoreError):  # whoever stores the next batch hears of it
                    await self._do(self._worker.hand_over, alone=True)

    async def take_over(self) -> None:
        """Take over all that processes that died have left; `run` does so by itself."""
        while await self._adopt():
            pass

    async def _adopt(self) -> bool:
        """Move some of it, and wake who waits for it; return whether there was any."""
        worker = self._working()
        return await self._do(worker.adopt, self._tell_all, alone=True)

    def _tell_all(self, found: bool) -> None:  # noqa: FBT001 - it is told a result
        for news in self._news.values() if found else ():
            news.tell()

    async def recover(self, lane: str) -> None:
        """Let the lane's leases wait again, in their places."""
        await self._do(lambda spool: spool.recover(lane), self._teller(lane))

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Write *batch* down; returns once it is committed."""
        born = time.monotonic() - age
        await self._do(lambda spool: spool.append(lane, batch, born, letters), self._teller(lane))

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease the oldest batches that fit *room*; wait for one."""
        while True:
            news = self._news_of(lane)
            known = news.count
            leases = await self._take(lane, room)
            if leases:
                return leases
            if news.count == known:
                await news.bell.wait()

    async def _take(self, lane: str, room: Room) -> list[Lease]:
        future: asyncio.Future[list[Lease]] = asyncio.get_running_loop().create_future()

        def return_unwanted(leases: list[Lease]) -> None:
            if leases and future.done():
                self._submit(lambda spool: spool.give_back(leases), self._teller(lane))

        try:
            return await self._submit(lambda spool: spool.take(lane, room), return_unwanted, future)
        except asyncio.CancelledError:
            # If they are not there yet, they go back when they come.
            if not future.cancelled() and future.done() and future.exception() is None:
                return_unwanted(future.result())
            raise

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Let *leases* wait again, in their places, with their progress."""
        lanes = {lease.lane for lease in leases}

        def tell(_: object) -> None:
            for lane in lanes:
                self._news_of(lane).tell()

        await self._do(lambda spool: spool.give_back(leases), tell)

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Write the progress down, with *letters*."""
        await self._do(lambda spool: spool.note(lease, letters))

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Remove the batch, and write *letters*."""
        return await self._do(lambda spool: spool.settle(lease, letters))

    async def dead_letters(self, lane: str | None = None) -> AsyncIterator[DeadLetter]:
        """Iterate over the letters that are there now, oldest first."""
        after, last = 0, await self._do(lambda spool: spool.letters.last())
        while after < last:
            after, letters = await self._do(partial(_page, lane=lane, after=after, last=last))
            for letter in letters:
                yield letter

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters into hand; they stay in the file until a batch replaces them."""
        return await self._do(lambda spool: spool.letters.exhume(lane, message_ids))

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Put letters back, or keep new ones."""
        if letters:
            await self._do(lambda spool: spool.letters.keep(letters))

    async def purge(self, lane: str | None, message_ids: frozenset[str] | None) -> int:
        """Forget letters for good."""
        return await self._do(lambda spool: spool.letters.purge(lane, message_ids))

    def stock(self) -> Mapping[str, Stock]:
        """Return what this process's file keeps, as of the last commit."""
        if self._worker is not None and self._pid == os.getpid():
            self._last_stock = self._worker.stock
        return self._last_stock

    def forget(self, lane: str) -> None:  # noqa: ARG002 - all lanes are in one file, the parent's
        """Leave the file to the parent; the first call in this process takes another one."""
        self._leave_to_parent()

    def _leave_to_parent(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            if self._worker is not None:
                self._worker.leave()
                _parents.append(self._worker)
            self._worker = None
            self._runs = 0
            self._news = {}
            self._last_stock = {}

    async def retire(self, lane: str) -> None:
        """Nothing is forgotten: what is kept outlives the run."""

    async def close(self) -> None:
        """Close the file and free its slot, unless another run needs it."""
        self._leave_to_parent()
        worker = self._worker
        if worker is None or self._runs:
            return
        self._last_stock = worker.stock
        self._worker = None
        ended = asyncio.get_running_loop().create_future()
        worker.stop(ended)
        await ended

    def __del__(self) -> None:
        """Free the slot of a store that nobody closed: what is in the file waits for the next one."""
        worker = getattr(self, "_worker", None)  # the constructor may have raised
        if worker is not None and self._pid == os.getpid():
            worker.stop()

    # The worker.

    def _working(self) -> Worker:
        self._leave_to_parent()
        if self._worker is None:
            self._worker = Worker(
                Folder(self._path),
                self._limits,
                self._reporter,
                durability=self._durability,
                connect=self._connect,
            )
            self._worker.start()
        return self._worker

    async def _do(
        self,
        step: Callable[[Spool], T],
        on_done: Callable[[T], None] | None = None,
        *,
        alone: bool = False,
    ) -> T:
        return await self._submit(step, on_done or _nothing, alone=alone)

    def _submit(
        self,
        step: Callable[[Spool], T],
        on_done: Callable[[T], None],
        future: asyncio.Future[T] | None = None,
        *,
        alone: bool = False,
    ) -> asyncio.Future[T]:
        found = asyncio.get_running_loop().create_future() if future is None else future
        self._working().submit(Job(step, found, on_done, alone))
        return found

    def _teller(self, lane: str) -> Callable[[object], None]:
        """Return what wakes those who wait for batches of *lane*."""
        news = self._news_of(lane)
        return lambda _: news.tell()

    def _news_of(self, lane: str) -> _News:
        return self._news.setdefault(lane, _News())


# Workers of a forked child's parent: to collect them would close what is the parent's.
_parents: list[Worker] = []


def _page(spool: Spool, *, lane: str | None, after: int, last: int) -> tuple[int, list[DeadLetter]]:
    return spool.letters.page(lane, after, last)


def _nothing(_: object) -> None:
    """Nobody waits but the caller."""
