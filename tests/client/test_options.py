"""Options of the client: each wrong value is refused by name, each right one has its effect."""

import asyncio
import functools
import logging
import ssl
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError, Delivery, MemoryStore, Message, RudderStack
from asyncsdk.client.settings import Options
from asyncsdk.collector import Collector, Fault
from asyncsdk.options import DELIVERY_OPTIONS
from asyncsdk.reporting import logger
from tests.client.conftest import MakeClient
from tests.client.street import KEY, NOWHERE, arrived, rudder, segment, until


async def _coroutine(message: Message) -> Message:
    return message


class _Awaited:
    async def __call__(self, message: Message) -> Message:
        return message


WRONG: list[tuple[str, Any]] = [
    ("flush_at", 0),
    ("flush_interval", -1),
    ("max_batch_events", "20"),
    ("max_batch_bytes", 1.5),
    ("max_queue_events", 0),
    ("max_queue_bytes", True),
    ("max_total_bytes", 0),
    ("max_total_bytes", None),
    ("overflow", "block"),
    ("invalid", "ignore"),
    ("strict", 1),
    ("max_retries", -1),
    ("retry_base", "1"),
    ("retry_cap", float("nan")),
    ("jitter", 2),
    ("exhausted", "forget"),
    ("max_age", -1),
    ("timeout", -1),
    ("concurrency", 0),
    ("gzip", "no"),
    ("probe_after", -1),
    ("probe_cap", "600"),
    ("consent", "marketing"),
    ("without_consent", "wait"),
    ("max_held_events", 0),
    ("max_held_age", -1),
    ("enabled", 1),
    ("deliver", "yes"),
    ("deliver", False),
    ("default_context", [("a", 1)]),
    ("include_runtime_context", "yes"),
    ("before_send", 5),
    ("before_send", [len, 5]),
    ("before_send", "text"),
    ("before_send", _coroutine),
    ("before_send", [_Awaited()]),
    ("before_send", functools.partial(_coroutine)),
    ("on_error", 5),
    ("on_drop", "print"),
    ("on_event", []),
    ("on_request", "print"),
    ("log_level", "LOUD"),
    ("log_level", 10),
    ("store", object()),
    ("shutdown_timeout", -1),
    ("shutdown_timeout", None),
    ("exit_drain", "2"),
    ("handle_signals", 1),
    ("mapping", "mapping.yaml"),
    ("mapping", {}),
    ("mapping", {"rudder": 5}),
    ("transport", object()),
    ("ssl", False),
    ("proxy", "proxy.example.com:3128"),
    ("trust_env", None),
    ("flushAt", 20),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any) -> None:
    """At construction, before anything runs; the error begins with the option."""
    options: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError, match=rf"^{name}\b") as caught:
        AsyncAnalytics(rudder(NOWHERE), **options)
    assert (caught.value.code, caught.value.retryable) == ("configuration_error", False)


def test_every_option_has_a_wrong_value_here() -> None:
    """A new option is tested too."""
    assert {name for name, _ in WRONG} == set(Options.__annotations__) | {"flushAt"}


def test_an_unknown_option_is_told_what_is_known() -> None:
    """A typing error is found in the message."""
    with pytest.raises(
        ConfigurationError, match=r"flush_at: there is no such|known are .*flush_at"
    ):
        AsyncAnalytics(rudder(NOWHERE), flush_att=5)  # type: ignore[call-arg]  # that is the point


def test_a_destination_is_needed() -> None:
    """A client that sends nowhere is a mistake; `enabled=False` is the way to send nothing."""
    with pytest.raises(ConfigurationError, match=r"^destinations: at least one"):
        AsyncAnalytics()


def test_a_destination_is_an_object_with_its_methods() -> None:
    """A write key alone is none."""
    with pytest.raises(ConfigurationError, match=r"^destinations: str is none"):
        AsyncAnalytics("WRITE_KEY")  # type: ignore[arg-type]  # that is the point


def test_equal_names_are_refused() -> None:
    """Counts and stored batches go by name."""
    with pytest.raises(ConfigurationError, match=r"^destinations: two are named main"):
        AsyncAnalytics(rudder(NOWHERE, name="main"), segment(NOWHERE, name="main"))
    with pytest.raises(ConfigurationError, match=r"^destinations: two are named rudderstack-"):
        AsyncAnalytics(RudderStack(KEY, NOWHERE), RudderStack(KEY, NOWHERE))
    AsyncAnalytics(RudderStack(KEY, NOWHERE), RudderStack("other", NOWHERE))


def test_constructing_needs_no_loop_and_does_no_io() -> None:
    """A module may make its client while it is imported."""
    client = AsyncAnalytics(rudder(NOWHERE))
    assert (client.pending, client.statistics().requests) == (0, 0)


def test_the_representation_shows_no_key() -> None:
    """Where it delivers to and how much waits is enough."""
    client = AsyncAnalytics(rudder(NOWHERE), segment(NOWHERE))
    client.track("E", user_id="u")
    assert repr(client) == "<AsyncAnalytics to rudder, segment: 2 pending>"
    assert KEY not in f"{client!r} {rudder(NOWHERE)!r} {segment(NOWHERE)!r} {vars(client)!r}"


def test_every_lane_option_is_a_keyword_of_the_client() -> None:
    """What a destination's Delivery can say, the client can say for all."""
    assert set(DELIVERY_OPTIONS) <= set(Options.__annotations__)


