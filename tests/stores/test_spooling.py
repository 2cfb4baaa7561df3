"""What becomes of events when the client ends, the server is away, or the store is in trouble?

With a store that outlives the process they wait there, and the next start sends them first.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Unpack

import pytest

from asyncsdk import AsyncAnalytics, DeliveryError, MemoryStore, SQLiteStore, State
from asyncsdk.client.settings import Options
from asyncsdk.collector import Collector, Fault
from tests.street.walking import BLANK, adds_up, client, letters, numbers, said, to, track, until

# Ends within 0.2 s leave little time to write: a crowded machine takes it all.
pytestmark = [pytest.mark.whole_way, pytest.mark.alone]

DOWN = Fault(kind="status", status=500)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a server."""
    async with Collector() as server:
        yield server


def storing(
    collector: Collector, folder: Path, *, most: int = 1 << 28, **options: Unpack[Options]
) -> AsyncAnalytics:
    """Make a client that stores in *folder*."""
    known: Options = {"flush_at": 5, "max_retries": 1_000, "shutdown_timeout": 0.2, **options}
    known["store"] = SQLiteStore(folder, max_bytes=most)
    return client(collector, **known)


def files_of(folder: Path) -> list[str]:
    """List the databases in *folder*."""
    return sorted(path.name for path in folder.glob("*.db"))


def is_free(folder: Path) -> bool:
    """Say whether nobody holds the first slot in *folder*."""
    with (folder / "spool-0.lock").open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


class Stubborn(MemoryStore):
    """A store of somebody else, which fails when a lane's run is over."""

    async def retire(self, lane: str) -> None:
        """Fail."""
        raise OSError(lane)


async def test_a_store_that_fails_at_the_end_does_not_reach_the_host(collector: Collector) -> None:
    """What does a user see of it? Nothing: no traceback of a task, and the next run begins."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, facts: complaints.append(facts))
    analytics = client(collector, store=Stubborn())
    for count in (1, 2):
        await track(analytics, count).delivered(5)
        await analytics.shutdown()
        gc.collect()
        assert len(collector.events) == count
    assert not complaints


async def spool(collector: Collector, folder: Path, count: int) -> list[str]:
    """Leave events in *folder*, of a client that has ended; return their ids."""
    collector.script(DOWN)
    analytics = storing(collector, folder)
    receipts = [track(analytics, number) for number in range(count)]
    result = await analytics.shutdown()
    assert (result.stored, result.dropped, result.pending) == (count, 0, 0)
    await until(lambda: is_free(folder))  # closing goes on when the time of a shutdown is up
    collector.script()
    return [receipt.message_id for receipt in receipts]


async def test_what_is_pending_at_the_end_is_sent_first_at_the_next_start(
    collector: Collector, tmp_path: Path
) -> None:
    """In order, with its ids, before whatever the new client says."""
    ids = await spool(collector, tmp_path, 12)
    async with storing(collector, tmp_path) as analytics:
        track(analytics, 100)
        await until(lambda: len(collector.events) == 13)
        counts = analytics.statistics()
        assert (counts.accepted, counts.taken, counts.dropped) == (1, 12, 0)
        assert adds_up(counts)
    assert numbers(collector.events) == [*range(12), 100]
    assert [event.message_id for event in collector.events][:12] == ids


async def test_the_same_client_goes_on_with_what_it_stored(
    collector: Collector, tmp_path: Path
) -> None:
    """After a shutdown the next call opens another run; receipts of the first one are delivered."""
    collector.script(DOWN)
    analytics = storing(collector, tmp_path)
    receipt = track(analytics, 1)
    assert (await analytics.shutdown()).stored == 1
    assert receipt.state is State.STORED
    assert adds_up(analytics.statistics())
    collector.script()
    track(analytics, 2)
    result = await analytics.flush(5)
    assert (result.delivered, result.stored, receipt.state) == (2, 0, State.DELIVERED)
    assert adds_up(analytics.statistics())
    await analytics.shutdown()
    assert numbers(collector.events) == [1, 2]


async def test_a_receipt_says_when_its_event_is_stored(
    collector: Collector, tmp_path: Path
) -> None:
    """Long before it is delivered; the open chunk is sealed for it."""
    collector.script(DOWN)
    analytics = storing(collector, tmp_path, flush_at=100, flush_interval=0)
    receipt = track(analytics, 1)
    assert receipt.state is State.PENDING
    assert (await receipt.stored(5)).state is State.STORED
    with pytest.raises(TimeoutError):
        await receipt.delivered(0.1)
    collector.script()
    assert (await receipt.delivered(5)).state is State.DELIVERED
    assert (await receipt.stored()).state is State.DELIVERED
    await analytics.shutdown()


async def test_stored_raises_for_what_is_lost_and_waits_for_the_end_in_memory(
    collector: Collector, tmp_path: Path
) -> None:
    """Nobody should believe that it is safe."""
    analytics = storing(collector, tmp_path, max_queue_events=1)
    first, second = track(analytics, 1), track(analytics, 2)
    assert (await first.stored(5)).state in (State.STORED, State.DELIVERED)
    with pytest.raises(DeliveryError, match="queue_full"):
        await second.stored(5)
    await analytics.shutdown()
    collector.script(DOWN)
    analytics = client(collector, store=MemoryStore(), max_retries=1_000)
    with pytest.raises(TimeoutError):
        await track(analytics, 3).stored(0.2)
    await analytics.shutdown(0)


async def test_whatever_is_stored_is_counted_and_holds_no_memory(
    collector: Collector, tmp_path: Path
) -> None:
    """Against no bound of the queue: a thousand events wait, and ten have a place in memory."""
    collector.script(DOWN)
    analytics = storing(collector, tmp_path, max_queue_events=50, max_batch_events=10)
    await analytics.start()
    for number in range(1_000):
        await track(analytics, number).stored(5)
        assert adds_up(analytics.statistics())
    counts = analytics.statistics()
    assert (counts.dropped, counts.in_store) == (0, 1_000)
    assert counts.pending <= 10
    assert counts.stored == 1_000 - counts.pending
    collector.script()
    result = await analytics.flush(10)
    assert (result.delivered, result.stored) == (1_000, 0)
    await analytics.shutdown()
    assert numbers(collector.events) == list(range(1_000))


async def test_events_for_a_name_that_nobody_has_are_kept_and_named(
    collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A destination may have been renamed by mistake: whoever looks finds what is left of it."""
    await spool(collector, tmp_path, 7)
    other = AsyncAnalytics(to(collector, name="other"), store=SQLiteStore(tmp_path))
    async with other:
        assert dict(other.statistics().unclaimed) == {"here": 7}
        assert len(said(caplog, "7 events for 'here'", "does not have")) == 1
        await asyncio.sleep(0.1)
    assert collector.events == []
    async with storing(collector, tmp_path):
        await until(lambda: len(collector.events) == 7)


