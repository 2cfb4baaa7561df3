"""Packing: bodies are compressed in the loop if that takes under half a millisecond.

A thread costs 0.1 ms of CPU, so a small body never pays for one. isal is used when installed: it
is several times faster than zlib and packs better at its level 1.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

import anyio
import anyio.to_thread

#: Bytes that are compressed within half a millisecond; measured, `research/performance`.
ISAL_IN_LOOP = 500_000
ZLIB_IN_LOOP = 100_000

#: zlib's code for a gzip header and trailer around the stream.
_GZIP = 16 + zlib.MAX_WBITS


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def gzip_zlib(body: bytes) -> bytes:
    """Return *body* as gzip, by zlib at level 1."""
    press: _Compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return press.compress(body) + press.flush()


def find_gzip() -> tuple[Callable[[bytes], bytes], int]:
    """Return the best gzip function at hand, and how many bytes it may do in the loop."""
    try:
        from isal import igzip
    except ImportError:
        return gzip_zlib, ZLIB_IN_LOOP

    def gzip_isal(body: bytes) -> bytes:
        packed: bytes = igzip.compress(body, 1, mtime=0)
        return packed

    return gzip_isal, ISAL_IN_LOOP


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
