"""Stores that break one promise each; the kit says which, in the words beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from msgspec import structs

from asyncsdk.seams import Batch, DeadLetter, Lease, Room, Stock, Store
from asyncsdk.stores import MemoryStore, SQLiteStore


class NotReady(MemoryStore):
    """Ends where it should go on."""

    async def run(self, *, ready: Callable[[], None]) -> None:
        """End."""


class Bold(MemoryStore):
    """Says of itself what there is not."""

    durability = "forever"  # type: ignore[assignment]


class Cutting(MemoryStore):
    """Loses what JSON does not know."""

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Keep something else."""
        events = [event.decode(errors="replace").encode() for event in batch.events]
        await super().append(lane, structs.replace(batch, events=events), age=age, letters=letters)


class Backwards(MemoryStore):
    """Gives out the youngest first."""

    async def recover(self, lane: str) -> None:
        """Let all wait again, in the wrong order."""
        await super().recover(lane)
        self._shelf(lane).waiting.reverse()


class Shared(MemoryStore):
    """Knows one lane."""

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Keep it for whoever comes."""
        await super().append(lane[:3], batch, age=age, letters=letters)

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Take whatever is there."""
        return [structs.replace(one, lane=lane) for one in await super().take(lane[:3], room)]

    async def recover(self, lane: str) -> None:
        """Let all wait again."""
        await super().recover(lane[:3])


class Twice(MemoryStore):
    """Does not know a key that is leased."""

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Forget that it is there."""
        shelf = self._shelf(lane)
        if batch.key in shelf.leased:
            shelf.born.pop(batch.key, None)
        await super().append(lane, batch, age=age, letters=letters)


class Greedy(MemoryStore):
    """Does not look at the room."""

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Take all."""
        wide = structs.replace(room, events=1 << 30, bytes=1 << 30, batches=1 << 30)
        return await super().take(lane, wide)


class Impatient(MemoryStore):
    """Returns nothing instead of waiting."""

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Take, or not."""
        return await super().take(lane, room) if self._shelf(lane).waiting else []


class Shuffling(MemoryStore):
    """Gives back one by one, from the first to the last."""

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Turn them round."""
        for lease in leases:
            await super().give_back([lease])


class Forgetful(MemoryStore):
    """Forgets the progress with the lease."""

    async def recover(self, lane: str) -> None:
        """Begin anew."""
        for lease in self._shelf(lane).leased.values():
            lease.progress.open = [(0, len(lease.batch.events))]
        await super().recover(lane)


class Sleepy(MemoryStore):
    """Wakes nobody."""

    async def recover(self, lane: str) -> None:
        """Let all wait again, silently."""
        shelf = self._shelf(lane)
        shelf.waiting.extendleft(reversed(shelf.leased.values()))
        shelf.leased.clear()


class Yes(MemoryStore):
    """Says yes to every settling, and keeps its letters."""

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Say yes."""
        await super().settle(lease, ())
        await self.bury(letters)
        return True


class Halfway(MemoryStore):
    """Is interrupted between the batch and its letters."""

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Forget, wait, keep."""
        mine = await super().settle(lease, ())
        await asyncio.sleep(0)
        if mine:
            await self.bury(letters)
        return mine


class Ageless(MemoryStore):
    """Does not know how old anything is."""

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Begin at nothing."""
        await super().append(lane, batch, age=0 * age, letters=letters)


class Uncounted(MemoryStore):
    """Counts what is there, and not what is left of it."""

    def stock(self) -> Mapping[str, Stock]:
        """Count whole batches."""
        return {
            lane: structs.replace(one, events=4 * one.batches)
            for lane, one in super().stock().items()
        }


class Mute(MemoryStore):
    """Keeps no letters of a batch that goes on."""

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Keep nothing."""


class Open(MemoryStore):
    """Lists what is in somebody's hands."""

    async def dead_letters(self, lane: str | None = None) -> AsyncIterator[DeadLetter]:
        """List all."""
        for letter in list(self._letters):
            if lane is None or letter.destination == lane:
                yield letter


class Grave(MemoryStore):
    """Keeps letters whose events are alive again."""

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Put the letters back."""
        await super().append(lane, batch, age=age)
        await self.bury(letters)


class Volatile(MemoryStore):
    """Promises what it does not keep."""

    durability = "process"


class Careless(SQLiteStore):
    """Forgets letters as soon as somebody has them in hand."""

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take them out for good."""
        found = await super().exhume(lane, message_ids)
        await super().bury(found)
        await super().purge(lane, message_ids)
        return found

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Keep them in the order of a first time, so that nothing is seen of it."""
        rest = await super().exhume(None, None)
        every = {one.message_id: one for one in (*letters, *rest)}
        await super().purge(None, None)
        await super().bury([every[name] for name in sorted(every)])


def in_memory(kind: type[MemoryStore]) -> Callable[[Path], Callable[[str], Store]]:
    """Return what makes stores of a *kind* that needs no place."""
    return lambda _: lambda _: kind()


#: What makes the stores, given a folder, and what the kit says of them.
BROKEN: dict[str, tuple[Callable[[Path], Callable[[str], Store]], str]] = {
    "ends": (in_memory(NotReady), r"run\(\) ended"),
    "says too much": (in_memory(Bold), "Bold: durability must be one of"),
    "other bytes": (in_memory(Cutting), "Cutting: the events came back as other bytes"),
    "youngest first": (in_memory(Backwards), r"Backwards: take gave \['c'\]"),
    "one lane": (in_memory(Shared), "Shared: a lane got"),
    "a key twice": (in_memory(Twice), "Twice: a key that was appended twice is there twice"),
    "no room": (in_memory(Greedy), r"Greedy: take gave|Greedy: Room\(.* was given"),
    "does not wait": (in_memory(Impatient), "Impatient: take gave a batch that is leased"),
    "turned round": (in_memory(Shuffling), "Shuffling: after a and b were given back"),
    "no progress": (in_memory(Forgetful), r"Forgetful: after note\(\) open is"),
    "wakes nobody": (in_memory(Sleepy), r"Sleepy: recover\(\) does not wake"),
    "settles twice": (in_memory(Yes), r"Yes: settle\(\) of a settled batch is not False"),
    "in two steps": (in_memory(Halfway), "Halfway: after a cancelled settling the letters are"),
    "no age": (in_memory(Ageless), "Ageless: the age is 0"),
    "counts wrong": (in_memory(Uncounted), r"Uncounted: stock\(\) says"),
    "loses letters": (in_memory(Mute), r"Mute: after note\(\) and settle\(\) there are"),
    "lists too much": (in_memory(Open), "Open: with m-1 in hand"),
    "keeps both": (in_memory(Grave), "Grave: after a replay"),
    "outlives nothing": (in_memory(Volatile), r"Volatile: opened anew, stock\(\) says"),
    "loses what is in hand": (
        lambda folder: lambda place: Careless(folder / place),
        "Careless: .*are listed",
    ),
}
