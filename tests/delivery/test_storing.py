"""What a store that outlives us has: what counts as stored, what as pending, and who is told."""

from __future__ import annotations

from asyncsdk.receipts import DELIVERED, State, dropped
from asyncsdk.seams import Batch, DeadLetter, Lease
from tests.delivery.making import batch as foreign
from tests.delivery.making import lease, letter
from tests.delivery.test_custody import Counter


def stored(way: Counter) -> tuple[int, int, int]:
    """Return what the ledger counts as stored and taken, and what is in memory."""
    return way.door.ledger.stored, way.door.ledger.taken, way.door.held_events


def kept(*sizes: int) -> tuple[Counter, Batch]:
    """Form a batch of chunks of some sizes, and keep it."""
    way = Counter(*sizes)
    batch = way.custody.form(way.chunks, "k")
    assert way.custody.must_append("k")
    way.custody.keep(batch)
    return way, batch


def test_what_is_kept_is_stored_and_holds_no_place() -> None:
    """Once, however often it is said; its receipts say so, and are not settled."""
    way, batch = kept(2, 3)
    way.custody.keep(batch)
    assert (stored(way), way.held) == ((5, 0, 0), (0, 0, 0))
    assert way.states == [State.STORED] * 5
    assert [chunk.fates.open for chunk in way.chunks] == [2, 3]
    assert not way.custody.must_append("k")
    assert way.custody.stored == 5
    assert way.custody.oldest_kept([]) == 1
    assert way.custody.oldest_kept(["k"]) == 0


def test_what_is_leased_is_pending_until_it_goes_back() -> None:
    """With what is left of it; a lease that is given back twice is given back once."""
    way, batch = kept(2, 3)
    mine = lease(batch)
    way.custody.lease(mine, 9.0)
    assert (stored(way), way.held[1], way.custody.leased) == ((0, 0, 5), 84, 5)
    way.custody.settle(batch, 0, 3, DELIVERED)
    mine.progress.open = [(3, 5)]
    for _ in range(2):
        way.custody.give_back([mine])
    assert (stored(way), way.held, way.custody.leased) == ((2, 0, 0), (0, 0, 0), 0)
    assert way.door.ledger.delivered == 3
    assert way.states == [State.DELIVERED] * 3 + [State.STORED] * 2
    way.custody.lease(mine, 9.0)
    assert way.held[:2] == (2, 21 + 22)


def test_a_lease_of_what_nobody_knows_to_be_kept_says_that_it_is() -> None:
    """Whoever appended it was interrupted; its events never left memory."""
    way = Counter(2)
    batch = way.custody.form(way.chunks, "k")
    way.custody.lease(lease(batch), 9.0)
    assert not way.custody.must_append("k")
    assert (stored(way), way.states) == ((0, 0, 2), [State.STORED] * 2)
    way.custody.keep(batch)
    assert stored(way) == (0, 0, 2)
    way.custody.give_all_back()
    assert stored(way) == (2, 0, 0)


def test_what_another_process_stored_is_taken_once() -> None:
    """Given back and leased again it is counted as stored, not as taken twice; its age is known."""
    way = Counter()
    theirs = lease(foreign("other", 4), [(1, 4)])
    theirs.progress.age = 50.0
    way.custody.lease(theirs, 100.0)
    assert (stored(way), way.held[1]) == ((0, 3, 3), 30)
    assert way.custody.count_older("other", 51.0) == 4
    assert way.custody.count_older("other", 50.0) == 0
    way.custody.give_back([theirs])
    assert stored(way) == (3, 3, 0)
    way.custody.lease(theirs, 100.0)
    way.custody.settle(theirs.batch, 1, 4, DELIVERED)
    way.custody.forget("other")
    assert (stored(way), way.door.ledger.delivered, way.held) == ((0, 3, 0), 3, (0, 0, 0))


def test_at_the_end_of_a_run_kept_batches_stay_known() -> None:
    """The next run of this process goes on with them; what is in no store is dropped."""
    way, batch = kept(2)
    way.fill(1, 3)
    way.custody.form(way.chunks[1:], "new")
    way.custody.lease(lease(batch), 9.0)
    way.custody.clear()
    assert way.door.drop_all(dropped("shutdown")) == 3
    assert (stored(way), way.held) == ((2, 0, 0), (0, 0, 0))
    assert way.custody.holds("k")
    assert not way.custody.holds("new")
    assert way.states == [State.STORED] * 2 + [State.DROPPED] * 3


def test_a_batch_remembers_the_letters_that_it_was_until_it_is_kept() -> None:
    """They go with the append that makes them a batch, and with no other."""
    way = Counter(1)
    letters: list[DeadLetter] = [letter("m-1")]
    way.chunks[0].letters = letters
    batch = way.custody.form(way.chunks, "k", formed="2026-11-21T09:00:00.000Z")
    assert batch.first_at == "2026-11-21T09:00:00.000Z"
    assert way.custody.letters_of("k") == letters
    assert way.custody.age_of("k", 7.5) == 7.5
    way.custody.keep(batch)
    assert way.custody.letters_of("k") == ()
    assert way.custody.letters_of("unknown") == ()
    assert way.custody.age_of("unknown", 7.5) == 0.0


def test_all_fates_that_are_in_hand_are_told_of_a_spent_round() -> None:
    """Those of kept batches are no longer at the door."""
    way, batch = kept(2, 3)
    assert list(way.door.unsettled) == []
    assert list(way.custody.kept_fates()) == []
    mine: Lease = lease(batch)
    way.custody.lease(mine, 9.0)
    assert list(way.custody.kept_fates()) == [chunk.fates for chunk in way.chunks]
    assert way.custody.leased_batches == 1
