"""What if processes share a folder, fork, or end without a word? Each event arrives once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from asyncsdk.collector import Collector, Fault
from tests.promises.children import WHOLE_WAY, numbers, program, run, started

pytestmark = WHOLE_WAY

DOWN = Fault(kind="status", status=500)

_STORING = """
FOLDER = {folder!r}
def storing(**options):
    options = {{"retry_base": 0.01, "retry_cap": 0.05, "max_retries": 1_000, **options}}
    return make(store=SQLiteStore(FOLDER), **options)
"""


def storing(folder: Path, source: str) -> str:
    """Return a program that stores in *folder*."""
    return _STORING.format(folder=str(folder)) + source


_SHOP = """
async def main():
    async with storing(flush_at=10) as client:
        for number in range(200):
            await track(client, int(sys.argv[3]) + number).stored()
            if number == 10:
                print("talks", flush=True)
asyncio.run(main())
"""


async def test_processes_share_a_folder(tmp_path: Path) -> None:
    """Each has a file of its own, and nobody sends what another one has."""
    async with Collector() as collector:
        one = (*program(storing(tmp_path, _SHOP), collector.url), "0")
        two = (*program(storing(tmp_path, _SHOP), collector.url), "1000")
        async with started(*one) as first, started(*two) as second:
            ends = [await first.ended(), await second.ended()]
    assert [(end.code, end.said) for end in ends] == [(0, ""), (0, "")]
    found = numbers(collector.events)
    assert sorted(found) == [*range(200), *range(1000, 1200)]
    assert [number for number in found if number < 1000] == list(range(200))


_FORKING = """
async def child():
    for number in range(100, 105):
        await track(client, number).stored()
    print(*sorted(name for name in os.listdir(FOLDER) if name.endswith(".db")))
    await client.shutdown(0)

async def parent():
    global client
    client = storing(flush_at=1)
    for number in range(5):
        await track(client, number).stored()

client = None
loop = asyncio.new_event_loop()
loop.run_until_complete(parent())
if os.fork() == 0:
    asyncio.run(child())
    sys.exit(0)
os.wait()
loop.run_until_complete(client.start())
track(client, 5)
loop.run_until_complete(client.shutdown(0.2))
loop.close()
"""


async def test_a_forked_child_has_a_file_of_its_own(tmp_path: Path) -> None:
    """It neither sends nor harms what its parent stored, even if it ends as any program does."""
    async with Collector() as collector:
        collector.script(DOWN)
        ended = await run(storing(tmp_path, _FORKING), collector.url)
        assert (ended.code, ended.out.strip()) == (0, "spool-0.db spool-1.db")
        found = {path.name: stored(path) for path in tmp_path.glob("*.db")}  # noqa: ASYNC240
        assert found == {"spool-0.db": 6, "spool-1.db": 5}
        collector.script()
        ended = await run(storing(tmp_path, _DRAIN), collector.url)
        assert (ended.code, ended.out, ended.said) == (0, "0\n", "")
    assert sorted(numbers(collector.events)) == [*range(6), *range(100, 105)]


_DRAIN = """
async def main():
    async with storing() as client:
        while client.statistics().in_store:
            await asyncio.sleep(0.01)
        print(client.statistics().in_store)
asyncio.run(main())
"""


def stored(path: Path) -> int:
    """Count the events in a file, which must be whole."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    ((count,),) = connection.execute("SELECT SUM(pending) FROM batch").fetchall()
    connection.close()
    return int(count)


_FORGETFUL = """
async def main():
    global client
    client = storing(flush_at=3, exit_drain=2)
    for number in range(8):
        track(client, number)
    await asyncio.sleep(0.1)
client = None
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
"""


async def test_a_program_that_just_ends_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    """Its loop was stopped, and nobody closed anything: the next one finds all of it."""
    async with Collector() as collector:
        collector.script(DOWN)
        ended = await run(storing(tmp_path, _FORGETFUL), collector.url)
        assert ended.code == 0
        assert "are lost" not in ended.said
        collector.script()
        ended = await run(storing(tmp_path, _DRAIN), collector.url)
        assert (ended.code, ended.said) == (0, "")
    assert numbers(collector.events) == list(range(8))


async def test_nothing_in_the_folder_opens_anything(tmp_path: Path) -> None:
    """The write key is the client's that sends; it is in no file."""
    async with Collector() as collector:
        collector.script(DOWN)
        source = """
async def main():
    client = storing()
    await track(client, 1).stored()
    await client.shutdown(0)
asyncio.run(main())
"""
        ended = await run(storing(tmp_path, source), collector.url)
    assert ended.code == 0
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240
    assert b"planted-contents" in data
    assert b"planted-key" not in data
