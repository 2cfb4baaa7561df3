"""Which events of which chunks a batch holds: what settling a range of it moves, and what it leaves."""

import pytest

from asyncsdk.backlog import Chunk
from asyncsdk.delivery.custody import Custody, derive_key
from asyncsdk.intake import Budget, Door
from asyncsdk.options import LaneOptions
from asyncsdk.receipts import DELIVERED, Outcome, Place, State
from asyncsdk.seams import Encoded, Room

ROOM = Room(events=100, bytes=10_000, event_overhead=1, batches=1_000)
REJECTED = Outcome(State.REJECTED, "HTTP 400", 400)


class Counter:
    """A door with chunks of some sizes, and their custody."""

    def __init__(self, *sizes: int) -> None:
        self.budget = Budget(1_000_000)
        self.door = Door(LaneOptions(flush_at=1_000), {"batch": ROOM}, self.budget, lambda _: None)
        self.custody = Custody(self.door)
        self.places: list[Place] = []
        self.chunks: list[Chunk] = []
        for number, size in enumerate(sizes):
            self.fill(number, size)

    def fill(self, number: int, size: int) -> None:
        """Admit *size* events of different lengths, sealed together."""
        for at in range(size):
            place = Place("lane")
            self.door.admit(Encoded("batch", b"x" * (10 * (number + 1) + at)), place)
            self.places.append(place)
        self.door.seal()
        chunk = self.door.queue.get_nowait()
        chunk.opened = float(number)
        self.chunks.append(chunk)

    @property
    def states(self) -> list[State]:
        """How each event stands."""
        return [place.look().state for place in self.places]

    @property
    def held(self) -> tuple[int, int, int]:
        """What the bounds count."""
        return self.door.held_events, self.door.held_bytes, self.budget.used


def test_a_batch_is_its_chunks_in_their_order() -> None:
    """Every event once, with its size, under the key that was given."""
    way = Counter(2, 3)
    batch = way.custody.form(way.chunks, "k")
    assert (batch.key, batch.route) == ("k", "batch")
    assert [len(event) for event in batch.events] == [10, 11, 20, 21, 22]
    assert batch.size == 84


@pytest.mark.parametrize("range_", [(0, 5), (0, 1), (1, 3), (1, 4), (2, 3), (2, 5), (4, 5)])
def test_settling_a_range_settles_its_events_alone(range_: tuple[int, int]) -> None:
    """Receipts, counts and bounds move together, over the borders of chunks."""
    way = Counter(2, 3)
    batch = way.custody.form(way.chunks, "k")
    start, stop = range_
    way.custody.settle(batch, start, stop, REJECTED)
    pending = [State.PENDING] * 5
    pending[start:stop] = [State.REJECTED] * (stop - start)
    assert way.states == pending
    left = [len(event) for event in (*batch.events[:start], *batch.events[stop:])]
    assert way.held == (len(left), sum(left), sum(left))
    assert way.door.ledger.rejected == stop - start


def test_a_chunk_is_forgotten_with_its_last_event() -> None:
    """Whoever waits for all that is unsettled looks at the others only."""
    way = Counter(2, 3)
    batch = way.custody.form(way.chunks, "k")
    way.custody.settle(batch, 0, 3, DELIVERED)
    assert list(way.door.unsettled) == [way.chunks[1].fates]
    way.custody.settle(batch, 3, 5, DELIVERED)
    assert list(way.door.unsettled) == []


@pytest.mark.parametrize(
    ("moment", "count"), [(0.0, 0), (0.5, 2), (1.0, 2), (1.5, 5), (2.0, 5), (9.0, 9)]
)
def test_the_front_of_a_batch_is_older(moment: float, count: int) -> None:
    """Age is told by the chunk: each was opened at a moment of its own."""
    way = Counter(2, 3, 4)
    batch = way.custody.form(way.chunks, "k")
    assert way.custody.count_older(batch.key, moment) == count


def test_a_spent_round_is_told_to_every_chunk_of_the_batch() -> None:
    """And to those of no other batch."""
    way = Counter(2, 3, 4)
    batch = way.custody.form(way.chunks[:2], "k")
    way.custody.form(way.chunks[2:], "other")
    way.custody.new_round(batch)
    way.custody.new_round(batch)
    assert [chunk.fates.rounds for chunk in way.chunks] == [2, 2, 0]


@pytest.mark.parametrize("how", ["forget", "clear"])
def test_a_batch_that_was_let_go_of_moves_nothing(how: str) -> None:
    """Its run is over, its events have ended: a late answer must not count them once more."""
    way = Counter(2, 3)
    batch = way.custody.form(way.chunks, "k")
    if how == "forget":
        way.custody.forget("k")
    else:
        way.custody.clear()
    before = way.held
    way.custody.settle(batch, 0, 5, DELIVERED)
    way.custody.new_round(batch)
    assert way.custody.count_older("k", 9.0) == 0
    assert way.held == before
    assert way.states == [State.PENDING] * 5
    assert way.door.ledger.delivered == 0
    way.custody.forget("k")  # once more says nothing


def test_a_derived_key_names_its_range() -> None:
    """Short enough for a header, and another one for every key, start and end."""
    keys = {
        derive_key(key, start, stop)
        for key in ("a", "b", "a:1")
        for start, stop in ((0, 1), (0, 11), (1, 11), (10, 11))
    }
    assert len(keys) == 12
    assert {len(key) for key in keys} == {32}