async def test_a_full_store_makes_the_queue_fill_and_the_policy_decide(
    collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Bounded twice: by the store's bytes, and by the queue's events."""
    collector.script(DOWN)
    analytics = storing(collector, tmp_path, most=8_000, max_queue_events=20)
    await analytics.start()
    for number in range(200):
        track(analytics, number)
        await asyncio.sleep(0.002)
    counts = analytics.statistics()
    assert counts.dropped_reasons.keys() == {"queue_full"}
    assert 0 < counts.in_store < 60
    assert counts.in_store + 20 >= 200 - counts.dropped >= counts.in_store
    assert adds_up(counts)
    assert len(said(caplog, "the store is full", "max_bytes=8000")) == 1
    collector.script()
    await analytics.flush(10)
    await analytics.shutdown()
    assert numbers(collector.events) == list(range(200 - counts.dropped))


async def test_a_full_store_lets_the_oldest_go_if_that_is_the_policy(
    collector: Collector, tmp_path: Path
) -> None:
    """The newest arrive; what is in flight stays."""
    collector.script(DOWN)
    analytics = storing(collector, tmp_path, most=8_000, overflow="drop_oldest", max_batch_events=5)
    await analytics.start()
    for number in range(100):
        track(analytics, number)
        await asyncio.sleep(0.002)
    await until(lambda: analytics.statistics().in_store + analytics.statistics().dropped >= 100)
    assert adds_up(analytics.statistics())
    collector.script()
    await analytics.flush(10)
    counts = analytics.statistics()
    assert counts.delivered + counts.dropped == 100
    assert counts.dropped > 50
    await analytics.shutdown()
    found = numbers(collector.events)
    gone = [number for number in range(100) if number not in found]
    assert found == sorted(found)
    assert found[-1] == 99
    assert gone == list(range(gone[0], gone[-1] + 1))  # one gap, behind what was in flight


async def test_a_store_that_is_away_is_waited_for(
    collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Events wait in memory, with one warning, and arrive once it is there."""
    place = tmp_path / "file"
    place.write_text("no folder")
    analytics = storing(collector, place)
    await analytics.start()
    receipt = track(analytics, 1)
    with pytest.raises(TimeoutError):
        await receipt.stored(0.3)
    assert analytics.pending == 1
    assert len(said(caplog, "here: the store failed", "cannot be used")) == 1
    assert said(caplog, "crashed") == []
    place.unlink()
    assert (await receipt.delivered(10)).state is State.DELIVERED
    await analytics.shutdown()


async def test_an_age_goes_on_over_a_restart(collector: Collector, tmp_path: Path) -> None:
    """What is too old when the next process comes becomes a dead letter in an outage."""
    await spool(collector, tmp_path, 3)
    await asyncio.sleep(0.5)
    collector.script(DOWN)
    async with storing(collector, tmp_path, max_age=0.5) as analytics:
        await until(lambda: analytics.statistics().dead == 3)
        assert [letter.state for letter in await letters(analytics)] == ["dead"] * 3
        assert adds_up(analytics.statistics())


async def test_attempts_go_on_over_a_restart(collector: Collector, tmp_path: Path) -> None:
    """A batch that was refused three times has one attempt left of four."""
    collector.script(DOWN)
    options: Options = {"max_retries": 3, "retry_base": 0.05, "retry_cap": 0.05, "jitter": 0.0}
    analytics = storing(collector, tmp_path, **options)
    track(analytics, 1)
    await until(lambda: analytics.statistics().failures == 3)
    assert (await analytics.shutdown(0)).stored == 1
    async with storing(collector, tmp_path, **options) as again:
        await until(lambda: again.statistics().dead == 1)
        assert again.statistics().failures == 1


async def test_letters_outlive_the_client_and_are_replayed(
    collector: Collector, tmp_path: Path
) -> None:
    """With their ids; once replayed they are letters no more, even after another restart."""
    analytics = storing(collector, tmp_path)
    receipt = track(analytics, 1, user=BLANK)
    track(analytics, 2)
    await analytics.flush(5)
    await analytics.shutdown()
    async with storing(collector, tmp_path) as again:
        assert [one.message_id for one in await letters(again)] == [receipt.message_id]
        assert await again.replay() == 1
        await again.flush(5)
        assert again.statistics().rejected == 1
    async with storing(collector, tmp_path) as once_more:
        assert [one.message_id for one in await letters(once_more)] == [receipt.message_id]
        assert await once_more.purge() == 1
    async with storing(collector, tmp_path) as last:
        assert await letters(last) == []


async def test_what_was_half_delivered_is_not_repeated_by_its_other_half(
    collector: Collector, tmp_path: Path
) -> None:
    """One bad event among others: they arrive once, and the bad one is a letter."""
    await spool(collector, tmp_path, 5)
    analytics = storing(collector, tmp_path)
    for number in range(5, 10):
        track(analytics, number, user=BLANK if number == 7 else "u-1")
    await analytics.flush(5)
    await analytics.shutdown()
    async with storing(collector, tmp_path) as again:
        assert again.statistics().in_store == 0
        assert len(await letters(again)) == 1
    assert sorted(numbers(collector.events)) == [0, 1, 2, 3, 4, 5, 6, 8, 9]


async def test_one_writes_and_another_one_sends(collector: Collector, tmp_path: Path) -> None:
    """With `deliver=False` nothing is sent, and a receipt is done once its event is stored."""
    writing = storing(collector, tmp_path, deliver=False)
    receipt = track(writing, 1)
    assert (await receipt.delivered(5)).state is State.STORED
    assert (await writing.shutdown()).stored == 1
    assert collector.events == []
    async with storing(collector, tmp_path):
        await until(lambda: numbers(collector.events) == [1])


async def test_a_loop_that_ends_without_shutdown_leaves_all_in_the_store(
    collector: Collector, tmp_path: Path
) -> None:
    """`asyncio.run` cancels whatever is there; the keeper spools what it has in hand."""
    collector.script(DOWN)

    def live() -> None:
        async def main() -> None:
            analytics = storing(collector, tmp_path, exit_drain=0.5)
            await analytics.start()
            for number in range(8):
                track(analytics, number)

        asyncio.run(main())

    await asyncio.to_thread(live)
    collector.script()
    async with storing(collector, tmp_path):
        await until(lambda: len(collector.events) == 8)
    assert numbers(collector.events) == list(range(8))


async def test_two_clients_share_a_folder(collector: Collector, tmp_path: Path) -> None:
    """Each has a file; what one has left is taken by whoever starts next."""
    collector.script(DOWN)
    one, two = storing(collector, tmp_path), storing(collector, tmp_path)
    for number in range(10):
        await track(one if number % 2 else two, number).stored(5)
    assert files_of(tmp_path) == ["spool-0.db", "spool-1.db"]
    await one.shutdown(0)
    await two.shutdown(0)
    collector.script()
    async with storing(collector, tmp_path) as third:
        await until(lambda: len(collector.events) == 10)
        assert third.statistics().taken == 10
        await until(lambda: len(files_of(tmp_path)) == 1)
    assert sorted(numbers(collector.events)) == list(range(10))
