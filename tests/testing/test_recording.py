"""Recording: what was said is kept as it would have been sent, and a failure says what differs."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from unittest import mock

import pytest

from asyncsdk import AsyncAnalytics, Event, Message, PostHog, RudderStack, State
from asyncsdk.testing import Recording, record

AWAY = RudderStack("WRITE_KEY", "https://dataplane.example.com")


class OrderCompleted(Event, event="Order Completed"):
    """A typed event."""

    order_id: str
    revenue: float


@dataclass
class Item:
    """An object of an application's."""

    sku: str


@pytest.fixture
def events() -> Iterator[Recording]:
    """Record."""
    with record() as recording:
        yield recording


@pytest.fixture
def analytics() -> AsyncAnalytics:
    """A client like an application's, made before its test."""
    return AsyncAnalytics(AWAY)


def test_calls_are_recorded_without_a_loop(analytics: AsyncAnalytics, events: Recording) -> None:
    """As they are sent: with what is bound, after the hooks; the receipt is content."""
    with analytics.bind(user_id="u", context={"ip": "192.0.2.1"}):
        receipt = analytics.track("Item Viewed", properties={"sku": "s-1"})
    analytics.identify("u", traits={"plan": "pro"})
    assert [event.type for event in events] == ["track", "identify"]
    assert events[0].context == {"ip": "192.0.2.1"}
    assert receipt.state is State.DELIVERED
    statistics = analytics.statistics()
    assert (statistics.accepted, statistics.delivered, statistics.pending) == (2, 2, 0)


async def test_nothing_is_sent_and_nobody_waits(events: Recording) -> None:
    """Receipts, flush and shutdown end at once."""
    async with AsyncAnalytics(AWAY) as analytics:
        outcome = await analytics.track("E", user_id="u").delivered(1.0)
        await analytics.flush(1.0)
    assert outcome.state is State.DELIVERED
    assert analytics.statistics().requests == 0
    assert len(events) == 1


def test_what_would_not_be_sent_is_not_recorded(events: Recording) -> None:
    """A dropped event did not happen; a client that is switched off in tests still speaks."""
    hooked = AsyncAnalytics(AWAY, before_send=lambda _message: None)
    hooked.track("Dropped", user_id="u")
    asking = AsyncAnalytics(AWAY, consent=["ads"])
    asking.track("Refused", user_id="u", consent=False)
    asking.track("Agreed", user_id="u", consent=True)
    AsyncAnalytics(AWAY, enabled=False).track("Off", user_id="u")
    assert [event.event for event in events] == ["Agreed", "Off"]


def test_mistakes_are_still_mistakes(analytics: AsyncAnalytics, events: Recording) -> None:
    """A test that passes must not hide a call that production refuses."""
    with pytest.raises(ValueError, match="user_id"):
        analytics.track("E")
    assert len(events) == 0


def test_what_is_recorded_does_not_change(analytics: AsyncAnalytics, events: Recording) -> None:
    """The caller may reuse its dict, as always."""
    facts = {"list": [1]}
    analytics.track("E", user_id="u", properties=facts)
    facts["list"].append(2)
    assert events[0].properties == {"list": [1]}


def test_as_dicts_is_the_same_in_every_run(analytics: AsyncAnalytics, events: Recording) -> None:
    """Plain values for a snapshot; ids and times once they are steady."""
    facts = {"price": Decimal("19.95"), "item": Item("s-1"), "at": datetime(2026, 1, 2, tzinfo=UTC)}
    analytics.track("E", user_id="u", properties=facts)
    sent = {"price": 19.95, "item": {"sku": "s-1"}, "at": "2026-01-02T00:00:00.000Z"}
    said = {"type": "track", "event": "E", "user_id": "u", "properties": sent}
    assert events.as_dicts() == [said]
    events.clear()
    events.steady()
    for _ in range(2):
        analytics.track("E", user_id="u", properties=facts)
    first, second = events.as_dicts()
    assert first == {
        "message_id": "00000000-0000-7000-8000-000000000001",
        "original_timestamp": "2026-01-01T00:00:00.000Z",
        **said,
    }
    assert second["message_id"] == "00000000-0000-7000-8000-000000000002"
    assert second["original_timestamp"] == "2026-01-01T00:00:01.000Z"
    with pytest.raises(RuntimeError, match="before"):
        events.steady()


