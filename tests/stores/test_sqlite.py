"""What if the disk is full, the file is damaged, the version is another one, the process forks?"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from asyncsdk import ConfigurationError, SQLiteStore, StoreAwayError, StoreFullError
from asyncsdk.seams import DeadLetter, Room
from asyncsdk.stores.sqlite.database import Database, connect, open_database
from asyncsdk.stores.sqlite.spool import Limits, Spool
from tests.delivery.making import batch, letter
from tests.street.walking import said

LANE = "lane"
WIDE = Room(events=10_000, bytes=100_000_000, batches=1_000)


async def fill(store: SQLiteStore, *keys: str, size: int = 10) -> None:
    """Append batches of three events of *size* bytes."""
    for key in keys:
        await store.append(LANE, batch(key, size=size))


async def left(store: SQLiteStore) -> list[str]:
    """Take all that waits, and list its keys."""
    stock = store.stock().get(LANE)
    if stock is None or not stock.batches:
        return []
    return [lease.batch.key for lease in await store.take(LANE, WIDE)]


async def spoiled(folder: Path, spoil: Callable[[Path], object], *keys: str) -> None:
    """Fill a store with batches, close it, and let *spoil* have its file."""
    store = SQLiteStore(folder)
    await fill(store, *keys, size=2_000)
    await store.close()
    spoil(folder / "spool-0.db")


def modes_of(folder: Path) -> dict[str, int]:
    """Return who may do what with each file in *folder*."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def contents_of(folder: Path) -> bytes:
    """Return all that is in the files of *folder*."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


def write(path: Path, statement: str) -> None:
    """Change a file that nobody has open."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


async def test_only_its_owner_may_read_what_is_stored(tmp_path: Path) -> None:
    """Whatever the umask says; the files that SQLite keeps beside it too."""
    before = os.umask(0o022)
    try:
        store = SQLiteStore(tmp_path / "deep" / "spool")
        await fill(store, "a")
        folder = tmp_path / "deep" / "spool"
        modes = modes_of(folder)
    finally:
        os.umask(before)
    assert set(modes) == {"spool-0.db", "spool-0.db-shm", "spool-0.db-wal", "spool-0.lock"}
    assert set(modes.values()) == {0o600}
    assert modes_of(folder.parent) == {"spool": 0o700}
    await store.close()


async def test_a_folder_that_others_may_look_into_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the application's: we change nothing about it."""
    os.chmod(tmp_path, 0o755)  # noqa: PTH101, S103 - that is the test
    for _ in range(2):
        store = SQLiteStore(tmp_path)
        await fill(store, "a")
        await fill(store, "b")
        await store.close()
    assert len(said(caplog, "other users", "chmod 700")) == 2
    assert modes_of(tmp_path.parent)[tmp_path.name] == 0o755


async def test_what_is_settled_cannot_be_read_in_the_file(tmp_path: Path) -> None:
    """Events are about people: what was delivered is overwritten, not just given up."""
    store = SQLiteStore(tmp_path)
    await fill(store, "planted", "other", size=500)
    for lease in (await store.take(LANE, Room(events=3, bytes=9_999)))[:1]:
        await store.settle(lease, ())
    await store.close()
    data = contents_of(tmp_path)
    assert b"other-1" in data
    assert b"planted-" not in data


