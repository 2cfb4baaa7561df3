"""Threads: calls from anywhere, at any speed, also while the client ends."""

import asyncio
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from signal import SIGINT, SIGTERM

import pytest

from asyncsdk import AsyncAnalytics, QueueFullError, Receipt, RudderStack, State, Statistics
from asyncsdk.collector import Collector
from asyncsdk.options import Overflow
from tests.promises.children import WHOLE_WAY
from tests.promises.shopping import shop, visit, visit_all

pytestmark = WHOLE_WAY


@pytest.fixture
def hasty() -> Iterator[None]:
    """Let threads take turns a thousand times as often, so that rare meetings are common."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def rudder(collector: Collector) -> RudderStack:
    """Point a destination at *collector*."""
    return RudderStack("planted-key", collector.url, name="there")


def adds_up(client: AsyncAnalytics) -> Statistics:
    """Check that every event is in one place; return the counts."""
    total = client.statistics()
    ended = total.delivered + total.rejected + total.dead + total.dropped
    assert total.accepted == ended + total.stored + total.pending
    return total


async def test_endpoints_that_are_plain_functions_lose_nothing() -> None:
    """What happens to calls in `def` endpoints of FastAPI, each in a thread? All arrive, once."""
    async with Collector() as collector, shop(collector.url, "lifespan") as (child, session):
        paths = [f"/{kind}/{number}" for number in range(150) for kind in ("plain", "awaited")]
        ids = await visit_all(session, paths)
        child.send(SIGTERM)
        ended = await child.ended()
        assert ended.said == ""
        assert len(ids) == 300
        assert collector.message_ids() == dict.fromkeys(ids, 1)


async def test_plain_endpoints_without_a_lifespan_are_warned_about() -> None:
    """What if nobody starts the client, and only threads call? One line says so; the exit sends."""
    async with Collector() as collector, shop(collector.url) as (child, session):
        ids = [
            message_id
            for number in range(30)
            for message_id in await visit(session, f"/plain/{number}")
        ]
        assert not collector.requests
        child.send(SIGINT)
        ended = await child.ended()
        (warning,) = [line for line in ended.said.splitlines() if "asyncsdk" in line]
        assert "SyncAnalytics" in warning
        assert collector.message_ids() == dict.fromkeys(ids, 1)


async def test_one_awaited_call_starts_what_plain_ones_have_left() -> None:
    """What if one endpoint is async? Its first call starts the client, which takes what waits."""
    async with Collector() as collector, shop(collector.url) as (child, session):
        ids = await visit_all(session, [f"/plain/{number}" for number in range(10)])
        ids += await visit_all(session, [f"/awaited/{number}" for number in range(10)])
        ids += await visit_all(session, [f"/plain/{number}" for number in range(10, 20)])
        while collector.message_ids() != dict.fromkeys(ids, 1):
            ids += await visit(session, "/plain/20")
            await asyncio.sleep(0.05)
        child.send(SIGTERM)
        assert (await child.ended()).said == ""


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "raise"])
@pytest.mark.parametrize("bound", [1_000, 100_000])
async def test_eight_threads_at_full_speed_are_counted_exactly(
    overflow: Overflow, bound: int
) -> None:
    """Do the counts hold under contention? To the event, with room enough and without."""
    receipts: list[list[Receipt]] = [[] for _ in range(8)]
    refused = [0] * 8
    async with (
        Collector() as collector,
        AsyncAnalytics(rudder(collector), overflow=overflow, max_queue_events=bound) as client,
    ):

        def work(thread: int) -> None:
            for number in range(1_000):
                try:
                    receipt = client.track(f"{thread}", user_id="u", properties={"n": number})
                    receipts[thread].append(receipt)
                except QueueFullError:
                    refused[thread] += 1

        await asyncio.gather(*(asyncio.to_thread(work, thread) for thread in range(8)))
        assert client.pending <= bound + 8
        result = await client.flush()
        total = adds_up(client)
    assert result.pending == 0
    made = [receipt for some in receipts for receipt in some]
    assert len(made) + sum(refused) == 8_000
    assert (total.accepted, total.refused) == (len(made), sum(refused))
    if bound > 8_000:
        assert total.delivered == 8_000
    else:
        assert total.delivered < 8_000
    states = Counter(receipt.state for receipt in made)
    assert states == +Counter({State.DELIVERED: total.delivered, State.DROPPED: total.dropped})
    for thread, some in enumerate(receipts):
        sent = [receipt.message_id for receipt in some if receipt.state is State.DELIVERED]
        came = [
            event.message_id for event in collector.events if event.body["event"] == f"{thread}"
        ]
        assert came == sent


@pytest.mark.usefixtures("hasty")
async def test_a_call_that_races_with_a_shutdown_is_for_this_run_or_the_next() -> None:
    """What if a thread calls while the client ends? The event arrives, now or with the next run."""
    async with Collector() as collector:
        client = AsyncAnalytics(rudder(collector))
        ids: list[str] = []
        draw = random.Random(7)

        def call(pause: float) -> None:
            time.sleep(pause)
            ids.extend(client.track("E", user_id="u").message_id for _ in range(5))

        for _ in range(100):
            client.track("E", user_id="owner")
            _, _, result = await asyncio.gather(
                asyncio.to_thread(call, draw.uniform(0, 0.004)),
                asyncio.to_thread(call, draw.uniform(0, 0.004)),
                client.shutdown(),
            )
            assert (result.dropped, result.errors) == (0, ())
            adds_up(client)
        await client.flush()
        total = adds_up(client)
        await client.shutdown()
        assert (total.accepted, total.delivered, total.pending) == (1_100, 1_100, 0)
        arrived = collector.message_ids()
        assert len(arrived) == 1_100
        assert {arrived[message_id] for message_id in ids} == {1}


@pytest.mark.usefixtures("hasty")
async def test_a_call_that_races_with_the_last_shutdown_arrives_or_is_said_to_be_dropped() -> None:
    """What if there is no next run? Then the receipt says `dropped`; none is left in between."""
    draw = random.Random(7)
    seen: Counter[State] = Counter()
    async with Collector() as collector:
        for _ in range(30):
            collector.clear()
            stop = threading.Event()
            receipts: list[list[Receipt]] = [[], [], []]

            def work(mine: list[Receipt], client: AsyncAnalytics, stop: threading.Event) -> None:
                while not stop.is_set():
                    mine.append(client.track("E", user_id="u"))

            async with AsyncAnalytics(rudder(collector)) as client:
                threads = [
                    threading.Thread(target=work, args=(mine, client, stop)) for mine in receipts
                ]
                for thread in threads:
                    thread.start()
                await asyncio.sleep(draw.uniform(0, 0.005))
            stop.set()
            for thread in threads:
                thread.join()
            made = [receipt for mine in receipts for receipt in mine]
            states = Counter(receipt.state for receipt in made)
            seen += states
            total = adds_up(client)
            assert states.keys() <= {State.DELIVERED, State.DROPPED}
            assert total.pending == 0
            assert total.dropped_reasons.keys() <= {"closed"}
            assert (total.accepted, total.delivered) == (len(made), states[State.DELIVERED])
            delivered = {one.message_id for one in made if one.state is State.DELIVERED}
            assert collector.message_ids() == dict.fromkeys(delivered, 1)
    assert seen.keys() == {State.DELIVERED, State.DROPPED}
