"""Folding: what waits in memory is compressed beside a sample of its kind.

Events of one application repeat each other's names and half of their values. Twenty of them are too few
for a compressor to learn that; a sample of what went before tells it, and saves a quarter.
"""

import zlib
from collections.abc import Callable

from asyncsdk.wire.gzip import ISAL_IN_LOOP, ZLIB_IN_LOOP, Compressor

#: Bytes of a sample that are of use: a compressor looks back over 32 KB, what it folds among them.
MOST_OF_A_SAMPLE = 16_384

# A bare stream: nobody but us reads it, in this process.
_BARE = -zlib.MAX_WBITS

#: Compress the first of these, beside the second as a sample.
Fold = Callable[[bytes, bytes], bytes]


def fold_zlib(data: bytes, sample: bytes) -> bytes:
    """Fold *data* by zlib at level 1."""
    press: Compressor = zlib.compressobj(1, zlib.DEFLATED, _BARE, zdict=sample)
    folded = press.compress(data) + press.flush()
    # Copied once zlib's 300 KB are free again: else what is kept for hours lies scattered behind them.
    del press
    return bytes(memoryview(folded))


def find_fold() -> tuple[Fold, int]:
    """Return the best way to fold at hand, and how many bytes it may do in the loop."""
    try:
        from isal import isal_zlib
    except ImportError:
        return fold_zlib, ZLIB_IN_LOOP

    def fold_isal(data: bytes, sample: bytes) -> bytes:
        press: Compressor = isal_zlib.compressobj(1, zlib.DEFLATED, _BARE, zdict=sample)
        return press.compress(data) + press.flush()

    return fold_isal, ISAL_IN_LOOP


def unfold(folded: bytes, sample: bytes) -> bytes:
    """Return what was *folded* beside the same *sample*; for data of our own only, it knows no bound."""
    opened = zlib.decompressobj(_BARE, zdict=sample)
    return opened.decompress(folded) + opened.flush()