@pytest.mark.parametrize(
    "options",
    [
        {"durability": "memory"},
        {"durability": "disk"},
        {"max_bytes": 0},
        {"max_bytes": "1 GB"},
        {"max_letters": -1},
        {"max_letter_bytes": True},
    ],
)
def test_what_can_never_work_is_refused_at_once(tmp_path: Path, options: dict[str, object]) -> None:
    """Not at the first event."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        SQLiteStore(tmp_path, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="folder"):
        SQLiteStore("")


async def test_beyond_its_bytes_a_store_is_full_until_something_is_settled(tmp_path: Path) -> None:
    """What is there already may be appended again; one batch always fits."""
    store = SQLiteStore(tmp_path, max_bytes=4_000)
    await fill(store, "a", "b", size=500)
    with pytest.raises(StoreFullError, match="max_bytes=4000 is met"):
        await fill(store, "c", size=500)
    await fill(store, "a", size=500)
    first, _ = await store.take(LANE, WIDE)
    await store.settle(first, ())
    await fill(store, "c", size=500)
    await store.close()
    alone = SQLiteStore(tmp_path / "other", max_bytes=10)
    await fill(alone, "a", size=500)
    await alone.close()


def small_disk(path: Path) -> Database:
    """Open a file on a disk that is nearly full."""
    database = connect(path)
    database.run("PRAGMA max_page_count = 40")
    return database


async def test_on_a_full_disk_all_that_is_there_can_be_read_and_settled(tmp_path: Path) -> None:
    """What does not fit is told, with where; then there is place again."""
    store = SQLiteStore(tmp_path, _connect=small_disk)
    kept: list[str] = []
    with pytest.raises(StoreFullError, match=r"spool-0\.db.*full"):  # noqa: PT012 - until it is full
        for number in range(100):
            await fill(store, f"{number:02d}", size=3_000)
            kept.append(f"{number:02d}")
    assert 5 < len(kept) < 20
    leases = await store.take(LANE, WIDE)
    assert [lease.batch.key for lease in leases] == kept
    for lease in leases:
        assert await store.settle(lease, [])
    await fill(store, "again", size=3_000)
    assert await left(store) == ["again"]
    await store.close()


async def test_one_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    """Those that share a commit are tried alone if it fails: each hears its own news."""
    store = SQLiteStore(tmp_path, _connect=small_disk)
    await fill(store, "first")
    ends = await asyncio.gather(
        *(store.append(LANE, batch(f"small-{number}", size=50)) for number in range(5)),
        store.append(LANE, batch("huge", size=200_000)),
        return_exceptions=True,
    )
    assert ends[:5] == [None] * 5
    assert isinstance(ends[5], StoreFullError)
    assert await left(store) == ["first", *(f"small-{number}" for number in range(5))]
    await store.close()


async def test_a_file_that_is_no_database_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By another name, whole, for people; the store goes on with a new one."""
    await spoiled(tmp_path, lambda path: path.write_bytes(b"no database" * 1_000), "a")
    store = SQLiteStore(tmp_path)
    await fill(store, "b")
    assert await left(store) == ["b"]
    await store.close()
    aside = tmp_path / "spool-0.db.damaged-1"
    assert aside.read_bytes() == b"no database" * 1_000
    assert len(said(caplog, "damaged", "set aside as spool-0.db.damaged-1", "0 batches")) == 1


def scratch(path: Path, *, at: int, pages: int = 1) -> None:
    """Write over some pages in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(at * 4096)
        file.write(b"\xff" * (4096 * pages))


async def test_of_a_damaged_file_goes_on_what_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A page in the middle: every batch that is not on it is given out, and no wrong one."""
    keys = [f"{number:02d}" for number in range(40)]
    await spoiled(tmp_path, partial(scratch, at=40), *keys)
    store = SQLiteStore(tmp_path)
    await fill(store, "new")
    found: list[str] = []
    while store.stock()[LANE].batches > len(found):
        for lease in await store.take(LANE, WIDE):
            assert (
                list(lease.batch.events)
                == batch(lease.batch.key, size=10 if lease.batch.key == "new" else 2_000).events
            )
            found.append(lease.batch.key)
    assert len(set(keys) - set(found)) <= 3
    assert "new" in found
    assert said(caplog, "damaged") or said(caplog, "not what was written")
    await store.close()


async def test_whichever_page_is_damaged_the_store_goes_on(tmp_path: Path) -> None:
    """The tables' roots and the indexes too: what comes is kept and given out, and no wrong event."""
    for page in range(14):
        await spoiled(tmp_path / f"{page}", partial(scratch, at=page), "a", "b", "c")
        store = SQLiteStore(tmp_path / f"{page}")
        async with asyncio.timeout(5):
            await fill(store, "new")
            found = await left(store)
        assert found[-1] == "new", page
        assert set(found) <= {"a", "b", "c", "new"}
        await store.close()


