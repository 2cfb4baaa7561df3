"""Packing: bodies are compressed in the loop if that takes under half a millisecond.

A thread costs 0.1 ms of CPU, so a small body never pays for one.
"""

from __future__ import annotations

import sys

import anyio
import anyio.to_thread

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
        self._threads: anyio.CapacityLimiter | None = None

    async def gzip(self, body: bytes) -> bytes:
        """Return *body* as gzip. Cancelling this abandons the thread, which ends by itself."""
        if len(body) <= self._in_loop:
            return self._gzip(body)
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(2)
        return await anyio.to_thread.run_sync(
            self._gzip, body, abandon_on_cancel=True, limiter=self._threads
        )
