"""The pytest plugin, as a user's project has it: pytest in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asyncsdk import AsyncAnalytics, DeliveryError, RudderStack, border
from asyncsdk.errors import NETWORK_BLOCKED
from asyncsdk.seams import HttpRequest
from asyncsdk.stores import RedisStore
from asyncsdk.stores.redis.line import Address
from asyncsdk.transports.blocking import BlockingTransport
from asyncsdk.transports.proxies import Proxies
from tests.docs.blocks import blocks
from tests.stores.redis.using import live, until_away

pytest_plugins = ["pytester"]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close the border, which this project's own settings leave open."""
    monkeypatch.setenv(border.VARIABLE, border.CLOSED)


APPLICATION = """
    from asyncsdk import AsyncAnalytics, DeliveryError, RudderStack
    AWAY = "https://dataplane.example.com"
    analytics = AsyncAnalytics(RudderStack("WRITE_KEY", AWAY))
    def checkout(user_id):
        analytics.track("Order Completed", user_id=user_id, properties={"total": 20})
"""

TESTS = """
    import asyncio, os, pytest
    from asyncsdk import AsyncAnalytics, RudderStack
    from asyncsdk.collector import Fault
    from application import analytics, checkout

    def test_records(analytics_events):
        checkout("u-1")
        analytics_events.assert_tracked("Order Completed", user_id="u-1", properties={"total": 20})

    def test_begins_empty(analytics_events):
        assert len(analytics_events) == 0

    def test_fails(analytics_events):
        checkout("u-1")
        analytics_events.assert_tracked("Order Completed", properties={"total": 21})

    def test_delivers(collector):
        collector.script(Fault(kind="status", status=503, times=1))
        async def main():
            there = RudderStack("WRITE_KEY", collector.url)
            async with AsyncAnalytics(there, retry_base=0.01) as analytics:
                analytics.track("E", user_id="u")
        asyncio.run(main())
        assert [body["event"] for body in collector.bodies] == ["E"]
        assert [request.status for request in collector.requests] == [503, 200]
        assert sum(collector.message_ids().values()) == collector.summary().accepted == 1
        collector.clear()
        assert collector.events == []

    def test_records_and_delivers(collector, analytics_events):
        analytics_events.pass_on()
        async def main():
            async with AsyncAnalytics(RudderStack("WRITE_KEY", collector.url)) as analytics:
                analytics.track("E", user_id="u")
        asyncio.run(main())
        assert len(collector.events) == len(analytics_events) == 1

    def test_stays(): assert os.environ["PYTEST_ASYNCSDK"] == "loopback"

    @pytest.mark.asyncsdk_network
    def test_leaves(): assert os.environ["PYTEST_ASYNCSDK"] == ""

    def test_stays_again(): assert os.environ["PYTEST_ASYNCSDK"] == "loopback"
"""


@pytest.mark.whole_way
def test_a_project_has_fixtures_and_a_closed_border(pytester: pytest.Pytester) -> None:
    """Installed is enough; warnings are errors there; a failure reads like a difference."""
    pytester.makepyfile(application=APPLICATION, test_it=TESTS)
    ended = pytester.runpytest_subprocess("--strict-markers", "-W", "error")
    ended.assert_outcomes(passed=7, failed=1)
    ended.stdout.fnmatch_lines(["E*properties.total: expected 21, got 20"])
    ended.stdout.no_fnmatch_line("*recording.py*")  # the traceback ends in the user's line
    ended.stdout.fnmatch_lines(["FAILED test_it.py::test_fails - *"])


@pytest.mark.whole_way
def test_the_documents_tests_pass(pytester: pytest.Pytester) -> None:
    """Those of docs/testing.md, as they stand."""
    document = Path(__file__).parents[2] / "docs" / "testing.md"
    programs = [block.text for block in blocks(document.read_text(encoding="utf-8"))]
    tests = [text for text in programs if "def test_" in text]
    pytester.makepyfile(**{f"test_{number}": text for number, text in enumerate(tests)})
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)