async def test_a_file_that_is_damaged_while_it_is_open_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in flight is settled all the same, or comes back; what comes next is kept."""
    store = SQLiteStore(tmp_path)
    keys = [f"{number:03d}" for number in range(200)]
    await fill(store, *keys, size=20_000)  # more than SQLite keeps in memory
    (first,) = await store.take(LANE, Room(events=1, bytes=1))
    write(tmp_path / "spool-0.db", "PRAGMA wal_checkpoint(TRUNCATE)")
    scratch(tmp_path / "spool-0.db", at=1_000, pages=1_000)
    found: list[str] = [first.batch.key]
    async with asyncio.timeout(10):
        while "199" not in found:
            found += [one.batch.key for one in await store.take(LANE, WIDE)]
        assert await store.settle(first, [])
        await fill(store, "new")
        assert await left(store) == ["new"]
    assert found == sorted(set(found))
    assert len(found) > 100
    assert said(caplog, "damaged", "set aside") or said(caplog, "not what was written")
    await store.close()


async def test_a_damaged_orphan_is_set_aside_as_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What can be read of it goes on, and the process that found it is not harmed."""
    for page in range(2, 14):
        folder = tmp_path / f"{page}"
        live = SQLiteStore(folder)
        await fill(live, "live")
        dead = SQLiteStore(folder)
        await fill(dead, "a", "b", "c", size=2_000)
        await dead.close()
        scratch(folder / "spool-1.db", at=page)
        running = asyncio.create_task(live.run(ready=(ready := asyncio.Event()).set))
        async with asyncio.timeout(5):
            await ready.wait()
            found = await left(live)
        assert "live" in found
        assert set(found) <= {"live", "a", "b", "c"}
        running.cancel()
        await asyncio.wait([running])
        await live.close()
        assert [name for name in modes_of(folder) if name.endswith(".db")] == ["spool-0.db"]
    assert said(caplog, "damaged", "set aside as spool-1.db.damaged-1")


async def test_a_batch_that_is_not_what_was_written_is_kept_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The others go on; nobody is sent a wrong event."""
    spoil = "UPDATE batch SET body = zeroblob(LENGTH(body)) WHERE key = 'b'"
    await spoiled(tmp_path, lambda path: write(path, spoil), "a", "b", "c")
    store = SQLiteStore(tmp_path)
    await store.recover(LANE)
    assert await left(store) == ["a", "c"]
    stock = store.stock()[LANE]
    assert (stock.batches, stock.events, stock.aside) == (2, 6, 1)
    assert len(said(caplog, "1 batches are not what was written", "kept aside")) == 1
    await store.close()


@pytest.mark.parametrize(
    "ranges", ["'junk'", "'[]'", "'[[0, 4]]'", "'[[2, 1]]'", "'[[0.5, 1]]'", "x'ff'"]
)
async def test_progress_that_no_batch_can_have_holds_nothing_up(
    tmp_path: Path, ranges: str
) -> None:
    """It was an error at each take, for ever; the batch is kept aside, and the others go on."""
    spoil = "UPDATE batch SET ranges = {} WHERE key = 'b'"
    await spoiled(tmp_path, lambda path: write(path, spoil.format(ranges)), "a", "b", "c")
    store = SQLiteStore(tmp_path)
    await store.recover(LANE)
    assert await left(store) == ["a", "c"]
    assert store.stock()[LANE].aside == 1
    await store.close()


async def test_what_a_later_version_packed_is_kept_and_not_given_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Until a version comes that can read it: then it is there."""
    change = "UPDATE batch SET codec = {} WHERE key = 'a'"
    await spoiled(tmp_path, lambda path: write(path, change.format(99)), "a", "b")
    store = SQLiteStore(tmp_path)
    await store.recover(LANE)
    assert await left(store) == ["b"]
    assert store.stock()[LANE].aside == 1
    assert len(said(caplog, "1 batches cannot be read by this version", "kept")) == 1
    await store.close()
    write(tmp_path / "spool-0.db", change.format(1))
    store = SQLiteStore(tmp_path)
    await store.recover(LANE)
    assert await left(store) == ["a", "b"]
    await store.close()


