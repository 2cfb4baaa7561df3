"""The provider, asked by the real OpenFeature client, in front of a collector."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails

from asyncsdk import AsyncAnalytics, ConfigurationError, PostHog, RudderStack
from asyncsdk.collector import Collector, Fault
from asyncsdk.integrations.openfeature import AsyncAnalyticsProvider
from tests.collector.asking import until
from tests.collector.flagging import FLAGS, definitions, flag

pytestmark = pytest.mark.whole_way

PRO = EvaluationContext("user-1", {"plan": "pro"})


def posthog(server: Collector, *, polls: bool) -> AsyncAnalytics:
    """Make a client of *server*; with *polls* it fetches definitions."""
    key = "phx_key" if polls else None
    destination = PostHog("phc_key", host=server.url, personal_api_key=key)
    return AsyncAnalytics(destination, flush_interval=0.05)


@asynccontextmanager
async def asked(
    server: Collector, *, polls: bool = False
) -> AsyncIterator[tuple[OpenFeatureClient, AsyncAnalytics]]:
    """Run a client with a provider on it; with *polls* once definitions are there."""
    async with posthog(server, polls=polls) as analytics:
        if polls:
            assert await analytics.flags.ready(5.0)
        api.set_provider_and_wait(AsyncAnalyticsProvider(analytics))
        yield api.get_client(), analytics


def questions(server: Collector) -> int:
    """Count how often the server was asked for someone's flags."""
    return sum(seen.path == "/flags/" for seen in server.requests)


@pytest.mark.parametrize("polls", [False, True], ids=["remote", "local"])
async def test_each_type_is_answered(server: Collector, *, polls: bool) -> None:
    """Here where definitions are, by the server where not; value, reason and variant agree."""
    seats = flag("seats", 41, multivariate={"variants": [{"key": "5", "rollout_percentage": 100}]})
    server.define_flags(definitions(*FLAGS, seats))
    async with asked(server, polls=polls) as (client, _):
        simple = await client.get_boolean_details_async("simple", False, PRO)
        layout = await client.get_string_details_async("layout", "none", PRO)
        assert await client.get_integer_value_async("seats", 1, PRO) == 5
        assert await client.get_float_value_async("seats", 1.0, PRO) == 5.0
        assert await client.get_object_value_async("layout", {}, PRO) == [1, 2]
        off = await client.get_string_details_async("layout", "none", EvaluationContext("user-2"))
    assert (simple.value, simple.reason, simple.variant) == (True, Reason.TARGETING_MATCH, None)
    assert (layout.value, layout.reason, layout.variant) == ("test", Reason.SPLIT, "test")
    assert (off.value, off.reason, off.error_code) == ("none", Reason.DEFAULT, None)
    about = simple.flag_metadata
    assert (about["id"], about["version"], about["locally_evaluated"]) == (11, 3, polls)
    assert questions(server) == (6 if not polls else 1)


@pytest.mark.parametrize("polls", [False, True], ids=["remote", "local"])
async def test_what_is_switched_off_is_disabled(server: Collector, *, polls: bool) -> None:
    """Not merely the default: nobody gets it."""
    async with asked(server, polls=polls) as (client, _):
        gone = await client.get_boolean_details_async("gone", True, PRO)
    assert (gone.value, gone.reason) == (False, Reason.DISABLED)


async def test_plain_calls_decide_by_what_is_here(server: Collector) -> None:
    """They ask nobody; what only the server could say is an error with the default."""
    member = {"key": "id", "type": "cohort", "value": 99}
    static = flag("static", 31, groups=[{"properties": [member], "rollout_percentage": 100}])
    server.define_flags(definitions(*FLAGS, static))
    async with asked(server, polls=True) as (client, _):
        assert client.get_boolean_value("simple", False, PRO) is True
        assert client.get_string_value("layout", "none", PRO) == "test"
        assert client.get_object_value("simple", {}, PRO) == {"color": "blue"}
        assert client.get_integer_details("layout", 1, PRO).error_code is ErrorCode.TYPE_MISMATCH
        assert client.get_float_details("layout", 1.0, PRO).error_code is ErrorCode.TYPE_MISMATCH
        undecided = client.get_boolean_details("static", True, PRO)
        unknown = client.get_boolean_details("none", True, PRO)
    assert (undecided.value, undecided.error_code) == (True, ErrorCode.GENERAL)
    assert (unknown.value, unknown.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    assert questions(server) == 0


async def test_plain_calls_without_definitions_say_so(server: Collector) -> None:
    """PROVIDER_NOT_READY and the default, instead of a loop that stands still."""
    async with asked(server) as (client, _):
        found = client.get_boolean_details("simple", True, PRO)
    assert (found.value, found.error_code) == (True, ErrorCode.PROVIDER_NOT_READY)
    assert questions(server) == 0


async def test_a_slow_server_does_not_hold_up_the_loop(server: Collector) -> None:
    """Half a second for the answer, and everything else goes on meanwhile."""
    server.script(Fault(kind="delay", seconds=0.5, path="/flags/"))
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)

    async with asked(server) as (client, _):
        await client.get_boolean_value_async("simple", False, PRO)  # aiohttp is loaded by now
        beating = asyncio.create_task(beat())
        began = time.monotonic()
        assert await client.get_boolean_value_async("simple", False, PRO) is True
        took = time.monotonic() - began
        beating.cancel()
    assert took >= 0.5
    assert longest < 0.35  # a loop that stood still would have waited half a second


