"""Events that want their flags while these must be asked for."""

import asyncio
import threading
import time
from collections import Counter

import anyio
import pytest

from asyncsdk import AsyncAnalytics, PostHog, RudderStack, State
from asyncsdk.collector import Collector
from tests.client.street import KEY as WRITE_KEY
from tests.client.street import adds_up, until
from tests.flags.answering import (
    KEY,
    answering,
    as_file,
    flag,
    flags_answer,
    for_plan,
    record,
    refusal,
)
from tests.transports.lines import free_port

ANSWER = flags_answer(record("a", value=True), record("b", "x"), record("c", value=False))
WITH = {"$feature/a": True, "$feature/b": "x", "$feature/c": False}


def flags_of(event: dict[str, object]) -> dict[str, object]:
    """Return the flags in an event."""
    own = event["properties"]
    assert isinstance(own, dict)
    return {name: value for name, value in own.items() if "feature" in name}


async def test_an_event_waits_for_its_flags_and_a_flush_waits_for_both() -> None:
    """It is pending meanwhile, and its own properties stay as they were."""
    async with answering(flags=[ANSWER]) as server:
        client = AsyncAnalytics(server.hog(personal_api_key=None))
        own = {"n": 2**70, "f": 0.1, "$feature/b": "mine", "text": "\u2028 é"}
        receipt = client.capture("E", "u", own, send_feature_flags=True)
        assert (receipt.state, client.pending) == (State.PENDING, 1)
        adds_up(client)
        result = await client.flush(5)
        assert (result.delivered, result.pending, receipt.state) == (1, 0, State.DELIVERED)
        adds_up(client)
        await client.shutdown(1)
    (event,) = server.events
    assert flags_of(event) == {**WITH, "$feature/b": "mine", "$active_feature_flags": ["a", "b"]}
    assert event["properties"]["f"] == 0.1
    assert event["properties"]["text"] == own["text"]
    assert event["properties"]["n"] == pytest.approx(2**70)
    (asked,) = server.asked
    assert "flag_keys_to_evaluate" not in asked


async def test_definitions_decide_at_the_call() -> None:
    """Nobody is asked: what cannot be decided here is missing, and the event goes at once."""
    file = as_file(flag("a"), for_plan("paid", "pro"))
    async with answering() as server:
        hog = server.hog(personal_api_key=None, flag_definitions=file)
        async with AsyncAnalytics(hog) as client:
            client.capture("E", "u", send_feature_flags=True)
            client.capture("Given", "u", flags={"z": True}, send_feature_flags=True)
    assert server.asked == []
    first, second = server.events
    assert flags_of(first) == {"$feature/a": True, "$active_feature_flags": ["a"]}
    assert flags_of(second) == {"$feature/z": True, "$active_feature_flags": ["z"]}


@pytest.mark.parametrize("answer", [refusal(500), None, (200, {})], ids=["500", "none", "empty"])
async def test_an_event_goes_without_flags_if_nobody_says_them(answer: object) -> None:
    """It is worth more than they are."""
    script = [answer]
    async with answering(flags=script) as server:  # type: ignore[arg-type]  # of its own kind
        hog = server.hog(personal_api_key=None, flags_timeout=0.1)
        async with AsyncAnalytics(hog) as client:
            receipt = client.capture("E", "u", send_feature_flags=True)
            await receipt.delivered(5)
    assert [flags_of(event) for event in server.events] == [{}]


async def test_those_who_wait_for_the_same_answer_share_it() -> None:
    """Of a burst a few questions are asked at a time, one for each person and its groups."""
    async with (
        answering(flags=[ANSWER]) as server,
        AsyncAnalytics(server.hog(personal_api_key=None)) as client,
    ):
        for number in range(300):
            groups = {"company": "x"} if number % 2 else None
            client.capture("E", f"u{number % 10}", groups=groups, send_feature_flags=True)
        result = await client.flush(10)
        assert result.delivered == 300
        adds_up(client)
    asked = Counter(one["distinct_id"] for one in server.asked)
    assert len(asked) == 10
    assert sum(asked.values()) <= 20
    assert all(flags_of(event)["$feature/a"] is True for event in server.events)


