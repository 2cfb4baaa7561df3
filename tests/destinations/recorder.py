"""A server that keeps every request as it came over the wire, and says yes to all of them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

_YES = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Recorded:
    """One request: its line, its headers with names in lower case, its inflated body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, decoded."""
        decoded: dict[str, Any] = msgspec.json.decode(self.body)
        return decoded


@dataclass
class Recorder:
    """Holds what was received, in order; `url` is where it listens."""

    url: str = ""
    requests: list[Recorded] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until the peer ends it."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(await _read(head, reader))
                writer.write(_YES)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _read(head: bytes, reader: asyncio.StreamReader) -> Recorded:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, colon, value in (line.partition(":") for line in lines)
        if colon
    }
    body = await reader.readexactly(int(headers["content-length"]))
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    method, path, _ = first.split(" ")
    return Recorded(method, path, headers, body)


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """Listen on a free loopback port for as long as the block runs."""
    recorder = Recorder()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, limit=2**20)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()
