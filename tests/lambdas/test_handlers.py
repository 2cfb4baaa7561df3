"""`lambda_handler`: what it makes of a handler, within one process."""

import asyncio
import logging
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import MagicMock

import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError, FlushResult, SyncAnalytics
from asyncsdk.collector import Collector, Fault
from asyncsdk.integrations import aws_lambda
from asyncsdk.integrations.aws_lambda import lambda_handler
from tests.client.street import names, rudder
from tests.synchronous.conftest import collector as collector


class Context:
    """An invocation with some milliseconds left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        """Return them."""
        return self.left


@pytest.fixture(autouse=True)
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin each test with a container that was never invoked; its loop is closed at the end."""
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(aws_lambda, "_loops", [loop])
    yield
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def client(collector: Collector) -> Iterator[AsyncAnalytics]:
    """Make a client that sends nothing by itself; its run ends with the test."""
    client = AsyncAnalytics(rudder(collector), flush_interval=0, retry_base=0.01, exit_drain=0.1)
    yield client
    lambda_handler(client)(lambda _event, _context: client.shutdown(0.1))(None, None)


def test_both_kinds_of_handlers_return_their_result(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """What does Lambda get? What the handler returns, from `async def` and `def` alike."""
    wrap = lambda_handler(client)

    @wrap
    async def waits(event: str, _context: object) -> str:
        """Wait a little."""
        await asyncio.sleep(0)
        client.track("waited", user_id=event)
        return f"waited for {event}"

    @wrap
    def plain(event: str, _context: object) -> str:
        client.track("did", user_id=event)
        return f"did {event}"

    assert waits("a", None) == "waited for a"
    assert plain("b", Context(10_000)) == "did b"
    assert names(collector) == ["waited", "did"]
    assert (waits.__name__, waits.__doc__) == ("waits", "Wait a little.")


def test_a_handler_that_fails_is_flushed_and_fails(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """What if the handler raises? What it said before arrives, and Lambda hears of the error."""

    @lambda_handler(client)
    def fails(_event: object, _context: object) -> None:
        client.track("tried", user_id="u")
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fails(None, Context(10_000))
    assert names(collector) == ["tried"]


@pytest.mark.parametrize("left", [0, 200, 250])
def test_an_invocation_without_time_leaves_all_to_the_next_one(
    client: AsyncAnalytics, collector: Collector, caplog: pytest.LogCaptureFixture, left: int
) -> None:
    """What if no time is left? Nothing is begun; it is said, and the next invocation delivers."""
    told: list[FlushResult] = []

    @lambda_handler(client, safety=0.25, report=told.append)
    def handler(event: str, _context: object) -> None:
        client.track(event, user_id="u")

    handler("first", Context(left))
    assert (names(collector), client.pending, [one.pending for one in told]) == ([], 1, [1])
    assert "1 events did not go within 0 s" in caplog.text
    handler("second", Context(10_000))
    assert (names(collector), client.pending, len(told)) == (["first", "second"], 0, 1)


def test_a_flush_ends_before_the_invocation_does(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """What if the server hangs? The invocation's own limit goes before the budget."""
    collector.script(Fault(kind="hang", times=1))
    told: list[FlushResult] = []

    @lambda_handler(client, flush_budget=60.0, safety=0.1, report=told.append)
    def handler(_event: object, _context: object) -> None:
        client.track("E", user_id="u")

    handler(None, Context(300))
    (result,) = told
    assert result.pending == 1
    assert 0.15 < result.duration < 2.0


@pytest.mark.parametrize("left", [None, MagicMock()])
def test_a_context_that_knows_no_time_leaves_the_budget(
    client: AsyncAnalytics, collector: Collector, left: int
) -> None:
    """And in a test, with a mock for a context? The handler's result stands, and all is delivered."""

    @lambda_handler(client)
    def handler(_event: object, _context: object) -> int:
        client.track("E", user_id="u")
        return 1

    assert handler(None, Context(left)) == 1
    assert names(collector) == ["E"]


def test_handlers_in_threads_take_turns(client: AsyncAnalytics, collector: Collector) -> None:
    """What if a local server calls two at once? Each returns its own result, and all arrives."""
    both = threading.Barrier(2, timeout=10)

    @lambda_handler(client)
    async def waits(event: str, _context: object) -> str:
        client.track(event, user_id="u")
        await asyncio.sleep(0.05)
        return event

    @lambda_handler(client)
    def plain(event: str, _context: object) -> str:
        client.track(event, user_id="u")
        return event

    def call(number: int) -> tuple[str, str]:
        both.wait()
        return waits(f"waits {number}", None), plain(f"plain {number}", None)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(call, range(2)))
    assert results == [("waits 0", "plain 0"), ("waits 1", "plain 1")]
    assert sorted(names(collector)) == ["plain 0", "plain 1", "waits 0", "waits 1"]
    assert client.pending == 0


def test_a_flush_waits_for_its_turn_no_longer_than_it_may(
    client: AsyncAnalytics, caplog: pytest.LogCaptureFixture
) -> None:
    """What if the other one goes on? What waits stays queued, and this one returns in its time."""
    began, over = threading.Event(), threading.Event()

    @lambda_handler(client)
    async def goes_on(_event: object, _context: object) -> None:
        began.set()
        await asyncio.to_thread(over.wait, 10)

    @lambda_handler(client, flush_budget=0.1)
    def plain(_event: object, _context: object) -> int:
        client.track("E", user_id="u")
        return 1

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(goes_on, None, None)
        assert began.wait(10)
        assert plain(None, None) == 1
        assert "1 events did not go within 0.1 s" in caplog.text
        over.set()
        other.result(10)
    assert client.pending == 0


def test_aiohttp_is_loaded_before_the_first_invocation() -> None:
    """Who pays for the imports? The container's beginning, not the first flush and its budget."""
    source = """
        import sys
        from asyncsdk import AsyncAnalytics, RudderStack
        from asyncsdk.integrations.aws_lambda import lambda_handler
        client = AsyncAnalytics(RudderStack("key", "http://127.0.0.1:9"))
        assert "aiohttp" not in sys.modules
        lambda_handler(client)
        assert "aiohttp" in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(source)], check=True, timeout=60)


def test_what_is_no_async_client_is_refused() -> None:
    """What of `SyncAnalytics`, or a decorator without its brackets? The error says what to write."""
    for wrong in (SyncAnalytics(rudder("http://127.0.0.1:9")), test_handlers_in_threads_take_turns):
        with pytest.raises(ConfigurationError, match=r"@lambda_handler\(client\)"):
            lambda_handler(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_what_reports_and_flushes_may_break(
    client: AsyncAnalytics, caplog: pytest.LogCaptureFixture
) -> None:
    """What if `report` raises, or the client runs elsewhere? The handler's result does not suffer."""

    def breaks(_result: FlushResult) -> None:
        raise KeyError("planted-text")

    @lambda_handler(client, report=breaks)
    def handler(_event: object, _context: object) -> int:
        client.track("E", user_id="u")
        return 1

    elsewhere = asyncio.new_event_loop()
    try:
        elsewhere.run_until_complete(client.start())
        with caplog.at_level(logging.ERROR):
            assert handler(None, None) == 1
        assert "running on another event loop" in caplog.text
        assert "report raised KeyError" in caplog.text
        elsewhere.run_until_complete(client.shutdown())
    finally:
        elsewhere.close()


async def test_a_handler_on_a_running_loop_says_so() -> None:
    """What if a test calls it in a coroutine? It says what to do instead."""
    client = AsyncAnalytics(rudder("http://127.0.0.1:9"))
    handler = lambda_handler(client)(lambda _event, _context: None)
    with pytest.raises(ConfigurationError, match="thread without one"):
        handler(None, None)


@pytest.mark.parametrize("option", ["flush_budget", "safety"])
def test_seconds_that_cannot_be_are_refused(client: AsyncAnalytics, option: str) -> None:
    """What of a negative number? It is a mistake, and said where it is made."""
    with pytest.raises(ConfigurationError, match=option):
        lambda_handler(client, **{option: -1.0})  # type: ignore[arg-type]


def test_without_a_loop_the_threads_own_is_taken_or_one_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which loop is kept? The one that the thread has already, which Mangum takes as well."""
    client = AsyncAnalytics(rudder("http://127.0.0.1:9"))

    @lambda_handler(client)
    async def handler(_event: object, _context: object) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    mine = asyncio.new_event_loop()
    monkeypatch.setattr(aws_lambda, "_loops", [])
    asyncio.set_event_loop(mine)
    assert handler(None, None) is mine
    mine.close()
    made = handler(None, None)
    assert made is not mine
    assert handler(None, None) is made
    made.close()


def test_what_is_said_during_the_flush_goes_with_it(
    client: AsyncAnalytics, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """A task that the handler left behind goes on while there is time."""
    tasks: list[asyncio.Task[None]] = []

    async def later() -> None:
        client.track("Later", user_id="u")

    @lambda_handler(client)
    async def handler(_event: object, _context: object) -> None:
        client.track("Now", user_id="u")
        tasks.append(asyncio.create_task(later()))

    handler(None, Context(3_000))
    assert (names(collector), client.pending, caplog.text) == (["Now", "Later"], 0, "")


@pytest.mark.parametrize("how", ["flush", "handler"])
def test_a_loop_of_ones_own_takes_no_longer_than_the_flush_may(
    collector: Collector, how: str
) -> None:
    """What a flush has taken is taken off `exit_drain`; before the decorator's own there is none."""
    collector.script(Fault(kind="hang"))
    drain, limit = (1.0, 1.8) if how == "flush" else (5.0, 3.0)
    patience: Any = {"timeout": 0.5, "retry_base": 0.05, "retry_cap": 0.05}
    client = AsyncAnalytics(rudder(collector), flush_interval=0, exit_drain=drain, **patience)

    async def work() -> None:
        client.track("Kept", user_id="u")
        if how == "flush":
            await client.flush(1.0)

    @lambda_handler(client, flush_budget=0.3)
    def decorated(_event: object, _context: object) -> None:
        asyncio.run(work())

    began = time.monotonic()
    if how == "flush":
        asyncio.run(work())
    else:
        decorated(None, Context(2_000))
    assert time.monotonic() - began < limit
    assert client.pending == 1
    collector.script()
    lambda_handler(client)(lambda _event, _context: client.shutdown(5.0))(None, None)
    assert set(names(collector)) == {"Kept"}


@pytest.mark.parametrize("more", [[], ["Said after it"]])
def test_a_loop_of_ones_own_still_delivers_after_a_short_flush(
    collector: Collector, more: list[str]
) -> None:
    """What is left of `exit_drain` is its; all of it if something came after the flush."""
    client = AsyncAnalytics(rudder(collector), flush_interval=0, exit_drain=5.0)

    async def work() -> None:
        client.track("Waited for", user_id="u")
        await client.flush(0)
        for name in more:
            client.track(name, user_id="u")

    asyncio.run(work())
    assert (names(collector), client.pending) == (["Waited for", *more], 0)


def test_handlers_of_other_shapes(client: AsyncAnalytics, collector: Collector) -> None:
    """Methods, and what returns something to be awaited; one that yields would run too late."""

    def of_a_shop(_self: object, event: str, _context: object) -> str:
        client.track(event, user_id="u")
        return event

    wrap: Any = lambda_handler(client)
    shop: Any = type("Shop", (), {"handler": wrap(of_a_shop)})()

    @lambda_handler(client)
    def task(event: str, _context: object) -> object:
        client.track(event, user_id="u")
        return asyncio.ensure_future(asyncio.sleep(0, event), loop=aws_lambda._loops[0])

    assert (shop.handler("Method", None), task("Task", None)) == ("Method", "Task")
    assert (names(collector), client.pending) == (["Method", "Task"], 0)

    def yields(_event: object, _context: object) -> Iterator[int]:
        yield 1

    with pytest.raises(ConfigurationError, match="yields"):
        lambda_handler(client)(yields)


def test_a_container_that_ends_before_its_first_run_hears_it(collector: Collector) -> None:
    """With `handle_signals`, what could not go yet goes then."""
    source = """
        import os, signal, sys
        from asyncsdk import AsyncAnalytics, RudderStack
        from asyncsdk.integrations.aws_lambda import lambda_handler
        client = AsyncAnalytics(RudderStack("planted-key", sys.argv[1]), handle_signals=True)
        handler = lambda_handler(client, flush_budget=0)(lambda *_: client.track("E", user_id="u"))
        handler(None, None)
        os.kill(os.getpid(), signal.SIGTERM)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source), collector.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (ended.returncode, names(collector)) == (-15, ["E"]), ended.stderr
