"""Packing: bodies are compressed in the loop if that takes under half a millisecond.

A thread costs 0.1 ms of CPU, so a small body never pays for one.
"""

from __future__ import annotations

import asyncio
import sys

from asyncsdk.outside import beside
from asyncsdk.wire.gzip import find_gzip


class Packer:
    """Compress one lane's bodies.

    Args:
        in_loop: Use no thread, whatever the size.
    """

    def __init__(self, *, in_loop: bool = False) -> None:
        self._gzip, limit = find_gzip()
        self._in_loop = sys.maxsize if in_loop else limit
        # Threads of its own: those of the host may all be taken by its own slow work.
        self._threads = asyncio.Semaphore(2)

    async def gzip(self, body: bytes) -> bytes:
        """Return *body* as gzip. Cancelling this abandons the thread, which ends by itself."""
        if len(body) <= self._in_loop:
            return self._gzip(body)
        await asyncio.sleep(0)  # to join it took its time, and so does the start of a thread
        async with self._threads:
            return await beside(self._gzip, body)
