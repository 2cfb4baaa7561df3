"""Listening: answers to a few GET requests, for whoever watches a worker. No more HTTP than that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from asyncsdk.cli.store_arguments import Listen

#: Seconds that a request and its answer may take.
_PATIENCE = 5.0
#: Most bytes of a request: its first line and headers that nobody reads.
_MOST = 16_384

_WORDS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Answer(NamedTuple):
    """What a page says."""

    status: int
    text: str
    content_type: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Answer]]


@asynccontextmanager
async def listening(where: Listen, pages: Pages) -> AsyncIterator[str]:
    """Answer within the block; hand out the address.

    Raises:
        OSError: The port is taken, or the host is not this machine's.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(_PATIENCE):
                said = await reader.readuntil(b"\r\n\r\n")
                writer.write(_written(_find(said, pages), body=not said.startswith(b"HEAD ")))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, where.host, where.port, limit=_MOST)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.close()


def _find(said: bytes, pages: Pages) -> Answer:
    method, _, rest = said.partition(b" ")
    path = rest.split(b" ", 1)[0].split(b"?", 1)[0].decode("latin-1")
    if method not in (b"GET", b"HEAD"):
        return Answer(405, "only GET\n")
    page = pages.get(path)
    return Answer(404, f"there is {', '.join(pages)}\n") if page is None else page()


def _written(answer: Answer, *, body: bool) -> bytes:
    text = answer.text.encode()
    head = (
        f"HTTP/1.1 {answer.status} {_WORDS[answer.status]}\r\n"
        f"Content-Type: {answer.content_type}\r\nContent-Length: {len(text)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (text if body else b"")
