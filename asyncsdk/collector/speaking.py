"""aiohttp's side: a request's head and body in our words, an answer as its response."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from asyncsdk.collector import bodies
from asyncsdk.collector.answers import Answer
from asyncsdk.collector.cases import Head

# A handler that still runs after the hanging ones were let go is not waited for longer (seconds).
_SHUTDOWN_TIMEOUT = 0.1


class UnreadableBody(Exception):
    """Says why a body cannot be unpacked, and how much of it was read."""

    def __init__(self, wire_bytes: int, *, too_large: bool) -> None:
        super().__init__(wire_bytes)
        self.wire_bytes = wire_bytes
        self.too_large = too_large


def runner(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.AppRunner:
    """Let *handle* answer every path and method."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return web.AppRunner(
        app,
        access_log=None,
        # Bodies are unpacked here, within a bound; and a hanging request whose client left ends.
        auto_decompress=False,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_TIMEOUT,
    )


def head_of(request: web.Request) -> Head:
    """Return what is known of *request* before its body is read."""
    headers = request.headers
    query = request.query if request.query_string else {}
    return Head(
        method=request.method,
        path=request.path,
        authorization=headers.get("Authorization"),
        content_type=headers.get("Content-Type", ""),
        api_key=query.get("api_key", ""),
        idempotency_key=headers.get("X-Idempotency-Key", ""),
        request_id=headers.get("X-Request-Id", ""),
        token=query.get("token", ""),
        version=query.get("v", ""),
        if_none_match=headers.get("If-None-Match", ""),
    )


async def read(request: web.Request, *, limit: int) -> tuple[int, bytes]:
    """Return how many bytes came, and the unpacked body, of *limit* bytes at most.

    Raises:
        UnreadableBody: There is more, or it is not what its Content-Encoding promises.
    """
    wire_bytes = 0
    try:
        wire = await bodies.read_bounded(request.content.iter_any(), limit=limit)
        wire_bytes = len(wire)
        encoding = request.headers.get("Content-Encoding", "")
        return wire_bytes, bodies.unpack(wire, encoding=encoding, limit=limit)
    except bodies.BodyTooLarge:
        seen = wire_bytes or request.content_length or limit
        raise UnreadableBody(seen, too_large=True) from None
    except bodies.BodyBroken:
        raise UnreadableBody(wire_bytes, too_large=False) from None


def response(answer: Answer) -> web.Response:
    """Write *answer* as aiohttp sends it."""
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return web.Response(status=answer.status, body=answer.text.encode(), headers=headers)
