"""Reading a file or a pipe without stopping the loop, and without a thread that outlives it.

Straight from the descriptor: a thread that waits inside a buffered stdin would crash the
interpreter's end, one that waits inside `os.read` dies with it.
"""

import os

from asyncsdk.outside import beside

#: Bytes of one read at most.
PIECE = 128 * 1024


async def read_some(descriptor: int) -> bytes:
    """Return what can be read now, empty at the end.

    Cancelling this leaves the read to a thread that nobody waits for; what it reads is lost.

    Raises:
        OSError: It cannot be read.
    """
    return await beside(os.read, descriptor, PIECE)
