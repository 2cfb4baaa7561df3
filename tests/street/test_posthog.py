"""PostHog on the whole way: its calls, its answers, and what becomes of them beside other systems."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import pytest

from asyncsdk import (
    AsyncAnalytics,
    Delivery,
    GetFluxly,
    HTTPStatusError,
    Inslytic,
    Message,
    PostHog,
    RudderStack,
    Segment,
    State,
    ValidationError,
)
from asyncsdk.client.settings import Options
from tests.destinations.recorder import Recorded, Recorder, recording, said, said_json
from tests.street.replying import hurried, in_turn
from tests.street.walking import adds_up, until

pytestmark = pytest.mark.whole_way

KEY = "phc_project-key-that-must-never-be-shown"
OTHER = "key-of-another-system"


def hog(server: Recorder, **fields: Any) -> PostHog:
    """Point a PostHog destination at *server*."""
    return PostHog(KEY, host=server.url, name="hog", **fields)


def client(server: Recorder, **options: Any) -> AsyncAnalytics:
    """Make a client that is in a hurry."""
    given: Options = options  # type: ignore[assignment]  # keywords of the client
    return AsyncAnalytics(hog(server), **hurried(**given))


def yes(_: Recorded) -> bytes:
    """Take everything."""
    return said_json(200, {"status": "Ok"})


def events(server: Recorder) -> list[dict[str, Any]]:
    """Return all events in the order of their arrival, repeats included."""
    return [event for request in server.requests for event in request.json["batch"]]


async def test_every_call_arrives_as_its_event() -> None:
    """In one request, in the order of the calls."""
    async with recording(yes) as server:
        async with client(server) as analytics:
            analytics.capture("movie played", "u", {"$set": {"plan": "pro"}})
            analytics.track("movie played", user_id="u", groups={"company": "acme"})
            analytics.identify("u", anonymous_id="a", traits={"plan": "pro"})
            analytics.alias(user_id="u", previous_id="a")
            analytics.page("Home", user_id="u", properties={"url": "https://example.com"})
            analytics.screen("Home", user_id="u")
            analytics.group("acme", user_id="u")
            analytics.group_identify("company", "acme", {"seats": 3})
            analytics.capture_exception(ValueError("boom"), "u")
        assert [event["event"] for event in events(server)] == [
            "movie played",
            "movie played",
            "$identify",
            "$create_alias",
            "$pageview",
            "$screen",
            "$groupidentify",
            "$groupidentify",
            "$exception",
        ]
        assert len(server.requests) == 1
        assert events(server)[7]["distinct_id"] == "$company_acme"
        assert all(UUID(event["uuid"]) for event in events(server))


async def test_a_capture_of_nobody_goes_to_posthog_alone() -> None:
    """RudderStack's gateway would refuse the whole batch for it, so there it is skipped."""
    async with recording(yes) as server:
        others = (
            RudderStack(OTHER, server.url, name="rudder"),
            Segment(OTHER, host=server.url, name="segment"),
            Inslytic(OTHER, endpoint=server.url, name="inslytic"),
            GetFluxly(OTHER, api_host=server.url, name="fluxly"),
        )
        async with AsyncAnalytics(hog(server), *others, **hurried()) as analytics:
            receipt = analytics.capture("seen by nobody")
            analytics.capture_exception(ValueError("boom"))
            lanes = analytics.statistics().destinations
            assert [lanes[one.name].unsupported for one in others] == [2, 2, 2, 2]
            assert lanes["hog"].unsupported == 0
        one, _ = events(server)
        assert one["distinct_id"] == one["uuid"] == receipt.message_id
        assert one["properties"]["$process_person_profile"] is False
        with pytest.raises(ValidationError, match=r"^user_id, anonymous_id: track\(\) needs one"):
            AsyncAnalytics(*others).capture("seen by nobody")


async def test_a_hook_may_make_another_message_of_a_capture_of_nobody() -> None:
    """It need not know that no id is needed there."""

    def renamed(message: Message) -> Message:
        """Return a new message, with what it must have."""
        return Message(message.type, message.message_id, message.original_timestamp, event="F")

    async with recording(yes) as server:
        async with client(server, before_send=[renamed]) as analytics:
            analytics.capture("E")
            with pytest.raises(ValidationError, match="track"):
                analytics.track("E")
        assert [event["event"] for event in events(server)] == ["F"]


async def test_who_is_bound_is_who_captures() -> None:
    """An event inside `bind` is nobody's only if nobody is bound."""
    async with recording(yes) as server:
        async with client(server) as analytics:
            with analytics.bind(user_id="u"):
                analytics.capture("E")
                analytics.capture("E", "v")
                analytics.capture_exception(ValueError("boom"))
        assert [event["distinct_id"] for event in events(server)] == ["u", "v", "u"]


class Snapshot:
    """Flags that were evaluated before."""

    def event_properties(self) -> dict[str, Any]:
        """Return them ready."""
        return {"$feature/beta": "test", "$active_feature_flags": ["beta"]}


class BrokenSnapshot:
    """Flags that cannot be read."""

    def event_properties(self) -> dict[str, Any]:
        """Fail."""
        raise RuntimeError("broken")


async def test_a_capture_takes_flags_that_were_evaluated_before() -> None:
    """As a snapshot, or as values by name; what cannot be read is said at the call."""
    async with recording(yes) as server:
        async with client(server) as analytics:
            analytics.capture("E", "u", flags=Snapshot())
            analytics.capture("E", "u", flags={"beta": "test"})
            analytics.capture_exception(ValueError("boom"), "u", flags=Snapshot())
            with pytest.raises(ValidationError, match=r"^flags: cannot be read \(RuntimeError\)"):
                analytics.capture("E", "u", flags=BrokenSnapshot())
        for event in events(server):
            assert event["properties"]["$feature/beta"] == "test"
            assert event["properties"]["$active_feature_flags"] == ["beta"]


