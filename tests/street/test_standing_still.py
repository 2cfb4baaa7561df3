"""A wrong key or path is the lane's fault: one loud line, rare probes, nothing burnt."""

import asyncio
import logging
import time
from itertools import pairwise

import pytest

from asyncsdk import AsyncAnalytics
from asyncsdk.collector import Collector, Fault
from asyncsdk.receipts import State
from tests.street.walking import KEY, client, numbers, said, to, track, until

pytestmark = pytest.mark.whole_way


async def test_a_wrong_key_costs_one_request_and_one_loud_line_then_probes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The key is masked, everything waits, and when the key is good it is delivered in order."""
    errors: list[str] = []
    async with Collector(write_keys=["another"]) as collector:
        analytics = client(
            collector,
            probe_after=0.3,
            max_retries=0,
            flush_at=10,
            on_error=lambda error: errors.append(error.code),
        )
        receipts = [track(analytics, number) for number in range(100)]
        await asyncio.sleep(0.2)
        assert len(collector.requests) == 1
        await until(lambda: len(collector.requests) == 2)
        assert {receipt.state for receipt in receipts} == {State.PENDING}
        collector.write_keys = [KEY]
        await until(lambda: not analytics.pending)
        after = len(collector.requests)
        await analytics.shutdown()
        assert numbers(collector.events) == list(range(100))
    assert after == 3 or after == 4  # the refused batch, then all the rest
    assert analytics.statistics().delivered == 100
    loud = said(caplog, "401")
    assert len(loud) == 1
    assert "here" in loud[0]
    assert "write_key=***" in loud[0]
    assert KEY not in caplog.text
    assert errors[0] == "http_401"
    assert [record.levelno for record in caplog.records if "401" in record.getMessage()] == [
        logging.ERROR
    ]


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 501])
async def test_a_lane_stands_still_where_the_fault_is_its_own(
    collector: Collector, status: int
) -> None:
    """Key, path, redirect, method: a single event waits too, and `stopped` says why."""
    collector.script(Fault(kind="status", status=status))
    analytics = client(collector, max_retries=0)
    receipt = track(analytics, 1)
    result = await analytics.flush()
    counts = analytics.statistics()
    assert (receipt.state, result.pending, len(collector.requests)) == (State.PENDING, 1, 1)
    assert str(status) in counts.stopped
    assert counts.paused > 10
    collector.script()
    assert (await analytics.shutdown()).delivered == 1  # its last attempt is the probe


async def test_flush_ends_at_once_on_a_lane_that_stands_still(collector: Collector) -> None:
    """Before and after the stop is known; what came later is not waited for either."""
    collector.write_keys = ["another"]
    analytics = client(collector)
    track(analytics, 1)
    began = time.monotonic()
    first = await analytics.flush(timeout=30)
    track(analytics, 2)
    second = await analytics.flush(timeout=30)
    assert time.monotonic() - began < 5
    assert (first.pending, second.pending) == (1, 2)
    assert second.errors[0].code == "http_401"
    await analytics.shutdown(timeout=1)


async def test_a_burst_with_a_wrong_key_is_one_stop(caplog: pytest.LogCaptureFixture) -> None:
    """Four requests at once, one stop: the first probe is not put off."""
    async with Collector(
        write_keys=["another"], faults=[Fault(kind="delay", seconds=0.05)]
    ) as collector:
        analytics = client(
            collector, concurrency=4, probe_after=0.2, flush_at=1, max_batch_events=1
        )
        for number in range(20):
            track(analytics, number)
        await until(lambda: analytics.statistics().stopped)
        await asyncio.sleep(0.1)
        burst = len(collector.requests)
        await until(lambda: len(collector.requests) > burst, within=2.0)
        collector.write_keys = [KEY]
        await until(lambda: not analytics.pending)
        await analytics.shutdown()
        assert sorted(numbers(collector.events)) == list(range(20))
    assert burst <= 4
    assert len(said(caplog, "401")) == 1


async def test_probes_grow_rarer_up_to_a_cap(collector: Collector) -> None:
    """The pauses double."""
    collector.write_keys = ["another"]
    analytics = client(collector, probe_after=0.1, probe_cap=0.4)
    track(analytics, 1)
    await until(lambda: len(collector.requests) == 5)
    times = [request.time for request in collector.requests]
    await analytics.shutdown(timeout=0)
    pauses = [late - early for early, late in pairwise(times)]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.4], abs=0.09)


async def test_a_probe_that_meets_an_outage_is_an_outage(collector: Collector) -> None:
    """A 503 instead of the 401: the lane retries at its own pace and goes on when it can."""
    collector.script(
        Fault(kind="status", status=401, times=1), Fault(kind="status", status=503, times=2)
    )
    analytics = client(collector, probe_after=0.05)
    track(analytics, 1)
    await until(lambda: not analytics.pending)
    assert len(collector.requests) == 4
    await analytics.shutdown()


async def test_one_lane_that_stands_still_never_delays_another(collector: Collector) -> None:
    """Two destinations, one with a wrong key: flush waits for the good one and for nothing else."""
    async with Collector(write_keys=["another"]) as closed:
        analytics = AsyncAnalytics(to(collector, name="good"), to(closed, name="bad"))
        receipts = [track(analytics, number) for number in range(50)]
        result = await analytics.flush(timeout=30)
        assert result.duration < 5
        assert [receipt.outcomes["good"].state for receipt in receipts] == [State.DELIVERED] * 50
        assert [receipt.outcomes["bad"].state for receipt in receipts] == [State.PENDING] * 50
        assert receipts[0].state is State.PENDING
        final = await analytics.shutdown(timeout=1)
    assert (final.dropped, analytics.statistics().destinations["good"].dropped) == (50, 0)
