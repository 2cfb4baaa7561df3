"""Reading a file or a pipe without stopping the loop, and without a thread that outlives it.

Straight from the descriptor: a thread that waits inside a buffered stdin would crash the
interpreter's end, one that waits inside `os.read` dies with it.
"""

import asyncio
import os
import threading
from contextlib import suppress

#: Bytes of one read at most.
PIECE = 128 * 1024


async def read_some(descriptor: int) -> bytes:
    """Return what can be read now, empty at the end.

    Cancelling this leaves the read to a thread that nobody waits for; what it reads is lost.

    Raises:
        OSError: It cannot be read.
    """
    future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    thread = threading.Thread(
        target=_read, args=(descriptor, future), name="asyncsdk read", daemon=True
    )
    thread.start()
    return await future


def _read(descriptor: int, future: asyncio.Future[bytes]) -> None:
    piece: bytes | OSError
    try:
        piece = os.read(descriptor, PIECE)
    except OSError as error:
        piece = error
    with suppress(RuntimeError):  # the loop was closed meanwhile
        future.get_loop().call_soon_threadsafe(_tell, future, piece)


def _tell(future: asyncio.Future[bytes], piece: bytes | OSError) -> None:
    if future.done():
        return
    if isinstance(piece, OSError):
        future.set_exception(piece)
    else:
        future.set_result(piece)
