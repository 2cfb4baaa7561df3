"""Server: keeps what it is sent, whoever's wire that is; slow or silent if asked to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_GZIP = 16 + zlib.MAX_WBITS
_BODY = b'{"success":true,"status":1}'
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class Server:
    """What came, in the order of arrival.

    Args:
        seconds: After how many it answers; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        # This is all that changes.
        self.port = 0
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self.bodies.append(_unpacked(body))
                if self._seconds is None:
                    await reader.read()  # until the client has had enough
                    return
                await asyncio.sleep(self._seconds)
                writer.write(_ANSWER)
                await writer.drain()

    def events(self, *, strictly: bool = False) -> list[dict[str, Any]]:
        """Return the events that came, in the systems' own words.

        Args:
            strictly: Only those of bodies that are valid JSON, as most servers read it.
        """
        return [event for body in self.bodies for event in _events(body, strictly=strictly)]

    def names(self) -> list[str]:
        """Return the names of the events that came."""
        return [str(event.get("event")) for event in self.events()]


def _unpacked(body: bytes) -> bytes:
    return zlib.decompress(body, _GZIP) if body.startswith(b"\x1f\x8b") else body


def _events(body: bytes, *, strictly: bool) -> Iterator[dict[str, Any]]:
    try:
        content = json.loads(body, parse_constant=_refuse if strictly else None)
    except ValueError:
        return
    yield from content.get("batch", ())


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


@asynccontextmanager
async def running(seconds: float | None = 0.0) -> AsyncIterator[Server]:
    """Run a server on a free port of the loopback; connections are cut at the end."""
    server = Server(seconds)
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve(reader, writer)
        tasks.discard(task)
        writer.close()

    listening = await asyncio.start_server(one, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