async def test_a_file_of_a_later_version_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And named; the store works beside it."""
    await spoiled(tmp_path, lambda path: write(path, "PRAGMA user_version = 99"), "a")
    before = (tmp_path / "spool-0.db").read_bytes()
    store = SQLiteStore(tmp_path)
    await fill(store, "b")
    assert await left(store) == ["b"]
    await store.close()
    assert (tmp_path / "spool-0.db").read_bytes() == before
    assert (tmp_path / "spool-1.db").exists()
    assert len(said(caplog, "spool-0.db", "later version", "left as it is")) == 1


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """With the path, and what the system says."""
    (tmp_path / "file").write_text("")
    store = SQLiteStore(tmp_path / "file" / "spool")
    with pytest.raises(StoreAwayError, match=r"file/spool cannot be used: Not a directory"):
        await fill(store, "a")
    await store.close()


async def test_orphans_come_in_order_and_their_files_go(tmp_path: Path) -> None:
    """Three processes that died: what each stored is there, in its order, with its letters."""
    dead = [SQLiteStore(tmp_path) for _ in range(3)]
    for number, store in enumerate(dead):
        await fill(store, *(f"{number}-{one:02d}" for one in range(50)))
        await store.bury([letter(f"m-{number}")])
    for store in dead:
        await store.close()
    store = SQLiteStore(tmp_path)
    running = asyncio.create_task(store.run(ready=(ready := asyncio.Event()).set))
    await ready.wait()
    found = await left(store)
    assert sorted(found) == sorted(
        f"{number}-{one:02d}" for number in range(3) for one in range(50)
    )
    for number in range(3):
        own = [key for key in found if key.startswith(f"{number}-")]
        assert own == sorted(own)
    letters: list[DeadLetter] = [one async for one in store.dead_letters()]
    assert sorted(one.message_id for one in letters) == ["m-0", "m-1", "m-2"]
    assert [name for name in modes_of(tmp_path) if name.endswith(".db")] == ["spool-0.db"]
    running.cancel()
    await asyncio.wait([running])
    await store.close()


def opened(path: Path, *, now: float, boot: str) -> Spool:
    """Open a file at a time on the machine's clock."""
    limits = Limits(max_bytes=1 << 20, max_letters=10, max_letter_bytes=1_000)
    database = open_database(path, durability="process")
    return Spool(path, database, limits, clock=lambda: now, boot=boot)


def ages(spool: Spool) -> list[float]:
    """Take everything and list the ages."""
    (leases,) = spool.transact([lambda one: one.take(LANE, WIDE)])
    assert isinstance(leases, list)
    spool.close()
    return [lease.progress.age for lease in leases]


def test_ages_stand_a_new_start_of_the_machine(tmp_path: Path) -> None:
    """Its clock begins anew: how long it was off is unknown, what was known before is not."""
    path = tmp_path / "spool-0.db"
    first = opened(path, now=1_000.0, boot="one")
    first.transact(
        [
            lambda one: one.append(LANE, batch("a"), 100.0),
            lambda one: one.append(LANE, batch("b"), 900.0),
        ]
    )
    first.close()
    assert ages(opened(path, now=1_050.0, boot="one")) == [950.0, 150.0]
    assert ages(opened(path, now=7.0, boot="two")) == [800.0, 0.0]
    assert ages(opened(path, now=17.0, boot="two")) == [810.0, 10.0]
    assert ages(opened(path, now=17.0, boot="")) == [800.0, 0.0]


async def test_a_take_that_nobody_waits_for_any_more_takes_nothing(tmp_path: Path) -> None:
    """Without a new start of the lane: what it would have got goes to the next one."""
    store = SQLiteStore(tmp_path)
    await fill(store, "a")
    for steps in range(6):  # the second one is the step in which the batch has come
        task = asyncio.create_task(store.take(LANE, WIDE))
        for _ in range(steps):
            await asyncio.sleep(0)
            time.sleep(0.02)  # noqa: ASYNC251 - the thread has its time, the loop has not
        task.cancel()
        await asyncio.wait([task])
        async with asyncio.timeout(5):
            leases = await store.take(LANE, WIDE) if task.cancelled() else task.result()
        assert [lease.batch.key for lease in leases] == ["a"]
        await store.give_back(leases)
    await store.close()


async def test_a_store_that_nobody_closed_frees_its_slot(tmp_path: Path) -> None:
    """An application that drops a client leaves no thread behind, and what it stored is there."""
    store = SQLiteStore(tmp_path)
    await fill(store, "a")
    del store
    found: list[str] = []
    for _ in range(200):
        other = SQLiteStore(tmp_path)
        await other.recover(LANE)
        found = await left(other)
        await other.close()
        if found:
            break
        await asyncio.sleep(0.01)
    assert found == ["a"]
