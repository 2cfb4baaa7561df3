"""The sink: the loopback server that every client posts to, in a process of its own.

While a client runs it only keeps bodies and answers; they are unpacked and counted when somebody
asks, after the run. So each measured run is checked for losses, and the check costs it nothing.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import msgspec
from msgspec import Struct

from benchmarks.machine import ROOT

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_GZIP = 16 + zlib.MAX_WBITS
_COUNTS = b"GET /counts "
_ANSWER = b'{"success":true}'


def _http(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


class Counts(Struct, frozen=True, kw_only=True):
    """What has come since the last time somebody asked.

    Attributes:
        connections: TCP connections.
        requests: Requests with a body.
        wire_bytes: Bytes of their bodies, as they came.
        json_bytes: The same, unpacked.
        events: Events in them.
        distinct: Different message ids among these.
        cpu: Seconds of CPU that the sink took for it, the counting aside.
    """

    connections: int
    requests: int
    wire_bytes: int
    json_bytes: int
    events: int
    distinct: int
    cpu: float


class _Item(Struct):
    messageId: str  # noqa: N815 - wire spelling


class _Body(Struct):
    batch: list[_Item]


class Kept:
    """What has come."""

    def __init__(self) -> None:
        # This is all that changes.
        self.connections = 0
        self.bodies: list[bytes] = []
        self._since = time.process_time()

    def count(self) -> Counts:
        """Unpack and count what has come, and begin anew."""
        cpu = time.process_time() - self._since
        json_bytes = events = 0
        ids: set[str] = set()
        for body in self.bodies:
            plain = zlib.decompress(body, _GZIP) if body.startswith(b"\x1f\x8b") else body
            items = msgspec.json.decode(plain, type=_Body).batch
            json_bytes += len(plain)
            events += len(items)
            ids.update(item.messageId for item in items)
        counts = Counts(
            connections=self.connections,
            requests=len(self.bodies),
            wire_bytes=sum(map(len, self.bodies)),
            json_bytes=json_bytes,
            events=events,
            distinct=len(ids),
            cpu=cpu,
        )
        self.connections, self.bodies = 0, []
        self._since = time.process_time()
        return counts


def _length(data: bytes) -> tuple[int, int]:
    """Return where the body of the request at the front of *data* begins, and where it ends.

    Zero and zero while its head is not whole.
    """
    start = data.find(b"\r\n\r\n") + 4
    if start < 4:
        return 0, 0
    length = _LENGTH.search(data, 0, start)
    return start, start + (int(length[1]) if length else 0)


class _Connection(asyncio.Protocol):
    """Speak as much HTTP as the clients do: requests with a length, answered in order."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        # This is all that changes.
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 0  # bytes until the request is whole; 0 while its head is not
        self._posted = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - TCP is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes; answer each request that is whole."""
        self._parts.append(data)
        self._have += len(data)
        while self._have and self._have >= self._need:
            whole = b"".join(self._parts)
            start, self._need = _length(whole)
            self._parts = [whole]
            if not self._need or self._have < self._need:
                return
            self._take(whole[:start], whole[start : self._need])
            self._parts = [whole[self._need :]]
            self._have -= self._need
            self._need = 0

    def _take(self, head: bytes, body: bytes) -> None:
        if head.startswith(_COUNTS):
            said = _http(msgspec.json.encode(self._kept.count()))
        else:
            self._kept.connections += not self._posted
            self._posted = True
            self._kept.bodies.append(body)
            said = _http(_ANSWER)
        if self._transport is not None:
            self._transport.write(said)


async def serve() -> None:
    """Listen on a free port of the loopback, print it, and serve until killed."""
    kept = Kept()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(kept), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


class Sink:
    """The parent's side of a running sink."""

    def __init__(self, port: int) -> None:
        self.port = port

    def counts(self) -> Counts:
        """Return what has come since the last call."""
        line = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            line.request("GET", "/counts")
            return msgspec.json.decode(line.getresponse().read(), type=Counts)
        finally:
            line.close()


@contextmanager
def running_sink() -> Iterator[Sink]:
    """Run a sink for as long as the block lasts.

    Raises:
        RuntimeError: It did not start.
    """
    command = [sys.executable, "-m", "benchmarks.sink"]
    with subprocess.Popen(  # noqa: S603 - a module of ours
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            port = child.stdout.readline().strip() if child.stdout is not None else ""
            if not port:
                raise RuntimeError("the sink did not start")
            yield Sink(int(port))
        finally:
            child.terminate()


if __name__ == "__main__":
    asyncio.run(serve())
