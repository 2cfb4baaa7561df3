"""Loading: from the bytes of a definitions answer, or of a file, to definitions; in pieces.

Nothing here holds up the loop: what is packed is unpacked in a thread, and what is decoded in
pieces lets the loop run between them.
"""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

from asyncsdk.errors import ConfigurationError, InvalidResponseError
from asyncsdk.flags.definitions import Definitions
from asyncsdk.outside import beside

#: zlib's code for a gzip header and trailer around the stream.
_GZIP = 16 + zlib.MAX_WBITS


class TooLarge(ValueError):
    """Say that definitions have more bytes than they may have."""


async def inflated(packed: bytes, most: int) -> bytes:
    """Return what was *packed*, if it has *most* bytes at the most.

    Raises:
        TooLarge: It has more.
        ValueError: It is no gzip, or was cut.
    """
    return await beside(_inflate, packed, most)


def _inflate(packed: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    try:
        found = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(found) > most:
        raise TooLarge
    if not stream.eof:
        raise ValueError("the gzip stream was cut")
    return found


async def decoded(data: bytes) -> Definitions:
    """Return the definitions in *data*.

    Raises:
        ValueError: There are none.
    """
    pieces = Definitions.decoding(data)
    try:
        for _ in pieces:
            await asyncio.sleep(0)
    except InvalidResponseError as error:
        raise ValueError(str(error)) from None
    return pieces.result


async def given(source: Path | bytes, most: int) -> Definitions:
    """Return the definitions that the application gave.

    Raises:
        ConfigurationError: They cannot be read, or are none.
    """
    try:
        data = source if isinstance(source, bytes) else await beside(_read, source, most)
        return await decoded(_bounded(data, most))
    except (OSError, ValueError) as error:
        raise _unusable(error) from None


def given_at_once(source: Path | bytes, most: int) -> Definitions:
    """Return the same without waiting: the loop stands still meanwhile.

    Raises:
        ConfigurationError: They cannot be read, or are none.
    """
    try:
        data = source if isinstance(source, bytes) else _read(source, most)
        return Definitions.decode(_bounded(data, most))
    except (OSError, ValueError, InvalidResponseError) as error:
        raise _unusable(error) from None


def _bounded(data: bytes, most: int) -> bytes:
    if len(data) > most:
        raise TooLarge(f"over {most} bytes; max_definitions_bytes bounds them")
    return data


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most + 1)


def _unusable(error: Exception) -> ConfigurationError:
    words = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigurationError(f"flag_definitions: {words or type(error).__name__}")
