"""Files that a process which does not deliver hands over to those that do."""

import asyncio
from pathlib import Path

import anyio

from asyncsdk import AsyncAnalytics, RudderStack, SQLiteStore

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
