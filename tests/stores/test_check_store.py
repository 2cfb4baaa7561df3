"""The conformance kit of stores: it lets ours pass, and catches each broken promise by name."""

from asyncsdk.stores import MemoryStore
from asyncsdk.testing import check_store


async def test_memory_keeps_every_promise() -> None:
    """What it does not promise, to outlive its process, is not asked of it."""
    await check_store(lambda _: MemoryStore())