async def test_after_the_block_all_is_as_before(analytics: AsyncAnalytics) -> None:
    """Ids are fresh again, and calls wait for a loop again."""
    with record() as events:
        events.steady(datetime(2030, 1, 1, tzinfo=UTC), step=0.5)
        analytics.track("E", user_id="u")
    receipt = analytics.track("E", user_id="u")
    assert events.as_dicts()[0]["original_timestamp"] == "2030-01-01T00:00:00.000Z"
    assert not receipt.message_id.startswith("00000000-0000-7000")
    assert (len(events), receipt.state) == (1, State.PENDING)
    await analytics.shutdown(1.0)


def test_assert_tracked_takes_what_fits(analytics: AsyncAnalytics, events: Recording) -> None:
    """Named keys count, others do not; values are equal in Python or on the wire."""
    analytics.track("Order Completed", user_id="u", properties={"order_id": "o", "revenue": 20.0})
    analytics.track(OrderCompleted("p", 19.95), user_id=42)
    found = events.assert_tracked("Order Completed", user_id="u", properties={"revenue": 20})
    assert isinstance(found, Message)
    assert found.properties["order_id"] == "o"
    events.assert_tracked(OrderCompleted, times=2)
    events.assert_tracked(OrderCompleted("p", 19.95), user_id=42)
    events.assert_tracked(OrderCompleted("p", 19.95), properties={"revenue": Decimal("19.95")})
    events.assert_tracked("Order Completed", properties={"order_id": mock.ANY})
    events.assert_not_tracked("Order Completed", user_id="nobody")
    events.assert_not_tracked("Order Cancelled")
    with pytest.raises(TypeError, match="no such field"):
        events.assert_tracked("Order Completed", userid="u")


def test_an_id_may_be_said_as_a_number_or_as_its_text(
    analytics: AsyncAnalytics, events: Recording
) -> None:
    """On the wire they are the same; two ids are not."""
    analytics.track("E", user_id=42)
    analytics.page("Home", anonymous_id=1.5)
    events.assert_tracked("E", user_id="42")
    events.assert_tracked("E", user_id=42)
    events.assert_called("page", anonymous_id="1.5", user_id=None)
    with pytest.raises(AssertionError, match="user_id: expected '43', got 42"):
        events.assert_tracked("E", user_id="43")
    events.assert_not_tracked("E", user_id="042")


