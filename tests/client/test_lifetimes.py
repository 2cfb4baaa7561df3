"""Runs: starting, ending, opening again, on one loop and on the next."""

import asyncio
import gc
import logging
import threading
import time
import warnings

import pytest

from asyncsdk import AsyncAnalytics, ClientClosedError, ConfigurationError, DeliveryError, State
from asyncsdk.collector import Collector, Fault
from tests.client.conftest import MakeClient
from tests.client.street import NOWHERE, adds_up, names, rudder, until


class ThreadedCollector:
    """A collector on a loop of its own, for tests that run several loops."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.collector = Collector()

    def __enter__(self) -> Collector:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.collector.start(), self._loop).result(10)
        return self.collector

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self.collector.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def test_leaving_the_block_drains_everything(collector: Collector) -> None:
    """Then the client is closed for good."""
    async with AsyncAnalytics(rudder(collector)) as client:
        for number in range(30):
            client.track(f"e-{number}", user_id="u")
    assert names(collector) == [f"e-{number}" for number in range(30)]
    with pytest.raises(ClientClosedError) as caught:
        await client.start()
    assert (caught.value.code, caught.value.retryable) == ("client_closed", False)
    with pytest.raises(ClientClosedError):
        async with client:
            pass


async def test_leaving_the_block_by_an_exception_drains_too(collector: Collector) -> None:
    """And the exception goes on."""

    async def fails() -> None:
        async with AsyncAnalytics(rudder(collector)) as client:
            client.track("E", user_id="u")
            raise KeyError

    with pytest.raises(KeyError):
        await fails()
    assert len(collector.events) == 1


async def test_calls_after_the_end_are_dropped_with_one_warning(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """They do not raise: a late event must not break a shutdown. They are still checked."""
    async with AsyncAnalytics(rudder(collector)) as client:
        client.track("E", user_id="u")
    receipts = [client.track("late", user_id="u") for _ in range(3)]
    assert {receipt.state for receipt in receipts} == {State.DROPPED}
    with pytest.raises(DeliveryError) as caught:
        await receipts[0].delivered(1)
    assert caught.value.code == "dropped_closed"
    total = adds_up(client)
    assert (total.delivered, total.dropped_reasons.get("closed"), client.pending) == (1, 3, 0)
    assert len([line for line in caplog.messages if "closed" in line]) == 1
    assert (await client.flush()).pending == 0
    assert names(collector) == ["E"]


async def test_calls_from_threads_after_the_end_are_dropped_too(collector: Collector) -> None:
    """Nothing waits for a run that will never come."""
    async with AsyncAnalytics(rudder(collector)) as client:
        pass
    receipt = await asyncio.to_thread(client.track, "late", user_id="u")
    assert (receipt.state, client.pending) == (State.DROPPED, 0)


async def test_shutting_down_twice_gives_the_same_result(client: AsyncAnalytics) -> None:
    """One after the other, and both at once."""
    client.track("E", user_id="u")
    first, second = await asyncio.gather(client.shutdown(), client.shutdown())
    assert first == second == await client.shutdown()
    assert (first.delivered, first.pending) == (1, 0)


async def test_shutting_down_what_never_ran_is_nothing() -> None:
    """A handler may end a client that nobody used."""
    client = AsyncAnalytics(rudder(NOWHERE))
    assert (await client.shutdown()).delivered == 0


async def test_a_shutdown_ends_in_time_with_a_dead_server(
    make: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """What is left is dropped: counted, told, said."""
    told: list[tuple[str, int]] = []
    client = make(rudder(NOWHERE), on_drop=lambda *facts: told.append(facts))
    receipts = [client.track("E", user_id="u") for _ in range(30)]
    began = time.monotonic()
    result = await client.shutdown(0.2)
    assert time.monotonic() - began < 3.0
    assert (result.delivered, result.dropped, result.pending) == (0, 30, 0)
    assert [error.code for error in result.errors] == ["network_error"]
    assert {receipt.state for receipt in receipts} == {State.DROPPED}
    assert adds_up(client).dropped_reasons == {"shutdown": 30}
    assert told == [("shutdown", 30)]
    assert any("dropped 30 events (shutdown" in line for line in caplog.messages)


async def test_a_shutdown_opens_again_with_the_next_call(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """A handler may call and end, again and again."""
    for number in range(3):
        client.track(f"e-{number}", user_id="u")
        assert (await client.shutdown()).delivered == 1
    assert names(collector) == ["e-0", "e-1", "e-2"]
    await client.start()
    assert (await client.shutdown()).delivered == 0


async def test_a_call_during_the_end_is_for_the_next_run(
    make: MakeClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """It is kept, not dropped; and no line says that the loop is another one."""
    caplog.set_level(logging.INFO, "asyncsdk")
    collector.script(Fault(kind="delay", seconds=0.1, times=1))
    client = make()
    client.track("first", user_id="u")
    ending = asyncio.create_task(client.shutdown())
    await until(lambda: client.statistics().requests)
    receipt = client.track("second", user_id="u")
    await ending
    assert receipt.state is State.PENDING
    await receipt.delivered(5)
    assert names(collector) == ["first", "second"]
    assert "loop changed" not in caplog.text


async def test_starting_twice_is_nothing(client: AsyncAnalytics) -> None:
    """The first call may have done it already."""
    client.track("E", user_id="u")
    assert await client.start() is client
    assert await client.start() is client
    assert (await client.shutdown()).delivered == 1


async def test_cancelling_a_shutdown_lets_it_end_by_itself(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """The events still arrive, once."""
    collector.script(Fault(kind="delay", seconds=0.1, times=1))
    receipt = client.track("E", user_id="u")
    ending = asyncio.create_task(client.shutdown())
    await until(lambda: client.statistics().requests)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert (await client.shutdown()).delivered == 1
    assert collector.message_ids() == {receipt.message_id: 1}


def test_calls_before_a_loop_are_kept_and_sent() -> None:
    """A module may call while it is imported; the first loop delivers."""
    with ThreadedCollector() as collector:
        client = AsyncAnalytics(rudder(collector))
        receipts = [client.track(f"e-{number}", user_id="u") for number in range(30)]
        assert (client.pending, receipts[0].state) == (30, State.PENDING)
        adds_up(client)

        async def main() -> None:
            async with client:
                client.track("last", user_id="u")

        asyncio.run(main())
        assert names(collector) == [*(f"e-{number}" for number in range(30)), "last"]
        assert receipts[0].state is State.DELIVERED


def test_one_client_serves_several_loops() -> None:
    """One after the other, each with its own shutdown."""
    with ThreadedCollector() as collector:
        client = AsyncAnalytics(rudder(collector))

        async def handler(number: int) -> int:
            client.track(f"e-{number}", user_id="u")
            return (await client.shutdown()).delivered

        assert [asyncio.run(handler(number)) for number in range(4)] == [1, 1, 1, 1]
        assert names(collector) == [f"e-{number}" for number in range(4)]


def test_a_loop_that_ends_without_a_shutdown_is_drained() -> None:
    """asyncio.run cancels what runs; our task takes a moment to deliver first."""
    with ThreadedCollector() as collector:
        client = AsyncAnalytics(rudder(collector), flush_interval=0)

        async def forgetful() -> None:
            client.track("E", user_id="u")
            await asyncio.sleep(0)

        asyncio.run(forgetful())
        assert (names(collector), client.pending) == (["E"], 0)


def test_what_a_closed_loop_left_moves_to_the_next(caplog: pytest.LogCaptureFixture) -> None:
    """The events survive the loop, and the move is said."""
    with ThreadedCollector() as collector, caplog.at_level(logging.INFO, "asyncsdk"):
        client = AsyncAnalytics(rudder(collector), flush_interval=0, exit_drain=0)

        async def forgetful() -> None:
            client.track("E", user_id="u")
            await asyncio.sleep(0.02)

        asyncio.run(forgetful())
        assert client.pending == 1

        async def next_one() -> None:
            client.track("F", user_id="u")
            await client.shutdown()

        asyncio.run(next_one())
        assert names(collector) == ["E", "F"]
        assert any("1 events move" in line for line in caplog.messages)


def test_a_client_cannot_run_on_two_loops() -> None:
    """The second start says where it runs."""

    async def second(client: AsyncAnalytics) -> None:
        with pytest.raises(ConfigurationError, match="another event loop") as caught:
            await client.start()
        assert caught.value.code == "wrong_loop"

    async def first() -> None:
        async with AsyncAnalytics(rudder(NOWHERE)) as client:
            await asyncio.to_thread(asyncio.run, second(client))

    asyncio.run(first())


def test_calls_on_another_running_loop_are_delivered_by_the_first() -> None:
    """A call may be made anywhere."""

    async def second(client: AsyncAnalytics) -> None:
        client.track("elsewhere", user_id="u")

    async def first(collector: Collector) -> None:
        async with AsyncAnalytics(rudder(collector)) as client:
            await asyncio.to_thread(asyncio.run, second(client))

    with ThreadedCollector() as collector:
        asyncio.run(first(collector))
        assert names(collector) == ["elsewhere"]


async def test_eight_threads_lose_nothing_and_keep_their_order(
    make: MakeClient, collector: Collector
) -> None:
    """Counts are exact, and the calls of one thread arrive in their order."""
    client = make()
    await client.start()

    def work(thread: int) -> None:
        for number in range(500):
            client.track(f"{thread}", user_id="u", properties={"number": number})

    await asyncio.gather(*(asyncio.to_thread(work, thread) for thread in range(8)))
    for number in range(500):  # the owner's own calls come after what the threads have left
        client.track("owner", user_id="u", properties={"number": number})
    result = await client.flush()
    total = adds_up(client)
    assert (total.accepted, total.delivered, result.pending) == (4_500, 4_500, 0)
    seen: dict[str, list[int]] = {}
    for event in collector.events:
        seen.setdefault(event.body["event"], []).append(event.body["properties"]["number"])
    assert seen.pop("owner") == list(range(500))
    assert seen == {f"{thread}": list(range(500)) for thread in range(8)}


async def test_a_thread_and_the_owner_in_turns_keep_the_order(
    make: MakeClient, collector: Collector
) -> None:
    """What a thread said before the owner's call goes before it."""
    client = make()
    await client.start()
    for number in range(20):
        thread = threading.Thread(target=client.track, args=(f"thread-{number}",),
                                  kwargs={"user_id": "u"})  # fmt: skip
        thread.start()
        thread.join()
        client.track(f"owner-{number}", user_id="u")
    await client.flush()
    expected = [f"{who}-{number}" for number in range(20) for who in ("thread", "owner")]
    assert names(collector) == expected


