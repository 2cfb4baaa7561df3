"""The conformance kit of stores: it lets ours pass, and catches each broken promise by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from asyncsdk.seams import Store
from asyncsdk.stores import MemoryStore, SQLiteStore
from asyncsdk.testing import check_store
from asyncsdk.testing.stores import subject
from tests.stores.broken import BROKEN


async def test_memory_keeps_every_promise() -> None:
    """What it does not promise, to outlive its process, is not asked of it."""
    await check_store(lambda _: MemoryStore())


async def test_sqlite_keeps_every_promise(tmp_path: Path) -> None:
    """Those of a store that outlives its process among them."""
    await check_store(lambda place: SQLiteStore(tmp_path / place, durability="power"))


@pytest.mark.parametrize("broken", BROKEN)
async def test_each_broken_promise_is_caught(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, so that whoever wrote it knows where to look."""
    monkeypatch.setattr(subject, "MOMENT", 0.01)  # in memory nothing takes longer
    make: Callable[[Path], Callable[[str], Store]]
    make, words = BROKEN[broken]
    with pytest.raises(AssertionError, match=words):
        await check_store(make(tmp_path))
