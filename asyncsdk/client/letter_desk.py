"""The desk for dead letters: those of the store, and those of `push` that the store has yet to get."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from asyncsdk.client.house import House
from asyncsdk.client.settings import Settings
from asyncsdk.errors import DeliveryError
from asyncsdk.receipts import Receipt
from asyncsdk.reporting import Reporter
from asyncsdk.seams import DeadLetter

if TYPE_CHECKING:
    from asyncsdk.client.pushing import Pushing

#: Seconds within which what was made of replayed letters should be stored.
_STORING = 5.0


class LetterDesk:
    """Read, replay and forget dead letters.

    What a mapping could not read is a letter as soon as `push` returns, but only an ``await`` can
    give it to the store: each of these does so first.
    """

    def __init__(
        self, house: House, settings: Settings, reporter: Reporter, pushing: Pushing | None
    ) -> None:
        self._house = house
        self._store = settings.store
        self._shutdown_timeout = settings.shutdown_timeout
        self._reporter = reporter
        self._pushing = pushing

    async def read(self, destination: str | None) -> AsyncIterator[DeadLetter]:
        """Iterate over the letters of *destination*, or of all, oldest first."""
        await self._bury_unmapped()
        async for letter in self._store.dead_letters(destination):
            yield letter

    async def purge(self, wanted: frozenset[str] | None, destination: str | None) -> int:
        """Forget letters: those with the *wanted* ids, or all; return how many."""
        await self._bury_unmapped()
        count: int = await self._store.purge(destination, wanted)
        return count

    async def replay(self, wanted: frozenset[str] | None, destination: str | None) -> int:
        """Ask lane by lane: letters of destinations that are not here stay where they are."""
        await self._bury_unmapped()
        store = self._store
        count = 0
        for lane in self._house.lanes:
            if destination in (None, lane.name):
                found = await store.exhume(lane.name, wanted)
                letters, pushed = (
                    (found, []) if self._pushing is None else self._pushing.replay(found)
                )
                left = lane.replay(letters)
                await store.bury(left)
                await self._forget(lane.name, pushed)
                count += len(found) - len(left)
        return count

    async def _forget(self, name: str, pushed: Sequence[tuple[DeadLetter, Receipt]]) -> None:
        """Forget letters whose events were pushed anew: no batch is made of them as they are.

        Not before the store has what was made of them; where that takes too long they stay letters.
        """
        store = self._store
        if pushed:
            done = await self._all_stored([receipt for _, receipt in pushed])
            await store.bury([letter for letter, _ in pushed])
            ids = {one.message_id for (one, _), safe in zip(pushed, done, strict=True) if safe}
            if ids:
                await store.purge(name, frozenset(ids))
            await self._bury_unmapped()  # what cannot be mapped still

    async def _all_stored(self, receipts: Sequence[Receipt]) -> list[bool]:
        """Wait a moment for a store that outlives us; say which it has, or are settled."""
        if self._store.durability == "memory":
            return [True] * len(receipts)
        clock = asyncio.get_running_loop().time
        ends = clock() + _STORING
        done: list[bool] = []
        for receipt in receipts:
            try:
                await receipt.stored(max(ends - clock(), 0.0))
            except DeliveryError:  # settled, for good or ill
                done.append(True)
            except TimeoutError:
                done.append(False)
            else:
                done.append(True)
        return done

    async def bury_within(self, timeout: float | None) -> float | None:
        """Give the store the dead letters of `push`, if any; return what is left of *timeout*."""
        if self._pushing is None or not self._pushing.has_letters:
            return timeout
        clock = asyncio.get_running_loop().time
        began = clock()
        seconds = self._shutdown_timeout if timeout is None else timeout
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds / 2):
                await self._bury_unmapped()
        return max(seconds - (clock() - began), 0.0)

    async def _bury_unmapped(self) -> None:
        pushing = self._pushing
        letters = [] if pushing is None else pushing.take_letters()
        if pushing is None or not letters:
            return
        buried = False
        try:
            await self._store.bury(letters)
            buried = True
        except Exception as error:  # noqa: BLE001 - a store may raise anything; they are tried again
            kind = type(error).__name__
            self._reporter.say("unmapped", f"the store took no dead letters of push ({kind})")
        finally:
            if not buried:
                pushing.give_back(letters)
