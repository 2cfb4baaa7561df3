"""Leases: given back and recovered to the front, settled once."""

from __future__ import annotations

import asyncio

from asyncsdk.seams import Room, Store
from asyncsdk.testing.stores import subject
from asyncsdk.testing.stores.subject import (
    LANE,
    Check,
    append,
    batch,
    expect,
    keys,
    letter,
    listed,
    nothing_left,
    take,
    within,
)


async def check_give_back(store: Store) -> None:
    """To the front, in order, with their progress; twice is once."""
    await append(store, *map(batch, "abcd"))
    leases = (await take(store))[:3]
    leases[1].progress.open = [(2, 3)]
    leases[1].progress.attempts = 7
    await within(store.give_back(leases[:2]), "give_back() did not return")
    await within(store.give_back(leases[:2]), "give_back() again did not return")
    again = await take(store)
    found = keys(again)
    expect(store, found == ["a", "b"], f"after a and b were given back, take gave {found}")
    check_progress(store, again[1].progress.open, again[1].progress.attempts, "give_back")
    await nothing_left(store, "a batch that was given back twice is there twice")


def check_progress(store: Store, ranges: list[tuple[int, int]], attempts: int, method: str) -> None:
    """Check that the progress is the one that was written."""
    plain = [tuple(one) for one in ranges]
    expect(store, plain == [(2, 3)], f"after {method}() open is {plain}, not [(2, 3)]")
    expect(store, attempts == 7, f"after {method}() there are {attempts} attempts, not 7")


async def check_recover(store: Store) -> None:
    """To the front, before what came meanwhile, with the progress that was noted."""
    await append(store, batch("a"), batch("b"))
    _, second = await take(store)
    second.progress.open = [(2, 3)]
    second.progress.attempts = 7
    await within(store.note(second), "note() did not return")
    await within(store.append(LANE, batch("c")), "append() did not return")
    await within(store.recover(LANE), "recover() did not return")
    leases = await take(store)
    found = keys(leases)
    expect(store, found == ["a", "b", "c"], f"after recover() take gave {found}")
    check_progress(store, leases[1].progress.open, leases[1].progress.attempts, "note")


async def check_recover_wakes(store: Store) -> None:
    """A take that waits gets what comes back."""
    await append(store, batch("a"))
    await take(store)
    taker = asyncio.ensure_future(store.take(LANE, batch_room()))
    await asyncio.sleep(0.05)
    await within(store.recover(LANE), "recover() did not return")
    await asyncio.wait([taker], timeout=20 * subject.MOMENT)
    woken = taker.done()
    taker.cancel()
    await asyncio.wait([taker])
    expect(store, woken, "recover() does not wake a take that waits")


def batch_room() -> Room:
    """Return room for one batch."""
    return Room(events=3, bytes=100_000)


async def check_settled_once(store: Store) -> None:
    """Settled, a batch is gone; a second settling is refused and keeps no letters."""
    await append(store, batch("a"))
    (lease,) = await take(store)
    first = await within(store.settle(lease, [letter("m-1")]), "settle() did not return")
    expect(store, first is True, "settle() of a lease is not True")
    second = await within(store.settle(lease, [letter("m-2")]), "settle() again did not return")
    expect(store, second is False, "settle() of a settled batch is not False")
    found = await listed(store)
    expect(store, found == ["m-1"], f"after two settlings the letters are {found}")
    await store.give_back([lease])
    await store.recover(LANE)
    await nothing_left(store, "a settled batch comes back")


async def check_cancelled_settle(store: Store) -> None:
    """Whenever it is cancelled: settled again, the batch is gone and each letter there once."""
    for steps in range(6):
        await append(store, batch(f"k{steps}"))
        (lease,) = await take(store)
        task = asyncio.ensure_future(store.settle(lease, [letter(f"m-{steps}")]))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await within(store.settle(lease, [letter(f"m-{steps}")]), "settle() did not return")
        await store.recover(LANE)
        await nothing_left(store, "a batch comes back whose settling was cancelled and repeated")
        found = await listed(store)
        expected = [f"m-{number}" for number in range(steps + 1)]
        expect(store, found == expected, f"after a cancelled settling the letters are {found}")


async def check_age(store: Store) -> None:
    """The age goes on from the one given, while it waits and while it is leased."""
    await within(store.append(LANE, batch("a"), age=50.0), "append() did not return")
    await asyncio.sleep(0.05)
    (lease,) = await take(store)
    first = lease.progress.age
    expect(store, 50.0 < first < 55.0, f"the age is {first:g}, appended with 50")
    await asyncio.sleep(0.05)
    await store.give_back([lease])
    (lease,) = await take(store)
    then = lease.progress.age
    expect(store, first < then < 55.0, f"the age was {first:g}, and {then:g} later")


LEASES: tuple[Check, ...] = (
    check_give_back,
    check_recover,
    check_recover_wakes,
    check_settled_once,
    check_cancelled_settle,
    check_age,
)
