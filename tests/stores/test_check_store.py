"""The conformance kit of stores: it lets ours pass, and catches each broken promise by name."""

from pathlib import Path

from asyncsdk.stores import MemoryStore, SQLiteStore
from asyncsdk.testing import check_store


async def test_memory_keeps_every_promise() -> None:
    """What it does not promise, to outlive its process, is not asked of it."""
    await check_store(lambda _: MemoryStore())


async def test_sqlite_keeps_every_promise(tmp_path: Path) -> None:
    """Those of a store that outlives its process among them."""
    await check_store(lambda place: SQLiteStore(tmp_path / place))
    await check_store(lambda place: SQLiteStore(tmp_path / place, durability="power"))
