"""Inslytic on the whole way: what its documentation promises, and where ours differs on purpose."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from typing import Any

import pytest

from asyncsdk import (
    AsyncAnalytics,
    Delivery,
    HTTPStatusError,
    Receipt,
    RudderStack,
    State,
    ValidationError,
)
from asyncsdk.client.settings import Options
from asyncsdk.collector import Collector
from tests.destinations.recorder import Recorder, recording, said, said_json
from tests.street.replying import always, hurried, in_order, in_turn, inslytic, numbers
from tests.street.walking import KEY, until

pytestmark = pytest.mark.whole_way

DOWN = said(503)


def client(server: Recorder, **options: Any) -> AsyncAnalytics:
    """Make a client that is in a hurry."""
    given: Options = options  # type: ignore[assignment]  # keywords of the client
    return AsyncAnalytics(inslytic(server), **hurried(**given))


def track(analytics: AsyncAnalytics, number: int) -> Receipt:
    """Make one call; *number* says its place in the order."""
    return analytics.track("step", anonymous_id="a", properties={"n": number})


def yes(request: Any) -> bytes:
    """Take everything."""
    return said_json(202, {"accepted": len(request.json["events"])})


def arrived(server: Recorder) -> list[int]:
    """List the places of all events in the order of their arrival, repeats included."""
    return [n for request in server.requests for n in numbers(request)]


async def test_the_documentations_first_example_works() -> None:
    """track, identify, pending, flush, shutdown; twenty events start a delivery."""
    async with recording(yes) as server:
        analytics = AsyncAnalytics(inslytic(server))
        await analytics.start()
        for number in range(19):
            track(analytics, number)
        assert analytics.pending == 19
        assert server.requests == []
        analytics.track(
            "order_completed",
            anonymous_id="anon-456",
            user_id="user-123",
            properties={"n": "19", "total": "49.99", "amount": Decimal("49.90")},
        )
        await until(lambda: analytics.pending == 0)
        analytics.identify("user-123")
        await analytics.flush()
        await analytics.shutdown()
        (first, second) = server.requests
        assert first.headers["authorization"].startswith("Bearer ")
        order = first.json["events"][-1]
        assert order["properties"] == {"n": "19", "total": "49.99", "amount": "49.90"}
        assert (order["sessionId"], order["consentGiven"]) == ("", True)
        (identify,) = second.json["events"]
        assert identify["eventName"] == "$identify"
        assert identify["userId"] == identify["anonymousId"] == "user-123"


async def test_a_request_has_twenty_events_unless_told_otherwise() -> None:
    """The vendor's batch size; the API takes a thousand, whatever is asked for."""
    async with recording(yes) as server:
        async with client(server, flush_at=5_000) as analytics:
            for number in range(50):
                track(analytics, number)
        assert [len(numbers(request)) for request in server.requests] == [20, 20, 10]
        assert arrived(server) == list(range(50))
    async with recording(yes) as server:
        async with client(server, flush_at=5_000, max_batch_events=5_000) as analytics:
            for number in range(1_500):
                track(analytics, number)
        assert [len(numbers(request)) for request in server.requests] == [1_000, 500]


async def test_the_pauses_double_up_to_their_cap_and_three_retries_are_made() -> None:
    """1, 2, 4 s in the documentation; here a twentieth of that, with a lower cap."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def reply(_: Any) -> bytes:
        """Be down, and note when."""
        times.append(loop.time())
        return DOWN

    async with recording(reply) as server:
        analytics = client(server, retry_base=0.1, retry_cap=0.3, jitter=0.0)
        await analytics.start()
        track(analytics, 1)
        await analytics.flush()
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        await analytics.shutdown(0)
    assert len(gaps) == 3
    assert [gap >= least for gap, least in zip(gaps, (0.1, 0.2, 0.3), strict=True)] == [True] * 3
    assert max(gaps) < 0.3 + 0.15


@pytest.mark.parametrize("trouble", [DOWN, said(500), said(429), None])
async def test_what_passes_is_tried_again(trouble: bytes | None) -> None:
    """5xx, the network, and 429: the API documents a bucket of tokens that fills again."""
    async with recording(in_turn(trouble, then=yes)) as server:
        async with client(server) as analytics:
            await track(analytics, 1).delivered(timeout=10)
        assert arrived(server) == [1, 1]


@pytest.mark.parametrize("status", [400, 404, 408, 409, 413, 422, 425])
async def test_no_other_4xx_is_tried_again(status: int) -> None:
    """A lone event that is refused has been answered for good; 404 says it of the whole lane."""
    async with recording(always(said(status))) as server:
        analytics = client(server)
        await analytics.start()
        receipt = track(analytics, 1)
        await analytics.flush()
        await asyncio.sleep(0.2)
        assert len(server.requests) == 1
        if status == 404:
            assert (receipt.state, analytics.statistics().stopped) == (State.PENDING, "HTTP 404")
        else:
            with pytest.raises(HTTPStatusError) as caught:
                await receipt.delivered()
            assert (caught.value.code, caught.value.retryable) == (f"http_{status}", False)
        await analytics.shutdown(0)


async def test_a_refused_key_stops_the_lane_and_loses_nothing() -> None:
    """Its words are the server's."""
    async with recording(in_turn(said_json(401, {"error": "Invalid API key"}), then=yes)) as server:
        async with client(server, probe_after=0.1) as analytics:
            track(analytics, 1)
            (error,) = (await analytics.flush()).errors
            assert "Invalid API key" in str(error)
            await until(lambda: analytics.pending == 0)
        assert arrived(server) == [1, 1]


