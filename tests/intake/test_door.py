"""The door: chunks and their sealing, bounds, and what other threads leave."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.backlog import Chunk
from asyncsdk.intake import Budget, Door
from asyncsdk.options import LaneOptions
from asyncsdk.receipts import DELIVERED, Place, State, dropped
from asyncsdk.seams import Encoded, Room
from tests.delivery.making import letter

WIDE = Room(events=1_000, bytes=100_000, event_overhead=2)
ALONE = Room(events=1, bytes=100)


def event(size: int = 10, route: str = "batch") -> Encoded:
    """Return an event of *size* bytes."""
    return Encoded(route, b"x" * size)


class Doorway:
    """A door with everything around it that a test looks at."""

    def __init__(self, *, room: Room = WIDE, budget: Budget | None = None, **options: Any) -> None:
        self.evicted: list[int] = []
        self.budget = budget or Budget(10**9)
        settled = LaneOptions(**{"flush_interval": 0.0, **options})
        rooms = {"batch": room, "alias": ALONE}
        self.door = Door(settled, rooms, self.budget, self.evicted.append)

    def admit(self, *events: Encoded) -> list[Place]:
        """Take *events* in, as the owner does."""
        places: list[Place] = []
        for one in events:
            place = Place("lane")
            self.door.admit(one, place)
            places.append(place)
        return places

    def chunks(self) -> list[Chunk]:
        """Take every sealed chunk."""
        found: list[Chunk] = []
        while not self.door.queue.empty():
            found.append(self.door.queue.get_nowait())
        return found


def test_so_many_events_seal_the_chunk() -> None:
    """`flush_at` is the trigger."""
    way = Doorway(flush_at=3)
    places = way.admit(*[event()] * 7)
    assert [len(chunk.events) for chunk in way.chunks()] == [3, 3]
    assert [place.index for place in places] == [0, 1, 2, 0, 1, 2, 0]
    way.door.seal()
    way.door.seal()
    assert [len(chunk.events) for chunk in way.chunks()] == [1]


def test_a_chunk_never_outgrows_one_request() -> None:
    """Neither in events nor in bytes, what the body adds to each included."""
    narrow = Room(events=5, bytes=100, event_overhead=10)
    way = Doorway(room=narrow, flush_at=100)
    way.admit(*[event(1)] * 11)
    assert [len(chunk.events) for chunk in way.chunks()] == [5, 5]
    way = Doorway(room=narrow, flush_at=100)
    way.admit(*[event(15)] * 9)
    assert [len(chunk.events) for chunk in way.chunks()] == [4, 4]


def test_an_event_larger_than_a_request_travels_alone() -> None:
    """The server decides about it."""
    way = Doorway(room=Room(events=10, bytes=50, event_overhead=2), flush_at=100)
    way.admit(event(10), event(500), event(10))
    way.door.seal()
    assert [chunk.size for chunk in way.chunks()] == [10, 500, 10]


def test_routes_do_not_mix() -> None:
    """A chunk goes one way."""
    way = Doorway(flush_at=100)
    way.admit(event(route="batch"), event(route="alias"), event(route="batch"))
    way.door.seal()
    assert [chunk.route for chunk in way.chunks()] == ["batch", "alias", "batch"]


def test_each_route_has_its_own_limits() -> None:
    """One event a request: it is sealed at once, and so is what came before it, in order."""
    way = Doorway(flush_at=100)
    way.admit(*[event()] * 3, event(route="alias"), event(route="alias"), event())
    assert [(chunk.route, len(chunk.events)) for chunk in way.chunks()] == [
        ("batch", 3),
        ("alias", 1),
        ("alias", 1),
    ]


async def test_age_seals_the_chunk() -> None:
    """One timer serves all chunks; a chunk that came late has its whole interval."""
    way = Doorway(flush_at=100, flush_interval=0.05)
    way.door.bind(asyncio.get_running_loop())
    way.admit(event())
    async with asyncio.timeout(5):
        assert len((await way.door.queue.get()).events) == 1
        way.admit(event())
        way.door.seal()
        way.admit(event())  # opened while the timer of the sealed one runs
        assert [len((await way.door.queue.get()).events) for _ in range(2)] == [1, 1]
    way.door.unbind()


async def test_no_interval_means_no_timer() -> None:
    """Only count, bytes or a flush seal then."""
    way = Doorway(flush_at=100, flush_interval=0.0)
    way.door.bind(asyncio.get_running_loop())
    way.admit(event())
    await asyncio.sleep(0.05)
    assert way.chunks() == []


async def test_what_waits_moves_to_the_next_loop() -> None:
    """Sealed chunks, the open one, and what other threads have left."""
    way = Doorway(flush_at=2, flush_interval=0.01)
    way.admit(*[event()] * 3)
    way.door.leave(event(), Place("lane"))
    way.door.bind(asyncio.get_running_loop())
    async with asyncio.timeout(5):
        assert [len((await way.door.queue.get()).events) for _ in range(2)] == [2, 2]
        way.admit(event())
        way.door.unbind()
        way.door.bind(asyncio.get_running_loop())
        assert len((await way.door.queue.get()).events) == 1
    way.door.unbind()
    way.door.unbind()


@pytest.mark.parametrize(
    ("options", "fitting"),
    [({"max_queue_events": 3}, 3), ({"max_queue_bytes": 35}, 3), ({"max_queue_bytes": 40}, 4)],
)
def test_the_bounds_hold_exactly(options: dict[str, Any], fitting: int) -> None:
    """At the bound is allowed, above it is not."""
    way = Doorway(flush_at=100, **options)
    while way.door.fits(10):
        way.admit(event(10))
    assert way.door.held_events == fitting


def test_one_bound_is_shared_by_all_lanes() -> None:
    """What one lane holds, another cannot have; what is settled is free again."""
    budget = Budget(50)
    first, second = Doorway(budget=budget), Doorway(budget=budget)
    first.admit(event(30))
    assert second.door.fits(20)
    assert not second.door.fits(21)
    first.door.release(1, 30)
    assert second.door.fits(50)


def test_what_is_taken_counts_until_it_is_settled() -> None:
    """Handing a chunk over frees nothing: memory is bounded with what is in flight."""
    way = Doorway(flush_at=2, max_queue_events=2)
    way.admit(event(), event())
    way.chunks()
    assert not way.door.fits(1)
    way.door.release(1, 10)
    assert way.door.fits(1)


def test_room_is_made_by_the_oldest_sealed_chunks() -> None:
    """Whole chunks, oldest first, and no more than needed."""
    way = Doorway(flush_at=2, max_queue_events=6)
    places = way.admit(*[event()] * 6)
    assert way.door.make_room(10)
    assert [place.look().state for place in places] == [State.DROPPED] * 2 + [State.PENDING] * 4
    assert way.evicted == [2]
    assert (way.door.held_events, way.door.ledger.accepted) == (4, 6)


def test_as_many_chunks_as_needed_make_room() -> None:
    """For a large event several small ones go, and the count of all of them is told at once."""
    way = Doorway(flush_at=2, max_queue_bytes=100)
    way.admit(*[event(10)] * 10)
    assert way.door.make_room(45)
    assert way.evicted == [6]
    assert (way.door.held_events, way.door.held_bytes) == (4, 40)


def test_what_no_longer_waits_cannot_make_room() -> None:
    """What is open, stored or in flight is not dropped."""
    way = Doorway(flush_at=100, max_queue_events=2)
    way.admit(event(), event())
    assert not way.door.make_room(10)
    assert way.evicted == []


def test_the_owner_admits_what_others_left() -> None:
    """In the order in which it was left."""
    way = Doorway(flush_at=2)
    places = [Place("lane") for _ in range(3)]
    for size, place in enumerate(places, start=1):
        way.door.leave(event(size), place)
    assert (way.door.pending, way.door.held_events) == (3, 0)
    way.door.drain()
    assert (way.door.pending, way.door.held_events, way.door.left_bytes) == (3, 3, 0)
    way.door.seal()
    assert [list(map(len, chunk.events)) for chunk in way.chunks()] == [[1, 2], [3]]


def test_what_others_left_counts_against_the_bounds() -> None:
    """Before the owner has seen it."""
    way = Doorway(max_queue_events=2, max_queue_bytes=100)
    way.door.leave(event(60), Place("lane"))
    assert not way.door.fits(41)
    way.door.leave(event(40), Place("lane"))
    assert not way.door.fits(0)


@pytest.mark.parametrize(
    "options", [{"max_queue_events": 3}, {"max_queue_bytes": 30}, {"budget": Budget(30)}]
)
def test_so_many_can_be_left_and_no_more(options: dict[str, Any]) -> None:
    """Whatever the owner holds, what others leave has the same bounds."""
    way = Doorway(flush_at=100, **options)
    count = 0
    while way.door.fits_left(10):
        way.door.leave(event(10), Place("lane"))
        count += 1
    assert count == 3


def test_an_event_as_large_as_the_queue_can_fit() -> None:
    """One byte more can never."""
    small, large = Doorway(max_queue_bytes=50), Doorway(budget=Budget(50))
    for way in (small, large):
        assert way.door.could_ever_fit(50)
        assert not way.door.could_ever_fit(51)


def test_draining_makes_room_where_the_oldest_go() -> None:
    """With drop_oldest, what others left pushes out what waits."""
    way = Doorway(flush_at=1, max_queue_events=2, overflow="drop_oldest")
    old = way.admit(event(), event())
    new = Place("lane")
    way.door.leave(event(), new)
    way.door.drain()
    states = [place.look().state for place in (*old, new)]
    assert states == [State.DROPPED, State.PENDING, State.PENDING]
    assert (way.evicted, way.door.held_events) == ([1], 2)


@pytest.mark.parametrize("options", [{"max_queue_bytes": 30}, {"budget": Budget(30)}])
def test_draining_keeps_the_bounds_of_bytes_exactly(options: dict[str, Any]) -> None:
    """With drop_oldest: what just fits pushes nobody out, a byte more one, and no more than that."""
    for size, gone in ((10, 0), (11, 1), (20, 1), (21, 2)):
        way = Doorway(flush_at=1, overflow="drop_oldest", **options)
        old = way.admit(event(10), event(10))
        new = Place("lane")
        way.door.leave(event(size), new)
        way.door.drain()
        states = [place.look().state for place in (*old, new)]
        assert states == [State.DROPPED] * gone + [State.PENDING] * (3 - gone), size
        assert way.door.drop_all(dropped("shutdown")) == 3 - gone


async def test_many_who_leave_wake_the_owner_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It then looks by itself for as long as they go on; who comes after a pause wakes it again."""
    way = Doorway(flush_at=1_000)
    wake_ups = bind_and_count(way, monkeypatch)
    leave_from_a_thread(way, 100)
    assert way.door.held_events == 0
    await turns(2)
    assert (way.door.held_events, len(wake_ups)) == (100, 1)
    leave_from_a_thread(way, 100)
    assert len(wake_ups) == 1
    await asyncio.sleep(0.05)
    assert way.door.held_events == 200
    way.door.leave(event(), Place("lane"))
    assert len(wake_ups) == 2
    way.door.unbind()