@pytest.mark.parametrize(
    ("key", "context", "code"),
    [
        ("none", PRO, ErrorCode.FLAG_NOT_FOUND),
        ("simple", None, ErrorCode.TARGETING_KEY_MISSING),
        ("simple", EvaluationContext("u", {"groups": 5}), ErrorCode.INVALID_CONTEXT),
        ("simple", EvaluationContext("u", {"groups": {"": "x"}}), ErrorCode.INVALID_CONTEXT),
        ("simple", EvaluationContext("u", {"groups": {"team": True}}), ErrorCode.INVALID_CONTEXT),
    ],
)
@pytest.mark.parametrize("polls", [False, True], ids=["remote", "local"])
async def test_a_mistake_has_its_code_and_the_default(
    server: Collector, key: str, context: EvaluationContext | None, code: ErrorCode, *, polls: bool
) -> None:
    """Nothing is raised into the host."""
    async with asked(server, polls=polls) as (client, _):
        found = await client.get_boolean_details_async(key, True, context)
        assert (found.value, found.reason, found.error_code) == (True, Reason.ERROR, code)
        if polls:
            assert client.get_boolean_details(key, True, context).error_code is code


async def test_a_broken_server_is_an_error_with_its_name(server: Collector) -> None:
    """Not a flag that is missing: that would be another alarm."""
    server.script(Fault(kind="status", status=500, path="/flags/"))
    async with asked(server) as (client, _):
        found = await client.get_boolean_details_async("simple", True, PRO)
    assert (found.value, found.error_code) == (True, ErrorCode.GENERAL)
    assert "api_error_500" in (found.error_message or "")


async def test_someone_can_be_asked_about_by_default(server: Collector) -> None:
    """For a service that has one user only: itself."""
    async with posthog(server, polls=False) as analytics:
        provider = AsyncAnalyticsProvider(
            analytics, default_distinct_id="service", send_events=False
        )
        api.set_provider_and_wait(provider)
        assert await api.get_client().get_boolean_value_async("simple", False) is True
    assert server.events == []


async def test_what_was_read_is_reported_once(server: Collector) -> None:
    """As with every reading of a flag."""
    async with asked(server, polls=True) as (client, _):
        for _ in range(3):
            await client.get_boolean_value_async("simple", False, PRO)
            client.get_boolean_value("simple", False, PRO)
    (called,) = server.events
    assert called.body["event"] == "$feature_flag_called"
    assert called.body["properties"]["$feature_flag"] == "simple"


async def test_tracking_captures(server: Collector) -> None:
    """The value is a property, the context's groups are the event's."""
    context = EvaluationContext("user-1", {"plan": "pro", "groups": {"company": "c-1"}})
    details = TrackingEventDetails(19.5, {"currency": "EUR"})
    async with asked(server) as (client, _):
        client.track("Order Completed", context, details)
        client.track("Visited")
    order, visit = (kept.body for kept in server.events)
    assert (order["event"], order["distinct_id"]) == ("Order Completed", "user-1")
    expected = {"currency": "EUR", "value": 19.5, "$groups": {"company": "c-1"}}
    assert expected.items() <= order["properties"].items()
    assert visit["properties"]["$process_person_profile"] is False


class Heard:
    """Listens to all that providers say."""

    def __init__(self) -> None:
        self.said: list[tuple[str, EventDetails]] = []
        for event in ProviderEvent:
            api.add_handler(event, partial(self._note, event.value.removeprefix("PROVIDER_")))

    def _note(self, name: str, details: EventDetails) -> None:
        self.said.append((name, details))

    @property
    def names(self) -> list[str]:
        """Return what was said, without details."""
        return [name for name, _ in self.said]


async def hearing() -> Heard:
    """Listen from now on: that a provider is ready is told at once, in another thread."""
    heard = Heard()
    await until(lambda: heard.names == ["READY"])
    heard.said.clear()
    return heard


