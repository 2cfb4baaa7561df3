"""Custody: which events of which chunks a batch holds, and what settling them moves.

A batch has no idea of receipts; this side of the store remembers, by the batch's key, which
chunks it was formed from. Settling a range writes the chunks' fates, the ledger and the bounds in
one step without an await between, so they agree at every moment.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncsdk.backlog import Chunk
from asyncsdk.intake import Door
from asyncsdk.receipts import Fates, Outcome
from asyncsdk.seams import Batch, DeadLetter


class Custody:
    """Settle the events of one lane's batches."""

    def __init__(self, door: Door) -> None:
        self._door = door
        # This is all that changes: the chunks of each batch in order, and when each opened.
        self._chunks: dict[str, list[Fates]] = {}
        self._born: dict[str, list[float]] = {}
        self._letters: dict[str, Sequence[DeadLetter]] = {}  # that a batch was, if it comes back

    def form(self, chunks: Sequence[Chunk], key: str, *, formed: str = "") -> Batch:
        """Form one batch of *chunks*, which have one route, under *key*; it is *formed* now."""
        self._chunks[key] = [chunk.fates for chunk in chunks]
        self._born[key] = [chunk.opened for chunk in chunks]
        if chunks[0].letters:
            self._letters[key] = chunks[0].letters
        if len(chunks) == 1:
            events = chunks[0].unfold()
        else:
            events = [event for chunk in chunks for event in chunk.unfold()]
        size = sum(chunk.size for chunk in chunks)
        return Batch(key=key, route=chunks[0].route, events=events, size=size, first_at=formed)

    def holds(self, key: str) -> bool:
        """Say whether the batch of *key* has events that are not settled."""
        return key in self._chunks

    def age_of(self, key: str, now: float) -> float:
        """Return for how many seconds the oldest event of a batch has been here."""
        born = self._born.get(key)
        return max(now - born[0], 0.0) if born else 0.0

    def letters_of(self, key: str) -> Sequence[DeadLetter]:
        """Return the letters that a batch was before it came back."""
        return self._letters.get(key, ())

    def count_older(self, key: str, moment: float) -> int:
        """Return how many events at a batch's front came before *moment*, to the chunk."""
        count = 0
        for fates, born in zip(self._chunks.get(key, ()), self._born.get(key, ()), strict=True):
            if born >= moment:
                break
            count += fates.size
        return count

    def settle(self, batch: Batch, start: int, stop: int, outcome: Outcome) -> None:
        """Settle the events of *batch* from *start* up to *stop*; not those of a run that is over."""
        if batch.key not in self._chunks:
            return
        whole = stop - start == len(batch.events)
        size = batch.size if whole else sum(map(len, batch.events[start:stop]))
        self._door.ledger.settle(outcome, stop - start)
        self._door.release(stop - start, size)
        at = 0
        for fates in self._chunks[batch.key]:
            first, last = max(start, at), min(stop, at + fates.size)
            if first < last:
                fates.settle(first - at, last - at, outcome)
                self._door.settled(fates)
            at += fates.size

    def fates_of(self, keys: Sequence[str]) -> set[Fates]:
        """Return the fates of the batches of these *keys*."""
        return {fates for key in keys for fates in self._chunks.get(key, ())}

    def new_round(self, batch: Batch) -> None:
        """Tell those who wait for this round of retries that it is spent."""
        for fates in self._chunks.get(batch.key, ()):
            fates.new_round()

    def forget(self, key: str) -> None:
        """Let go of a batch that is settled whole."""
        self._chunks.pop(key, None)
        self._born.pop(key, None)
        self._letters.pop(key, None)

    def clear(self) -> None:
        """Let go of every batch; the door has settled their events."""
        self._chunks.clear()
        self._born.clear()
        self._letters.clear()


def derive_key(key: str, start: int, stop: int) -> str:
    """Return the key of a range of a batch: the same whenever that range is sent."""
    import hashlib  # a millisecond to import, for few who need it

    return hashlib.sha256(f"{key}:{start}:{stop}".encode()).hexdigest()[:32]
