"""Gzip: isal where it is installed, several times faster than zlib and smaller at its level 1."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

#: Bytes that are compressed within half a millisecond whatever they hold, on slow machines too:
#: numbers and ids, which hardly shrink, take several times as long as text that repeats itself
#: (measured, with cold caches).
ISAL_IN_LOOP = 100_000
ZLIB_IN_LOOP = 20_000

#: zlib's code for a gzip header and trailer around the stream.
_GZIP = 16 + zlib.MAX_WBITS


class Compressor(Protocol):
    """What compresses piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Take *data*; return what is ready."""
        ...

    def flush(self) -> bytes:
        """Return the rest."""
        ...


def gzip_zlib(body: bytes) -> bytes:
    """Return *body* as gzip, by zlib at level 1."""
    press: Compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
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
