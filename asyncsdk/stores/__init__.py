"""Stores: where batches wait until they are settled, one module or folder each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncsdk.stores.memory import MemoryStore

if TYPE_CHECKING:
    from asyncsdk.stores.redis import RedisStore
    from asyncsdk.stores.sqlite import SQLiteStore
    from asyncsdk.stores.sqlite.texts import SharedTexts
else:

    def __getattr__(name: str) -> type:
        """Load a store with the first use of its name: most clients need the one in memory."""
        if name == "RedisStore":
            from asyncsdk.stores.redis import RedisStore

            return RedisStore
        if name == "SQLiteStore":
            from asyncsdk.stores.sqlite import SQLiteStore

            return SQLiteStore
        if name == "SharedTexts":
            from asyncsdk.stores.sqlite.texts import SharedTexts

            return SharedTexts
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


#: The stores that are loaded with their first use.
LATER = frozenset({"RedisStore", "SQLiteStore"})

__all__ = ["MemoryStore", "RedisStore", "SQLiteStore", "SharedTexts"]
