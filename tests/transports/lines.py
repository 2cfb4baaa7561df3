"""A server of bytes that follows a script: for all that a well-behaved server cannot do."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from msgspec import Struct

#: A certificate for the loopback, with its key: it opens nothing.
CERTIFICATE = Path(__file__).with_name("loopback.pem")

# on, zero seconds: closing the socket resets the peer.
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Asked(Struct, frozen=True):
    """One request as it came: its line and headers, its body, and on which connection."""

    head: str
    body: bytes
    connection: int


class Peer(Struct, frozen=True):
    """The other end of one connection, in the hands of an act."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Write *pieces*, with a *pause* after each."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if pause:
                await asyncio.sleep(pause)

    def reset(self) -> None:
        """Reset the connection."""
        line: socket.socket = self.writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.writer.transport.abort()


#: What is done with one request; the connection is kept if it says True.
Act = Callable[[Peer], Awaitable[bool]]


class Line:
    """Serve on a loopback port; each request takes the next act, the last one stays."""

    def __init__(self, *acts: Act) -> None:
        self._acts = list(acts)
        # This is all that changes.
        self.asked: list[Asked] = []
        self.connections = 0
        self.open = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """Where it listens, if it speaks TLS."""
        return f"https://127.0.0.1:{self.port}"

    def play(self, *acts: Act) -> None:
        """Replace what is left of the script."""
        self._acts = list(acts)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._once(Peer(reader, writer), number):
                    pass
        finally:
            self.open -= 1
            writer.close()

    async def _once(self, peer: Peer, number: int) -> bool:
        head = (await peer.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length:")
        ]
        body = await peer.reader.readexactly(lengths[0] if lengths else 0)
        self.asked.append(Asked(head, body, number))
        act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
        return await act(peer)


@contextlib.asynccontextmanager
async def listening(*acts: Act, tls: bool = False) -> AsyncIterator[Line]:
    """Run a line with these acts; whoever still hangs on it at the end is let go."""
    line = Line(*acts)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, in a task that can be let go."""
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await line._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the stream server would report it
        finally:
            tasks.discard(task)

    secure = server_context() if tls else None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secure)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        while tasks:  # noqa: ASYNC110 - the tasks are the streams' own
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)


def server_context() -> ssl.SSLContext:
    """Return a context with a certificate for the loopback that nobody has signed but itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def trusting() -> ssl.SSLContext:
    """Return a client's context that trusts that certificate and no other."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))


@contextlib.asynccontextmanager
async def no_tls() -> AsyncIterator[str]:
    """Serve a protocol that is no TLS: whoever connects is greeted in plain words."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say something and close."""
        writer.write(b"220 ready when you are\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


def head(status: int = 200, *headers: str, length: int | None = None) -> bytes:
    """Write the head of an answer."""
    lines = [f"HTTP/1.1 {status} Said", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(status: int = 200, body: bytes = b"ok", *headers: str, keep: bool = True) -> Act:
    """Answer well, and keep the connection or close it."""

    async def act(peer: Peer) -> bool:
        """Do what the script says."""
        await peer.say(head(status, *headers, length=len(body)) + body)
        return keep

    return act


def raw(*pieces: bytes, pause: float = 0.0) -> Act:
    """Send *pieces* as they are, with a pause after each, then close."""

    async def act(peer: Peer) -> bool:
        """Do what the script says."""
        await peer.say(*pieces, pause=pause)
        return False

    return act


def reset(*pieces: bytes, after: float = 0.02) -> Act:
    """Send *pieces*, then reset."""

    async def act(peer: Peer) -> bool:
        """Do what the script says."""
        await peer.say(*pieces)
        if pieces:
            await asyncio.sleep(after)  # so that they are read before the reset
        peer.reset()
        return False

    return act


def endless(start: bytes, piece: bytes) -> Act:
    """Send *start*, then *piece* for ever."""

    async def act(peer: Peer) -> bool:
        """Do what the script says."""
        await peer.say(start)
        while True:
            await peer.say(piece)

    return act


async def hang(peer: Peer) -> bool:
    """Never answer."""
    await peer.reader.read(1)
    return False


async def drop(peer: Peer) -> bool:
    """Close without a byte."""
    return not peer
