"""A server that keeps bodies as they came, for what a parser would hide."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any


class Recorder:
    """Says yes to everything and keeps every body, byte for byte."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").lower().split("\r\n")
                length = next(line for line in lines if line.startswith("content-length:"))
                self.bodies.append(await reader.readexactly(int(length.partition(":")[2])))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all bodies, read strictly."""
        return [event for body in self.bodies for event in strictly(body)["batch"]]


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """Run a recorder on a free port."""
    recorder = Recorder()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()


def strictly(body: bytes) -> Any:
    """Read JSON as its standard says: no NaN, no key twice; numbers as they are written."""
    return json.loads(
        body.decode("utf-8"),
        parse_constant=_refuse,
        parse_float=Decimal,
        object_pairs_hook=_once,
    )


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made
