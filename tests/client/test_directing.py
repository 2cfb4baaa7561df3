"""Views: calls that go to some destinations only, and tenants' lanes that come and go."""

from __future__ import annotations

import asyncio
import threading

import pytest

from asyncsdk import (
    AsyncAnalytics,
    ConfigurationError,
    Delivery,
    MemoryStore,
    RudderStack,
    Segment,
)
from asyncsdk.collector import Collector
from asyncsdk.receipts import State
from asyncsdk.testing import VirtualTimeLoop
from tests.street.walking import adds_up
from tests.testing.scripted import DOWN, YES, Act, Gateway, destination, in_turn, track


def tenant(collector: Collector, number: int) -> RudderStack:
    """Return the destination of one tenant, who has a key of its own."""
    return RudderStack(f"{number:03d}-tenant-key", collector.url)


@pytest.mark.whole_way
async def test_a_view_of_a_name_says_things_to_that_destination_alone() -> None:
    """The others neither get the event nor count it."""
    async with Collector() as one, Collector() as two:
        a = RudderStack("WRITE_KEY", one.url, name="a")
        b = Segment("OTHER_KEY", host=two.url, name="b")
        async with AsyncAnalytics(a, b) as analytics:
            receipt = analytics.to("b").track("Only there", user_id="u")
            analytics.track("Everywhere", user_id="u")
            await receipt.delivered()
            assert set(receipt.outcomes) == {"b"}
        assert [event.body["event"] for event in one.events] == ["Everywhere"]
        assert [event.body["event"] for event in two.events] == ["Only there", "Everywhere"]
        found = analytics.statistics().destinations
        assert (found["a"].accepted, found["b"].accepted) == (1, 2)


@pytest.mark.whole_way
async def test_a_tenants_events_go_out_under_the_tenants_key_and_no_other() -> None:
    """Through the transport of the client; its own destination hears nothing of it."""
    async with Collector() as collector:
        own = RudderStack("WRITE_KEY", collector.url, name="own")
        async with AsyncAnalytics(own) as analytics:
            view = analytics.to(tenant(collector, 1))
            await view.track("Step", user_id="u").delivered()
            await analytics.to(tenant(collector, 1)).track("Step", user_id="u").delivered()
            analytics.track("Mine", user_id="u")
            assert len(analytics.statistics().destinations) == 2
        keys = [(event.body["event"], event.write_key[:3]) for event in collector.events]
        assert keys == [
            ("Step", "001"),
            ("Step", "001"),
            ("Mine", "WRI"),
        ]


@pytest.mark.whole_way
async def test_five_hundred_tenants_share_one_client() -> None:
    """Each gets its own events, once and in order, from the loop and from threads."""
    async with Collector() as collector:
        own = RudderStack("WRITE_KEY", collector.url, name="own")
        async with AsyncAnalytics(own, flush_at=50, shutdown_timeout=60.0) as analytics:

            def call(numbers: range) -> None:
                for event in range(20):
                    for number in numbers:
                        view = analytics.to(tenant(collector, number))
                        view.track(f"{event}", user_id=f"{number}")

            thread = threading.Thread(target=call, args=(range(250, 500),))
            thread.start()
            call(range(250))
            await asyncio.to_thread(thread.join)
            result = await analytics.flush(60.0)
            assert (result.delivered, result.pending) == (10_000, 0)
            assert adds_up(analytics.statistics())
        arrived: dict[str, list[str]] = {}
        for event in collector.events:
            arrived.setdefault(event.write_key[:3], []).append(event.body["event"])
        assert len(arrived) == 500
        expected = [str(number) for number in range(20)]
        assert all(found == expected for found in arrived.values())


def test_a_lane_that_nobody_uses_ends_and_its_counts_stay_in_the_sum() -> None:
    """Its tasks are gone; the next call makes it anew."""

    async def main() -> None:
        gateway = Gateway()
        analytics = AsyncAnalytics(destination("own"), transport=gateway, jitter=0.0)
        view = analytics.to(destination("guest"))
        for number in range(3):
            view.track("Step", user_id="u", properties={"n": number})
        await analytics.flush()
        assert set(analytics.statistics().destinations) == {"own", "guest"}
        assert any("guest" in task.get_name() for task in asyncio.all_tasks())
        await asyncio.sleep(61)
        assert set(analytics.statistics().destinations) == {"own"}
        assert not any("guest" in task.get_name() for task in asyncio.all_tasks())
        assert analytics.statistics().delivered == 3
        view.track("Step", user_id="u", properties={"n": 3})
        await analytics.flush()
        total = analytics.statistics()
        assert (total.accepted, total.delivered, total.destinations["guest"].delivered) == (4, 4, 1)
        assert gateway.arrived("guest") == [0, 1, 2, 3]
        await analytics.shutdown()
        analytics._runner.after_fork()  # a child has counts of its own
        assert analytics.statistics().delivered == 0

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_a_lane_in_which_something_waits_does_not_end() -> None:
    """However long its server is away."""

    async def main() -> None:
        gateway = Gateway(lambda _: DOWN)
        analytics = AsyncAnalytics(
            destination("own"), transport=gateway, jitter=0.0, max_retries=10_000
        )
        receipt = analytics.to(destination("guest")).track("S", user_id="u", properties={"n": 1})
        await asyncio.sleep(3_600)
        assert receipt.state is State.PENDING
        gateway.script = lambda _: type(DOWN)()
        await receipt.delivered(60)
        await analytics.shutdown()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_a_tenant_that_is_down_delays_nobody() -> None:
    """Lanes have queues and pauses of their own."""

    async def main() -> None:
        gateway = Gateway(lambda asked: DOWN if asked.host == "down" else type(DOWN)())
        analytics = AsyncAnalytics(destination("own"), transport=gateway, jitter=0.0)
        analytics.to(destination("down")).track("S", user_id="u", properties={"n": 0})
        began = asyncio.get_running_loop().time()
        await (
            analytics.to(destination("well"))
            .track("S", user_id="u", properties={"n": 1})
            .delivered()
        )
        await track(analytics, 2).delivered()
        assert asyncio.get_running_loop().time() - began < 1
        await analytics.shutdown(0)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


