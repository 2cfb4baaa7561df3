"""What one request carries: nothing lost, nothing doubled, order kept, one key for one content."""

from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.delivery.parcels import Parcel, whole, without
from asyncsdk.retrying import Range
from asyncsdk.seams import Lease
from tests.delivery.making import batch, lease


@st.composite
def ranges_within(draw: st.DrawFn, count: int) -> list[Range]:
    """Draw ranges of 0 to *count* that are in order, apart and not empty."""
    marks = sorted(draw(st.sets(st.integers(0, count), max_size=8)))
    return list(zip(marks[::2], marks[1::2], strict=False))


@st.composite
def leases(draw: st.DrawFn) -> list[Lease]:
    """Draw leases of several batches, each with something open."""
    found: list[Lease] = []
    for number in range(draw(st.integers(1, 4))):
        one = batch(f"b{number}", draw(st.integers(1, 12)))
        found.append(lease(one, draw(ranges_within(len(one.events))) or None))
    return found


def positions(ranges: list[Range]) -> list[int]:
    """List what *ranges* cover."""
    return [at for start, stop in ranges for at in range(start, stop)]


@given(leases())
def test_a_whole_parcel_is_all_that_is_open_in_order(some: list[Lease]) -> None:
    """What was settled before is not sent again."""
    parcel = whole(some)
    expected = [one.batch.events[at] for one in some for at in positions(one.progress.open)]
    assert parcel.events == expected
    assert parcel.count == len(expected)


@given(st.data())
def test_a_slice_is_its_ranges_of_the_events(data: st.DataObject) -> None:
    """Over the borders of batches and ranges alike."""
    parcel = whole(data.draw(leases()))
    ranges = data.draw(ranges_within(parcel.count))
    part = parcel.slice(ranges)
    assert part.events == [parcel.events[at] for at in positions(ranges)]
    assert part.count == len(part.events)


@given(st.data())
def test_slices_of_slices_are_slices(data: st.DataObject) -> None:
    """A hunt cuts halves of halves; their events stay those of the batch."""
    parcel = whole(data.draw(leases()))
    outer = data.draw(ranges_within(parcel.count))
    middle = parcel.slice(outer)
    inner = data.draw(ranges_within(middle.count))
    assert middle.slice(inner).events == [middle.events[at] for at in positions(inner)]


@given(st.data())
def test_halves_together_are_the_whole(data: st.DataObject) -> None:
    """Wherever it is cut, nothing is lost, doubled or moved."""
    parcel = whole(data.draw(leases()))
    at = data.draw(st.integers(0, parcel.count))
    first, second = parcel.slice([(0, at)]), parcel.slice([(at, parcel.count)])
    assert first.events + second.events == parcel.events


@given(st.data())
def test_without_takes_out_exactly_what_it_is_told(data: st.DataObject) -> None:
    """What is left is in order; nothing else is gone."""
    ranges = data.draw(ranges_within(30))
    start, stop = sorted((data.draw(st.integers(0, 30)), data.draw(st.integers(0, 30))))
    left = without(ranges, start, stop)
    assert positions(left) == [at for at in positions(ranges) if not start <= at < stop]
    assert all(first < last for first, last in left)


@given(st.data())
def test_one_key_names_one_content(data: st.DataObject) -> None:
    """A server that drops repeats by key must never meet one key with two contents."""
    parcel = whole([lease(batch("b", 8))])
    some, other = (parcel.slice(data.draw(ranges_within(8))) for _ in range(2))
    if some.parts and other.parts:
        assert (some.key == other.key) == (some.events == other.events)


def test_a_whole_batch_has_its_own_key_and_a_range_a_stable_one() -> None:
    """The key of a range is derived, so it is the same after a restart."""
    parcel = whole([lease(batch("b", 8))])
    assert parcel.key == "b"
    again = whole([lease(batch("b", 8))])
    assert parcel.slice([(2, 5)]).key == again.slice([(2, 5)]).key != "b"


def test_a_key_says_where_in_the_batch_whatever_way_led_there() -> None:
    """The same events have the same key, cut out at once or in two steps."""
    parcel = whole([lease(batch("b", 8))])
    assert parcel.slice([(2, 6)]).slice([(1, 2)]).key == parcel.slice([(3, 4)]).key


def test_failures_are_counted_for_all_that_travelled_together() -> None:
    """The batch that has failed most decides."""
    first, second = lease(batch("a")), lease(batch("b"))
    second.progress.attempts = 4
    parcel = whole([first, second])
    assert (parcel.attempts, parcel.fail()) == (4, 5)
    assert (first.progress.attempts, second.progress.attempts) == (5, 5)
    parcel.count_from(0)
    assert parcel.attempts == 0


def test_a_lease_with_several_parts_is_one_lease() -> None:
    """Its failures count once."""
    one, two = lease(batch("a", 6)), lease(batch("b"))
    parcel: Parcel = whole([one, two]).slice([(0, 1), (3, 5), (6, 8)])
    assert parcel.leases == [one, two]
    assert parcel.route == "batch"
