"""How much fits into one request: bounds to the byte, and at least one."""

from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.batching import count_fitting, room_for
from asyncsdk.destinations import RudderStack, Segment
from asyncsdk.options import LaneOptions
from asyncsdk.seams import Room, RouteLimits

LIMITS = RouteLimits(max_events=100, max_bytes=1_000, event_overhead=3, body_overhead=20)
STAMP = "2026-11-21T09:00:00.000Z"


def cut(events: list[bytes], room: Room) -> int:
    """Return how many single events fit."""
    return count_fitting(((1, len(event)) for event in events), room)


PARTS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 300)), max_size=30)
ROOMS = st.builds(
    Room, events=st.integers(1, 100), bytes=st.integers(1, 1_000), event_overhead=st.integers(0, 40)
)


def test_the_lower_of_the_systems_limit_and_the_users_counts() -> None:
    """The user may ask for less than the system allows, never for more."""
    less = room_for(LIMITS, LaneOptions(max_batch_events=7, max_batch_bytes=500), wire_key=False)
    more = room_for(
        LIMITS, LaneOptions(max_batch_events=999, max_batch_bytes=9_999), wire_key=False
    )
    assert (less.events, less.bytes) == (7, 480)
    assert (more.events, more.bytes) == (100, 980)


def test_a_key_on_the_wire_means_one_batch_a_request() -> None:
    """Otherwise whole batches travel together."""
    alone = room_for(LIMITS, LaneOptions(), wire_key=True)
    together = room_for(LIMITS, LaneOptions(), wire_key=False)
    assert alone.batches == 1 < together.batches


def test_a_bound_below_the_envelope_still_leaves_room_for_one_event() -> None:
    """A silly bound does not make a lane that can never send."""
    room = room_for(LIMITS, LaneOptions(max_batch_bytes=1), wire_key=False)
    assert (room.bytes, cut([b"x" * 50], room)) == (1, 1)


def test_the_bound_in_bytes_holds_to_the_byte() -> None:
    """Two events of ten bytes with overhead three: 26 bytes carry both, 25 one."""
    events = [b"x" * 10, b"y" * 10]
    fitting = [cut(events, Room(events=9, bytes=size, event_overhead=3)) for size in (25, 26, 27)]
    assert fitting == [1, 2, 2]


def test_the_bound_in_events_holds_to_the_event() -> None:
    """Parts are whole: of 2, 2 and 2 events, five places carry two parts."""
    parts = [(2, 10), (2, 10), (2, 10)]
    fitting = [count_fitting(parts, Room(events=most, bytes=999)) for most in (3, 4, 5, 6)]
    assert fitting == [1, 2, 2, 3]


def test_nothing_fits_nothing() -> None:
    """No parts, no count."""
    assert count_fitting([], Room(events=1, bytes=1)) == 0


@given(parts=PARTS, room=ROOMS)
def test_as_many_as_fit_and_at_least_one(parts: list[tuple[int, int]], room: Room) -> None:
    """What is counted is within the bounds unless it is one part; one more would not be."""

    def within(count: int) -> bool:
        events = sum(one for one, _ in parts[:count])
        size = sum(size for _, size in parts[:count]) + events * room.event_overhead
        return events <= room.events and size <= room.bytes

    found = count_fitting(parts, room)
    assert min(len(parts), 1) <= found <= len(parts)
    assert found <= 1 or within(found)
    assert found == len(parts) or not within(found + 1)


@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=60))
def test_what_fits_by_count_fits_on_the_wire(sizes: list[int]) -> None:
    """The real bodies of both systems stay within the bytes that were asked for."""
    events = [b"{" + b"x" * (size - 1) for size in sizes]
    for destination in (RudderStack("k", "https://example.com"), Segment("k")):
        for limits in destination.routes.values():
            room = room_for(limits, LaneOptions(max_batch_bytes=4_000), wire_key=False)
            some = events[: cut(events, room)]
            body = destination.body(next(iter(destination.routes)), some, sent_at=STAMP)
            assert len(body) <= 4_000 or len(some) == 1
