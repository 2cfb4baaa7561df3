"""Batches: kept whole, once and in order, and given out as they fit."""

from __future__ import annotations

import asyncio

from asyncsdk.seams import Batch, Lease, Room, Store
from asyncsdk.testing.stores.subject import (
    LANE,
    OTHER,
    WIDE,
    Check,
    append,
    batch,
    expect,
    keys,
    nothing_left,
    stock,
    take,
    waits,
    within,
)


async def check_whole(store: Store) -> None:
    """What is appended is taken as it was, with everything open."""
    await append(store, batch("a", 4))
    (lease,) = await take(store)
    check_lease(store, lease, batch("a", 4))
    expect(store, lease.progress.open == [(0, 4)], f"open is {lease.progress.open}, not all")
    expect(store, lease.progress.attempts == 0, "a new batch has attempts")


def check_lease(store: Store, lease: Lease, was: Batch) -> None:
    """Check that *lease* is of what *was* appended."""
    expect(store, lease.lane == LANE, f"the lease is of lane {lease.lane!r}")
    for name in ("key", "route", "size", "first_at"):
        found, given = getattr(lease.batch, name), getattr(was, name)
        expect(store, found == given, f"the batch came back with {name}={found!r}")
    same = list(lease.batch.events) == list(was.events)
    expect(store, same, "the events came back as other bytes")


async def check_order(store: Store) -> None:
    """Oldest first, each once."""
    await append(store, *map(batch, "abc"))
    for key in "abc":
        found = keys(await take(store, Room(events=1, bytes=1)))
        expect(store, found == [key], f"take gave {found}, and not only {key}, the oldest")
    await nothing_left(store, "take gave a batch that is leased")


async def check_lanes(store: Store) -> None:
    """One lane neither waits for another nor sees what is its own."""
    await append(store, batch("a"))
    await append(store, batch("a"), batch("b"), lane=OTHER)  # keys are unique in a lane only
    here = keys(await take(store))
    expect(store, here == ["a"], f"a lane got {here}: another one's, or not its own")
    there = keys(await take(store, lane=OTHER))
    expect(store, there == ["a", "b"], f"a lane got {there}: another one's, or not its own")


async def check_same_key(store: Store) -> None:
    """Appended again, waiting or leased: it is there once."""
    await within(store.append(LANE, batch("a")), "append() did not return")
    await within(store.append(LANE, batch("a")), "append() of the same key did not return")
    (lease,) = await take(store)
    await within(store.append(LANE, batch("a")), "append() of a leased key did not return")
    await nothing_left(store, "a key that was appended twice is there twice")
    await store.settle(lease, ())
    await nothing_left(store, "a key that was appended twice is there twice")


async def check_cancelled_append(store: Store) -> None:
    """Cancelled at once or later and made again, it is there once."""
    for number in range(6):
        task = asyncio.ensure_future(store.append(LANE, batch(f"k{number}")))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await within(store.append(LANE, batch(f"k{number}")), "append() again did not return")
        found = keys(await take(store))
        expect(store, found == [f"k{number}"], f"after a cancelled append, take gave {found}")


async def check_room(store: Store) -> None:
    """By events, by bytes, by number; at least one."""
    await append(store, *map(batch, "abc"))
    size = batch("a").size
    for room, fits in [
        (WIDE, 3),
        (Room(events=6, bytes=99_999, batches=9), 2),
        (Room(events=5, bytes=99_999, batches=9), 1),
        (Room(events=99, bytes=2 * size + 6, event_overhead=1, batches=9), 2),
        (Room(events=99, bytes=2 * size + 5, event_overhead=1, batches=9), 1),
        (Room(events=1, bytes=1, batches=9), 1),
        (Room(events=99, bytes=99_999, batches=2), 2),
    ]:
        found = keys(await take(store, room))
        expect(store, found == ["a", "b", "c"][:fits], f"{room} was given {found}")
        await store.recover(LANE)


async def check_routes(store: Store) -> None:
    """What is taken together has one route, and nothing is passed over."""
    made = [("a", "x"), ("b", "y"), ("c", "x"), ("d", "x")]
    await append(store, *(batch(key, route=route) for key, route in made))
    found = [keys(await take(store)) for _ in range(3)]
    expect(store, found == [["a"], ["b"], ["c", "d"]], f"routes were taken as {found}")


async def check_waiting(store: Store) -> None:
    """A take waits for what comes; two never get the same."""
    takers = [asyncio.ensure_future(store.take(LANE, WIDE)) for _ in range(2)]
    done, _ = await asyncio.wait(takers, timeout=0.05)
    expect(store, not done, "take returned with nothing there")
    await within(store.append(LANE, batch("a")), "append() did not return")
    await asyncio.wait(takers, timeout=5.0, return_when=asyncio.FIRST_COMPLETED)
    await within(store.append(LANE, batch("b")), "append() did not return")
    await asyncio.wait(takers, timeout=5.0)
    ended = [task.result() for task in takers if task.done()]
    for task in takers:
        task.cancel()
    await asyncio.wait(takers)
    found = sorted(key for leases in ended for key in keys(leases))
    expect(store, found == ["a", "b"], f"two that waited got {found} of a and b")


async def check_cancelled_take(store: Store) -> None:
    """Whenever a take is cancelled, what it may have leased comes back with recover()."""
    await append(store, batch("a"), batch("b"))
    for steps in range(6):
        task = asyncio.ensure_future(store.take(LANE, WIDE))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await within(store.recover(LANE), "recover() did not return")
        found = keys(await take(store))
        expect(store, found == ["a", "b"], f"after a cancelled take, {found} is there")
        await store.recover(LANE)


async def check_stock(store: Store) -> None:
    """What is kept is counted: leased or not, less what is settled."""
    expect(store, stock(store).events == 0, "stock() counts events on an empty place")
    await append(store, batch("a", 4), batch("b", 2))
    kept = stock(store)
    expect(store, (kept.batches, kept.events) == (2, 6), f"stock() says {kept} of 2 with 6")
    expect(store, kept.bytes >= batch("a", 4).size, f"stock() says {kept.bytes} bytes")
    first, second = await take(store)
    first.progress.open = [(1, 3)]
    await store.note(first)
    kept = stock(store)
    expect(store, (kept.batches, kept.events) == (2, 4), f"stock() says {kept} of 2 with 4")
    await store.settle(first, ())
    await store.settle(second, ())
    kept = stock(store)
    expect(store, (kept.batches, kept.events, kept.bytes) == (0, 0, 0), f"stock() says {kept}")


async def check_full_run(store: Store) -> None:
    """A hundred batches in and out: none is missing, none comes twice."""
    found: list[str] = []
    for number in range(100):
        await within(store.append(LANE, batch(f"{number:03d}", 1)), "append() did not return")
        for lease in await take(store):
            found.append(lease.batch.key)
            await store.settle(lease, ())
    expect(store, found == [f"{number:03d}" for number in range(100)], "some are lost or twice")
    expect(store, await waits(store.take(LANE, WIDE)), "something is left")


BATCHES: tuple[Check, ...] = (
    check_whole,
    check_order,
    check_lanes,
    check_same_key,
    check_cancelled_append,
    check_room,
    check_routes,
    check_waiting,
    check_cancelled_take,
    check_stock,
    check_full_run,
)
