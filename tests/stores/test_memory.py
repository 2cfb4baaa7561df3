"""The store in memory keeps what the seam promises."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncsdk.seams import DeadLetter, Lease, Room
from asyncsdk.stores import MemoryStore
from tests.delivery.making import batch, letter

ROOM = Room(events=1_000, bytes=100_000, batches=1_000)
LANE = "lane"


async def settled() -> None:
    """Let every task take the steps that it can take."""
    for _ in range(10):
        await asyncio.sleep(0)


async def fill(store: MemoryStore, *keys: str, route: str = "batch") -> None:
    """Put batches in and lease them, so that `recover` finds them all waiting."""
    for key in keys:
        await store.append(LANE, batch(key, route=route))
        await store.take(LANE, Room(events=1, bytes=1))


async def letters(store: MemoryStore, lane: str | None = None) -> list[str]:
    """List the ids of the letters."""
    return [one.message_id async for one in store.dead_letters(lane)]


def keys(leases: Sequence[Lease]) -> list[str]:
    """List the batches' keys."""
    return [lease.batch.key for lease in leases]


async def waits(coroutine: Coroutine[Any, Any, object]) -> bool:
    """Say whether *coroutine* is waiting; it is cancelled then."""
    task = asyncio.ensure_future(coroutine)
    await settled()
    waiting = not task.done()
    task.cancel()
    await asyncio.wait([task])
    return waiting


async def test_what_is_appended_is_taken() -> None:
    """Once, with everything open and no attempts."""
    store = MemoryStore()
    one = batch("a", 4)
    await store.append(LANE, one)
    (lease,) = await store.take(LANE, ROOM)
    assert (lease.batch, lease.lane, lease.progress.open) == (one, LANE, [(0, 4)])
    assert await waits(store.take(LANE, ROOM))


async def test_append_waits_while_one_untaken_batch_lies_there() -> None:
    """What waits behind it stays unformed and merges."""
    store = MemoryStore()
    await store.append(LANE, batch("a"))
    second = asyncio.ensure_future(store.append(LANE, batch("b")))
    await settled()
    assert not second.done()
    assert keys(await store.take(LANE, ROOM)) == ["a"]
    await second
    assert keys(await store.take(LANE, ROOM)) == ["b"]


async def test_one_lane_does_not_wait_for_another() -> None:
    """Each has a place of its own."""
    store = MemoryStore()
    await store.append("one", batch("a"))
    await store.append("two", batch("b"))
    assert keys(await store.take("two", ROOM)) == ["b"]


async def test_append_is_idempotent_by_key() -> None:
    """Waiting or leased: appending again changes nothing and does not wait."""
    store = MemoryStore()
    await store.append(LANE, batch("a"))
    await store.append(LANE, batch("a"))
    assert keys(await store.take(LANE, ROOM)) == ["a"]
    await store.append(LANE, batch("a"))
    assert await waits(store.take(LANE, ROOM))


async def test_a_cancelled_append_may_be_made_again() -> None:
    """Kept or not: the batch is there once."""
    store = MemoryStore()
    await store.append(LANE, batch("a"))
    assert await waits(store.append(LANE, batch("b")))
    await store.take(LANE, ROOM)
    await store.append(LANE, batch("b"))
    assert keys(await store.take(LANE, ROOM)) == ["b"]


async def test_a_cancelled_take_leaves_everything_where_it_is() -> None:
    """Even when the batch comes in the step in which it is cancelled."""
    store = MemoryStore()
    task = asyncio.ensure_future(store.take(LANE, ROOM))
    await settled()
    await store.append(LANE, batch("a"))
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():  # then it holds the lease, and that comes back
        await store.recover(LANE)
    assert keys(await store.take(LANE, ROOM)) == ["a"]


async def test_take_waits_for_one_and_serves_one_taker_once() -> None:
    """Two takers, one batch: one gets it."""
    store = MemoryStore()
    takers = [asyncio.ensure_future(store.take(LANE, ROOM)) for _ in range(2)]
    await settled()
    await store.append(LANE, batch("a"))
    done, waiting = await asyncio.wait(takers, timeout=0.05)
    assert [keys(task.result()) for task in done] == [["a"]]
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_take_merges_what_fits() -> None:
    """By events, by bytes and by number of batches; at least one, the oldest first."""
    for room, taken in [
        (ROOM, ["a", "b", "c"]),
        (Room(events=6, bytes=9_999, batches=9), ["a", "b"]),
        (Room(events=5, bytes=9_999, batches=9), ["a"]),
        (Room(events=99, bytes=66, event_overhead=1, batches=9), ["a", "b"]),
        (Room(events=99, bytes=65, event_overhead=1, batches=9), ["a"]),
        (Room(events=1, bytes=1, batches=9), ["a"]),
        (Room(events=99, bytes=9_999, batches=2), ["a", "b"]),
    ]:
        store = MemoryStore()
        await fill(store, "a", "b", "c")
        await store.recover(LANE)
        assert keys(await store.take(LANE, room)) == taken