async def test_the_destination_decides_before_the_client(
    make: MakeClient, collector: Collector
) -> None:
    """Each lane has its own settings; where the destination is silent the client speaks."""
    client = make(
        rudder(collector, name="own", flush_at=1), rudder(collector, name="shared"), flush_at=3
    )
    for _ in range(2):
        client.track("E", user_id="u")
    await until(lambda: client.statistics().destinations["own"].delivered == 2)
    assert client.statistics().destinations["shared"].requests == 0
    client.track("E", user_id="u")
    await until(lambda: client.statistics().delivered == 6)


@pytest.mark.parametrize("gzip", [True, False])
async def test_gzip_is_as_the_client_says(
    make: MakeClient, collector: Collector, *, gzip: bool
) -> None:
    """The body is compressed or not, and said so."""
    client = make(gzip=gzip)
    await client.track("E", user_id="u").delivered(5)
    (request,) = collector.requests
    assert request.headers.get("content-encoding") == ("gzip" if gzip else None)


async def test_a_lane_option_of_the_destination_beats_the_client_in_effect(
    make: MakeClient, collector: Collector
) -> None:
    """`gzip` said at the destination."""
    client = make(rudder(collector, gzip=False), gzip=True)
    await client.track("E", user_id="u").delivered(5)
    assert "content-encoding" not in collector.requests[0].headers


async def test_none_leaves_an_option_to_the_default(make: MakeClient, collector: Collector) -> None:
    """So that a program can pass on what it was not told."""
    client = make(rudder(collector), max_age=None, on_error=None, log_level=None, proxy=None)
    await client.track("E", user_id="u").delivered(5)


async def test_flush_interval_seals_by_age(make: MakeClient, collector: Collector) -> None:
    """Nobody has to flush."""
    client = make(flush_interval=0.02)
    client.track("E", user_id="u")
    await until(lambda: collector.events)


async def test_flush_at_seals_by_count(make: MakeClient, collector: Collector) -> None:
    """The last of so many events opens the way."""
    client = make(flush_at=3, flush_interval=0)
    client.track("E", user_id="u")
    client.track("E", user_id="u")
    await asyncio.sleep(0.05)
    assert not collector.events
    client.track("E", user_id="u")
    await until(lambda: len(collector.events) == 3)


async def test_batches_are_bounded_in_events_and_bytes(
    make: MakeClient, collector: Collector
) -> None:
    """No request carries more, however much waits."""
    client = make(
        rudder(collector, name="count", max_batch_events=7),
        rudder(collector, name="bytes", max_batch_bytes=2_000, gzip=False),
        flush_at=5,
    )
    for _ in range(50):
        client.track("E", user_id="u", properties={"text": "x" * 100})
    await client.flush(10)
    sizes = {request.events for request in collector.requests if request.wire_bytes > 0}
    assert client.statistics().delivered == 100
    assert max(sizes) <= 7
    unpacked = [r for r in collector.requests if "content-encoding" not in r.headers]
    assert unpacked
    assert max(request.decoded_bytes for request in unpacked) <= 2_000


@pytest.mark.usefixtures("logger_left_alone")
@pytest.mark.parametrize("level", ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"])
def test_log_level_sets_the_level_of_our_logger_alone(level: str) -> None:
    """Without it logging is left alone."""
    root = logging.getLogger().level
    AsyncAnalytics(rudder(NOWHERE))
    assert logger.level == logging.NOTSET
    AsyncAnalytics(rudder(NOWHERE), log_level=level)
    assert logging.getLevelName(logger.level) == level
    assert logging.getLogger().level == root


async def test_a_store_may_be_given(make: MakeClient, collector: Collector) -> None:
    """Its dead letters are the client's."""
    store = MemoryStore()
    collector.write_keys = None
    client = make(store=store)
    await client.track("E", user_id="u").delivered(5)
    assert [letter async for letter in client.dead_letters()] == []


def test_a_context_and_a_proxy_may_be_given() -> None:
    """Both are only looked at when the client starts."""
    AsyncAnalytics(
        rudder(NOWHERE),
        ssl=ssl.create_default_context(),
        proxy="http://proxy.example.com:3128",
        trust_env=True,
    )


async def test_timeout_is_a_total(make: MakeClient, collector: Collector) -> None:
    """A server that takes too long is asked again."""
    collector.script(Fault(kind="hang", times=1))
    client = make(timeout=0.1, retry_base=0.01)
    await client.track("E", user_id="u").delivered(10)
    assert [request.fault for request in collector.requests] == ["hang", ""]


async def test_default_context_is_fixed_with_the_client(
    make: MakeClient, collector: Collector
) -> None:
    """What the program does with its dict afterwards changes no event."""
    context: dict[str, Any] = {"app": {"version": 1}, "locale": "en"}
    client = make(default_context=context)
    context["app"]["version"] = 2
    context["locale"] = "de"
    client.track("E", user_id="u")
    body = await arrived(client, collector)
    assert (body["context"]["app"], body["context"]["locale"]) == ({"version": 1}, "en")


def test_a_delivery_is_a_value() -> None:
    """Equal settings are equal, and a destination with one can be a key."""
    assert Delivery(flush_at=3) == Delivery(flush_at=3) != Delivery(flush_at=4)
    assert len({rudder(NOWHERE, flush_at=3), rudder(NOWHERE, flush_at=3)}) == 1
