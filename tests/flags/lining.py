"""A server for flags that lives in the loop of its client: a transport with a script."""

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise

from msgspec import Struct

from asyncsdk import AsyncAnalytics, PostHog
from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.seams import HttpRequest, HttpResponse
from tests.flags.answering import KEY, SECRET

HOST = "https://hog.example.com"


class Act(Struct, frozen=True, kw_only=True):
    """What is answered to a poll, and when; 0 is no answer at all."""

    status: int = 200
    content: object = None
    headers: dict[str, str] = {}
    body: bytes | None = None
    after: float = 0.0


class Line:
    """Answers polls as its script says, the last act for ever; events are taken."""

    def __init__(self, *script: Act) -> None:
        # This is all that changes.
        self.script = list(script)
        self.times: list[float] = []
        self.etags: list[str | None] = []
        self.open_polls = 0

    async def open(self) -> None:
        """Be ready."""

    async def close(self) -> None:
        """Let nothing go: there is nothing."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if request.method == "POST":
            return HttpResponse(status=200, body=b'{"status":"Ok"}')
        self.times.append(asyncio.get_running_loop().time())
        self.etags.append(request.headers.get("If-None-Match"))
        act = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.open_polls += 1
        try:
            await self._wait(act, request.timeout)
        finally:
            self.open_polls -= 1
        if not act.status:
            raise TransportError("reset", retryable=True)
        body = json.dumps(act.content).encode() if act.body is None else act.body
        return HttpResponse(status=act.status, headers=act.headers, body=body)

    async def _wait(self, act: Act, timeout: float) -> None:
        await asyncio.sleep(min(act.after, timeout))
        if act.after > timeout:
            raise RequestTimeoutError("too late", retryable=True)

    @property
    def gaps(self) -> list[float]:
        """The seconds between one poll and the next."""
        return [late - early for early, late in pairwise(self.times)]


def client_of(line: Line, **fields: object) -> AsyncAnalytics:
    """Return a client with one destination, over *line*."""
    make: Callable[..., PostHog] = PostHog
    hog = make(KEY, **{"host": HOST, "personal_api_key": SECRET, **fields})
    return AsyncAnalytics(hog, transport=line)