async def test_take_leases_batches_of_one_route_in_order() -> None:
    """Another route's batch ends the run: a parcel goes to one address."""
    store = MemoryStore()
    for key, route in [("a", "x"), ("b", "y"), ("c", "x"), ("d", "x")]:
        await fill(store, key, route=route)
    await store.recover(LANE)
    taken = [keys(await store.take(LANE, ROOM)) for _ in range(3)]
    assert taken == [["a"], ["b"], ["c", "d"]]


async def test_recover_returns_leases_to_the_front_in_order() -> None:
    """Before what came meanwhile, with the progress they had."""
    store = MemoryStore()
    await fill(store, "a", "b")
    await store.append(LANE, batch("c"))
    await store.recover(LANE)
    leases = await store.take(LANE, ROOM)
    assert keys(leases) == ["a", "b", "c"]
    leases[0].progress.open = [(1, 2)]
    leases[0].progress.attempts = 3
    await store.note(leases[0])
    await store.recover(LANE)
    again = (await store.take(LANE, ROOM))[0].progress
    assert (again.open, again.attempts) == ([(1, 2)], 3)


async def test_recover_wakes_who_waits() -> None:
    """A lane that starts again may take at once."""
    store = MemoryStore()
    await fill(store, "a")
    taker = asyncio.ensure_future(store.take(LANE, ROOM))
    await settled()
    await store.recover(LANE)
    assert keys(await taker) == ["a"]


async def test_give_back_puts_it_to_the_front() -> None:
    """With its progress; what is not leased any more is not given back twice."""
    store = MemoryStore()
    await store.append(LANE, batch("a"))
    (first,) = await store.take(LANE, ROOM)
    await store.append(LANE, batch("b"))
    first.progress.open = [(2, 3)]
    await store.give_back([first])
    await store.give_back([first])
    leases = await store.take(LANE, ROOM)
    assert keys(leases) == ["a", "b"]
    assert leases[0].progress.open == [(2, 3)]


async def test_settle_forgets_the_batch_and_keeps_its_letters() -> None:
    """Once: a lease that was lost keeps no letters and says so."""
    store = MemoryStore()
    await store.append(LANE, batch("a"))
    (lease,) = await store.take(LANE, ROOM)
    assert await store.settle(lease, [letter("m-1")])
    assert not await store.settle(lease, [letter("m-2")])
    await store.recover(LANE)
    assert await waits(store.take(LANE, ROOM))
    assert await letters(store) == ["m-1"]


async def test_letters_are_bounded_in_number_and_bytes() -> None:
    """The oldest go."""
    few, small = MemoryStore(max_letters=2), MemoryStore(max_letter_bytes=25)
    for store in (few, small):
        await store.bury([letter("m-1"), letter("m-2")])
        await store.bury([letter("m-3")])
        assert await letters(store) == ["m-2", "m-3"]
    await small.bury([letter("huge", size=26)])
    assert await letters(small) == []


async def test_letters_taken_out_make_room() -> None:
    """The bound in bytes counts what is there."""
    store = MemoryStore(max_letter_bytes=20)
    await store.bury([letter("m-1"), letter("m-2")])
    await store.purge(None, None)
    await store.bury([letter("m-3"), letter("m-4")])
    assert await letters(store) == ["m-3", "m-4"]


