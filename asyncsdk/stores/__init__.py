"""Stores: where batches wait until they are settled, one module each."""

from asyncsdk.stores.memory import MemoryStore

__all__ = ["MemoryStore"]