async def test_values_that_json_cannot_carry_reach_posthog_all_the_same() -> None:
    """In an error's facts, too, and in the words of the error itself."""
    async with recording(yes) as server:
        async with client(server) as analytics:
            analytics.capture("E", "u", {"ids": {UUID(int=1)}, "of": ...})
            analytics.capture_exception(ValueError("a\ud800b"), "u", {"ids": {UUID(int=1)}})
        first, second = (event["properties"] for event in events(server))
        assert first["ids"] == second["ids"] == [str(UUID(int=1))]
        assert second["$exception_list"][0]["value"] == "a\ufffdb"


async def test_what_is_too_large_is_halved_and_only_the_guilty_is_rejected() -> None:
    """posthog-python loses the whole batch to a 413."""

    def reply(request: Recorded) -> bytes:
        """Refuse whatever holds the large one."""
        return said(413) if b"xxxxxxxx" in request.body else yes(request)

    async with recording(reply) as server:
        async with client(server) as analytics:
            facts = [{"n": n, "x": "x" * 8 if n == 5 else ""} for n in range(8)]
            receipts = [analytics.capture("E", "u", one) for one in facts]
            await analytics.flush()
            states = [receipt.state for receipt in receipts]
            (letter,) = [letter async for letter in analytics.dead_letters()]
            assert adds_up(analytics.statistics())
        assert [n for n, state in enumerate(states) if state is not State.DELIVERED] == [5]
        assert states[5] is State.REJECTED
        assert (letter.status, letter.message_id) == (413, receipts[5].message_id)
        assert len(server.requests) == 7


async def test_a_batch_that_is_refused_is_searched_for_the_guilty() -> None:
    """400 refuses a request whole; both SDKs lose it whole."""

    def reply(request: Recorded) -> bytes:
        """Refuse whatever holds the bad one."""
        return said(400) if b'"bad"' in request.body else yes(request)

    async with recording(reply) as server:
        async with client(server) as analytics:
            receipts = [analytics.capture(name, "u") for name in ("a", "bad", "c", "d")]
            await analytics.flush()
            states = [receipt.state for receipt in receipts]
            with pytest.raises(HTTPStatusError, match="400"):
                await receipts[1].delivered()
        assert states == [State.DELIVERED, State.REJECTED, State.DELIVERED, State.DELIVERED]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_stops_the_lane_and_loses_nothing(status: int) -> None:
    """Both SDKs drop what they had; here it waits until the key is right."""
    async with recording(in_turn(said(status), then=yes)) as server:
        async with client(server, probe_after=0.05) as analytics:
            receipt = analytics.capture("E", "u")
            await until(lambda: analytics.statistics().destinations["hog"].stopped is not None)
            await receipt.delivered(10)
        assert len(server.requests) == 2


async def test_a_server_that_asks_to_wait_is_waited_for() -> None:
    """The same event comes again, with the same uuid, so PostHog counts it once."""
    async with recording(in_turn(said(429, retry_after="0.1"), said(503), then=yes)) as server:
        async with client(server) as analytics:
            analytics.capture("E", "u")
        assert len(server.requests) == 3
        assert len({event["uuid"] for event in events(server)}) == 1


async def test_a_used_up_quota_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The events count as delivered: PostHog said yes, and would say so again."""
    limited = said_json(200, {"status": "Ok", "quota_limited": ["events"]})
    caplog.set_level(logging.WARNING, "asyncsdk")
    async with recording(in_turn(limited, then=yes)) as server, client(server) as analytics:
        receipt = analytics.capture("E", "u")
        await analytics.flush()
        assert receipt.state is State.DELIVERED
    assert "quota is used up (events)" in caplog.text
    assert KEY not in caplog.text


async def test_a_request_has_a_hundred_events_and_a_megabyte_at_most() -> None:
    """Whatever waits behind a slow server is merged up to that."""
    async with recording(yes) as server:
        async with client(server, flush_at=5_000) as analytics:
            for _ in range(250):
                analytics.capture("E", "u")
        assert [len(request.json["batch"]) for request in server.requests] == [100, 100, 50]
    async with recording(yes) as server:
        async with client(server, flush_at=5_000) as analytics:
            for _ in range(30):
                analytics.capture("E", "u", {"x": "x" * 100_000})
        sizes = [len(request.body) for request in server.requests]
        assert sum(len(request.json["batch"]) for request in server.requests) == 30
        assert max(sizes) <= 1_000_000


async def test_compression_can_be_left_out() -> None:
    """As posthog-node's ``disableCompression``."""
    async with recording(yes) as server:
        destination = hog(server, delivery=Delivery(gzip=False))
        async with AsyncAnalytics(destination, **hurried()) as analytics:
            analytics.capture("E", "u")
        assert "content-encoding" not in server.requests[0].headers


async def test_a_short_lived_process_delivers_in_one_request() -> None:
    """As in a Lambda function: calls, a shutdown, and again in the next invocation."""
    async with recording(yes) as server:
        analytics = client(server, flush_interval=60.0)
        for number in (1, 2):
            analytics.capture("thing happened", "u")
            analytics.capture("other thing happened", "u")
            assert len(server.requests) == number - 1
            assert (await analytics.shutdown()).delivered == 2
            assert len(server.requests) == number
        assert [event["event"] for event in events(server)] == [
            "thing happened",
            "other thing happened",
        ] * 2
