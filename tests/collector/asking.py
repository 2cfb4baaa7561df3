"""Asks a collector over real HTTP, the way a sender does."""

import base64
import gzip
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import anyio
import msgspec

from asyncsdk.collector import Collector

KEY = "write-key-1"


def basic(key: str) -> str:
    """Return the Authorization of a write key."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def bearer(key: str) -> str:
    """Return the Authorization of an API key."""
    return f"Bearer {key}"


def event(message_id: str = "m-1", **more: Any) -> dict[str, Any]:
    """Build an event that every system takes."""
    return {"type": "track", "userId": "u-1", "event": "E", "messageId": message_id, **more}


def batch(*ids: str) -> dict[str, Any]:
    """Build RudderStack's envelope with one event for each id."""
    return {"batch": [event(message_id) for message_id in ids]}


async def until(condition: Callable[[], object]) -> None:
    """Wait, ten seconds at most, for something that is about to happen."""
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await anyio.sleep(0.005)


class Got(msgspec.Struct, frozen=True):
    """Holds an answer as it came over the wire."""

    status: int
    text: str
    headers: Mapping[str, str]


class Asker:
    """Sends requests to one collector."""

    def __init__(self, session: aiohttp.ClientSession, collector: Collector) -> None:
        self.session = session
        self.collector = collector

    async def post(
        self,
        body: object = None,
        *,
        path: str = "/v1/batch",
        key: str | None = KEY,
        scheme: Callable[[str], str] = basic,
        headers: Mapping[str, str] | None = None,
        packed: bool = False,
    ) -> Got:
        """Post *body* (bytes as they are, anything else as JSON) with *key*, None for no header."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        if key is not None:
            sent["Authorization"] = scheme(key)
        if packed:
            raw, sent["Content-Encoding"] = gzip.compress(raw), "gzip"
        return await self.ask("POST", path, raw, sent)

    async def said(self, body: object, *, path: str, **headers: str) -> tuple[int, Any]:
        """Post with a Bearer key; return the status and the answer's JSON.

        The headers are those whose names begin with X: `idempotency_key` is X-Idempotency-Key.
        """
        sent = {"X-" + name.replace("_", "-"): value for name, value in headers.items()}
        got = await self.post(body, path=path, scheme=bearer, headers=sent)
        assert got.headers["Content-Type"] == "application/json"
        return got.status, msgspec.json.decode(got.text)

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Got:
        """Get one of the collector's own pages."""
        return await self.ask("GET", path, None, headers or {})

    async def ask(
        self, method: str, path: str, raw: bytes | None, headers: Mapping[str, str]
    ) -> Got:
        """Send one request and read its whole answer."""
        url = self.collector.url + path
        async with self.session.request(method, url, data=raw, headers=headers) as answer:
            return Got(answer.status, await answer.text(), answer.headers.copy())