async def test_many_who_leave_at_once_are_admitted_in_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To admit thousands takes milliseconds, and the loop is the host's."""
    way = Doorway(flush_at=10_000)
    wake_ups = bind_and_count(way, monkeypatch)
    leave_from_a_thread(way, 1_200)
    admitted: list[int] = []  # by each turn of the loop
    while sum(admitted) < 1_200:
        before = way.door.held_events
        await turns(1)
        admitted.append(way.door.held_events - before)
    assert [step for step in admitted if step] == [500, 500, 200]
    assert len(wake_ups) == 1
    way.door.unbind()


@pytest.mark.parametrize("bound", [{"max_queue_events": 40}, {"max_queue_bytes": 40 * 10}])
async def test_a_queue_does_not_fill_while_its_owner_waits_to_look(
    bound: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the bounds is no matter for later: what would be sent is not turned away."""
    way = Doorway(flush_at=1_000, **bound)
    wake_ups = bind_and_count(way, monkeypatch)
    leave_from_a_thread(way, 1)
    await turns(2)
    leave_from_a_thread(way, 11)
    assert len(wake_ups) == 2
    await turns(2)
    assert way.door.held_events == 12
    way.door.unbind()


def bind_and_count(way: Doorway, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Bind the door to this loop; return a list of the wake-ups that will come."""
    loop = asyncio.get_running_loop()
    way.door.bind(loop)
    wake_ups: list[Callable[[], None]] = []
    wake = loop.call_soon_threadsafe

    def count(callback: Callable[[], None]) -> asyncio.Handle:
        wake_ups.append(callback)
        return wake(callback)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    return wake_ups


def leave_from_a_thread(way: Doorway, count: int) -> None:
    """Leave so many events, in a thread that then ends."""

    def work() -> None:
        for _ in range(count):
            way.door.leave(event(), Place("lane"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def turns(count: int) -> None:
    """Let the loop turn so often."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_leaving_at_a_closed_loop_waits_for_the_next() -> None:
    """Nothing is raised, nothing is lost."""
    way = Doorway()
    loop = asyncio.new_event_loop()
    way.door.bind(loop)
    loop.close()
    way.door.leave(event(), Place("lane"))
    way.door.leave(event(), Place("lane"))
    assert way.door.pending == 2

    async def next_loop() -> None:
        way.door.bind(asyncio.get_running_loop())

    asyncio.run(next_loop())
    assert way.door.held_events == 2


async def test_a_closed_door_admits_nothing_more() -> None:
    """Not even by a wake-up that was on its way: what is left later is for the next run."""
    way = Doorway(flush_at=100)
    loop = asyncio.get_running_loop()
    way.door.bind(loop)
    way.door.leave(event(), Place("lane"))  # this one wakes the owner
    way.door.close()
    way.door.leave(event(), Place("lane"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (way.door.held_events, way.door.pending) == (1, 2)
    way.door.unbind()
    way.door.bind(loop)
    assert way.door.held_events == 2
    way.door.unbind()


def test_what_was_left_can_be_turned_away() -> None:
    """Each with its reason, in the counts and on its receipt."""
    way = Doorway()
    place = Place("lane")
    way.door.leave(event(), place)
    way.door.leave(event(), Place("lane"))
    assert way.door.turn_away_left("closed") == 2
    assert (place.look().state, place.look().reason) == (State.DROPPED, "closed")
    view = way.door.ledger.view(pending=way.door.pending, queue_bytes=0, paused=0.0, stopped="")
    assert (view.accepted, view.dropped, view.pending) == (2, 2, 0)
    assert view.dropped_reasons == {"closed": 2}
    assert way.door.left_bytes == 0


async def test_what_is_left_after_the_end_is_turned_away_at_once() -> None:
    """A call that saw the client open and came too late: nobody else would come for its event."""
    way = Doorway()
    way.door.turn_away_left("closed")
    place = Place("lane")
    way.door.leave(event(), place)
    assert (place.look().state, place.look().reason) == (State.DROPPED, "closed")
    assert (way.door.pending, way.door.left_bytes, way.budget.left) == (0, 0, 0)
    way.door.bind(asyncio.get_running_loop())  # unless another run comes
    place = Place("lane")
    way.door.leave(event(), place)
    assert place.look().state is State.PENDING
    way.door.unbind()


def test_everything_can_be_dropped_at_the_end() -> None:
    """Open, sealed and in flight; what was settled before stays as it was."""
    way = Doorway(flush_at=2)
    places = way.admit(*[event()] * 5)
    fates = places[0].fates
    assert fates is not None
    fates.settle(0, 1, DELIVERED)
    way.door.release(1, 10)
    assert way.door.drop_all(dropped("shutdown")) == 4
    states = [place.look().state for place in places]
    assert states == [State.DELIVERED] + [State.DROPPED] * 4
    assert (way.door.held_events, way.door.held_bytes, way.budget.used) == (0, 0, 0)
    assert way.chunks() == []


def test_the_dead_come_back_at_the_end_under_their_key() -> None:
    """Behind what waits, and merging with nobody."""
    way = Doorway(flush_at=100)
    way.admit(event())
    two = [letter("m-1", size=10), letter("m-2", size=11)]
    way.door.readmit("batch", two, "key-1")
    assert [(chunk.key, chunk.size) for chunk in way.chunks()] == [("", 10), ("key-1", 21)]
    assert (way.door.ledger.accepted, way.door.ledger.replayed, way.door.held_events) == (3, 2, 3)
    assert (way.door.held_bytes, way.budget.used) == (31, 31)
    way.door.readmit("alias", [letter("m-3")], "key-2")
    (chunk,) = way.chunks()
    assert [one.message_id for one in chunk.letters] == ["m-3"]
    assert (chunk.route, chunk.key, chunk.overhead) == ("alias", "key-2", ALONE.event_overhead)
    assert (way.door.ledger.accepted, way.door.ledger.replayed, way.door.held_events) == (4, 3, 4)
    assert way.door.drop_all(dropped("shutdown")) == 4


@pytest.mark.parametrize(
    "fill", [lambda way: way.admit(event()), lambda way: way.door.leave(event(), Place("lane"))]
)
@pytest.mark.parametrize("options", [{"max_queue_events": 8}, {"max_queue_bytes": 80}])
def test_three_quarters_full_is_crowded_above(
    fill: Callable[[Doorway], object], options: dict[str, Any]
) -> None:
    """At three quarters nobody waits yet; one more, and producers do."""
    way = Doorway(flush_at=100, **options)
    for _ in range(6):
        fill(way)
    assert not way.door.crowded
    fill(way)
    assert way.door.crowded


steps = st.lists(
    st.tuples(st.sampled_from(["call", "leave", "drain", "seal", "settle"]), st.integers(1, 40)),
    max_size=80,
)


@given(steps, st.sampled_from(["drop_newest", "drop_oldest"]))
def test_whatever_happens_the_bounds_and_the_books_hold(
    plan: list[tuple[str, int]], overflow: str
) -> None:
    """Accepted is settled or pending at every moment, and never more than allowed is held."""
    way = Doorway(flush_at=3, max_queue_events=10, max_queue_bytes=120, overflow=overflow)
    door = way.door
    for what, size in plan:
        if what == "call" and (
            door.fits(size) or (overflow == "drop_oldest" and door.make_room(size))
        ):
            door.drain()
            if door.fits(size):
                way.admit(event(size))
        elif what == "leave" and door.fits(size):
            door.leave(event(size), Place("lane"))
        elif what == "drain":
            door.drain()
        elif what == "seal":
            door.seal()
        elif what == "settle" and not door.queue.empty():
            door.drop_chunk(door.queue.get_nowait(), DELIVERED)
        view = door.ledger.view(
            pending=door.held_events, queue_bytes=door.held_bytes, paused=0.0, stopped=""
        )
        assert view.accepted + door.open_events == view.delivered + view.dropped + view.pending
        assert door.pending <= 10
        assert door.held_bytes + door.left_bytes <= 120
        assert way.budget.used == door.held_bytes
        sealed = sum(fates.open for fates in door.unsettled)
        assert sealed + door.open_events == door.held_events