@pytest.mark.whole_way
def test_a_project_can_ask_for_the_network(pytester: pytest.Pytester) -> None:
    """In its settings; the same as the option for one run."""
    pytester.makeini("[pytest]\nasyncsdk_network = true\n")
    pytester.makepyfile("import os\ndef test_it(): assert not os.environ['PYTEST_ASYNCSDK']")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.mark.usefixtures("closed")
def test_the_option_asks_for_the_network_in_one_run(pytester: pytest.Pytester) -> None:
    """And a run within a run leaves the border as it was."""
    pytester.makepyfile("import os\ndef test_it(): assert not os.environ['PYTEST_ASYNCSDK']")
    pytester.runpytest_inprocess("--asyncsdk-network").assert_outcomes(passed=1)
    assert os.environ[border.VARIABLE] == border.CLOSED


@pytest.mark.usefixtures("closed")
async def test_an_event_for_another_machine_is_refused_at_once() -> None:
    """No retries that hold up the test, a receipt that says what to do, nothing lost silently."""
    away = RudderStack("WRITE_KEY", "https://dataplane.example.com")
    async with AsyncAnalytics(away) as analytics:
        receipt = analytics.track("E", user_id="u")
        with pytest.raises(
            DeliveryError, match="fixtures analytics_events or collector"
        ) as refused:
            await receipt.delivered(5.0)
    assert refused.value.code == NETWORK_BLOCKED
    assert not refused.value.retryable
    statistics = analytics.statistics()
    assert (statistics.rejected, statistics.requests, statistics.pending) == (1, 1, 0)


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:80/v1", True),
        ("http://127.8.9.1/", True),
        ("http://[::1]:8080/", True),
        ("http://localhost/", True),
        ("http://a.localhost/", True),
        ("http://192.0.2.1/", False),
        ("http://[2001:db8::1]/", False),
        ("https://localhost.example.com/", False),
        ("https://127.0.0.1.example.com/", False),
    ],
)
def test_this_machine_is_told_by_its_addresses(url: str, *, here: bool) -> None:
    """A name that only looks like it is another machine's."""
    if here:
        border.check(url)
    else:
        with pytest.raises(DeliveryError, match="nothing is sent"):
            border.check(url)


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    "store",
    [
        RedisStore("redis://queue.example.com:6379/0"),
        RedisStore("redis://:secret@127.0.0.1,192.0.2.1", cluster=True),
        RedisStore("rediss://192.0.2.1", sentinel="main"),
    ],
    ids=["one", "cluster", "sentinel"],
)
async def test_a_redis_on_another_machine_is_not_asked(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    """A test's events have no place in the queue of production."""
    async with live(store):
        await until_away(store)
    assert "under pytest nothing is sent to" in caplog.text


@pytest.mark.usefixtures("closed")
def test_a_redis_on_this_machine_may_be_asked() -> None:
    """By its address, its name, or its socket."""
    for url in ("redis://localhost", "redis://127.0.0.1:1/0", "redis://", "unix:///run/r.sock"):
        Address(url=url).check_border()


@pytest.mark.usefixtures("closed")
async def test_the_last_resort_stays_here_too() -> None:
    """What a process sends at its exit."""
    transport = BlockingTransport(
        ssl_context=None, proxies=Proxies(None, trust_env=False), budget=5
    )
    with pytest.raises(DeliveryError, match="nothing is sent to 192"):
        await transport.send(HttpRequest(url="http://192.0.2.1/", headers={}, body=b""))


def test_without_pytest_the_border_is_open() -> None:
    """The variable is the plugin's alone, and importing the package loads no test tools."""
    environment = {name: value for name, value in os.environ.items() if name != border.VARIABLE}
    program = (
        "import sys, asyncsdk.testing; from asyncsdk import border\n"
        "border.check('https://dataplane.example.com')\n"
        "print(sorted({'pytest', 'unittest.mock', 'aiohttp'} & sys.modules.keys()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "[]"
