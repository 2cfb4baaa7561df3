"""The worker: the one thread that touches files, and what it does between commits.

    loop ──jobs──▶ queue ──all that wait──▶ one transaction ──one wake-up──▶ loop

A job is a step of a transaction. Those that came while the last commit was running share the next
one; if it fails, each is tried alone, and only those that fail are told. The thread starts with the
first job and ends with `stop`. A forked child has none: what is here is its parent's.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from asyncsdk.errors import StoreError
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Stock
from asyncsdk.stores.sqlite.database import (
    Connect,
    DamagedError,
    LaterError,
    meaning_of,
    open_database,
)
from asyncsdk.stores.sqlite.folder import Folder, Slot, boot
from asyncsdk.stores.sqlite.orphans import UnreadableError, move_piece, salvage
from asyncsdk.stores.sqlite.spool import Limits, Spool, Step

#: Jobs that share one commit at the most.
_GROUP = 256
#: Seconds without a job after which the log is written back.
_IDLE = 1.0
#: Seconds that orphans may take before jobs go on.
_ORPHANS_AT_ONCE = 0.05


class Job(NamedTuple):
    """A step, and who waits for it."""

    step: Step[Any]
    future: asyncio.Future[Any]
    on_done: Callable[[Any], None]  # on the loop, with the result; before whoever waits goes on
    alone: bool = False  # it makes transactions of its own


class Worker:
    """Do the jobs of one store."""

    def __init__(
        self,
        folder: Folder,
        limits: Limits,
        reporter: Reporter,
        *,
        durability: str,
        connect: Connect,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._reporter = reporter
        self._durability = durability
        self._connect = connect
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._ended: asyncio.Future[None] | None = None  # who waits for the end of the thread
        # This is all that changes; the thread writes it.
        self.stock: dict[str, Stock] = {}
        self._slot: Slot | None = None
        self._hands_over = False  # once the jobs at hand are done
        self._handed: Path | None = None  # the file that others were let have last
        self._orphan: tuple[Slot, Spool] | None = None
        self._threadless: Spool | None = None
        self._has_thread = True

    def start(self) -> None:
        """Start the thread; at the interpreter's exit there may be none any more."""
        thread = threading.Thread(target=self._work, name="asyncsdk sqlite", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._has_thread = False

    def submit(self, job: Job) -> None:
        """Do *job* after those that wait."""
        if self._has_thread:
            self._jobs.put(job)
        else:
            self._threadless = self._do(self._threadless, [job])

    def stop(self, ended: asyncio.Future[None] | None = None) -> None:
        """End the thread, once every job is done; *ended* is told when all is closed."""
        self._ended = ended
        self._jobs.put(None)
        if not self._has_thread:
            self._work()

    def leave(self) -> None:
        """Let go of the locks in a forked child; they stay the parent's."""
        for slot in (self._slot, self._orphan[0] if self._orphan is not None else None):
            if slot is not None:
                slot.free()

    # The thread.

    def _work(self) -> None:
        # A local name: in a forked child this frame lives on, and what it holds is never closed.
        spool, self._threadless = self._threadless, None
        while True:
            jobs, goes_on = self._next_jobs(spool)
            if jobs:
                spool = self._do(spool, jobs)
            if not goes_on:
                self._shut(spool)
                if self._ended is not None:
                    _post([Job(_no_step, self._ended, _no_step)], [None])
                return

    def _next_jobs(self, spool: Spool | None) -> tuple[list[Job], bool]:
        """Return what waits, and whether more is to come."""
        jobs: list[Job] = []
        timeout = _IDLE if spool is not None and spool.dirty else None
        try:
            job = self._jobs.get(timeout=timeout)
            while job is not None:
                jobs.append(job)
                if len(jobs) == _GROUP:
                    break
                job = self._jobs.get_nowait()
            else:
                return jobs, False
        except queue.Empty:
            if not jobs and spool is not None:
                self._tidy(spool)
        return jobs, True

    def _tidy(self, spool: Spool) -> None:
        try:
            spool.tidy()
        except Exception:  # noqa: BLE001 - the next job meets the same trouble, and says so
            spool.dirty = False

    def _do(self, spool: Spool | None, jobs: Sequence[Job]) -> Spool | None:
        """Do *jobs*; return the file, which may be a new one."""
        try:
            spool = self._open() if spool is None else spool
            results = self._transact(spool, jobs)
        except DamagedError as error:
            spool, results = self._start_anew(spool, error, jobs)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            results = [meaning_of(error, self._folder.path)] * len(jobs)
        if spool is not None and self._hands_over:
            self._let_go(spool)
            spool = None
        if spool is not None:
            spool.tell_stock(self.stock)
            self._tell_damaged(spool)
        _post(jobs, results)
        return spool

    def _transact(self, spool: Spool, jobs: Sequence[Job]) -> list[Any]:
        try:
            together = iter(spool.transact([job.step for job in jobs if not job.alone]))
        except DamagedError:
            raise
        except StoreError:
            return [self._try_alone(spool, job) for job in jobs]
        return [self._try_alone(spool, job) if job.alone else next(together) for job in jobs]

    def _try_alone(self, spool: Spool, job: Job) -> Any:
        try:
            return _step(spool, job)
        except DamagedError:
            raise
        except StoreError:
            try:
                spool.relieve()  # a full disk: the log may have space of its own
                return _step(spool, job)
            except DamagedError:
                raise
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                return meaning_of(error, spool.path)

    def _open(self) -> Spool:
        """Take a slot and open its file; one of a later version is passed over.

        Raises:
            StoreError: There is no slot, or its file cannot be opened.
        """
        while True:
            fresh = self._handed is not None
            slot = self._slot = self._slot or self._folder.take_slot(fresh=fresh)
            try:
                spool = self._open_file(slot.path)
            except LaterError as error:
                self._pass_over(slot, error)
                self._slot = None
                continue
            except DamagedError as error:
                spool = self._set_aside(slot, error)
            self._tell_opened(spool)
            return spool

    def _tell_opened(self, spool: Spool) -> None:
        if self._folder.is_open_to_others:
            self._reporter.once(
                "store folder",
                f"{self._folder.path} may be looked into by other users; chmod 700 it",
            )
        if spool.aside:
            self._reporter.once(
                f"store aside {spool.path}",
                f"{spool.path}: {spool.aside} batches cannot be read by this version; they are kept aside",
            )

    def _open_file(self, path: Path) -> Spool:
        database = open_database(path, durability=self._durability, connect=self._connect)
        try:
            return Spool(path, database, self._limits, clock=time.monotonic, boot=boot())
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            with suppress(Exception):
                database.close()
            raise meaning_of(error, path) from None

    def _pass_over(self, slot: Slot, error: StoreError) -> None:
        self._folder.passed_over.add(slot.path)
        slot.free()
        self._reporter.once(f"store later {slot.path}", f"{error}; it is left as it is")

    def _set_aside(self, slot: Slot, error: StoreError) -> Spool:
        aside = slot.set_aside()
        spool = self._open_file(slot.path)
        self._salvage(aside, spool, error)
        return spool

    def _salvage(self, aside: Path, spool: Spool, error: Exception) -> None:
        count = salvage(aside, spool, self._connect)
        self._reporter.say(
            f"store damaged {aside}",
            f"the store's file is damaged ({error}); it was set aside as {aside.name}, and {count} "
            "batches that could be read of it go on",
        )

    def _start_anew(
        self, spool: Spool | None, error: StoreError, jobs: Sequence[Job]
    ) -> tuple[Spool | None, list[Any]]:
        """Go on with a new file in the place of a damaged one."""
        leased = {} if spool is None else spool.leased
        try:
            if spool is not None:
                _close(spool)
            assert self._slot is not None  # noqa: S101 - a file was open in it
            self.stock.clear()
            spool = self._set_aside(self._slot, error)
            spool.lease_again(leased)
            return spool, self._transact(spool, jobs)
        except StoreError as again:
            return None, [again] * len(jobs)

    def _tell_damaged(self, spool: Spool) -> None:
        if spool.damaged:
            self._reporter.say(
                "store batch damaged",
                f"{spool.path}: {{count}} batches are not what was written; they are kept aside",
                count=spool.damaged,
            )
            spool.damaged = 0

    # What others are to deliver.

    def hand_over(self, spool: Spool) -> None:
        """Let others have the file, as if this process had died; the next job opens a new one.

        Not before they have fetched the last one: where nobody does, there are two at the most. Not
        what is in somebody's hands here either.
        """
        slot, handed = self._slot, self._handed
        waits = handed is not None and slot is not None and handed != slot.path and handed.exists()
        self._hands_over = bool(self.stock) and not waits and not spool.in_hand

    def _let_go(self, spool: Spool) -> None:
        """Close the file, and then free its slot."""
        _close(spool)
        self._hands_over = False
        slot, self._slot = self._slot, None
        if slot is not None:
            self._handed = slot.path
            slot.free()
        self.stock.clear()

    # Orphans.

    def adopt(self, spool: Spool) -> bool:
        """Move what dead processes left, for a moment; return whether there was anything.

        Takes transactions of its own, so it is no step of one.
        """
        until = time.monotonic() + _ORPHANS_AT_ONCE
        found = False
        while time.monotonic() < until:
            if self._orphan is None and not self._find_orphan():
                return found
            found = True
            assert self._orphan is not None  # noqa: S101 - one was found
            slot, orphan = self._orphan
            try:
                if move_piece(orphan, spool):
                    continue
            except UnreadableError as error:
                _close(orphan)
                self._salvage(slot.set_aside(), spool, error)
            self._orphan = None
            _close(orphan)
            slot.remove()
        return True

    def _find_orphan(self) -> bool:
        for slot in self._folder.orphans():
            try:
                self._orphan = slot, self._open_file(slot.path)
            except LaterError as error:
                self._pass_over(slot, error)
            except DamagedError as error:
                self._orphan = slot, self._set_aside(slot, error)
            except StoreError:  # it may be opened later
                slot.free()
            if self._orphan is not None:
                return True
        return False

    def _shut(self, spool: Spool | None) -> None:
        if self._orphan is not None:
            slot, orphan = self._orphan
            _close(orphan)
            slot.free()
        if spool is not None:
            _close(spool)
        if self._slot is not None:
            self._slot.free()


def _step(spool: Spool, job: Job) -> Any:
    return job.step(spool) if job.alone else spool.transact([job.step])[0]


def _no_step(_: object) -> None:
    """Nothing is left to do."""


def _close(spool: Spool) -> None:
    with suppress(Exception):  # what was committed is safe, whatever becomes of the file
        spool.close()


def _post(jobs: Sequence[Job], results: Sequence[Any]) -> None:
    """Hand results over, with one wake-up for each loop that waits."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Any]]] = {}
    for job, result in zip(jobs, results, strict=True):
        by_loop.setdefault(job.future.get_loop(), []).append((job, result))
    for loop, done in by_loop.items():
        try:
            loop.call_soon_threadsafe(_hand_over, done)
        except RuntimeError:  # it was closed meanwhile: nobody waits
            continue


def _hand_over(done: Sequence[tuple[Job, Any]]) -> None:
    for job, result in done:
        failed = isinstance(result, Exception)
        if not failed:
            job.on_done(result)
        if job.future.done():
            continue
        if failed:
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