async def test_calls_from_threads_survive_runs_that_end(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Whenever a thread calls, before, in or after a drain, the event arrives once."""
    stop = threading.Event()
    receipts: list[str] = []

    def work() -> None:
        while not stop.is_set():
            receipts.append(client.track("E", user_id="u").message_id)
            time.sleep(0.002)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        await client.start()
        await asyncio.sleep(0.005)
        await client.shutdown()
        adds_up(client)
    stop.set()
    for thread in threads:
        thread.join()
    await client.flush()
    total = adds_up(client)
    assert (total.accepted, total.delivered, total.dropped) == (len(receipts), len(receipts), 0)
    assert collector.message_ids() == dict.fromkeys(receipts, 1)


async def test_a_shutdown_is_not_starved_by_calls_from_threads(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """What is called after it began is for the next run: neither waited for nor dropped."""
    collector.script(Fault(kind="delay", seconds=0.05))
    stop = threading.Event()
    receipts: list[str] = []

    def work() -> None:
        while not stop.is_set():
            receipts.append(client.track("E", user_id="u").message_id)
            time.sleep(0.001)

    client.track("first", user_id="u")
    thread = threading.Thread(target=work)
    thread.start()
    results = [await client.shutdown(3), await client.shutdown(3)]
    stop.set()
    thread.join()
    assert [result.dropped for result in results] == [0, 0]
    assert max(result.duration for result in results) < 2.0
    await client.flush()
    assert adds_up(client).dropped == 0
    assert collector.message_ids().keys() >= set(receipts)
    assert set(collector.message_ids().values()) == {1}


def test_nothing_is_left_behind() -> None:
    """No open connection, no task that was never awaited, no warning."""
    with ThreadedCollector() as collector, warnings.catch_warnings():
        warnings.simplefilter("error")

        async def main() -> None:
            async with AsyncAnalytics(rudder(collector)) as client:
                client.track("E", user_id="u")
            assert [task for task in asyncio.all_tasks() if "asyncsdk" in task.get_name()] == []

        asyncio.run(main(), debug=True)
        gc.collect()
    assert len(collector.events) == 1
