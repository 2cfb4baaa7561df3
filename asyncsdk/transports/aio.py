"""The transport on aiohttp: the one room of the sending side that knows it.

aiohttp is imported when the transport opens, not with the package: it takes a quarter of a second.
All its errors end here, as ours, without their text: their `repr` shows headers, and so the key.
"""

from __future__ import annotations

import math
import ssl
import sys
import time
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING

from asyncsdk import border
from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.outside import beside, import_beside
from asyncsdk.seams import HttpRequest, HttpResponse
from asyncsdk.transports.proxies import Proxies

if TYPE_CHECKING:
    import aiohttp

#: Seconds that an idle connection is kept: shorter than the load balancers' usual minute, so
#: that it is us who close it.
KEEP_ALIVE = 15.0
#: Seconds that a resolved name is kept.
KEEP_NAMES = 60
#: What is imported with the first session; a forked child, which needs the second, imports nothing.
_NEEDED = ("aiohttp", "asyncsdk.inheriting")
#: Bytes of an answer that are joined in the loop.
_AT_ONCE = 1 << 20

_NO_GUESSING = {"Accept-Encoding": "identity"}


def load() -> None:
    """Import aiohttp now, in this thread: then no fork, and no first request, has to wait for it."""
    for name in _NEEDED:
        import_module(name)


class AiohttpTransport:
    """Send requests with aiohttp; certificates are verified, redirects never followed.

    Args:
        ssl_context: Another trust store than the system's, for a private authority.
        proxy: The URL of an HTTP proxy.
        trust_env: Whether `HTTPS_PROXY` and the like are obeyed.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
    ) -> None:
        self._ssl = ssl_context
        self._proxy = proxy
        self._trust_env = trust_env
        self._proxies = Proxies(proxy, trust_env=False)
        self._session: aiohttp.ClientSession | None = None  # this is all that changes

    async def open(self) -> None:
        """Make a session on the running loop; the first one of a process takes a while."""
        for name in _NEEDED:
            # A quarter of a second of imports: beside the loop, which goes on meanwhile.
            if name not in sys.modules:
                await import_beside(name)
        import aiohttp

        await self.close()
        self._proxies = Proxies(self._proxy, trust_env=self._trust_env)
        watch = aiohttp.TraceConfig()
        watch.on_connection_reuseconn.append(_reused)
        watch.freeze()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=True if self._ssl is None else self._ssl,
                keepalive_timeout=KEEP_ALIVE,
                ttl_dns_cache=KEEP_NAMES,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=_request_class(),
            trace_configs=[watch],
            headers=_NO_GUESSING,
        )

    def forget(self) -> None:
        """Let go of the parent's connections in a forked child, without a word on them."""
        session, self._session = self._session, None
        if session is not None:
            from asyncsdk.inheriting import leave_alone

            leave_alone(session)

    async def close(self) -> None:
        """Close the session and its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send *request*; a kept connection that turns out dead is replaced once, at once.

        Raises:
            TransportError: No whole answer was received, or the border is closed.
        """
        import aiohttp

        border.check(request.url)
        history = SimpleNamespace(reused=False, answered=False)
        began = time.monotonic()
        try:
            try:
                return await self._exchange(request, history, request.timeout)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # The other side had closed the idle connection: no byte of an answer came.
                if history.answered or not history.reused:
                    raise
                again = SimpleNamespace(reused=False, answered=False)
                left = request.timeout - (time.monotonic() - began) if request.timeout else 0.0
                return await self._exchange(request, again, max(left, 0.001) if left else 0.0)
        except TimeoutError:
            raise RequestTimeoutError(
                f"no whole answer within {request.timeout:g} s", retryable=True
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            words = _plain_words(error)
            _let_go(error)
            raise TransportError(words, retryable=True) from None

    async def _exchange(
        self, request: HttpRequest, history: SimpleNamespace, seconds: float
    ) -> HttpResponse:
        import aiohttp

        if self._session is None:
            raise OSError("the transport is not open")
        async with self._session.request(
            request.method,
            request.url,
            data=request.body or None,  # else a GET would have a type
            headers=request.headers,
            allow_redirects=False,
            proxy=self._proxies.for_url(request.url),
            timeout=aiohttp.ClientTimeout(
                total=seconds if 0 < seconds < math.inf else None, ceil_threshold=math.inf
            ),
            trace_request_ctx=history,
        ) as response:
            history.answered = True
            body, whole = await _read(response.content, request.max_answer_bytes)
            if not whole:
                response.close()  # what was not read must not be taken for the next answer
            return HttpResponse(
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=body,
            )


def _request_class() -> type[aiohttp.ClientRequest]:
    """Return aiohttp's request, which looks once more at the connection that it was given."""
    import aiohttp
    from aiohttp.connector import Connection

    class Request(aiohttp.ClientRequest):
        async def send(self, conn: Connection) -> aiohttp.ClientResponse:
            # Something lies in the buffer of an idle connection: it would be taken for our answer.
            if conn.protocol is None or conn.protocol.should_close:
                conn.close()
                raise aiohttp.ServerDisconnectedError
            return await super().send(conn)

    return Request


async def _read(content: aiohttp.StreamReader, most: int) -> tuple[bytes, bool]:
    """Read to the end, or *most* bytes; return whether that is all of it."""
    parts: list[bytes] = []
    size = 0
    while size <= most:
        part = await content.read(most + 1 - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    if size > most:
        parts[-1] = parts[-1][:-1]
    # New memory for megabytes is felt; a thread that joins parts lets the loop run.
    if size > _AT_ONCE:
        with suppress(RuntimeError):  # there are no more threads to be had
            return await beside(b"".join, parts), size <= most
    return b"".join(parts), size <= most


async def _reused(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    history = context.trace_request_ctx
    history.reused = True


def _let_go(error: BaseException) -> None:
    """Cut what a library's error knows of its calls: they hold it in turn, and the key besides.

    A hundred objects that only the garbage collector frees, each time that a server is away.
    """
    link: BaseException | None = error
    while link is not None and link.__traceback__ is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__


def _plain_words(error: BaseException) -> str:
    """Name the trouble without the library's own text, which may show headers."""
    # aiohttp's own connection errors hold the system's: as attributes, or as their cause.
    for name in ("certificate_error", "os_error", "__cause__"):
        inner = getattr(error, name, None)
        if isinstance(inner, ssl.SSLError):
            return f"TLS: {getattr(inner, 'reason', None) or 'handshake failed'}"
        if isinstance(inner, OSError) and inner.strerror:
            return str(inner.strerror)
    words = getattr(error, "strerror", None)
    return str(words) if words else f"no answer ({type(error).__name__})"
