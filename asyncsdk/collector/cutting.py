"""Breaking connections on purpose, below aiohttp's responses.

Each function returns a response that is never seen: the connection is already gone when aiohttp
comes to write it, and aiohttp takes that as a client that left.
"""

import socket
import struct

from aiohttp import web

from asyncsdk.collector.answers import Answer

# on, zero seconds: closing the socket throws away what is unsent and resets the peer.
_LINGER_ZERO = struct.pack("ii", 1, 0)

# What `truncate` promises beyond what it sends.
_MISSING_BYTES = 64


def close(request: web.BaseRequest) -> web.Response:
    """Close the connection after what was written so far."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def reset(request: web.BaseRequest) -> web.Response:
    """Reset the connection (RST)."""
    if request.transport is not None:
        line = request.transport.get_extra_info("socket")
        if line is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        request.transport.abort()
    return web.Response()


def close_after_head(request: web.BaseRequest, answer: Answer) -> web.Response:
    """Send the head of *answer*, then close; at least one announced byte is missing."""
    _write(request, _head(answer, length=max(1, len(answer.text.encode()))))
    return close(request)


def truncate(request: web.BaseRequest, answer: Answer) -> web.Response:
    """Send all of *answer* under a head that announces more, then close."""
    body = answer.text.encode()
    _write(request, _head(answer, length=len(body) + _MISSING_BYTES) + body)
    return close(request)


def _write(request: web.BaseRequest, raw: bytes) -> None:
    transport = request.transport
    if transport is not None and not transport.is_closing():
        transport.write(raw)  # a few hundred bytes: never worth waiting for


def _head(answer: Answer, *, length: int) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} Collector",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {length}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
