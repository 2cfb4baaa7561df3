"""What happens when somebody cancels a task: ours, or one that waits for us?

Most lives are lived in virtual time, where every await can be hit and hours cost nothing; some
over real sockets. `PROMISES_EXAMPLES=20000` lives more of them, at random.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncsdk import AsyncAnalytics, DeliveryError, MemoryStore
from asyncsdk.client.settings import Options
from asyncsdk.collector import Collector, Fault
from asyncsdk.receipts import Receipt, State
from asyncsdk.seams import Store
from asyncsdk.testing import VirtualTimeLoop
from tests.street import walking
from tests.testing.scripted import (
    DOWN,
    HANGS,
    LOST_ANSWER,
    RESET,
    YES,
    Act,
    Gateway,
    Unhurried,
    client,
    in_turn,
    track,
)

MORE = int(os.environ.get("PROMISES_EXAMPLES", "0"))
#: The same examples on every machine, unless more are asked for.
VIRTUAL = settings(
    max_examples=MORE or 1_000,
    derandomize=not MORE,
    suppress_health_check=[HealthCheck.too_slow],
)
REAL = settings(max_examples=MORE // 50 or 30, derandomize=not MORE)

ACTS = st.sampled_from(
    [
        YES,
        DOWN,
        RESET,
        LOST_ANSWER,
        HANGS,
        Act(after=0.5),
        Act(status=401),
        Act(status=429, headers={"retry-after": "7"}),
        Act(max_body=900),
    ]
)

#: What the application and its surroundings do, with a number that says how much or which.
DEEDS = st.one_of(
    st.tuples(st.sampled_from(["call", "call badly"]), st.integers(1, 8)),
    st.tuples(st.sampled_from(["cancel ours", "cancel theirs"]), st.integers(0, 12)),
    st.tuples(st.just("steps"), st.integers(0, 40)),
    st.tuples(st.just("seconds"), st.sampled_from([0.01, 0.5, 3, 40, 700])),
    st.tuples(
        st.sampled_from(["flush", "shutdown", "delivered", "start", "await a call"]),
        st.integers(0, 30),
    ),
)


class Conditions(NamedTuple):
    """What a life is lived under."""

    concurrency: int
    flush_at: int
    requeue: bool
    unhurried: bool


CONDITIONS = st.builds(
    Conditions,
    concurrency=st.sampled_from([1, 1, 3]),
    flush_at=st.integers(1, 6),
    requeue=st.booleans(),
    unhurried=st.booleans(),
)


class Life:
    """One client, its server, and those who wait for it."""

    def __init__(self, conditions: Conditions, gateway: Gateway) -> None:
        self.conditions = conditions
        self.gateway = gateway
        self.store: Store = Unhurried() if conditions.unhurried else MemoryStore()
        options: Options = {
            "store": self.store,
            "concurrency": conditions.concurrency,
            "flush_at": conditions.flush_at,
            "max_batch_events": 2 * conditions.flush_at,
            "max_retries": 3,
            "exhausted": "requeue" if conditions.requeue else "dead_letter",
            "gzip": False,
            "on_error": self.errors_append,
        }
        self.errors: list[DeliveryError] = []
        self.client: AsyncAnalytics = client(gateway, **options)
        self.receipts: dict[int, Receipt] = {}
        self.bad: set[int] = set()
        self.hosts: list[asyncio.Task[object]] = []
        self.complaints: list[Mapping[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))

    def errors_append(self, error: DeliveryError) -> None:
        """Keep what the client says of its troubles."""
        self.errors.append(error)

    def call(self, count: int, *, bad: bool = False) -> None:
        """Make calls; the last one of bad ones only is bad."""
        for at in range(count):
            number = len(self.receipts)
            guilty = bad and at == count - 1
            if guilty:
                self.bad.add(number)
            self.receipts[number] = track(self.client, number, bad=guilty)

    async def do(self, deed: str, much: float) -> None:
        """Do one thing."""
        which = int(much)
        if deed in ("call", "call badly"):
            self.call(which, bad=deed == "call badly")
        elif deed == "steps":
            await steps(which)
        elif deed == "seconds":
            await asyncio.sleep(much)
        elif deed == "cancel ours":
            cancel_ours(which)
        elif deed == "cancel theirs":
            await self.cancel_host(which)
        elif work := self.work(deed, which):
            self.hosts.append(asyncio.create_task(work, name=f"host {deed}"))

    def work(self, deed: str, which: int) -> Coroutine[Any, Any, object] | None:
        """Return what a task of the application is to wait for."""
        if deed == "flush":
            return self.client.flush(which)
        if deed == "shutdown":
            return self.client.shutdown(which)
        if deed == "start":
            return self.client.start()
        if deed == "await a call":
            self.call(1)
            return _awaited(self.receipts[len(self.receipts) - 1])
        if not self.receipts:
            return None
        return self.receipts[which % len(self.receipts)].delivered(which)

    async def cancel_host(self, which: int) -> None:
        """Cancel one who waits; it must hear of it at once."""
        waiting = [task for task in self.hosts if not task.done()]
        if waiting:
            task = waiting[which % len(waiting)]
            task.cancel()
            await steps(5)
            assert task.done()

    async def end_well(self) -> None:
        """Heal the server and deliver; then end."""
        self.gateway.script = lambda _: YES
        for _ in range(60):
            await self.client.flush(3_600)
            if not self.client.pending:
                break
            await asyncio.sleep(3_600)
        self.check()
        assert self.client.pending == 0
        await self.check_leases()
        await self.client.shutdown()
        await asyncio.wait([*self.hosts, asyncio.create_task(asyncio.sleep(0))])
        self.check()
        self.check_the_end()

    async def check_leases(self) -> None:
        """No batch is left in nobody's hands: there is nothing to send again."""
        asked = len(self.gateway.asked)
        await self.store.recover("here")
        await asyncio.sleep(700)
        assert len(self.gateway.asked) == asked

    def check(self) -> None:
        """Every event is in exactly one place, and its receipt knows which."""
        counts = self.client.statistics()
        assert walking.adds_up(counts)
        found = Counter(receipt.state for receipt in self.receipts.values())
        assert counts.accepted == len(self.receipts)
        assert {state: getattr(counts, state) for state in State} == {
            state: found[state] for state in State
        }
        assert counts.dropped_reasons.keys() <= {"shutdown"}
        arrived = self.gateway.arrived()
        assert self.numbers(State.DELIVERED) <= set(arrived)
        assert self.numbers(State.REJECTED) <= self.bad
        assert self.bad.isdisjoint(arrived)
        if self.conditions.concurrency == 1:
            assert arrived == sorted(arrived)

    def numbers(self, state: State) -> set[int]:
        """Return the events in *state*."""
        return {number for number, one in self.receipts.items() if one.state is state}

    def check_the_end(self) -> None:
        """Nothing of ours is left, and nothing went wrong that nobody heard of."""
        assert self.client.statistics().queue_bytes == 0
        assert our_tasks() == []
        assert self.complaints == []
        assert [error for error in self.errors if type(error) is DeliveryError] == []
        for number, ids in self.gateway.ids.items():
            assert ids == {self.receipts[number].message_id}
        for task in self.hosts:
            assert task.cancelled() or isinstance(
                task.exception(), DeliveryError | TimeoutError | None
            )

    async def check_letters(self) -> None:
        """Whatever was given up can be read, with its reason."""
        letters = {one.message_id: one.state async for one in self.client.dead_letters()}
        ended = (State.DEAD, State.REJECTED)
        assert letters == {
            one.message_id: one.state for one in self.receipts.values() if one.state in ended
        }


