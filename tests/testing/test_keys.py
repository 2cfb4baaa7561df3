"""Keys: what happens to one on its way, where a system drops repeats by it?"""

import asyncio
from collections import defaultdict

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.client.settings import Options
from asyncsdk.seams import HttpRequest, HttpResponse
from tests.testing.scripted import (
    DOWN,
    HANGS,
    KEY,
    LOST_ANSWER,
    RESET,
    Act,
    Asked,
    Gateway,
    in_turn,
    track,
)

HEADER = "Idempotency-Key"


class Keyed(RudderStack):
    """A system that has the key on its wire."""

    @property
    def wire_key(self) -> bool:
        """A request carries one batch only."""
        return True

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Put the key into a header."""
        plain = super().request(route, packed, encoding=encoding, key=key, attempt=attempt)
        return HttpRequest(url=plain.url, headers={**plain.headers, HEADER: key}, body=plain.body)


class Register(Gateway):
    """A gateway that writes down under which key each request came."""

    keys: list[str]

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Note the key, then act."""
        self.keys = [*getattr(self, "keys", ()), request.headers[HEADER]]
        return await super().send(request)

    def by_content(self) -> dict[tuple[int, ...], set[str]]:
        """Return the keys under which the same events came."""
        found: dict[tuple[int, ...], set[str]] = defaultdict(set)
        for asked, key in zip(self.asked, self.keys, strict=True):
            found[tuple(asked.numbers)].add(key)
        return found


def client(gateway: Gateway, **options: object) -> AsyncAnalytics:
    """Make a client of a system with keys."""
    exact: Options = {"jitter": 0.0, "transport": gateway, "flush_at": 4, **options}  # type: ignore[typeddict-item]
    return AsyncAnalytics(Keyed(KEY, "https://here", name="here"), **exact)


def each_content_has_one_key_of_its_own(gateway: Register) -> None:
    """Check it for all requests that came."""
    keys = list(gateway.by_content().values())
    assert all(len(some) == 1 for some in keys)
    assert len(set.union(*keys)) == len(keys)


async def test_what_is_sent_again_has_the_key_that_it_had() -> None:
    """Whatever the failure; and the next batch has another one."""
    gateway = Register(in_turn(DOWN, RESET, LOST_ANSWER, HANGS, Act(status=401)))
    analytics = client(gateway)
    for number in range(4):
        track(analytics, number)
    await analytics.flush(1_000)
    await asyncio.sleep(1_000)
    for number in range(4, 8):
        track(analytics, number)
    await analytics.flush()
    contents = gateway.by_content()
    assert list(contents) == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert len(gateway.asked) == 7
    each_content_has_one_key_of_its_own(gateway)
    await analytics.shutdown()


async def test_the_parts_of_a_split_have_keys_of_their_own_that_stay() -> None:
    """Found by halves, with a failure before each answer: one key for one content all the way."""
    before: set[tuple[int, ...]] = set()

    def act(asked: Asked) -> Act:
        """Fail once for each content, then judge it."""
        content = tuple(asked.numbers)
        new = content not in before
        before.add(content)
        return LOST_ANSWER if new else Act()

    gateway = Register(act)
    analytics = client(gateway, flush_at=8)
    for number in range(8):
        track(analytics, number, bad=number == 5)
    await analytics.flush(1_000)
    assert gateway.arrived() == [0, 1, 2, 3, 4, 6, 7]
    assert len(gateway.by_content()) > 4
    each_content_has_one_key_of_its_own(gateway)
    await analytics.shutdown()


async def test_a_request_that_was_cut_off_comes_again_under_its_key() -> None:
    """A task of ours is cancelled in the middle of a request: the next one takes the batch over."""
    gateway = Register(in_turn(HANGS))
    analytics = client(gateway)
    for number in range(4):
        track(analytics, number)
    await asyncio.sleep(1)
    for task in asyncio.all_tasks():
        if task.get_name() == "asyncsdk here send 0":
            task.cancel()
    assert (await analytics.flush()).pending == 0
    assert [len(asked.numbers) for asked in gateway.asked] == [4, 4]
    each_content_has_one_key_of_its_own(gateway)
    await analytics.shutdown()


async def test_a_request_with_a_key_carries_one_batch() -> None:
    """What waits behind a slow answer merges into a batch; two batches never share a request."""
    gateway = Register(in_turn(Act(after=5.0), DOWN))
    analytics = client(gateway, concurrency=2, max_batch_events=8)
    for number in range(32):
        track(analytics, number)
    await analytics.flush(100)
    assert sorted(gateway.arrived()) == list(range(32))
    assert max(len(asked.numbers) for asked in gateway.asked) == 8
    each_content_has_one_key_of_its_own(gateway)
    await analytics.shutdown()