def test_calls_of_many_threads_are_counted_once_each(
    analytics: AsyncAnalytics, events: Recording
) -> None:
    """Nobody owns the loop here; the counts still add up."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for _ in range(4):
                threads.submit(lambda: [analytics.track("E", user_id="u") for _ in range(1000)])
    finally:
        sys.setswitchinterval(before)
    assert len(events) == 4000
    statistics = analytics.statistics()
    assert statistics.accepted == statistics.delivered == 4000 * len(statistics.destinations)


def test_a_failure_shows_what_differs(analytics: AsyncAnalytics, events: Recording) -> None:
    """The closest calls first, each with the places where it is not what was expected."""
    analytics.page("Home", user_id="u")
    analytics.track("Signed Up", user_id="u")
    analytics.track(
        "Order Completed", user_id="u", properties={"revenue": 19.95, "items": [{"sku": "a"}]}
    )
    with pytest.raises(AssertionError) as failed:
        events.assert_tracked(
            "Order Completed",
            user_id="v",
            properties={"revenue": 20, "coupon": "X", "items": [{"sku": "a"}]},
        )
    assert str(failed.value).splitlines() == [
        "track(event='Order Completed', user_id='v', properties={'revenue': 20, 'coupon': 'X', "
        "'items': [{'sku': 'a'}]}) was not recorded; of 3 calls these come closest:",
        "  track(event='Order Completed', user_id='u')",
        "    user_id: expected 'v', got 'u'",
        "    properties.revenue: expected 20, got 19.95",
        "    properties.coupon: expected 'X', but it is missing",
        "  track(event='Signed Up', user_id='u')",
        "    event: expected 'Order Completed', got 'Signed Up'",
        "    user_id: expected 'v', got 'u'",
        "    properties: expected {'revenue': 20, 'coupon': 'X', 'items': [{'sku': 'a'}]}, "
        "but it is missing",
    ]


def test_other_failures_say_what_was(analytics: AsyncAnalytics, events: Recording) -> None:
    """Nothing, another number, or just what should not have been."""
    with pytest.raises(AssertionError, match="was not recorded; nothing was"):
        events.assert_called("identify", user_id="u")
    analytics.track("E", user_id="u")
    with pytest.raises(AssertionError, match="was not recorded 2 times, but 1"):
        events.assert_tracked("E", times=2)
    with pytest.raises(AssertionError, match="recorded 1 times, and should not"):
        events.assert_not_tracked("E")
    with pytest.raises(AssertionError, match=r"closest:\n  track\(event='E'"):
        events.assert_called("identify")
    assert repr(events) == "<Recording of 1 calls>"
    assert list(events[:1]) == [events[0]]


async def test_an_event_that_would_wait_for_flags_is_recorded_at_once(events: Recording) -> None:
    """Neither the event nor the question for its flags leaves."""
    async with AsyncAnalytics(PostHog("KEY", host="http://127.0.0.1:9")) as hog:
        receipt = hog.capture("Asked", distinct_id="u", send_feature_flags=True)
        assert receipt.state == "delivered"
        assert (hog.statistics().requests, hog.statistics().flag_failures) == (0, 0)
    assert events.assert_tracked("Asked").send_feature_flags is True


def test_what_is_held_for_consent_is_recorded_once_it_may_go(events: Recording) -> None:
    """Before that, and without it, nothing would be sent."""
    client = AsyncAnalytics(AWAY, consent=["analytics"], without_consent="hold")
    client.track("Held", user_id="u")
    client.track("Held", user_id="other")
    events.assert_not_tracked("Held")
    client.consent({"analytics": True}, user_id="u")
    events.assert_tracked("Held", times=1, user_id="u")


def test_what_is_the_same_on_the_wire_is_the_same(
    analytics: AsyncAnalytics, events: Recording
) -> None:
    """Times in another spelling, keys that are numbers, no properties at all."""
    analytics.track("E", user_id="u", timestamp="2026-01-01T12:00:00Z")
    events.assert_tracked("E", timestamp="2026-01-01T12:00:00Z", properties={})
    events.assert_not_tracked("E", timestamp="2026-01-01T12:00:01Z")
    events.assert_not_tracked("E", timestamp="soon")
    analytics.track("F", user_id="u", properties={"k": {1: 2}})
    events.assert_tracked("F", properties={"k": {"1": 2}})
    analytics.track(OrderCompleted(order_id="o", revenue=1.0), user_id="u")
    events.assert_tracked(OrderCompleted(order_id="o", revenue=1.0), properties=None)


def test_none_is_asked_for_by_another_name(analytics: AsyncAnalytics, events: Recording) -> None:
    """A call that was not made cannot be returned."""
    with pytest.raises(ValueError, match="assert_not_tracked"):
        events.assert_tracked("E", times=0)
    events.assert_not_called("page")
    analytics.page("Home", user_id="u")
    with pytest.raises(AssertionError, match="was recorded 1 times"):
        events.assert_not_called("page", name="Home")
