"""The shop and its visitors."""

from collections import Counter
from itertools import islice

import msgspec

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.cli.calls import KINDS, make
from asyncsdk.cli.shop import poison, stream
from asyncsdk.collector.rudderstack import answer


def test_a_seed_tells_the_whole_story() -> None:
    """Two runs of the demo with one seed send the same events."""
    first, again, other = (list(islice(stream(seed), 500)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_all_six_kinds_come_soon_and_often() -> None:
    """The smallest demo has them all, and most are tracks, as in life."""
    kinds = Counter(call.kind for call in islice(stream(1), 2_000))
    assert kinds.keys() == set(KINDS)
    assert min(kinds.values()) >= 20
    assert kinds.most_common(1)[0][0] == "track"


def test_every_call_passes_the_checks_of_the_client() -> None:
    """What the demo sends is what the SDK lets through; nothing but the planted event is bad."""
    analytics = AsyncAnalytics(RudderStack("KEY", "http://127.0.0.1:1"), enabled=False)
    for call in islice(stream(3), 2_000):
        make(analytics, call)
    assert analytics.statistics().dropped_reasons == {"disabled": 2_000}
    assert analytics.statistics().coerced == 0


def test_the_planted_event_passes_here_and_is_refused_by_the_gateway() -> None:
    """It must be the server that says no, or the demo would show nothing."""
    destination = RudderStack("KEY", "http://127.0.0.1:1")
    analytics = AsyncAnalytics(destination, enabled=False)
    receipt = make(analytics, poison())
    event = msgspec.convert(poison().arguments, dict[str, object])
    said = answer("batch", {"batch": [{"userId": event["user_id"]}]}, fresh_id=str)
    assert receipt.message_id
    assert (said.status, said.text) == (400, "request neither has anonymousId nor userId\n")
