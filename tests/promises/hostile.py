"""Hostile surroundings: lines that can be cut or frozen, proxies, certificates of our own."""

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import trustme

from tests.street.walking import KEY
from tests.transports.lines import Act, Asked, Peer

#: What a key must not show as: itself, and as it goes on the wire.
PLANTED = (KEY, base64.b64encode(f"{KEY}:".encode()).decode())

Serve = Callable[[Peer], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections on a loopback port; whoever hangs on it at the end is let go."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, in a task that can be let go."""
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await serve(Peer(reader, writer))
        except asyncio.CancelledError:
            pass  # the stream server would report it
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        while tasks:  # noqa: ASYNC110 - the tasks are the streams' own
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)


class Wire:
    """What lies between a client and a server: it can fail early, freeze, and listen."""

    def __init__(self, port: int, early: Iterable[Act]) -> None:
        self._target = port
        self._early = list(early)
        # This is all that changes.
        self.port = 0
        self.connections = 0
        self.heard = bytearray()  # what the client said, as it went over the line
        self.flowing = asyncio.Event()  # cleared: nothing goes through, and nobody is told
        self.flowing.set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """Where it listens, if it speaks TLS."""
        return f"https://127.0.0.1:{self.port}"

    async def serve(self, peer: Peer) -> None:
        """Let the first connections meet the early acts, and all others the server."""
        self.connections += 1
        if self._early:
            await self._early.pop(0)(peer)
        else:
            await self.join(peer, self._target)

    async def join(self, peer: Peer, port: int) -> None:
        """Carry bytes between *peer* and the server at *port* until one of them ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        there = asyncio.create_task(self._carry(peer.reader, writer, heard=True))
        back = asyncio.create_task(self._carry(reader, peer.writer, heard=False))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.close()
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, heard: bool
    ) -> None:
        while data := await reader.read(65_536):
            await self.flowing.wait()
            if heard:
                self.heard += data
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def wired(port: int, *early: Act, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Lay a wire to the server at *port*; with *tls* it ends there, and the server hears plain."""
    wire = Wire(port, early)
    async with serving(wire.serve, tls=tls) as wire.port:
        yield wire


class Proxy(Wire):
    """An HTTP proxy: it tunnels, and passes on what names its whole address."""

    def __init__(self, early: Iterable[Act]) -> None:
        super().__init__(0, early)
        self.heads: list[str] = []  # what it was asked for, tunnels without their contents

    async def serve(self, peer: Peer) -> None:
        """Read what is wanted; the first ones meet the early acts, all others are let through.

        Whatever name is asked for, the way leads to this machine.
        """
        self.connections += 1
        head = await peer.reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode("latin-1"))
        method, target, *_ = self.heads[-1].split(" ")
        if self._early:
            await self._early.pop(0)(peer)
        elif method == "CONNECT":
            await peer.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self.join(peer, int(target.rpartition(":")[2]))
        else:
            await self._pass_on(peer, head, int(target.split("/")[2].rpartition(":")[2]))

    async def _pass_on(self, peer: Peer, head: bytes, port: int) -> None:
        # The servers behind it do not mind the whole address, so the bytes go on as they are.
        whole = asyncio.StreamReader()
        whole.feed_data(head)

        async def feed() -> None:
            """Let the rest follow the head."""
            while data := await peer.reader.read(65_536):
                whole.feed_data(data)
            whole.feed_eof()

        feeding = asyncio.create_task(feed())
        try:
            await self.join(Peer(whole, peer.writer), port)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


@contextlib.asynccontextmanager
async def proxying(*early: Act) -> AsyncIterator[Proxy]:
    """Run a proxy whose first connections meet these acts."""
    proxy = Proxy(early)
    async with serving(proxy.serve) as proxy.port:
        yield proxy


def ids(asked: Asked) -> list[str]:
    """List the message ids of a request whose body is not compressed."""
    return [event["messageId"] for event in json.loads(asked.body)["batch"]]


def planted(*texts: object) -> list[str]:
    """List the texts that show a key."""
    return [str(text) for text in texts if any(key in str(text) for key in PLANTED)]


async def mute(peer: Peer) -> bool:
    """Listen for ever and never say a word."""
    while await peer.reader.read(65_536):
        pass
    return False


def stall(*pieces: bytes) -> Act:
    """Say *pieces*, then no more."""

    async def act(peer: Peer) -> bool:
        """Do what the script says."""
        await peer.say(*pieces)
        return await mute(peer)

    return act


def after_bytes(count: int, act: Act) -> Act:
    """Read *count* bytes of what comes, then *act*."""

    async def acting(peer: Peer) -> bool:
        """Do what the script says."""
        await peer.reader.readexactly(count)
        return await act(peer)

    return acting


async def deaf(peer: Peer) -> bool:
    """Neither read nor say anything."""
    await asyncio.Event().wait()
    return not peer


# Certificates.


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a server's context with *certificate*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return what is given as `ssl=`: the defaults, with *authority* as the only one."""
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
