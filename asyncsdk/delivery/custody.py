"""Custody: which events of which chunks a batch holds, and what settling them moves.

    formed ──▶ kept ◀──▶ leased ──▶ settled           (a store that outlives the process)
       └────────────────────────────────▲             (one that does not: pending throughout)

A batch has no idea of receipts; this side of the store remembers, by the batch's key, which
chunks it was formed from. Settling a range writes the chunks' fates, the ledger and the bounds in
one step without an await between, so they agree at every moment. What is kept and not leased is no
longer pending: it counts as stored, and against no bound of ours. A lease of a batch that another
process stored, or an earlier one, has no chunks here: it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asyncsdk.backlog import Chunk
from asyncsdk.intake import Door
from asyncsdk.receipts import Fates, Outcome
from asyncsdk.seams import Batch, DeadLetter, Lease


class Holding:
    """What is known here of one batch."""

    __slots__ = ("born", "fates", "kept", "lease", "letters", "number")

    def __init__(
        self, number: int, fates: list[Fates], born: list[float], letters: Sequence[DeadLetter] = ()
    ) -> None:
        self.number: int = number  # grows from batch to batch
        self.fates: list[Fates] = fates  # of its chunks, in order
        self.born: list[float] = born  # when each of these opened, on the loop's clock
        self.letters: Sequence[DeadLetter] = letters  # that it was, if it comes back
        # This is all that changes.
        self.kept: bool = False  # whether it is in a store that outlives us
        self.lease: Lease | None = None  # of a kept one, while it is in our hands


class Custody:
    """Settle the events of one lane's batches."""

    def __init__(self, door: Door) -> None:
        self._door = door
        # This is all that changes.
        self._holdings: dict[str, Holding] = {}  # by the batch's key, in the order of forming
        self._leased: dict[str, Holding] = {}  # of these, the kept ones in our hands
        self._number = 0
        self.stored: int = 0  # events of our own that are kept and not in our hands

    def form(self, chunks: Sequence[Chunk], key: str, *, formed: str = "") -> Batch:
        """Form one batch of *chunks*, which have one route, under *key*; it is *formed* now."""
        self._hold(
            key, [one.fates for one in chunks], [one.opened for one in chunks], chunks[0].letters
        )
        if len(chunks) == 1:
            events = chunks[0].unfold()
        else:
            events = [event for chunk in chunks for event in chunk.unfold()]
        size = sum(chunk.size for chunk in chunks)
        return Batch(key=key, route=chunks[0].route, events=events, size=size, first_at=formed)

    def _hold(
        self, key: str, fates: list[Fates], born: list[float], letters: Sequence[DeadLetter] = ()
    ) -> Holding:
        self._number += 1
        self._holdings[key] = holding = Holding(self._number, fates, born, letters)
        return holding

    def holds(self, key: str) -> bool:
        """Say whether the batch of *key* has events that are not settled."""
        return key in self._holdings

    def must_append(self, key: str) -> bool:
        """Say whether the batch of *key* is not known to be in the store."""
        holding = self._holdings.get(key)
        return holding is not None and not holding.kept

    def age_of(self, key: str, now: float) -> float:
        """Return for how many seconds the oldest event of a batch has been here."""
        holding = self._holdings.get(key)
        return max(now - holding.born[0], 0.0) if holding is not None else 0.0

    def letters_of(self, key: str) -> Sequence[DeadLetter]:
        """Return the letters that a batch was before it came back."""
        holding = self._holdings.get(key)
        return holding.letters if holding is not None else ()

    def count_older(self, key: str, moment: float) -> int:
        """Return how many events at a batch's front came before *moment*, to the chunk."""
        holding = self._holdings.get(key)
        count = 0
        if holding is not None:
            for fates, born in zip(holding.fates, holding.born, strict=True):
                if born >= moment:
                    break
                count += fates.size
        return count

    # A store that outlives the process.

    def keep(self, batch: Batch) -> None:
        """Note that the store has *batch*: it is pending no longer, unless it is leased already."""
        holding = self._holdings.get(batch.key)
        if holding is None or holding.kept:
            return
        self._note_kept(holding)
        self._put_down(len(batch.events), batch.size)

    def _note_kept(self, holding: Holding) -> None:
        holding.kept = True
        holding.letters = ()
        for fates in holding.fates:
            self._door.unsettled.pop(fates, None)
            fates.keep()

    def _put_down(self, events: int, size: int) -> None:
        self._door.ledger.stored += events
        self.stored += events
        self._door.release(events, size)

    def lease(self, lease: Lease, now: float) -> None:
        """Take *lease* into our hands: its events are pending from here on."""
        key = lease.batch.key
        events, size = _open(lease)
        holding = self._holdings.get(key)
        if holding is None:
            holding = self._take(lease, events, now)
            self._door.hold(events, size)
        elif not holding.kept:  # appended, but whoever did it was interrupted before it was known
            self._note_kept(holding)
        elif holding.lease is None:
            self._door.ledger.stored -= events
            self.stored -= events
            self._door.hold(events, size)
        holding.lease = lease
        self._leased[key] = holding

    def _take(self, lease: Lease, events: int, now: float) -> Holding:
        fates = Fates()
        fates.size, fates.open = len(lease.batch.events), events
        self._door.ledger.taken += events
        holding = self._hold(lease.batch.key, [fates], [now - lease.progress.age])
        self._note_kept(holding)
        return holding

    def give_back(self, leases: Sequence[Lease]) -> None:
        """Let *leases* go: the store has them."""
        for lease in leases:
            holding = self._leased.pop(lease.batch.key, None)
            if holding is not None:
                holding.lease = None
                self._put_down(*_open(lease))

    def give_all_back(self) -> None:
        """Let every lease go: whoever had them in hand is gone."""
        self.give_back([one.lease for one in self._leased.values() if one.lease is not None])

    @property
    def leased(self) -> int:
        """Events of kept batches that are in our hands."""
        return sum(_open(one.lease)[0] for one in self._leased.values() if one.lease is not None)

    @property
    def leased_batches(self) -> int:
        """Kept batches that are in our hands."""
        return len(self._leased)

    @property
    def last(self) -> int:
        """The number of the batch that was formed or taken last."""
        return self._number

    def oldest_kept(self, but: Sequence[str]) -> int:
        """Return the number of the oldest kept batch that is not settled, *but* these; 0: none."""
        for key, holding in self._holdings.items():
            if key not in but:
                return holding.number if holding.kept else 0
        return 0

    # Every store.

    def settle(self, batch: Batch, start: int, stop: int, outcome: Outcome) -> None:
        """Settle the events of *batch* from *start* up to *stop*; not those of a run that is over."""
        holding = self._holdings.get(batch.key)
        if holding is None:
            return
        whole = stop - start == len(batch.events)
        size = batch.size if whole else sum(map(len, batch.events[start:stop]))
        self._door.ledger.settle(outcome, stop - start)
        self._door.release(stop - start, size)
        at = 0
        for fates in holding.fates:
            first, last = max(start, at), min(stop, at + fates.size)
            if first < last:
                fates.settle(first - at, last - at, outcome)
                self._door.settled(fates)
            at += fates.size

    def fates_of(self, keys: Sequence[str]) -> set[Fates]:
        """Return the fates of the batches of these *keys*."""
        return {fates for key in keys for fates in self._fates(key)}

    def new_round(self, batch: Batch) -> None:
        """Tell those who wait for this round of retries that it is spent."""
        for fates in self._fates(batch.key):
            fates.new_round()

    def _fates(self, key: str) -> Iterator[Fates]:
        holding = self._holdings.get(key)
        yield from holding.fates if holding is not None else ()

    def kept_fates(self) -> Iterator[Fates]:
        """Iterate over the fates of what is in our hands and kept."""
        for holding in list(self._leased.values()):
            yield from holding.fates

    def forget(self, key: str) -> None:
        """Let go of a batch that is settled whole."""
        self._holdings.pop(key, None)
        self._leased.pop(key, None)

    def clear(self) -> None:
        """Let go of every batch but the kept ones, which are given back; the door settles the rest."""
        self.give_all_back()
        self._holdings = {key: one for key, one in self._holdings.items() if one.kept}


def _open(lease: Lease) -> tuple[int, int]:
    """Return how many events of *lease* are not settled, and their bytes."""
    batch, ranges = lease.batch, lease.progress.open
    events = sum(stop - start for start, stop in ranges)
    if events == len(batch.events):
        return events, batch.size
    return events, sum(len(event) for start, stop in ranges for event in batch.events[start:stop])


def derive_key(key: str, start: int, stop: int) -> str:
    """Return the key of a range of a batch: the same whenever that range is sent."""
    import hashlib  # a millisecond to import, for few who need it

    return hashlib.sha256(f"{key}:{start}:{stop}".encode()).hexdigest()[:32]
