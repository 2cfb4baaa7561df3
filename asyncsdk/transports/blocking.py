"""The transport of last resort: a plain blocking POST.

At the interpreter's exit no thread can be started any more, so aiohttp cannot resolve a name; the
standard library's client can. It blocks the loop that it runs on, which then has nothing else to do.
"""

from __future__ import annotations

import base64
import http.client
import io
import re
import socket
import ssl
import time
from contextlib import closing
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from asyncsdk import border
from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.seams import HttpRequest, HttpResponse
from asyncsdk.transports.proxies import Proxies

_MAX_HEAD = 65_536
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


class BlockingTransport:
    """Send requests one by one with the standard library, within a budget of time.

    Args:
        ssl_context: Another trust store than the system's.
        proxies: Which proxy a request goes through.
        budget: Seconds for all requests together.
    """

    def __init__(
        self, *, ssl_context: ssl.SSLContext | None, proxies: Proxies, budget: float
    ) -> None:
        self._ssl = ssl_context
        self._proxies = proxies
        self._until = time.monotonic() + budget

    async def open(self) -> None:
        """Be ready: every request has a connection of its own."""

    async def close(self) -> None:
        """Nothing is kept open."""

    def forget(self) -> None:
        """Nothing is shared with a parent."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send *request*, blocking.

        Raises:
            TransportError: No whole answer was received within what is left of the budget, or the
                border is closed.
        """
        border.check(request.url)
        left = self._until - time.monotonic()
        if left <= 0:
            raise RequestTimeoutError("no time is left", retryable=True)
        seconds = min(left, request.timeout or left)
        until = time.monotonic() + seconds
        connection, target, extra = self._connection(request.url, seconds)
        try:
            connection.connect()
            connection.sock = bounded = _Bounded(connection.sock, until)
            connection.request(
                request.method, target, request.body or None, {**request.headers, **extra}
            )
            with closing(connection.getresponse()) as answer:
                if not bounded.head_is_whole:
                    # The library takes a head that was cut for a whole one.
                    raise http.client.IncompleteRead(b"")
                return _read(answer, request.max_answer_bytes)
        except TimeoutError:
            raise RequestTimeoutError(
                f"no whole answer within {seconds:.1f} s", retryable=True
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TransportError(f"no answer ({type(error).__name__})", retryable=True) from None
        finally:
            connection.close()

    def _connection(
        self, url: str, seconds: float
    ) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
        """Return a connection, what to ask for on it, and what to say besides."""
        parts = urlsplit(url)
        proxy = self._proxies.for_url(url)
        way = urlsplit(proxy) if proxy else parts
        host, port = way.hostname or "", way.port or (80 if proxy else None)
        password = _proxy_password(way) if proxy else {}
        if parts.scheme == "http":
            direct = http.client.HTTPConnection(host, port, timeout=seconds)
            return direct, url if proxy else _target(parts), password
        context = self._ssl or ssl.create_default_context()
        tls = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
        if proxy:
            tls.set_tunnel(parts.hostname or "", parts.port, password)
        return tls, _target(parts), {}


def _target(parts: SplitResult) -> str:
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _proxy_password(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _read(answer: http.client.HTTPResponse, most: int) -> HttpResponse:
    body = answer.read(most)
    if answer.length and len(body) < most:
        raise http.client.IncompleteRead(body, answer.length)
    return HttpResponse(
        status=answer.status,
        headers={name.lower(): value for name, value in answer.getheaders()},
        body=body,
    )


class _Bounded:
    """A socket whose reads end at one moment: a server that drips resets every other timeout."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until
        self._reads: _BoundedReads | None = None

    @property
    def head_is_whole(self) -> bool:
        return self._reads is not None and _END_OF_HEAD.search(self._reads.beginning) is not None

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._reads = _BoundedReads(self._sock, self._until)
        return io.BufferedReader(self._reads)

    def close(self) -> None:
        self._sock.close()


class _BoundedReads(io.RawIOBase):
    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        # The socket's own file, for it keeps the socket open until it is closed itself.
        self._file: io.RawIOBase = sock.makefile("rb", 0)
        self._until = until
        self.beginning: bytes = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        count = self._file.readinto(buffer)
        if count and len(self.beginning) < _MAX_HEAD:
            self.beginning += bytes(buffer[:count])
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
