"""A system with two routes: every event goes its own way, and is always looked at as what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from asyncsdk import AsyncAnalytics, Message, RudderStack
from asyncsdk.seams import Encoded, HttpRequest, HttpResponse, RouteLimits, Unsupported, Verdict
from tests.testing.scripted import DOWN, KEY, YES, Act, Asked, Gateway, in_turn, track

LIMITS = RouteLimits(max_events=100, max_bytes=100_000, event_overhead=50, body_overhead=100)


class Forked(RudderStack):
    """A system that takes pages elsewhere; it notices when an event is taken for another kind."""

    @property
    def routes(self) -> Mapping[str, RouteLimits]:
        """Two of the same size."""
        return {"tracks": LIMITS, "pages": LIMITS}

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Send pages their way."""
        made = super().encode(message)
        assert isinstance(made, Encoded)
        return Encoded("pages" if message.type == "page" else "tracks", made.data)

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Pack what belongs together."""
        for event in events:
            self.identity(route, event)
        return super().body(route, events, sent_at=sent_at)

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Address the route."""
        plain = super().request(route, packed, encoding=encoding, key=key, attempt=attempt)
        return HttpRequest(url=f"https://{route}", headers=plain.headers, body=plain.body)

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Know whose answer it is."""
        assert response.headers.get("route", route) == route
        assert 1 <= count <= 100
        return super().judge(route, response, count)

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Read an event of this route."""
        assert (b'"type":"page"' in event) == (route == "pages"), (route, event)
        return super().identity(route, event)


def client(gateway: Gateway, **options: object) -> AsyncAnalytics:
    """Make a client of the system with two routes."""
    return AsyncAnalytics(
        Forked(KEY, "https://here", name="here"),
        transport=gateway,
        jitter=0.0,
        gzip=False,
        **options,  # type: ignore[arg-type]
    )


def call(analytics: AsyncAnalytics, number: int) -> None:
    """Make a page of every third number, and a track of the others."""
    if number % 3:
        track(analytics, number)
    else:
        analytics.page("Step", user_id="u-1", properties={"n": number})


def ways(gateway: Gateway) -> list[tuple[str, list[int]]]:
    """Return where each request went, with what."""
    return [(asked.host, list(asked.numbers)) for asked in gateway.asked]


async def test_what_goes_different_ways_never_shares_a_request() -> None:
    """In the order of the calls, whatever waits together and whatever fails."""
    gateway = Gateway(in_turn(Act(after=5.0), DOWN, Act(status=0)))
    analytics = client(gateway, flush_at=2)
    for number in range(12):
        call(analytics, number)
    assert (await analytics.flush(100)).delivered == 12
    assert all(len({number % 3 == 0 for number in numbers}) == 1 for _, numbers in ways(gateway))
    assert all((host == "pages") == (numbers[0] % 3 == 0) for host, numbers in ways(gateway))
    assert sorted(gateway.arrived("pages") + gateway.arrived("tracks")) == list(range(12))
    order = [number for host, numbers in ways(gateway)[3:] for number in numbers]
    assert order == sorted(order)
    await analytics.shutdown()


async def test_what_comes_back_goes_the_way_it_had() -> None:
    """Letters of both routes are read, and replayed, as what they are."""

    def act(_: Asked) -> Act:
        """Be away, then be there."""
        return DOWN if down else YES

    down = True
    gateway = Gateway(act)
    analytics = client(gateway, max_retries=0)
    for number in range(6):
        call(analytics, number)
    await analytics.flush()
    await asyncio.sleep(1)
    letters = [letter async for letter in analytics.dead_letters()]
    assert sorted(letter.event["properties"]["n"] for letter in letters) == list(range(6))
    assert all(letter.message_id and letter.first_at for letter in letters)
    down = False
    assert await analytics.replay() == 6
    assert (await analytics.flush()).delivered == 6
    assert sorted(gateway.arrived("pages")) == [0, 3]
    assert sorted(gateway.arrived("tracks")) == [1, 2, 4, 5]
    await analytics.shutdown()
