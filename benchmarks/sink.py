"""The sink: the loopback server that every client posts to, in a process of its own.

While a client runs it only keeps bodies and answers; they are unpacked and counted when somebody
asks, after the run. So each measured run is checked for losses, and the check costs it nothing.
It can wait before it answers, as a far server does, and it can be mute: take all, answer nothing.
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

from benchmarks.clients.task import keep_to
from benchmarks.machine import ROOT
from benchmarks.wires import WIRES

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_GZIP = 16 + zlib.MAX_WBITS
_COUNTS = b"/counts"


def _http(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


_YES = _http(b"200 OK", b'{"success":true}')
_NO = _http(b"404 Not Found", b'{"success":false}')


class Way(Struct, frozen=True, kw_only=True):
    """How a sink answers.

    Attributes:
        delay: Seconds before each answer.
        mute: Whether bodies are neither kept nor answered.
        core: The core to run on; None for any.
    """

    delay: float = 0.0
    mute: bool = False
    core: int | None = None


class Counts(Struct, frozen=True, kw_only=True):
    """What has come since the last time somebody asked.

    Attributes:
        connections: TCP connections.
        requests: Requests with a body.
        wire_bytes: Bytes of their bodies, as they came.
        json_bytes: The same, unpacked.
        events: Events in them.
        distinct: Different ids among these.
        astray: Requests to a path where nobody sends events.
        last: When the last body came, on the clock that all processes share.
        cpu: Seconds of CPU that the sink took for it, the counting aside.
    """

    connections: int
    requests: int
    wire_bytes: int
    json_bytes: int
    events: int
    distinct: int
    astray: int
    last: float
    cpu: float


class Kept:
    """What has come."""

    def __init__(self) -> None:
        # This is all that changes.
        self.connections = self.astray = 0
        self.bodies: list[tuple[bytes, bytes]] = []
        self.last = 0.0
        self._since = time.process_time()

    def count(self) -> Counts:
        """Unpack and count what has come, and begin anew."""
        cpu = time.process_time() - self._since
        json_bytes = events = 0
        ids: set[str] = set()
        for path, body in self.bodies:
            plain = zlib.decompress(body, _GZIP) if body.startswith(b"\x1f\x8b") else body
            found = WIRES[path](plain)
            json_bytes += len(plain)
            events += len(found)
            ids.update(found)
        counts = Counts(
            connections=self.connections,
            requests=len(self.bodies),
            wire_bytes=sum(len(body) for _, body in self.bodies),
            json_bytes=json_bytes,
            events=events,
            distinct=len(ids),
            astray=self.astray,
            last=self.last,
            cpu=cpu,
        )
        self.connections = self.astray = 0
        self.bodies = []
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

    def __init__(self, kept: Kept, way: Way) -> None:
        self._kept = kept
        self._way = way
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
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        if path == _COUNTS:
            self._say(_http(b"200 OK", msgspec.json.encode(self._kept.count())))
        elif path not in WIRES:
            self._kept.astray += 1
            self._say(_NO)
        elif not self._way.mute:
            self._keep(path, body)
            if self._way.delay:
                asyncio.get_running_loop().call_later(self._way.delay, self._say, _YES)
            else:
                self._say(_YES)

    def _keep(self, path: bytes, body: bytes) -> None:
        kept = self._kept
        kept.connections += not self._posted
        self._posted = True
        kept.bodies.append((path, body))
        kept.last = time.monotonic()

    def _say(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)


async def serve(way: Way) -> None:
    """Listen on a free port of the loopback, print it, and serve until killed."""
    kept = Kept()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(kept, way), "127.0.0.1", 0)
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
            line.request("GET", _COUNTS.decode())
            return msgspec.json.decode(line.getresponse().read(), type=Counts)
        finally:
            line.close()


@contextmanager
def running_sink(way: Way | None = None) -> Iterator[Sink]:
    """Run a sink for as long as the block lasts.

    Raises:
        RuntimeError: It did not start.
    """
    told = msgspec.json.encode(way or Way()).decode()
    command = [sys.executable, "-m", "benchmarks.sink", told]
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


def main() -> None:
    """Serve in the way that the command line says."""
    way = msgspec.json.decode(sys.argv[1], type=Way)
    keep_to(way.core)
    asyncio.run(serve(way))


if __name__ == "__main__":
    main()
