"""A server that lives in the loop of its client: a transport whose answers are scripted.

For virtual time only, where there are no sockets. It takes a batch as the gateways of the real
systems do: whole or not at all, and not if one of its events is bad.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Unpack
from urllib.parse import urlsplit

from asyncsdk import AsyncAnalytics, Delivery, MemoryStore, RudderStack
from asyncsdk.client.settings import Options
from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.receipts import Receipt
from asyncsdk.seams import Batch, DeadLetter, HttpRequest, HttpResponse, Lease, Room
from tests.secrecy import EMAIL, WORD

KEY = "planted-key-of-virtual-time"
#: A user that the gateway refuses, and with it the whole batch.
BAD = " "


class Act(NamedTuple):
    """What the server does with a request.

    Attributes:
        status: What it answers; 0 resets the connection instead.
        after: Seconds that it takes.
        keeps: Whether it keeps the events of a request that gets no answer.
        headers: Of the answer, names in lower case.
        max_body: Bytes of a body above which it answers 413.
    """

    status: int = 200
    after: float = 0.0
    keeps: bool = False
    headers: Mapping[str, str] = {}
    max_body: int = 1_000_000


class Asked(NamedTuple):
    """One request as the server sees it.

    Attributes:
        at: When it came, in seconds of the loop.
        host: Where it went.
        numbers: Its events, by the number in their properties.
    """

    at: float
    host: str
    numbers: Sequence[int]


YES = Act()
DOWN = Act(status=503)
RESET = Act(status=0)
LOST_ANSWER = Act(status=0, keeps=True)
HANGS = Act(status=0, after=1e9)


class Gateway:
    """Answer as *script* says, in the loop of the client."""

    def __init__(self, script: Callable[[Asked], Act] = lambda _: YES) -> None:
        self.script: Callable[[Asked], Act] = script
        # This is all that changes.
        self.asked: list[Asked] = []
        self.sizes: list[int] = []  # of the bodies, as they came
        self.kept: dict[str, list[int]] = {}  # by host, in the order of arrival
        self.ids: dict[int, set[str]] = {}  # message ids, by number
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight: Counter[str] = Counter()

    async def open(self) -> None:
        """Be ready."""
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Let go of nothing."""
        await asyncio.sleep(0)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Act on *request*."""
        asked, bad = self._read(request)
        self.asked.append(asked)
        self.sizes.append(len(request.body))
        act = self.script(asked)
        self.in_flight[asked.host] += 1
        self.most_in_flight[asked.host] = max(
            self.most_in_flight[asked.host], self.in_flight[asked.host]
        )
        try:
            async with asyncio.timeout(request.timeout or None):
                return await self._answer(asked, act, bad=bad, size=len(request.body))
        except TimeoutError:
            raise RequestTimeoutError("no answer in time", retryable=True) from None
        finally:
            self.in_flight[asked.host] -= 1

    async def _answer(self, asked: Asked, act: Act, *, bad: bool, size: int) -> HttpResponse:
        await asyncio.sleep(0)  # on its way
        if size > act.max_body:
            return HttpResponse(status=413)
        if act.status == 200 and bad:
            return HttpResponse(status=400, body=b"request neither has anonymousId nor userId")
        if not bad and (act.status == 200 or act.keeps):
            self.kept.setdefault(asked.host, []).extend(asked.numbers)
        await asyncio.sleep(act.after)
        if act.status == 0:
            raise TransportError("connection reset", retryable=True)
        return HttpResponse(status=act.status, headers=act.headers)

    def _read(self, request: HttpRequest) -> tuple[Asked, bool]:
        body = request.body
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        events = json.loads(body)["batch"]
        numbers = [event["properties"]["n"] for event in events]
        for event, number in zip(events, numbers, strict=True):
            self.ids.setdefault(number, set()).add(event["messageId"])
        host = urlsplit(request.url).hostname or ""
        now = asyncio.get_running_loop().time()
        return Asked(now, host, numbers), any(event["userId"] == BAD for event in events)

    @property
    def times(self) -> list[float]:
        """When each request came."""
        return [asked.at for asked in self.asked]

    def arrived(self, host: str = "here") -> list[int]:
        """List the events that were kept, in the order of their first arrival."""
        return list(dict.fromkeys(self.kept.get(host, ())))


class Unhurried(MemoryStore):
    """A store that gives way to others before and after everything it does, as a real one does."""

    async def recover(self, lane: str) -> None:
        """Return leases."""
        await asyncio.sleep(0)
        await super().recover(lane)
        await asyncio.sleep(0)

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Keep a batch."""
        await asyncio.sleep(0)
        await super().append(lane, batch, age=age, letters=letters)
        await asyncio.sleep(0)

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease batches."""
        await asyncio.sleep(0)
        leases = await super().take(lane, room)
        await asyncio.sleep(0)
        return leases

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return leases."""
        await asyncio.sleep(0)
        await super().give_back(leases)
        await asyncio.sleep(0)

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Write progress."""
        await asyncio.sleep(0)
        await super().note(lease, letters)
        await asyncio.sleep(0)

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Forget a batch."""
        await asyncio.sleep(0)
        mine = await super().settle(lease, letters)
        await asyncio.sleep(0)
        return mine

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Keep letters."""
        await asyncio.sleep(0)
        await super().bury(letters)
        await asyncio.sleep(0)

    async def exhume(
        self, lane: str | None, message_ids: frozenset[str] | None
    ) -> list[DeadLetter]:
        """Take letters out."""
        await asyncio.sleep(0)
        letters = await super().exhume(lane, message_ids)
        await asyncio.sleep(0)
        return letters

    async def retire(self, lane: str) -> None:
        """Forget a lane."""
        await asyncio.sleep(0)
        await super().retire(lane)
        await asyncio.sleep(0)


def in_turn(*acts: Act, then: Act = YES) -> Callable[[Asked], Act]:
    """Act on the first requests in turn, and on all others as *then* says."""
    left = list(reversed(acts))
    return lambda _: left.pop() if left else then


def until(moment: float, act: Act) -> Callable[[Asked], Act]:
    """Act so until *moment* on the loop's clock, then say yes."""
    return lambda asked: act if asked.at < moment else YES


def destination(host: str = "here", delivery: Delivery | None = None) -> RudderStack:
    """Return a destination whose lane is named after its host."""
    return RudderStack(KEY, f"https://{host}", name=host, delivery=delivery or Delivery())


def client(gateway: Gateway, **options: Unpack[Options]) -> AsyncAnalytics:
    """Make a client of *gateway*, with pauses that chance does not touch."""
    exact: Options = {"jitter": 0.0, "transport": gateway}
    exact.update(options)
    return AsyncAnalytics(destination(), **exact)


def track(analytics: AsyncAnalytics, number: int, *, bad: bool = False) -> Receipt:
    """Make one call; *number* says its place in the order."""
    facts = {"n": number, "email": EMAIL, "note": WORD}
    return analytics.track("Step", user_id=BAD if bad else "u-1", properties=facts)
