"""Files that a process which does not deliver hands over to those that do."""

import asyncio
from pathlib import Path

import anyio

from asyncsdk import AsyncAnalytics, RudderStack, SQLiteStore
from asyncsdk.collector import Collector

DESTINATION = RudderStack("key", "http://127.0.0.1:1", name="there")


def files(folder: Path) -> int:
    """Count the files of a folder."""
    return len(list(folder.glob("spool-?.db")))


async def test_where_nobody_fetches_them_there_are_two_files_at_the_most(tmp_path: Path) -> None:
    """What happens if the worker is down for a day? The folder does not fill with files."""
    async with AsyncAnalytics(DESTINATION, store=SQLiteStore(tmp_path), deliver=False) as client:
        for _ in range(4):
            await client.track("E", user_id="u").stored()
            await asyncio.sleep(0.6)
        assert files(tmp_path) == 2
    store = SQLiteStore(tmp_path)
    await store.take_over()
    assert store.stock()["there"].events == 4
    await store.close()


async def test_a_client_that_delivers_hands_nothing_over(tmp_path: Path) -> None:
    """It would have to take it back."""
    async with AsyncAnalytics(DESTINATION, store=SQLiteStore(tmp_path), exit_drain=0.0) as client:
        await client.track("E", user_id="u").stored()
        await asyncio.sleep(1.3)
        assert client.statistics().in_store == 1
        assert files(tmp_path) == 1
        with anyio.move_on_after(0.1):
            await client.shutdown(0.0)


async def test_what_is_taken_over_wakes_who_waits_for_it(tmp_path: Path) -> None:
    """A client that has nothing to do hears of the one batch that another process left."""
    async with Collector() as server:
        there = RudderStack("key", server.url, name="there")
        async with AsyncAnalytics(there, store=SQLiteStore(tmp_path, _look=0.05)) as client:
            await asyncio.sleep(0.2)  # it has looked, and waits
            async with AsyncAnalytics(
                DESTINATION, store=SQLiteStore(tmp_path), deliver=False
            ) as other:
                other.track("E", user_id="u")
            with anyio.fail_after(5.0):
                while not client.statistics().delivered:  # noqa: ASYNC110 - nothing rings
                    await asyncio.sleep(0.02)
            assert client.statistics().taken == 1
