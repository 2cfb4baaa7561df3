"""A verdict goes to the store, then into the books: each store hears exactly what is its own."""

from __future__ import annotations

from collections.abc import Sequence

from asyncsdk import MemoryStore
from asyncsdk.delivery.lane import Lane
from asyncsdk.delivery.parcels import Parcel, whole
from asyncsdk.receipts import DELIVERED, Outcome, Place, State
from asyncsdk.seams import DeadLetter, Encoded, Lease, Room
from tests.delivery.making import letter
from tests.delivery.test_lane import lane

WIDE = Room(events=1_000, bytes=100_000, event_overhead=1, batches=10)
REJECTED = Outcome(State.REJECTED, "HTTP 400", 400)


class Clerk(MemoryStore):
    """A store that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str, list[str]]] = []

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Note it."""
        ids = [one.message_id for one in letters]
        self.told.append(("note", lease.batch.key, [str(lease.progress.open), *ids]))
        await super().note(lease, letters)

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Settle it."""
        self.told.append(("settle", lease.batch.key, [one.message_id for one in letters]))
        return await super().settle(lease, letters)


async def leased(made: Lane, *counts: int) -> tuple[Parcel, list[Place]]:
    """Lease batches of so many events together."""
    places: list[Place] = []
    batches = []
    for number, count in enumerate(counts):
        for _ in range(count):
            places.append(Place("here"))
            made.door.admit(Encoded("batch", b"x" * 10), places[-1])
        made.door.seal()
        batches.append(made.custody.form([made.door.queue.get_nowait()], f"b{number}"))
    leases: list[Lease] = []
    for batch in batches:
        await made.store.append("here", batch)
        leases += await made.store.take("here", WIDE)
    return whole(leases), places


async def test_each_batch_gets_the_letters_of_its_own_events() -> None:
    """Three batches that died together are three writes, not one with everybody's letters."""
    store = Clerk()
    made = lane(store)
    parcel, places = await leased(made, 2, 1, 3)
    letters = [letter(f"m-{number}", lane="here") for number in range(6)]
    await made.closer.close(made, parcel, REJECTED, letters)
    assert [told for told in store.told if told[0] == "settle"] == [
        ("settle", "b0", ["m-0", "m-1"]),
        ("settle", "b1", ["m-2"]),
        ("settle", "b2", ["m-3", "m-4", "m-5"]),
    ]
    assert {place.look().state for place in places} == {State.REJECTED}
    assert [one.message_id async for one in store.dead_letters()] == [f"m-{n}" for n in range(6)]


async def test_a_part_is_buried_and_noted_and_the_last_one_settles() -> None:
    """What is left is written beside the batch; nothing is settled before its time."""
    store = Clerk()
    made = lane(store)
    parcel, places = await leased(made, 4)
    await made.closer.close(made, parcel.slice([(1, 2)]), REJECTED, [letter("m-1", lane="here")])
    assert store.told == [("note", "b0", ["[(0, 1), (2, 4)]", "m-1"])]
    assert [place.look().state.value for place in places] == [
        "pending", "rejected", "pending", "pending",
    ]  # fmt: skip
    await made.closer.close(made, parcel.slice([(0, 1)]), DELIVERED, ())
    assert store.told[1:] == [("note", "b0", ["[(2, 4)]"])]
    await made.closer.close(made, parcel.slice([(2, 4)]), DELIVERED, ())
    assert store.told[2][:2] == ("settle", "b0")
    assert not any(part.lease.progress.open for part in parcel.parts)
    assert (made.ledger.delivered, made.ledger.rejected, made.door.held_events) == (3, 1, 0)


async def test_what_is_closed_is_held_by_nobody() -> None:
    """A lane that has sent a million batches remembers none of them."""
    made = lane()
    parcel, _ = await leased(made, 3)
    await made.closer.close(made, parcel.slice([(0, 1)]), DELIVERED, ())
    assert made.custody.holds("b0")
    await made.closer.close(made, parcel.slice([(1, 3)]), DELIVERED, ())
    assert not made.custody.holds("b0")
    assert list(made.door.unsettled) == []
    await made.store.recover("here")
    assert not made.custody.holds("b0")