@pytest.mark.whole_way
async def test_all_lanes_together_stay_within_the_bytes_for_all() -> None:
    """`max_total_bytes` is over tenants too."""
    async with Collector() as collector:
        own = RudderStack("WRITE_KEY", collector.url, name="own")
        analytics = AsyncAnalytics(own, max_total_bytes=20_000)
        receipts = [
            analytics.to(tenant(collector, number)).track(
                "Step", user_id="u", properties={"text": "x" * 1_000}
            )
            for number in range(100)
        ]
        assert analytics.statistics().queue_bytes <= 20_000
        dropped = [receipt for receipt in receipts if receipt.state is State.DROPPED]
        assert 80 <= len(dropped) < 90
        result = await analytics.shutdown()
        assert result.delivered == 100 - len(dropped)


async def test_a_view_keeps_its_client_and_shares_what_is_bound() -> None:
    """`bind` of the client holds for the calls of its views."""
    async with Collector() as collector:
        view = AsyncAnalytics(RudderStack("K", collector.url, name="own")).to("own")
        receipt = view.track("Kept", user_id="u")
        await receipt.delivered(10)
        async with AsyncAnalytics(RudderStack("K", collector.url, name="own")) as analytics:
            with analytics.bind(user_id="bound"):
                await analytics.to("own").track("Bound").delivered()
        assert [event.body["userId"] for event in collector.events] == ["u", "bound"]
        await view._runner.shutdown(None, for_good=True)


def test_the_first_events_of_a_tenant_are_as_young_as_they_are() -> None:
    """A lane made in the same breath as its first call knows the time: nothing is too old yet."""

    async def main() -> None:
        gateway = Gateway(in_turn(DOWN))
        analytics = AsyncAnalytics(
            destination("own"), transport=gateway, jitter=0.0, max_age=3_600.0, flush_at=1
        )
        await asyncio.sleep(10_000)
        receipt = analytics.to(destination("guest")).track("S", user_id="u", properties={"n": 1})
        await receipt.delivered(100)
        assert gateway.arrived("guest") == [1]
        await analytics.shutdown()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_a_lane_that_ends_leaves_nothing_in_the_store() -> None:
    """However many tenants come and go."""

    async def main() -> None:
        store = MemoryStore()
        analytics = AsyncAnalytics(destination("own"), transport=Gateway(), store=store)
        for number in range(20):
            view = analytics.to(destination(f"guest-{number}"))
            view.track("S", user_id="u", properties={"n": number})
        await analytics.flush()
        assert len(store._shelves) >= 20
        await asyncio.sleep(100)
        assert set(store._shelves) <= {"own"}
        await analytics.shutdown()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


async def test_a_client_that_is_closed_keeps_no_new_lane() -> None:
    """Nobody would end it; the call is dropped as every call is then."""
    async with AsyncAnalytics(RudderStack("K", "http://127.0.0.1:9", name="own")) as analytics:
        pass
    for number in range(5):
        receipt = analytics.to(RudderStack(f"K{number}", "http://127.0.0.1:9")).track(
            "S", user_id="u"
        )
        assert receipt.state is State.DROPPED
    assert len(analytics._house.lanes) == 1


def test_a_producer_is_not_held_back_by_lanes_that_stand_still() -> None:
    """They may do so for hours, and fill what all lanes share."""

    async def main() -> None:
        gateway = Gateway(lambda asked: Act(status=401) if asked.host == "own" else YES)
        analytics = AsyncAnalytics(
            destination("own"), transport=gateway, flush_at=1, max_total_bytes=10_000
        )
        for number in range(12):
            track(analytics, number)
            await asyncio.sleep(1)
        while analytics.statistics().queue_bytes * 4 < 10_000 * 3:
            analytics.track("Fill", user_id="u", properties={"n": 0, "text": "x" * 500})
        async with asyncio.timeout(1):
            view = analytics.to(destination("well"))
            await view.track("S", user_id="u", properties={"n": 99})
        await analytics.shutdown(0)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_what_cannot_be_meant_is_said_at_once() -> None:
    """No destination, an unknown name, and a name that means two."""
    analytics = AsyncAnalytics(RudderStack("K", "https://a.example", name="a"))
    with pytest.raises(ConfigurationError, match="a name or a destination is needed"):
        analytics.to()
    with pytest.raises(ConfigurationError, match="int is none"):
        analytics.to(42)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no destination has that name; there are a"):
        analytics.to("b")
    other = RudderStack("K2", "https://b.example", name="a", delivery=Delivery(flush_at=1))
    with pytest.raises(ConfigurationError, match="two are named a"):
        analytics.to(other).track("Step", user_id="u")


def test_a_view_shows_names_and_no_key() -> None:
    """As the client does."""
    analytics = AsyncAnalytics(RudderStack("secret-key", "https://a.example", name="a"))
    assert repr(analytics.to("a")) == "<AsyncAnalytics to a>"