async def test_spent_events_return_to_the_front_in_order() -> None:
    """What came meanwhile waits behind them."""
    async with recording(always(DOWN)) as server:
        analytics = client(server)
        await analytics.start()
        for number in range(30):
            track(analytics, number)
        result = await analytics.flush()
        assert (result.delivered, result.pending) == (0, 30)
        for number in range(30, 60):
            track(analytics, number)
        await until(lambda: len(server.requests) > 8)
        server.reply = yes
        failed = len(server.requests)
        await analytics.shutdown()
        assert [n for one in server.requests[failed:] for n in numbers(one)] == list(range(60))
        assert analytics.statistics().delivered == 60
        assert in_order(analytics)


async def test_the_queue_that_events_return_to_is_bounded() -> None:
    """Theirs grows for as long as the server is away; here the newest go, counted."""
    async with recording(always(DOWN)) as server:
        analytics = client(server, max_queue_events=50)
        await analytics.start()
        for number in range(200):
            track(analytics, number)
        await until(lambda: len(server.requests) > 4)
        assert analytics.pending == 50
        assert analytics.statistics().dropped_reasons == {"queue_full": 150}
        server.reply = yes
        await analytics.shutdown()
        assert analytics.statistics().delivered == 50
        assert set(arrived(server)) == set(range(50))
        assert in_order(analytics)


async def test_several_instances_stand_side_by_side() -> None:
    """In one client or in two, each with its own key, queue and settings."""
    async with recording(yes) as first, recording(always(DOWN)) as second:
        analytics = AsyncAnalytics(
            inslytic(first, name="one"),
            inslytic(second, name="two", delivery=Delivery(max_batch_events=5)),
            **hurried(),
        )
        other = client(first)
        async with other:
            await analytics.start()
            for number in range(40):
                track(analytics, number)
                track(other, 100 + number)
            await until(lambda: analytics.statistics().destinations["one"].delivered == 40)
            assert analytics.statistics().destinations["two"].pending == 40
            second.reply = yes
            await analytics.shutdown()
        assert sorted(arrived(first)) == [*range(40), *range(100, 140)]
        assert max(len(numbers(request)) for request in second.requests) == 5
        assert in_order(analytics)


async def test_one_bad_event_does_not_take_its_batch_along() -> None:
    """Whether the API refuses all for one is not documented; the guilty is found either way."""

    def reply(request: Any) -> bytes:
        """Refuse whatever holds number 7."""
        return (
            said_json(400, {"error": "Validation failed"})
            if 7 in numbers(request)
            else yes(request)
        )

    async with recording(reply) as server, client(server) as analytics:
        receipts = [track(analytics, number) for number in range(20)]
        result = await analytics.flush()
        assert (result.delivered, result.rejected) == (19, 1)
        assert receipts[7].state is State.REJECTED


async def test_a_call_without_a_form_is_refused_alone_and_skipped_beside_others(
    collector: Collector,
) -> None:
    """page, screen, group, alias, a track of a user alone, an identify of nobody known."""
    async with recording(yes) as server:
        async with client(server) as analytics:
            for call, field in unsupported(analytics):
                with pytest.raises(ValidationError, match=rf"^{field}: "):
                    call()
        both = AsyncAnalytics(inslytic(server), RudderStack(KEY, collector.url))
        async with both:
            for call, _ in unsupported(both):
                call()
            await both.flush()
            counts = both.statistics().destinations["here"]
            assert (counts.unsupported, counts.accepted) == (6, 0)
        assert len(collector.events) == 6
        assert server.requests == []


def unsupported(analytics: AsyncAnalytics) -> list[tuple[Any, str]]:
    """Return calls that Inslytic has no form for, and the word that its refusal begins with."""
    return [
        (lambda: analytics.page("Home", anonymous_id="a"), "page"),
        (lambda: analytics.screen("Main", anonymous_id="a"), "screen"),
        (lambda: analytics.group("g", anonymous_id="a"), "group"),
        (lambda: analytics.alias(user_id="u", previous_id="p"), "alias"),
        (lambda: analytics.track("e", user_id="u"), "anonymous_id"),
        (lambda: analytics.identify(anonymous_id="a"), "user_id"),
    ]


async def test_a_dead_letter_knows_the_id_that_the_wire_has_no_place_for() -> None:
    """So it can be replayed by it."""
    async with recording(in_turn(said(400), then=yes)) as server:
        async with client(server) as analytics:
            receipt = track(analytics, 1)
            await analytics.flush()
            letters = [one async for one in analytics.dead_letters()]
            assert [one.message_id for one in letters] == [receipt.message_id]
            assert await analytics.replay(receipt.message_id) == 1
        assert arrived(server) == [1, 1]
        assert not any(
            "messageId" in event for one in server.requests for event in one.json["events"]
        )


async def test_values_that_json_cannot_carry_go_as_text_and_are_named() -> None:
    """They take the same way as for every other system, at any depth."""
    async with recording(yes) as server:
        async with client(server) as analytics:
            properties = {"n": 1, "function": len, "in": {"tags": {"b", "a"}, "f": len}}
            analytics.track("e", anonymous_id="a", properties=properties)
            assert analytics.statistics().coerced == 2
        (event,) = server.requests[0].json["events"]
        assert event["properties"] == {
            "n": "1",
            "function": "<built-in function len>",
            "in": '{"tags":["a","b"],"f":"<built-in function len>"}',
        }
