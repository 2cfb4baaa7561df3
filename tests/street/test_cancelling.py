"""Cancellation, crashes and ends of loops lose nothing, and never reach the application."""

import asyncio
import gc
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncsdk import AsyncAnalytics, MemoryStore, RudderStack
from asyncsdk.collector import Collector, Fault
from asyncsdk.errors import DeliveryError
from asyncsdk.receipts import State
from asyncsdk.seams import Batch, DeadLetter, HttpResponse, Lease, Room, Verdict
from asyncsdk.transports import AiohttpTransport
from tests.street.walking import (
    KEY,
    adds_up,
    client,
    first_arrivals,
    numbers,
    said,
    to,
    track,
    until,
)

pytestmark = pytest.mark.whole_way

DOWN = Fault(kind="status", status=503)


def our_tasks(kind: str = "") -> list[asyncio.Task[object]]:
    """List the tasks of the client that runs here; the end of a name says what a task does."""
    return [
        task
        for task in asyncio.all_tasks()
        if task.get_name().startswith("asyncsdk") and task.get_name().endswith(kind)
    ]


# The end of the loop.


class Neighbour:
    """A collector on a loop of its own, in a thread: it outlives the loops of the tests."""

    def __init__(self, *faults: Fault) -> None:
        self.collector = Collector(faults=faults)
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Collector:
        """Start it."""
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.collector.start(), self._loop).result(10)
        return self.collector

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        asyncio.run_coroutine_threadsafe(self.collector.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def test_the_end_of_asyncio_run_drains() -> None:
    """The keeper is cancelled from outside, and takes `exit_drain` to deliver what waits."""
    with Neighbour() as collector:
        analytics = client(collector, flush_interval=0)

        async def main() -> None:
            """Make calls, and end the loop."""
            for number in range(500):
                track(analytics, number)
            await asyncio.sleep(0.01)
            for number in range(500, 550):
                track(analytics, number)

        asyncio.run(main())
        assert analytics.pending == 0
        assert analytics.statistics().delivered == 550
        # What was in flight when the loop ended may have arrived twice.
        assert first_arrivals(collector.events) == list(range(550))


def test_a_dead_server_does_not_hold_up_the_end_of_asyncio_run() -> None:
    """`exit_drain` seconds at the most; what could not go waits for the next run."""
    with Neighbour(Fault(kind="hang")) as collector:
        analytics = client(collector, exit_drain=0.3)

        async def main() -> None:
            """Make calls, and end the loop."""
            for number in range(30):
                track(analytics, number)
            await asyncio.sleep(0.05)

        began = time.monotonic()
        asyncio.run(main())
        took = time.monotonic() - began
        assert took < 1.5
        assert analytics.pending == 30
        collector.script()

        async def next_one() -> None:
            """Be the next run."""
            track(analytics, 30)
            assert (await analytics.shutdown()).delivered == 31

        asyncio.run(next_one())
        assert first_arrivals(collector.events) == list(range(31))


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
def test_a_loop_that_ends_at_once_loses_nothing(steps: int) -> None:
    """A call, and the loop is over before the first task has made its first step."""
    with Neighbour() as collector:
        analytics = client(collector)

        async def main() -> None:
            """Make calls, and end the loop."""
            track(analytics, steps)
            for _ in range(steps):
                await asyncio.sleep(0)

        asyncio.run(main())

        async def next_one() -> None:
            """Be the next run."""
            await analytics.shutdown()

        asyncio.run(next_one())
        assert numbers(collector.events) == [steps]


def test_a_loop_that_is_closed_under_the_client_hands_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without any goodbye: the next loop takes the events along, and nobody hears of a crash."""
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    with Neighbour(Fault(kind="hang", times=1)) as collector:
        analytics = client(collector, timeout=30.0)
        close_under(analytics)
        assert analytics.pending == 10

        async def others() -> None:
            """Be the next loop."""
            gc.collect()  # the tasks of the loop that is gone
            track(analytics, 10)
            await analytics.shutdown()

        asyncio.run(others())
        assert numbers(collector.events) == list(range(11))
    assert [one for one in unraisable if "asyncsdk" in repr(one)] == []
    assert said(caplog, "crash") == []


def close_under(analytics: AsyncAnalytics) -> None:
    """Make calls on a loop, and close it while a request hangs."""
    loop = asyncio.new_event_loop()

    async def some() -> None:
        """Make calls, and wait until they are on their way."""
        for number in range(10):
            track(analytics, number)
        await asyncio.sleep(0.1)

    loop.run_until_complete(some())
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # the test's own doing
    loop.close()


# Cancelled waits.


async def test_a_cancelled_flush_changes_nothing(collector: Collector) -> None:
    """The events stay where they are, and other flushes go on."""
    collector.script(Fault(kind="delay", seconds=0.2, times=1))
    analytics = client(collector)
    track(analytics, 1)
    first = asyncio.ensure_future(analytics.flush())
    second = asyncio.ensure_future(analytics.flush())
    await asyncio.sleep(0.05)
    first.cancel()
    result = await second
    assert first.cancelled()
    assert (result.delivered, result.pending) == (1, 0)
    await analytics.shutdown()


async def test_a_flush_whose_time_is_up_says_what_waits(collector: Collector) -> None:
    """No exception: the result tells."""
    collector.script(Fault(kind="hang"))
    analytics = client(collector)
    receipt = track(analytics, 1)
    result = await analytics.flush(timeout=0.1)
    assert (result.pending, result.delivered) == (1, 0)
    with pytest.raises(TimeoutError):
        await receipt.delivered(timeout=0.05)
    assert receipt.state is State.PENDING
    await analytics.shutdown(timeout=0.1)


async def test_a_host_that_is_cancelled_inside_async_with_still_drains(
    collector: Collector,
) -> None:
    """Leaving the block is what drains, whatever led there."""
    entered = asyncio.Event()

    async def host() -> None:
        """Be the application."""
        async with client(collector, flush_interval=0) as analytics:
            for number in range(200):
                track(analytics, number)
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.ensure_future(host())
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert numbers(collector.events) == list(range(200))


async def test_a_shutdown_that_is_cancelled_ends_by_itself(collector: Collector) -> None:
    """The run goes on to its end; a second shutdown waits for the same result."""
    collector.script(Fault(kind="delay", seconds=0.2, times=1))
    analytics = client(collector)
    track(analytics, 1)
    first = asyncio.ensure_future(analytics.shutdown())
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.wait([first])
    result = await analytics.shutdown()
    assert (result.delivered, result.dropped) == (1, 0)


async def test_an_exception_inside_async_with_comes_through_and_all_is_drained(
    collector: Collector,
) -> None:
    """The application's own error is the application's."""

    async def host() -> None:
        """Be the application."""
        async with client(collector) as analytics:
            track(analytics, 1)
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await host()
    assert numbers(collector.events) == [1]


# Cancelled tasks.


@pytest.mark.parametrize("kind", ["here", "here write", "here send 0", "store", "news", "asyncsdk"])
@pytest.mark.parametrize("state", ["resting", "in flight", "idle"])
async def test_a_task_that_others_cancel_loses_nothing(
    collector: Collector, kind: str, state: str
) -> None:
    """Whichever of ours it is, and whatever it does: everything arrives, in order."""
    faults = {
        "resting": [Fault(kind="status", status=503, times=1)],
        "in flight": [Fault(kind="delay", seconds=0.15, accept=True, times=1)],
        "idle": [],
    }
    collector.script(*faults[state])
    analytics = client(collector, retry_base=0.3, retry_cap=0.3, flush_at=5)
    for number in range(5):
        track(analytics, number)
    await until(lambda: collector.requests)
    await asyncio.sleep(0.05)
    for number in range(5, 15):
        track(analytics, number)
    found = our_tasks(kind)
    assert found
    for task in found:
        task.cancel()
    await asyncio.sleep(0.05)
    track(analytics, 15)
    result = await analytics.flush(timeout=20)
    await analytics.shutdown()
    counts = analytics.statistics()
    assert result.pending == 0
    assert (counts.delivered, counts.dropped) == (16, 0)
    assert first_arrivals(collector.events) == list(range(16))


async def test_a_framework_that_cancels_every_task_before_its_shutdown_hook(
    collector: Collector,
) -> None:
    """All tasks but its own, then `shutdown`: nothing is lost."""
    analytics = client(collector, flush_interval=0)
    for number in range(100):
        track(analytics, number)
    await asyncio.sleep(0.01)
    others = our_tasks()
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await analytics.shutdown()
    assert first_arrivals(collector.events) == list(range(100))
    assert analytics.statistics().dropped == 0


# Crashes.


class Moody(RudderStack):
    """A destination whose first judgements raise."""

    moods: list[Exception] = []  # noqa: RUF012 - every test sets its own

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Raise while there is a mood left."""
        if self.moods:
            raise self.moods.pop()
        return super().judge(route, response, count)


async def test_a_lane_that_crashes_is_logged_once_and_starts_again(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """A judge that raises: the events are sent again, the other lane never notices."""
    errors: list[DeliveryError] = []
    Moody.moods = [RuntimeError(f"user 42 {KEY}")]
    moody = Moody(KEY, collector.url, name="moody")
    analytics = AsyncAnalytics(
        moody, to(collector, name="calm"), flush_interval=0.02, on_error=errors.append
    )
    receipts = [track(analytics, number) for number in range(20)]
    await until(lambda: analytics.statistics().destinations["calm"].delivered == 20, within=0.9)
    assert analytics.statistics().destinations["moody"].pending == 20
    await analytics.flush()
    await analytics.shutdown()
    assert {receipt.state for receipt in receipts} == {State.DELIVERED}
    assert len(said(caplog, "moody", "crash")) == 1
    assert "RuntimeError" in said(caplog, "crash")[0]
    assert KEY not in caplog.text
    assert "user 42" not in caplog.text
    assert len(errors) == 1


class Shaky(MemoryStore):
    """A store in which a method fails a few times."""

    def __init__(self, method: str, times: int = 1) -> None:
        super().__init__()
        self._method = method
        self.left = times

    def _shake(self, method: str) -> None:
        if method == self._method and self.left:
            self.left -= 1
            raise OSError("disk")

    async def recover(self, lane: str) -> None:
        """Return leases, or fail."""
        self._shake("recover")
        await super().recover(lane)

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Take, or fail after having taken."""
        leases = await super().take(lane, room)
        self._shake("take")
        return leases

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Append, then fail: it is there, and nobody knows."""
        await super().append(lane, batch, age=age, letters=letters)
        self._shake("append")

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Settle, or fail before."""
        self._shake("settle")
        return await super().settle(lease, letters)

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Note, or fail."""
        self._shake("note")
        await super().note(lease, letters)

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Run, or fail at once."""
        self._shake("run")
        await super().run(ready=ready)

    async def retire(self, lane: str) -> None:
        """Retire, or fail."""
        self._shake("retire")
        await super().retire(lane)

    async def close(self) -> None:
        """Close, or fail."""
        self._shake("close")


@pytest.mark.parametrize(
    "method", ["recover", "take", "append", "settle", "note", "run", "retire", "close"]
)
async def test_a_store_that_fails_once_loses_and_repeats_nothing(
    collector: Collector, method: str
) -> None:
    """Wherever it fails: a verdict that is known is not asked for again."""
    store = Shaky(method)
    async with asyncio.timeout(15):
        analytics = client(collector, store=store, flush_at=4)
        for number in range(8):
            track(analytics, number, user=" " if number == 1 else "u-1")
        result = await analytics.flush(timeout=10)
        await analytics.shutdown()
    assert store.left == 0
    assert (result.delivered, result.rejected, result.pending) == (7, 1, 0)
    assert numbers(collector.events) == [0, 2, 3, 4, 5, 6, 7]


class Stubborn(AiohttpTransport):
    """A transport that cannot be opened at first."""

    refusals = 1

    async def open(self) -> None:
        """Open, once nothing is left of the refusals."""
        if self.refusals:
            self.refusals -= 1
            raise OSError("no")
        await super().open()


async def test_a_transport_that_cannot_be_opened_is_tried_again(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither `start` nor a call raises or hangs; the events wait for it."""
    analytics = client(collector, transport=Stubborn())
    async with asyncio.timeout(10):
        await analytics.start()
        track(analytics, 1)
        assert (await analytics.flush()).delivered == 1
        await analytics.shutdown()
    assert len(said(caplog, "transport")) == 1


async def test_a_transport_that_never_opens_does_not_hold_up_shutdown() -> None:
    """What waits is dropped, counted and said."""
    transport = Stubborn()
    transport.refusals = 10_000
    analytics = client("http://127.0.0.1:9", transport=transport)
    track(analytics, 1)
    began = time.monotonic()
    result = await analytics.shutdown(timeout=0.3)
    assert time.monotonic() - began < 1.0
    assert (result.dropped, result.pending) == (1, 0)


async def test_hooks_that_raise_are_logged_once_and_change_nothing(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """They are the application's code; delivery does not depend on them."""

    def bad(*_: object) -> None:
        """Raise."""
        raise RuntimeError("mine")

    collector.script(Fault(kind="status", status=500, times=3))
    analytics = client(
        collector, max_retries=0, on_error=bad, on_drop=bad, on_event=bad, flush_at=1
    )
    for number in range(6):
        track(analytics, number)
        await asyncio.sleep(0.05)
    await analytics.shutdown()
    counts = analytics.statistics()
    assert counts.dead + counts.delivered == 6
    assert len(said(caplog, "on_error raised RuntimeError")) == 1
    assert len(said(caplog, "on_event raised RuntimeError")) == 1


async def test_one_lane_that_is_down_never_delays_another(collector: Collector) -> None:
    """A hanging destination beside a good one: the good one's events arrive at once."""
    async with Collector(faults=[Fault(kind="hang")]) as hanging:
        analytics = AsyncAnalytics(
            to(collector, name="good"), to(hanging, name="down"), flush_interval=0.02
        )
        for number in range(100):
            track(analytics, number)
        await until(lambda: len(collector.events) == 100, within=2.0)
        assert analytics.statistics().destinations["down"].pending == 100
        result = await analytics.shutdown(timeout=0.3)
    assert result.dropped == 100
    assert numbers(collector.events) == list(range(100))


# Everything at random.

STATUSES = [429, 500, 503, 504, 408, 425, 401, 404]


def trouble(kind: str, status: int, times: int) -> Fault:
    """Make a fault that ends."""
    if kind == "reset":
        return Fault(kind="reset", times=times)
    if kind == "drop":
        return Fault(kind="drop", times=times)
    if kind == "lost answer":
        return Fault(kind="drop_after_head", times=times)
    if kind == "cut answer":
        return Fault(kind="truncate", times=times)
    if kind == "delay":
        return Fault(kind="delay", seconds=0.02, times=times)
    if kind == "hang":
        return Fault(kind="hang", seconds=0.02, times=times)
    return Fault(kind="status", status=status, times=times)


TROUBLES = st.builds(
    trouble,
    st.sampled_from(["status", "reset", "drop", "lost answer", "cut answer", "delay", "hang"]),
    st.sampled_from(STATUSES),
    st.integers(1, 3),
)


@pytest.mark.repeats
@given(
    script=st.lists(TROUBLES, max_size=6),
    cancels=st.lists(st.integers(0, 30), max_size=5),
    bad=st.sets(st.integers(0, 59), max_size=3),
    seed=st.integers(0, 9_999),
)
@settings(max_examples=40)
def test_whatever_breaks_and_whoever_is_cancelled_everything_arrives_in_order(
    script: list[Fault], cancels: list[int], bad: set[int], seed: int
) -> None:
    """Random faults, random cancellations of our tasks, bad events: each ends once, in order."""
    asyncio.run(_live(script, cancels, bad, random.Random(seed)))


async def _live(
    script: list[Fault], cancels: list[int], bad: set[int], chance: random.Random
) -> None:
    async with Collector(faults=script) as collector:
        analytics = client(
            collector,
            flush_at=7,
            max_retries=1_000,
            probe_after=0.01,
            probe_cap=0.02,
            retry_cap=0.02,
            timeout=0.5,
        )
        for number in range(60):
            track(analytics, number, user=" " if number in bad else "u-1")
            if number % 10 == 9:
                await asyncio.sleep(0.002)
            assert adds_up(analytics.statistics())
        for wait in cancels:
            await asyncio.sleep(wait / 1000)
            ours = our_tasks()
            if ours:
                chance.choice(ours).cancel()
            assert adds_up(analytics.statistics())
        async with asyncio.timeout(20):
            while analytics.pending:
                await analytics.flush(timeout=5)
                assert adds_up(analytics.statistics())
                await asyncio.sleep(0.005)
        counts = analytics.statistics()
        await analytics.shutdown()
        assert first_arrivals(collector.events) == [n for n in range(60) if n not in bad]
        assert (counts.rejected, counts.dropped, counts.dead) == (len(bad), 0, 0)
