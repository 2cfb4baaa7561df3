"""The types that users rely on. Read by mypy and pyright, never run."""

import math
from datetime import UTC, datetime
from typing import assert_type

from asyncsdk import (
    AsyncAnalytics,
    Event,
    FlushResult,
    GetFluxly,
    Inslytic,
    Outcome,
    PostHog,
    Receipt,
    RudderStack,
    Segment,
    Statistics,
)


class OrderCompleted(Event, event="Order Completed"):
    """An event with its own fields."""

    order_id: str
    revenue: float = 0.0


def destinations_are_values() -> AsyncAnalytics:
    """Keys and addresses are positional, the rest has names; any number of them makes a client."""
    rudder = RudderStack("KEY", "https://dataplane.example.com", path="/v1/batch")
    segment = Segment("KEY", host="https://api.segment.io")
    assert_type(rudder, RudderStack)
    assert_type(segment, Segment)
    assert_type(rudder.name, str)
    assert_type(Inslytic("KEY", endpoint="https://api.inslytic.com", path="/v1/ingest"), Inslytic)
    assert_type(GetFluxly("TOKEN", api_host="https://api.getfluxly.com"), GetFluxly)
    assert_type(PostHog("phc_KEY", host="https://eu.i.posthog.com"), PostHog)
    AsyncAnalytics(PostHog("phc_KEY", personal_api_key=None, flag_definitions=b"{}"))
    AsyncAnalytics(GetFluxly("TOKEN", identify_form="$identify", timestamp_field="timestamp"))
    AsyncAnalytics(Inslytic("KEY", stringify_properties=False, identify_traits_in="traits"))
    return AsyncAnalytics(rudder, segment, flush_at=50, flush_interval=1.0, gzip=False)


def calls_give_receipts(analytics: AsyncAnalytics) -> None:
    """Each call is a plain function and returns a receipt, from any thread."""
    assert_type(
        analytics.track(
            "Item Viewed",
            user_id="user-1",
            anonymous_id="anonymous-1",
            properties={"revenue": 19.95, "tags": ["a", None]},
            context={"ip": "192.0.2.1"},
            integrations={"All": True},
            timestamp=datetime(2026, 1, 1, tzinfo=UTC),
            message_id="m-1",
        ),
        Receipt,
    )
    assert_type(analytics.track(OrderCompleted(order_id="o-1"), user_id=7), Receipt)
    assert_type(analytics.capture("Item Viewed"), Receipt)
    assert_type(analytics.capture("Item Viewed", "user-1", {"a": 1}, flags={"beta": True}), Receipt)
    assert_type(analytics.capture_exception(KeyError("k"), "user-1", groups={"a": "b"}), Receipt)
    assert_type(analytics.identify("user-1", traits={"plan": "pro"}), Receipt)
    assert_type(analytics.identify(anonymous_id="anonymous-1"), Receipt)
    assert_type(analytics.page("Home", user_id="user-1", category="Docs"), Receipt)
    assert_type(analytics.page(user_id="user-1", timestamp="2026-01-01T00:00:00Z"), Receipt)
    assert_type(analytics.screen("Main", user_id="user-1", properties={}), Receipt)
    assert_type(analytics.group("group-1", user_id="user-1", traits={"seats": 5}), Receipt)
    assert_type(analytics.group_identify("company", "acme", {"seats": 5}), Receipt)
    assert_type(analytics.alias(previous_id="anonymous-1", user_id="user-1"), Receipt)
    assert_type(analytics.capture("Item Viewed", "user-1", {"revenue": 19.95}), Receipt)


def a_typed_event_is_a_value(order: OrderCompleted) -> None:
    """Its fields keep the types that the class states."""
    assert_type(order.order_id, str)
    assert_type(order.revenue, float)


async def a_receipt_can_be_awaited(analytics: AsyncAnalytics) -> None:
    """Awaiting a call gives the receipt; its outcome is a question of its own."""
    receipt = await analytics.track("Item Viewed", user_id="user-1")
    assert_type(receipt, Receipt)
    assert_type(receipt.message_id, str)
    outcome = await receipt.delivered(timeout=1.0)
    assert_type(outcome, Outcome)
    assert_type(outcome.answer, bytes | None)


async def a_client_drains() -> None:
    """The block gives the client; flush and shutdown give one kind of result."""
    async with destinations_are_values() as analytics:
        assert_type(analytics, AsyncAnalytics)
        assert_type(await analytics.flush(), FlushResult)
        assert_type(await analytics.flush(math.inf), FlushResult)
    await analytics.start()
    result = await analytics.shutdown(timeout=1.0)
    assert_type(result, FlushResult)
    assert_type(result.delivered, int)
    assert_type(result.duration, float)


def counters_are_numbers(analytics: AsyncAnalytics) -> None:
    """Statistics are one frozen struct."""
    statistics = analytics.statistics()
    assert_type(statistics, Statistics)
    assert_type(statistics.accepted, int)
    assert_type(analytics.pending, int)


def calls_inherit_what_is_bound(analytics: AsyncAnalytics) -> None:
    """bind() is a plain context manager."""
    with analytics.bind(user_id="user-1", context={"ip": "192.0.2.1"}):
        assert_type(analytics.track("Item Viewed"), Receipt)