async def _awaited(receipt: Receipt) -> Receipt:
    return await receipt


async def steps(count: int) -> None:
    """Let every task that can take a step take *count* of them."""
    for _ in range(count):
        await asyncio.sleep(0)


def our_tasks() -> list[asyncio.Task[Any]]:
    """List the client's tasks."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("asyncsdk")]


def cancel_ours(which: int) -> None:
    """Cancel one of the client's tasks; two runs may have tasks of one name."""
    names = sorted({task.get_name() for task in our_tasks()})
    for task in our_tasks():
        if task.get_name() == names[which % len(names)]:
            task.cancel()


async def _live(conditions: Conditions, acts: list[Act], deeds: list[tuple[str, float]]) -> None:
    async with asyncio.timeout(1e6):  # whoever waits for ever is found out
        life = Life(conditions, Gateway(in_turn(*acts)))
        for deed, much in deeds:
            await life.do(deed, much)
            life.check()
        await life.end_well()
        await life.check_letters()


def live(conditions: Conditions, acts: list[Act], deeds: list[tuple[str, float]]) -> None:
    """Live one life in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_live(conditions, acts, deeds))


@pytest.mark.repeats
@pytest.mark.parametrize("unhurried", [False, True], ids=["memory", "unhurried"])
@pytest.mark.parametrize(
    ("acts", "deeds"),
    [
        ([], [("call badly", 5), ("call", 7)]),
        ([DOWN, LOST_ANSWER, Act(max_body=900)], [("call", 12), ("flush", 30)]),
        ([], [("call", 12), ("shutdown", 30)]),
    ],
    ids=["calls", "a flush", "a shutdown"],
)
def test_a_task_that_is_cancelled_at_any_of_its_steps_loses_nothing(
    acts: list[Act], deeds: list[tuple[str, float]], *, unhurried: bool
) -> None:
    """What happens at each await? Every task of ours is cancelled at every step of its way."""
    conditions = Conditions(concurrency=1, flush_at=3, requeue=False, unhurried=unhurried)
    for step in range(45):
        for which in range(6):
            live(conditions, acts, [*deeds, ("steps", step), ("cancel ours", which)])


@pytest.mark.repeats
@given(
    conditions=CONDITIONS,
    acts=st.lists(ACTS, max_size=12),
    deeds=st.lists(DEEDS, min_size=3, max_size=30),
)
@VIRTUAL
@pytest.mark.timeout(120)
def test_whoever_is_cancelled_at_whatever_await_every_event_has_one_end(
    conditions: Conditions, acts: list[Act], deeds: list[tuple[str, float]]
) -> None:
    """What happens when any task is cancelled, ours or one that waits? No event is lost for it."""
    live(conditions, acts, deeds)


@pytest.mark.parametrize("before", [0, 1, 2, 3, 200])
def test_a_client_whose_tasks_were_all_cancelled_goes_on_with_the_next_call(before: int) -> None:
    """What happens when a framework cancels every task of a loop that goes on? The next call starts anew."""

    async def main() -> None:
        """Cancel all of ours after some steps, and go on."""
        gateway = Gateway()
        analytics = client(gateway, flush_at=1)
        track(analytics, 0)
        await steps(before)
        for task in our_tasks():
            task.cancel()
        await asyncio.sleep(20)
        track(analytics, 1)
        await asyncio.sleep(20)
        assert gateway.arrived() == [0, 1]
        assert (await analytics.shutdown()).pending == 0

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


@pytest.mark.parametrize("before", range(8))
def test_a_replay_that_is_cancelled_loses_no_letter(before: int) -> None:
    """What happens when whoever replays is cancelled? The letters are put back all the same."""

    async def main() -> None:
        """Let two events die, replay them, and cancel that after some steps."""
        gateway = Gateway(in_turn(DOWN))
        analytics = client(gateway, max_retries=0, flush_at=2, store=Unhurried())
        track(analytics, 0)
        await track(analytics, 1)
        await analytics.flush(60)
        assert analytics.statistics().dead == 2
        replay = asyncio.create_task(analytics.replay())
        await steps(before)
        replay.cancel()
        await steps(10)
        letters = [letter async for letter in analytics.dead_letters()]
        await analytics.flush(60)
        assert len(letters) + len(gateway.arrived()) == 2
        assert replay.cancelled() or replay.result() == 2
        assert (await analytics.shutdown()).pending == 0

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


FAULTS = st.sampled_from(
    [
        Fault(kind="status", status=503, times=2),
        Fault(kind="reset", times=1),
        Fault(kind="drop_after_head", times=1),
        Fault(kind="truncate", times=1),
        Fault(kind="delay", seconds=0.02, times=2),
        Fault(kind="hang", seconds=0.05, times=1),
    ]
)


@pytest.mark.repeats
@pytest.mark.whole_way
@given(
    faults=st.lists(FAULTS, max_size=6),
    cancels=st.lists(st.tuples(st.integers(0, 15), st.booleans(), st.integers(0, 9)), max_size=8),
    seed=st.integers(0, 9_999),
)
@REAL
def test_over_real_sockets_whoever_is_cancelled_nothing_is_lost(
    faults: list[Fault], cancels: list[tuple[int, bool, int]], seed: int
) -> None:
    """What happens when those who wait are cancelled, and our tasks too? All arrives, in order."""
    asyncio.run(_live_really(faults, cancels, random.Random(seed)))


async def _live_really(
    faults: list[Fault], cancels: list[tuple[int, bool, int]], chance: random.Random
) -> None:
    async with Collector(faults=faults) as collector:
        analytics = walking.client(
            collector, flush_at=5, max_retries=1_000, retry_cap=0.02, timeout=0.3
        )
        receipts: list[Receipt] = []
        hosts: list[asyncio.Task[object]] = []
        for wait, ours, which in cancels:
            receipts += [walking.track(analytics, len(receipts) + more) for more in range(6)]
            works: list[Callable[[], Awaitable[object]]] = [
                analytics.flush,
                receipts[-1].delivered,
                analytics.start,
            ]
            work = chance.choice(works)
            hosts.append(asyncio.create_task(_quietly(work)))
            await asyncio.sleep(wait / 1_000)
            if ours and our_tasks():
                cancel_ours(which)
            else:
                hosts[which % len(hosts)].cancel()
            assert walking.adds_up(analytics.statistics())
        receipts.append(walking.track(analytics, len(receipts)))
        async with asyncio.timeout(30):
            while analytics.pending:
                await analytics.flush(timeout=5)
                await asyncio.sleep(0.005)
        await analytics.shutdown()
        await asyncio.wait(hosts or [asyncio.create_task(asyncio.sleep(0))])
    assert {receipt.state for receipt in receipts} == {State.DELIVERED}
    assert walking.first_arrivals(collector.events) == list(range(len(receipts)))
    assert our_tasks() == []


async def _quietly(work: Callable[[], Awaitable[object]]) -> object:
    """Wait; what a receipt raises is its answer."""
    try:
        return await work()
    except (DeliveryError, TimeoutError) as error:
        return error