async def test_other_destinations_do_not_wait() -> None:
    """Flags are PostHog's; a lane each."""
    async with answering(flags=[None]) as server, Collector(write_keys=[WRITE_KEY]) as collector:
        hog = server.hog(personal_api_key=None, flags_timeout=0.3)
        rudder = RudderStack(WRITE_KEY, collector.url)
        async with AsyncAnalytics(rudder, hog, flush_at=1) as client:
            client.capture("E", "u", send_feature_flags=True)
            await until(lambda: collector.events)
            assert server.events == []
        assert len(server.events) == 1


async def test_what_waits_is_bounded_and_the_oldest_goes_without() -> None:
    """In memory there is no room for endless waiting, and no event is dropped for its flags."""
    async with answering(flags=[None]) as server:
        hog = server.hog(personal_api_key=None, flags_timeout=60)
        client = AsyncAnalytics(hog, max_held_events=5)
        for number in range(20):
            client.capture(f"E{number}", "u", send_feature_flags=True)
        await until(lambda: client.statistics().destinations[hog.name].queue_bytes)
        began = time.monotonic()
        result = await client.shutdown(1.0)
        assert time.monotonic() - began < 1.1
        assert (result.delivered, result.dropped) == (20, 0)
        adds_up(client)
        order = [event["event"] for event in server.events]
        assert order == [f"E{number}" for number in range(20)]


async def test_an_event_from_another_thread_waits_too() -> None:
    """The call is made there, the question is asked on the client's loop."""
    async with (
        answering(flags=[ANSWER]) as server,
        AsyncAnalytics(server.hog(personal_api_key=None)) as client,
    ):

        def work() -> None:
            """Make calls."""
            for _ in range(10):
                client.capture("E", "u", send_feature_flags=True)

        thread = threading.Thread(target=work)
        thread.start()
        await asyncio.to_thread(thread.join)
        await client.flush(5)
        adds_up(client)
    assert [flags_of(event)["$feature/b"] for event in server.events] == ["x"] * 10


def test_an_event_that_waits_moves_along_to_the_next_loop() -> None:
    """Its loop is closed under it; the next run asks again."""

    async def main() -> None:
        """Leave an event behind in a loop that ends, and deliver it from the next one."""
        async with answering(flags=[None, ANSWER]) as server:
            hog = server.hog(personal_api_key=None, flags_timeout=60)
            client = AsyncAnalytics(hog, exit_drain=0.0)

            def one_loop() -> None:
                """Make a call on a loop of its own, which is closed while the question is asked."""

                async def call() -> None:
                    """Make it, and stay until it is asked."""
                    client.capture("E", "u", send_feature_flags=True)
                    await asyncio.sleep(0.2)

                loop = asyncio.new_event_loop()
                loop.run_until_complete(call())
                loop.close()

            await asyncio.to_thread(one_loop)
            assert len(server.asked) == 1
            assert client.pending == 1
            await client.flush(5)
            assert [flags_of(event)["$feature/b"] for event in server.events] == ["x"]
            await client.shutdown(1)

    asyncio.run(main())


async def test_nobodys_event_has_no_flags() -> None:
    """Flags are somebody's."""
    async with answering(flags=[ANSWER]) as server:
        async with AsyncAnalytics(server.hog(personal_api_key=None)) as client:
            client.capture("E", send_feature_flags=True)
        assert (server.asked, len(server.events)) == ([], 1)


async def test_a_client_that_is_closed_drops_such_an_event_as_any_other() -> None:
    """It is counted, and nobody is asked."""
    hog = PostHog(KEY, host=f"http://127.0.0.1:{free_port()}")
    async with AsyncAnalytics(hog) as client:
        pass
    receipt = client.capture("E", "u", send_feature_flags=True)
    assert receipt.state is State.DROPPED
    adds_up(client)


async def test_a_tenants_event_waits_at_its_own_lane() -> None:
    """And its lane does not end while it does."""
    async with (
        answering(flags=[ANSWER]) as server,
        answering(flags=[ANSWER]) as other,
        AsyncAnalytics(server.hog(personal_api_key=None)) as client,
    ):
        client._house.look = 0.01
        tenant = other.hog(personal_api_key=None, name="tenant")
        client.to(tenant).capture("E", "u", send_feature_flags=True)
        with anyio.fail_after(5):
            await client.flush(5)
        adds_up(client)
    assert [flags_of(event)["$feature/b"] for event in other.events] == ["x"]
    assert server.events == []
