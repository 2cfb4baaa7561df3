"""What the tests of the client share: destinations at a collector, and looks at what arrived."""

from collections.abc import Callable
from typing import Any

import anyio

from asyncsdk import AsyncAnalytics, RudderStack, Segment, Statistics, SyncAnalytics
from asyncsdk.collector import Collector
from asyncsdk.options import Delivery

#: Long enough that a masked form of it could still show something.
KEY = "planted-write-key-1234567890"
#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9"


def rudder(at: Collector | str, *, name: str = "rudder", **delivery: Any) -> RudderStack:
    """Return a RudderStack destination at a collector or an address."""
    url = at if isinstance(at, str) else at.url
    return RudderStack(KEY, url, name=name, delivery=Delivery(**delivery))


def segment(at: Collector | str, *, name: str = "segment", **delivery: Any) -> Segment:
    """Return a Segment destination at a collector or an address."""
    url = at if isinstance(at, str) else at.url
    return Segment(KEY, host=url, name=name, delivery=Delivery(**delivery))


def bodies(collector: Collector) -> list[dict[str, Any]]:
    """Return the events that arrived, in order."""
    return [event.body for event in collector.events]


def names(collector: Collector) -> list[str]:
    """Return the names of the events that arrived, in order."""
    return [event.body["event"] for event in collector.events]


async def arrived(client: AsyncAnalytics, collector: Collector) -> dict[str, Any]:
    """Deliver what waits and return the one event that arrived."""
    await client.flush(10)
    (body,) = bodies(collector)
    return body


async def until(condition: Callable[[], object]) -> None:
    """Wait, ten seconds at most, for something that is about to happen."""
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await anyio.sleep(0.002)


def adds_up(client: AsyncAnalytics | SyncAnalytics, *, threads: bool = False) -> Statistics:
    """Check that every event is accounted for, per lane and in sum; return the counts."""
    total = client.statistics()
    for one in (total, *total.destinations.values()):
        ends = one.delivered + one.rejected + one.dead + one.dropped
        assert one.accepted + one.taken == ends + one.stored + one.pending
        assert sum(one.dropped_reasons.values()) == one.dropped
    assert total.pending == client.pending or threads
    return total
