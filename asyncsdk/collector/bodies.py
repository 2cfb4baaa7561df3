"""Unpacking request bodies within a bound.

A body is data from outside: a few kilobytes of gzip can stand for gigabytes. Nothing here ever
holds more than the bound plus one byte of inflated data.
"""

import zlib
from collections.abc import AsyncIterator

_GZIP = 16 + zlib.MAX_WBITS


class BodyTooLarge(Exception):
    """Says that a body is larger than the bound, before or after inflation."""


class BodyBroken(Exception):
    """Says that a body is not what its Content-Encoding promises."""


async def read_bounded(parts: AsyncIterator[bytes], *, limit: int) -> bytes:
    """Join *parts*, of *limit* bytes at most.

    Raises:
        BodyTooLarge: There is more; the rest stays unread.
    """
    kept: list[bytes] = []
    size = 0
    async for part in parts:
        size += len(part)
        if size > limit:
            raise BodyTooLarge
        kept.append(part)
    return kept[0] if len(kept) == 1 else b"".join(kept)


def unpack(wire: bytes, *, encoding: str, limit: int) -> bytes:
    """Return the body behind *wire*, of *limit* bytes at most.

    Any encoding but gzip is taken as none, and no bytes are an empty body whatever the encoding:
    both as the gateway does it.

    Raises:
        BodyTooLarge: The body is larger than *limit*; inflation stopped there.
        BodyBroken: The gzip stream is damaged or ends early.

    Source: rudder-server f2655fb gateway (middleware/uncompress.go), checked 2026-11.
    """
    body = _inflate(wire, limit) if wire and encoding == "gzip" else wire
    if len(body) > limit:
        raise BodyTooLarge
    return body


def _inflate(wire: bytes, limit: int) -> bytes:
    """Inflate all gzip members of *wire*, stopping one byte past *limit*."""
    pieces: list[bytes] = []
    room = limit + 1
    rest = wire
    while True:
        piece, rest = _inflate_member(rest, room)
        pieces.append(piece)
        room -= len(piece)
        if room <= 0 or not rest:
            return b"".join(pieces)


def _inflate_member(wire: bytes, room: int) -> tuple[bytes, bytes]:
    """Inflate one gzip member; return its data and the bytes behind it."""
    stream = zlib.decompressobj(wbits=_GZIP)
    try:
        piece = stream.decompress(wire, room)
    except zlib.error as error:
        raise BodyBroken from error
    if not stream.eof and len(piece) < room:
        raise BodyBroken
    return piece, stream.unused_data
