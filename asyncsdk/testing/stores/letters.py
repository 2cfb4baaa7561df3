"""Letters: kept with the step that made them, each once, and readable until they are forgotten."""

from __future__ import annotations

from asyncsdk.seams import Store
from asyncsdk.testing.stores.subject import (
    LANE,
    OTHER,
    Check,
    append,
    batch,
    expect,
    letter,
    listed,
    stock,
    take,
    within,
)


async def _bury(store: Store) -> None:
    lanes = {"m-1": LANE, "m-2": OTHER, "m-3": LANE}
    await within(
        store.bury([letter(name, lane=lane) for name, lane in lanes.items()]),
        "bury() did not return",
    )


async def check_letters_whole(store: Store) -> None:
    """A letter comes back as it was."""
    one = letter("m-1")
    await within(store.bury([one]), "bury() did not return")
    found = [each async for each in store.dead_letters()]
    expect(store, found == [one], f"a letter came back as {found!r}, or with another field")


async def check_listing(store: Store) -> None:
    """Oldest first, of one lane or of all; the same letter twice is one."""
    await _bury(store)
    await _bury(store)
    found = await listed(store)
    expect(store, found == ["m-1", "m-2", "m-3"], f"the letters are listed as {found}")
    found = await listed(store, LANE)
    expect(store, found == ["m-1", "m-3"], f"the letters of one lane are listed as {found}")
    expect(store, stock(store).letters == 2, f"stock() counts {stock(store).letters} of 2")


async def check_note_letters(store: Store) -> None:
    """Letters go with the progress, and the same note twice keeps them once."""
    await append(store, batch("a"))
    (lease,) = await take(store)
    lease.progress.open = [(1, 3)]
    for _ in range(2):
        await within(store.note(lease, [letter("m-1")]), "note() did not return")
    await within(store.settle(lease, [letter("m-2")]), "settle() did not return")
    found = await listed(store)
    expect(store, found == ["m-1", "m-2"], f"after note() and settle() there are {found}")


async def check_purge(store: Store) -> None:
    """What is named is forgotten, and counted; all else stays."""
    await _bury(store)
    count = await within(store.purge(LANE, frozenset({"m-2", "m-3"})), "purge() did not return")
    expect(store, count == 1, f"purge() of one letter says {count}")
    found = await listed(store)
    expect(store, found == ["m-1", "m-2"], f"after purge() there are {found}")
    count = await within(store.purge(None, None), "purge() did not return")
    expect(store, (count, await listed(store)) == (2, []), "purge() does not forget all")
    expect(store, stock(store).letters == 0, "stock() counts letters that were purged")


async def check_exhume(store: Store) -> None:
    """In hand they are listed no more; put back, they are in their places."""
    await _bury(store)
    some = await within(store.exhume(LANE, frozenset({"m-1"})), "exhume() did not return")
    found = [one.message_id for one in some]
    expect(store, found == ["m-1"], f"exhume() gave {found}")
    found = await listed(store)
    expect(store, found == ["m-2", "m-3"], f"with m-1 in hand, {found} are listed")
    rest = await within(store.exhume(None, None), "exhume() did not return")
    found = [one.message_id for one in rest]
    expect(store, found == ["m-2", "m-3"], f"exhume() of all gave {found}")
    await within(store.bury([*rest, *some]), "bury() did not return")
    found = await listed(store)
    expect(store, found == ["m-1", "m-2", "m-3"], f"put back, they are listed as {found}")


async def check_replay(store: Store) -> None:
    """A batch that letters become replaces them, even if that was done before."""
    await _bury(store)
    some = await within(store.exhume(LANE, None), "exhume() did not return")
    again = batch("again", 2)
    for _ in range(2):
        await within(store.append(LANE, again, letters=some), "append() did not return")
    found = await listed(store)
    expect(store, found == ["m-2"], f"after a replay {found} are listed")
    (lease,) = await take(store)
    await store.settle(lease, some)
    found = await listed(store, LANE)
    expect(store, found == ["m-1", "m-3"], f"dead once more, {found} are listed")


async def check_reading_while_changing(store: Store) -> None:
    """Who reads is not disturbed by what comes and goes."""
    await _bury(store)
    seen: list[str] = []
    async for one in store.dead_letters():
        seen.append(one.message_id)
        await store.purge(None, frozenset({one.message_id}))
    expect(store, seen == ["m-1", "m-2", "m-3"], f"while letters were purged {seen} were read")


LETTERS: tuple[Check, ...] = (
    check_letters_whole,
    check_listing,
    check_note_letters,
    check_purge,
    check_exhume,
    check_replay,
    check_reading_while_changing,
)
