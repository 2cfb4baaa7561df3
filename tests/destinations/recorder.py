"""A server that keeps every request as it came over the wire, and answers as it is told."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec


def said(status: int, body: bytes = b"", media: str = "text/plain", **headers: str) -> bytes:
    """Return an answer as it goes over the wire; ``retry_after="5"`` is its `Retry-After`."""
    head = [f"HTTP/1.1 {status} Said", f"Content-Type: {media}", f"Content-Length: {len(body)}"]
    head += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "\r\n"]).encode() + body


def said_json(status: int, content: object, **headers: str) -> bytes:
    """Return an answer in JSON."""
    return said(status, msgspec.json.encode(content), "application/json", **headers)


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


#: What is answered to a request; None closes the connection without a word.
Reply = Callable[[Recorded], bytes | None]
#: The same, after a while.
SlowReply = Callable[[Recorded], Awaitable[bytes | None]]


def yes(_: Recorded) -> bytes:
    """Say yes."""
    return said(200, b"ok")


@dataclass
class Recorder:
    """Holds what was received, in order; `url` is where it listens, `reply` what it answers."""

    reply: Reply | SlowReply = yes
    url: str = ""
    requests: list[Recorded] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until the peer ends it."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request = await _read(head, reader)
                self.requests.append(request)
                answer = self.reply(request)
                if isinstance(answer, Awaitable):
                    answer = await answer
                if answer is None:
                    break
                writer.write(answer)
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
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    method, path, _ = first.split(" ")
    return Recorded(method, path, headers, body)


@asynccontextmanager
async def recording(reply: Reply | SlowReply = yes) -> AsyncIterator[Recorder]:
    """Listen on a free loopback port for as long as the block runs."""
    recorder = Recorder(reply)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, limit=2**20)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()