async def test_news_of_definitions_become_events(server: Collector) -> None:
    """Changed keys are named; an outage is STALE after three polls, and READY once it ends."""
    async with asked(server, polls=True) as (client, analytics):
        heard = await hearing()
        server.define_flags(definitions(*FLAGS[1:], flag("new", 51)))
        assert await analytics.flags.reload()
        await until(lambda: "CONFIGURATION_CHANGED" in heard.names)
        assert dict(heard.said)["CONFIGURATION_CHANGED"].flags_changed == ["new", "simple"]
        server.script(Fault(kind="status", status=503))
        for _ in range(2):
            assert not await analytics.flags.reload()
        assert client.get_provider_status() is ProviderStatus.READY
        assert not await analytics.flags.reload()
        assert client.get_provider_status() is ProviderStatus.STALE
        assert client.get_boolean_details("new", False, PRO).reason is Reason.STALE
        server.script()
        assert await analytics.flags.reload()  # a 304: they are what they were
        assert client.get_provider_status() is ProviderStatus.READY
        assert client.get_boolean_details("new", False, PRO).reason is Reason.TARGETING_MATCH
        await until(lambda: heard.names == ["CONFIGURATION_CHANGED", "STALE", "READY"])


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_key_and_a_used_up_quota_are_errors(server: Collector, status: int) -> None:
    """At once; flags are still answered, by the server if there are no definitions any more."""
    async with asked(server, polls=True) as (client, analytics):
        heard = await hearing()
        server.script(Fault(kind="status", status=status, path="/flags/definitions"))
        assert not await analytics.flags.reload()
        await until(lambda: "ERROR" in heard.names)
        assert f"HTTP {status}" in (dict(heard.said)["ERROR"].message or "")
        assert client.get_provider_status() is ProviderStatus.ERROR
        assert await client.get_boolean_value_async("simple", False, PRO) is True
        server.script()
        assert await analytics.flags.reload()
        assert client.get_provider_status() is ProviderStatus.READY


async def test_a_quota_that_stays_used_up_is_told_once(server: Collector) -> None:
    """Each poll says so again; nothing changes by that."""
    async with asked(server, polls=True) as (_, analytics):
        heard = await hearing()
        server.script(Fault(kind="status", status=402, path="/flags/definitions"))
        for _ in range(3):
            assert not await analytics.flags.reload()
        await until(lambda: "CONFIGURATION_CHANGED" in heard.names)
        assert heard.names == ["ERROR", "CONFIGURATION_CHANGED"]


async def test_it_is_ready_when_definitions_come_late(server: Collector) -> None:
    """Until then the server is asked, and plain calls say that they cannot know."""
    server.script(Fault(kind="status", path="/flags/definitions"))
    async with posthog(server, polls=True) as analytics:
        api.set_provider_and_wait(AsyncAnalyticsProvider(analytics))
        client, heard = api.get_client(), await hearing()
        for _ in range(3):
            assert not await analytics.flags.reload()
        assert client.get_provider_status() is ProviderStatus.ERROR
        assert await client.get_boolean_value_async("simple", False, PRO) is True
        code = client.get_boolean_details("simple", False, PRO).error_code
        assert code is ErrorCode.PROVIDER_NOT_READY
        server.script()
        assert await analytics.flags.reload()
        await until(lambda: heard.names[-2:] == ["ERROR", "READY"])
        assert client.get_boolean_value("simple", False, PRO) is True


async def test_it_may_come_and_go_in_other_threads(server: Collector) -> None:
    """As OpenFeature has it; the client goes on, and nobody listens any more."""
    async with posthog(server, polls=True) as analytics:
        provider = AsyncAnalyticsProvider(analytics)
        threads: list[str] = []
        initialize, shutdown = provider.initialize, provider.shutdown

        def begin(evaluation_context: EvaluationContext) -> None:
            threads.append(threading.current_thread().name)
            initialize(evaluation_context)

        def end() -> None:
            threads.append(threading.current_thread().name)
            shutdown()
            shutdown()

        provider.initialize, provider.shutdown = begin, end  # type: ignore[method-assign]
        api.set_provider(provider)
        client = api.get_client()
        await until(lambda: client.get_provider_status() is ProviderStatus.READY)
        assert await client.get_boolean_value_async("simple", False, PRO) is True
        heard = await hearing()
        api.set_provider(AsyncAnalyticsProvider(posthog(server, polls=False)))
        await until(lambda: len(threads) == 2)
        assert threading.main_thread().name not in threads
        server.define_flags(definitions())
        assert await analytics.flags.reload()
        assert analytics.flags.keys == ()
        assert "CONFIGURATION_CHANGED" not in heard.names
        assert analytics.capture("Still here", "user-1").state == "pending"


def test_a_client_without_flags_is_refused() -> None:
    """At once, not at the first flag."""
    with pytest.raises(ConfigurationError):
        AsyncAnalyticsProvider(AsyncAnalytics(RudderStack("key", "https://data.example.com")))


def test_a_missing_package_is_named() -> None:
    """With the command that brings it."""
    program = (
        "import sys; sys.modules['openfeature'] = None\nimport asyncsdk.integrations.openfeature"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert "pip install 'asyncsdk[openfeature]'" in ended.stderr


async def test_a_client_that_nobody_started_is_started_by_the_first_question(
    server: Collector,
) -> None:
    """Provider and client can stand in a module; an end of one run is no end of the provider."""
    analytics = posthog(server, polls=False)
    api.set_provider_and_wait(AsyncAnalyticsProvider(analytics))
    for _ in range(2):
        assert await api.get_client().get_boolean_value_async("simple", False, PRO) is True
        result = await analytics.shutdown()
        assert result.pending == 0
    assert [kept.body["event"] for kept in server.events] == ["$feature_flag_called"]