@pytest.mark.parametrize(
    ("lane", "ids", "taken", "left"),
    [
        (None, None, ["m-1", "m-2", "m-3"], []),
        ("one", None, ["m-1", "m-3"], ["m-2"]),
        (None, frozenset({"m-2", "m-9"}), ["m-2"], ["m-1", "m-3"]),
        ("one", frozenset({"m-2", "m-3"}), ["m-3"], ["m-1", "m-2"]),
        ("none", None, [], ["m-1", "m-2", "m-3"]),
    ],
)
async def test_letters_are_read_and_taken_out_by_lane_and_id(
    lane: str | None, ids: frozenset[str] | None, taken: list[str], left: list[str]
) -> None:
    """Oldest first; what is not asked for stays."""
    store = MemoryStore()
    lanes = {"m-1": "one", "m-2": "two", "m-3": "one"}
    await store.bury([letter(message_id, lane=name) for message_id, name in lanes.items()])
    assert await letters(store, "one") == ["m-1", "m-3"]
    out = await store.exhume(lane, ids)
    assert [one.message_id for one in out] == taken
    assert await letters(store) == left


async def test_reading_letters_stands_changes() -> None:
    """Who reads sees those of the beginning, while others come and go."""
    store = MemoryStore()
    await store.bury([letter("m-1"), letter("m-2")])
    seen: list[str] = []
    async for one in store.dead_letters():
        seen.append(one.message_id)
        await store.bury([letter(f"late-{one.message_id}")])
    assert seen == ["m-1", "m-2"]


async def test_retire_forgets_the_lane_but_not_its_letters() -> None:
    """Nothing here outlives a run but what is to be read."""
    store = MemoryStore()
    await fill(store, "a")
    await store.bury([letter("m-1")])
    await store.retire(LANE)
    await store.recover(LANE)
    assert await waits(store.take(LANE, ROOM))
    assert await letters(store) == ["m-1"]


async def test_a_forked_child_starts_empty() -> None:
    """The parent has the events and the letters of the lane, and delivers them; others stay."""
    store = MemoryStore(max_letter_bytes=20)
    await fill(store, "a")
    await store.bury([letter("m-1"), letter("m-2", lane="other")])
    store.forget(LANE)
    await store.recover(LANE)
    assert await waits(store.take(LANE, ROOM))
    await store.bury([letter("m-3")])
    assert await letters(store) == ["m-2", "m-3"]


async def test_run_is_ready_at_once_and_ends_by_cancellation() -> None:
    """There is nothing to renew."""
    ready: list[bool] = []
    with anyio.move_on_after(0.01) as scope:
        await MemoryStore().run(ready=lambda: ready.append(True))
    assert ready == [True]
    assert scope.cancelled_caught


def test_a_letter_shows_what_happened_and_never_the_event() -> None:
    """Its event is readable when asked for."""
    one: DeadLetter = letter("m-1")
    assert repr(one) == "<DeadLetter m-1 for lane: rejected, no>"
    assert one.event == {"n": 1}


STEPS = st.lists(
    st.sampled_from(
        ["append", "take", "take one", "settle", "give back", "recover", "cancel take"]
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=150)
def test_whatever_happens_each_batch_is_there_once_and_in_order(steps: list[str]) -> None:
    """One taker at a time: what is taken again and again is settled once, oldest first."""
    asyncio.run(_live(steps))


class Taker:
    """One who appends, takes and settles, and is interrupted now and then."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.made = 0
        self.held: list[Lease] = []
        self.ended: list[str] = []

    async def step(self, name: str) -> None:
        """Take the step of this *name*, if it makes sense now."""
        if name == "append":
            key = f"{self.made:03d}"
            self.made += not await waits(self.store.append(LANE, batch(key)))
        elif name in ("take", "take one", "cancel take") and not self.held:
            room = ROOM if name == "take" else Room(events=1, bytes=1)
            self.held = await self._take(room, cancel=name == "cancel take")
        elif name == "settle" and self.held:
            await self.settle()
        elif name == "give back":
            await self.store.give_back(self.held)
            self.held = []
        elif name == "recover":
            await self.store.recover(LANE)
            self.held = []

    async def _take(self, room: Room, *, cancel: bool) -> list[Lease]:
        task = asyncio.ensure_future(self.store.take(LANE, room))
        if not cancel:
            await settled()
        task.cancel()
        await asyncio.wait([task])
        return [] if task.cancelled() else task.result()

    async def settle(self) -> None:
        """Settle the oldest that is held."""
        one = self.held.pop(0)
        assert await self.store.settle(one, ())
        self.ended.append(one.batch.key)


async def _live(steps: list[str]) -> None:
    taker = Taker()
    for name in [*steps, "recover", "take"]:
        await taker.step(name)
    while taker.held:
        await taker.settle()
    assert taker.ended == [f"{number:03d}" for number in range(taker.made)]
    assert await waits(taker.store.take(LANE, ROOM))
