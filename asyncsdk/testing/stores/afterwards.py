"""Afterwards: what a store keeps beyond the process is there when it is opened anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asyncsdk.seams import Room
from asyncsdk.testing.stores.batches import check_lease
from asyncsdk.testing.stores.leases import check_progress
from asyncsdk.testing.stores.subject import (
    LANE,
    OTHER,
    Subject,
    append,
    batch,
    expect,
    keys,
    letter,
    listed,
    nothing_left,
    opened,
    stock,
    take,
    within,
)


async def check_batches_stay(subject: Subject) -> None:
    """Waiting or leased: whole, in order, before what comes later, with their progress."""
    place = subject.new_place()
    async with opened(subject, place) as store:
        await append(store, *map(batch, "abcd"))
        await append(store, batch("z"), lane=OTHER)
        first, second = await take(store, Room(events=6, bytes=99_999, batches=9))
        await store.settle(first, ())
        second.progress.open = [(2, 3)]
        second.progress.attempts = 7
        await store.note(second)
    async with opened(subject, place) as store:
        kept = stock(store)
        expect(store, (kept.batches, kept.events) == (3, 7), f"opened anew, stock() says {kept}")
        await within(store.append(LANE, batch("e")), "append() did not return")
        leases = await take(store)
        while len(leases) < 4:
            leases += await take(store)
        found = keys(leases)
        expect(store, found == ["b", "c", "d", "e"], f"opened anew, take gave {found}")
        check_progress(store, leases[0].progress.open, leases[0].progress.attempts, "a restart")
        check_lease(store, leases[1], batch("c"))
        found = keys(await take(store, lane=OTHER))
        expect(store, found == ["z"], f"opened anew, another lane got {found}")


async def check_age_stays(subject: Subject) -> None:
    """What was known of an age is not forgotten."""
    place = subject.new_place()
    async with opened(subject, place) as store:
        await within(store.append(LANE, batch("a"), age=50.0), "append() did not return")
    async with opened(subject, place) as store:
        (lease,) = await take(store)
        age = lease.progress.age
        expect(store, 50.0 <= age < 80.0, f"opened anew, an age of 50 is {age:g}")


async def check_same_key_afterwards(subject: Subject) -> None:
    """A key that is kept is known: appended once more, it is there once."""
    place = subject.new_place()
    async with opened(subject, place) as store:
        await within(store.append(LANE, batch("a")), "append() did not return")
    async with opened(subject, place) as store:
        await within(store.append(LANE, batch("a")), "append() of a kept key did not return")
        (lease,) = await take(store)
        await store.settle(lease, ())
        await nothing_left(store, "a key that was kept and appended again is there twice")


async def check_letters_stay(subject: Subject) -> None:
    """Those in hand come back; those that became a batch do not."""
    place = subject.new_place()
    async with opened(subject, place) as store:
        await store.bury([letter(f"m-{number}") for number in range(1, 5)])
        became = await store.exhume(None, frozenset({"m-1"}))
        await store.append(LANE, batch("a"), letters=became)
        await store.exhume(None, frozenset({"m-3"}))
        await store.purge(None, frozenset({"m-4"}))
    async with opened(subject, place) as store:
        found = await listed(store)
        expect(store, found == ["m-2", "m-3"], f"opened anew, {found} are listed")
        (lease,) = await take(store)
        check_lease(store, lease, batch("a"))


AFTERWARDS: tuple[Callable[[Subject], Awaitable[None]], ...] = (
    check_batches_stay,
    check_age_stays,
    check_same_key_afterwards,
    check_letters_stay,
)
