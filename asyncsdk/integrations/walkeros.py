"""A route for Starlette and FastAPI that takes the events of a walkerOS tracker in a browser.

What comes in is a stranger's: its size and its number of events are bounded, and what is no event is
refused. What it says of users is a browser's word; `enrich` can put the session's in its place.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from asyncsdk.client import AsyncAnalytics
from asyncsdk.errors import ConfigurationError, QueueFullError, ValidationError

try:
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError:
    raise ConfigurationError(
        'asyncsdk: this route needs the "starlette" package: pip install "asyncsdk[starlette]"'
    ) from None

#: Change an event that came in, or refuse it with None. It may be a session's user that it adds.
Enrich = Callable[[Request, dict[str, Any]], dict[str, Any] | None]

_Name = Annotated[str, Meta(pattern=r"\A[^ ]+ [^ ]+( |\Z)", max_length=255)]
_Object = dict[str, Any]


class _Incoming(Struct):
    """What an event must look like; other fields may be there too."""

    name: _Name
    data: _Object | None = None
    context: _Object | None = None
    globals: _Object | None = None
    custom: _Object | None = None
    user: _Object | None = None
    consent: dict[str, bool] | None = None
    nested: list[_Object] | None = None
    id: str | int | None = None
    timestamp: int | float | str | None = None


msgspec.json.Decoder(_Incoming)  # makes it ready while one thread is here, see `client.gate`


class _Refused(Struct, frozen=True):
    index: int
    reason: str


class _Answer(Struct, frozen=True):
    accepted: int
    refused: list[_Refused]


class _Wrong(Exception):
    """Say why a request is refused as a whole."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Endpoint:
    """Answer the requests of one route."""

    def __init__(
        self,
        analytics: AsyncAnalytics,
        origins: Sequence[str],
        limits: Limits,
        enrich: Enrich | None,
    ) -> None:
        self._analytics = analytics
        self._origins = frozenset(origins)
        self._limits = limits
        self._enrich = enrich

    async def answer(self, request: Request) -> Response:
        """Take the events of *request*, or say what is wrong with it."""
        origin = request.headers.get("origin")
        if origin is not None and not (self._origins & {"*", origin} or _is_own(request, origin)):
            return _json(403, {"error": "origin: it is not among those that are allowed"})
        headers = {} if origin is None else self._cors(origin)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={**headers, **_PREFLIGHT})
        try:
            events = _events(await self._body(request), self._limits.max_events)
        except _Wrong as wrong:
            return _json(wrong.status, {"error": wrong.reason}, headers)
        except ClientDisconnect:
            return Response(status_code=400)
        return self._take(request, events, headers)

    def _cors(self, origin: str) -> dict[str, str]:
        if "*" in self._origins:
            return {"access-control-allow-origin": "*"}
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",  # so that `enrich` sees the session
            "vary": "Origin",
        }

    async def _body(self, request: Request) -> bytes:
        """Read the body, no more of it than is allowed, and not for ever."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise _Wrong(415, "content-encoding: compressed bodies are not taken")
        limits, body = self._limits, bytearray()
        try:
            async with asyncio.timeout(limits.timeout):
                async for piece in request.stream():
                    body += piece
                    if len(body) > limits.max_bytes:
                        raise _Wrong(413, f"body: at most {limits.max_bytes} bytes are taken")
        except TimeoutError:
            raise _Wrong(408, f"body: it took longer than {limits.timeout:g} s") from None
        return bytes(body)

    def _take(self, request: Request, events: list[Any], headers: dict[str, str]) -> Response:
        refused: list[_Refused] = []
        for index, event in enumerate(events):
            try:
                msgspec.convert(event, _Incoming)
                read = event if self._enrich is None else self._enrich(request, event)
                if read is None:
                    refused.append(_Refused(index, "it is not wanted here"))
                else:
                    self._analytics.push(read)
            except msgspec.ValidationError as error:
                refused.append(_Refused(index, _said(error)))
            except ValidationError as error:
                refused.append(_Refused(index, str(error)))
            except QueueFullError as error:
                wait = {"retry-after": str(max(round(error.retry_after or 1.0), 1))}
                return _json(503, {"error": "the queue is full"}, {**headers, **wait})
        accepted = len(events) - len(refused)
        return _json(202 if accepted or not events else 400, _Answer(accepted, refused), headers)


def _is_own(request: Request, origin: str) -> bool:
    """Whether it comes from a page of the very site that is asked."""
    return origin.partition("://")[2] == request.headers.get("host")


_PREFLIGHT = {
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    "access-control-max-age": "86400",
}


def _events(body: bytes, most: int) -> list[Any]:
    """Return the events in *body*: one, a list, or a list under ``events`` or ``batch``."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Wrong(400, "body: it is not JSON") from None
    if isinstance(found, dict) and "name" not in found:
        found = found.get("events", found.get("batch", found))
    events: list[Any] = found if isinstance(found, list) else [found]
    if len(events) > most:
        raise _Wrong(413, f"body: at most {most} events are taken at once")
    return events


def _said(error: msgspec.ValidationError) -> str:
    """Return msgspec's words without the pattern: they hold types and places, never contents."""
    text = str(error)
    return "name: two words are needed, entity and action" if "matching regex" in text else text


def _json(status: int, content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


class Limits(Struct, frozen=True, kw_only=True):
    """What one request may be.

    Attributes:
        max_bytes: Bytes of its body.
        max_events: Events in it.
        timeout: Seconds until its body must be there.
    """

    max_bytes: int = 64 * 1024
    max_events: int = 50
    timeout: float = 10.0


def walkeros_route(
    analytics: AsyncAnalytics,
    path: str = "/walkeros",
    *,
    origins: Sequence[str] = (),
    limits: Limits | None = None,
    enrich: Enrich | None = None,
) -> Route:
    """Return a route that pushes the walkerOS events POSTed to it.

    Answers 202 with how many events were taken and which were refused, 400 if none was good, 403
    to a foreign origin, 408, 413 and 415 to bodies that are too slow, too large or compressed, and
    503 with ``Retry-After`` if the queue is full and the client has ``overflow="raise"``.

    Args:
        analytics: A client with a mapping.
        path: Of the route.
        origins: Those of other sites whose pages may post, such as ``https://www.example.com``,
            with their cookies; ``*`` for all, without. A request without an origin is none of a
            browser's page, and is let in.
        limits: What one request may be.
        enrich: A plain function that changes an event or refuses it, such as one that puts the
            session's user into it. It must not wait.

    Raises:
        ConfigurationError: *origins* is a text, *enrich* would have to be awaited, or the client
            has no mapping.
    """
    if isinstance(origins, str):
        raise ConfigurationError("origins: a list of texts is needed")
    if inspect.iscoroutinefunction(enrich):
        raise ConfigurationError("enrich: a plain function is needed, it is not awaited")
    if not analytics.has_mapping:
        raise ConfigurationError("analytics: the client has no mapping; give it mapping=…")
    endpoint = _Endpoint(analytics, origins, limits or Limits(), enrich)
    return Route(path, endpoint.answer, methods=["POST", "OPTIONS"], name="walkeros")
