"""Stores: where batches wait until they are settled, one module each."""

from asyncsdk.stores.memory import MemoryStore
from asyncsdk.stores.sqlite import SQLiteStore

__all__ = ["MemoryStore", "SQLiteStore"]
