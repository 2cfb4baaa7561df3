"""Does everything add up, whatever is mixed with whatever? A model that is simpler than the client.

Steps at random: calls from the loop, from threads and from outside, bad events, hooks that drop,
faults, flushes, pauses, full queues, cancellations, shutdowns, new loops, replays. After each of
them every event must be in exactly one place, the receipts must know it, and the bounds must hold.
`PROMISES_EXAMPLES=20000` walks longer, at random.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from asyncsdk import AsyncAnalytics, Delivery, DeliveryError, MemoryStore, QueueFullError
from asyncsdk.ledger import LaneStatistics
from asyncsdk.messages import Message
from asyncsdk.receipts import Receipt, State
from asyncsdk.testing import VirtualTimeLoop
from tests.street import walking
from tests.testing.scripted import (
    BAD,
    DOWN,
    HANGS,
    LOST_ANSWER,
    RESET,
    YES,
    Act,
    Asked,
    Gateway,
    destination,
)

T = TypeVar("T")

MORE = int(os.environ.get("PROMISES_EXAMPLES", "0"))
#: The same walks on every machine, unless more are asked for.
WALKS = settings(
    max_examples=MORE or 500,
    stateful_step_count=40,
    derandomize=not MORE,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
LETTERS = 15
ENDED = (State.DELIVERED, State.REJECTED, State.DEAD, State.DROPPED)

ACTS = st.sampled_from(
    [
        YES,
        DOWN,
        RESET,
        LOST_ANSWER,
        HANGS,
        Act(after=0.5),
        Act(status=401),
        Act(status=503, headers={"retry-after": "20"}),
        Act(max_body=1_300),
    ]
)
HOSTS = st.sampled_from(["a", "b"])
OVERFLOW = st.sampled_from(["drop_newest", "drop_oldest", "raise"])


class Street(RuleBasedStateMachine):
    """Two lanes, one of them in order, one client, and what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.complaints: list[Mapping[str, Any]] = []
        self.errors: list[DeliveryError] = []
        self.acts: dict[str, list[Act]] = {"a": [], "b": []}
        self.receipts: dict[int, Receipt] = {}
        self.calls = 0
        self.bad: set[int] = set()
        self.hooked: dict[int, str] = {}
        self.waiting: list[asyncio.Task[object]] = []
        self.replayed = False
        self.ending = False
        self.attend()

    @initialize(
        overflow=st.tuples(OVERFLOW, OVERFLOW),
        flush_at=st.integers(1, 5),
        most=st.integers(4, 30),
        size=st.sampled_from([1_500, 1_000_000]),
        total=st.sampled_from([4_000, 1_000_000]),
        concurrency=st.sampled_from([1, 3]),
        requeue=st.booleans(),
        max_age=st.sampled_from([None, 60.0]),
    )
    def make(
        self,
        overflow: tuple[Literal["drop_newest", "drop_oldest", "raise"], ...],
        flush_at: int,
        most: int,
        size: int,
        total: int,
        *,
        concurrency: int,
        requeue: bool,
        max_age: float | None,
    ) -> None:
        """Make the client."""
        self.most, self.size, self.total = most, size, total
        self.overflow = overflow
        self.in_order = ["a", "b"] if concurrency == 1 else ["a"]
        self.gateway = Gateway(self.act)
        self.client = AsyncAnalytics(
            destination("a", Delivery(overflow=overflow[0])),
            destination("b", Delivery(overflow=overflow[1], concurrency=concurrency)),
            transport=self.gateway,
            store=MemoryStore(max_letters=LETTERS),
            before_send=self.hook,
            on_error=self.errors.append,
            flush_at=flush_at,
            max_batch_events=2 * flush_at,
            max_queue_events=most,
            max_queue_bytes=size,
            max_total_bytes=total,
            max_retries=2,
            exhausted="requeue" if requeue else "dead_letter",
            max_age=max_age,
            gzip=False,
            jitter=0.0,
        )

    def attend(self) -> None:
        """Hear the complaints of the loop."""
        loop = self.runner.get_loop()
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))

    def go(self, work: Coroutine[Any, Any, T]) -> T:
        """Do *work* on the loop; who waits for ever is found out."""
        return self.runner.run(_in_time(work))

    def act(self, asked: Asked) -> Act:
        """Do to a request what the host's script says."""
        acts = self.acts[asked.host]
        return acts.pop(0) if acts else YES

    def hook(self, message: Message) -> Message | None:
        """Drop some events, and break on others."""
        fate = self.hooked.get((message.properties or {})["n"])
        if fate == "hook_failed":
            raise RuntimeError("mine")
        return None if fate == "before_send" else message

    def lane(self, name: str) -> LaneStatistics:
        """Return what the client counts for one lane."""
        return self.client.statistics().destinations[name]

    # What happens.

    @rule(
        count=st.integers(1, 6),
        place=st.sampled_from(["loop", "loop", "thread", "outside"]),
        kind=st.sampled_from(["good", "good", "good", "bad", "before_send", "hook_failed"]),
        text=st.sampled_from(["", "", "x" * 500]),
    )
    def call(self, count: int, place: str, kind: str, text: str) -> None:
        """Make calls."""

        def make() -> None:
            """Make them here."""
            for _ in range(count):
                self.call_once(kind, text)

        if place == "loop":
            self.go(_later(make))
        elif place == "thread":
            thread = threading.Thread(target=make)
            thread.start()
            thread.join()
        else:
            make()

    def call_once(self, kind: str, text: str) -> None:
        """Make one call; a refused one must leave no trace."""
        number, self.calls = self.calls, self.calls + 1
        if kind == "bad":
            self.bad.add(number)
        elif kind != "good":
            self.hooked[number] = kind
        before = self.client.statistics()
        try:
            self.receipts[number] = self.client.track(
                "Step",
                user_id=BAD if kind == "bad" else "u-1",
                properties={"n": number, "text": text},
            )
        except QueueFullError:
            assert self.client.statistics().accepted == before.accepted

    @rule(host=HOSTS, acts=st.lists(ACTS, min_size=1, max_size=6))
    def trouble(self, host: str, acts: list[Act]) -> None:
        """Let a server do these things next."""
        self.acts[host] = list(acts)

    @rule(count=st.integers(0, 30))
    def steps(self, count: int) -> None:
        """Let all tasks take some steps."""
        self.go(_steps(count))

    @rule(seconds=st.sampled_from([0.1, 1.0, 11.0, 40.0, 700.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.go(asyncio.sleep(seconds))

    @rule(timeout=st.sampled_from([0.0, 1.0, 60.0, 2_000.0]))
    def flush(self, timeout: float) -> None:
        """Flush, and compare what the flush says."""
        self.go(self.flush_and_compare(timeout))

    @rule(timeout=st.sampled_from([0.0, 1.0, 60.0]))
    def shutdown(self, timeout: float) -> None:
        """Shut down: in time, nothing is left, and twice says the same."""
        before = self.client.statistics()
        alone = not _undone(self.waiting)
        began = self.runner.get_loop().time()
        result = self.go(self.client.shutdown(timeout))
        assert self.runner.get_loop().time() - began <= timeout + 0.1 + 1e-9
        # What was called after another shutdown began waits for the run after it.
        assert result.pending == self.client.pending
        assert self.ending or not result.pending
        self.ending &= result.pending > 0
        # A second one says the same, unless something is left for the next run or waits for it.
        if alone and not result.pending:
            assert self.go(self.client.shutdown(timeout)) == result
        assert self.client.statistics().accepted == before.accepted

    @rule(
        what=st.sampled_from(["flush", "shutdown", "delivered", "start"]),
        much=st.integers(0, 100),
        first=st.integers(0, 10),
    )
    def wait_in_a_task(self, what: str, much: int, first: int) -> None:
        """Let a task of the application wait, beside all that follows."""
        work: dict[str, Callable[[], Awaitable[object]]] = {
            "flush": lambda: self.client.flush(much),
            "shutdown": lambda: self.client.shutdown(much),
            "start": self.client.start,
            "delivered": lambda: self.receipt(much).delivered(much),
        }
        if what != "delivered" or self.receipts:
            self.ending |= what == "shutdown"
            self.waiting.append(self.runner.get_loop().create_task(_quietly(work[what])))
            self.go(_steps(first))

    def receipt(self, which: int) -> Receipt:
        """Return one of the receipts."""
        return list(self.receipts.values())[which % len(self.receipts)]

    @rule(which=st.integers(0, 20), later=st.integers(0, 20))
    def cancel_one_of_ours(self, which: int, later: int) -> None:
        """Cancel a task of the client's, after some steps."""
        name = self.go(_cancel_ours(which, later))
        # A cancelled keeper ends its run; what it cannot deliver waits for the next one.
        self.ending |= name == "asyncsdk"

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 20), later=st.integers(0, 20))
    def cancel_one_who_waits(self, which: int, later: int) -> None:
        """Cancel a task of the application's; it hears of it at once."""
        self.go(_steps(later))
        waiting = _undone(self.waiting)
        if waiting:
            task = waiting[which % len(waiting)]
            task.cancel()
            self.go(_steps(5))
            assert task.done()

    @rule()
    def next_loop(self) -> None:
        """End the loop as `asyncio.run` does, and go on with another one."""
        loop = self.runner.get_loop()
        self.runner.close()
        now = loop.time()
        self.runner = asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(now))
        self.attend()

    @rule(times=st.integers(1, 2))
    def replay(self, times: int) -> None:
        """Put all dead letters back."""
        for _ in range(times):
            self.replayed |= self.go(self.client.replay()) > 0

    @rule()
    def purge(self) -> None:
        """Forget all dead letters."""
        assert self.go(self.purge_and_count()) == 0

    async def purge_and_count(self) -> int:
        """Purge, and count what is left."""
        await self.client.purge()
        return await self.letters()

    async def letters(self) -> int:
        """Count the dead letters."""
        return len([letter async for letter in self.client.dead_letters()])

    async def flush_and_compare(self, timeout: float) -> None:
        """Check that the result of a flush says what the counters say."""
        before = self.client.statistics()
        result = await self.client.flush(timeout)
        now = self.client.statistics()
        for state in ENDED:
            assert getattr(result, state) == getattr(now, state) - getattr(before, state)
        assert result.pending == now.pending
        assert result.duration <= timeout + 0.1

    # What must hold after every step.

    @invariant()
    def all_holds(self) -> None:
        """Check it."""
        self.counts_add_up()
        self.receipts_know()
        self.hooks_decide()
        self.memory_is_bounded()
        self.servers_agree()
        self.nobody_complains()

    def counts_add_up(self) -> None:
        """Per lane and in sum, at every moment."""
        total = self.client.statistics()
        for one in (total, *total.destinations.values()):
            assert walking.adds_up(one)
            assert sum(one.dropped_reasons.values()) == one.dropped
        assert total.pending == self.client.pending

    def receipts_know(self) -> None:
        """The outcomes of the receipts are the counts; replayed events count once more."""
        for name in ("a", "b"):
            lane = self.lane(name)
            outcomes = [receipt.outcomes[name] for receipt in self.receipts.values()]
            found = Counter(outcome.state for outcome in outcomes)
            more = {state: getattr(lane, state) - found[state] for state in State}
            assert min(more.values()) >= 0
            assert sum(more.values()) == lane.replayed
            assert lane.accepted == len(self.receipts) + lane.replayed
            if not lane.replayed:
                reasons = Counter(one.reason for one in outcomes if one.state is State.DROPPED)
                assert reasons == lane.dropped_reasons

    def hooks_decide(self) -> None:
        """What a hook drops is dropped for that reason, and nothing else is."""
        for number, receipt in self.receipts.items():
            for outcome in receipt.outcomes.values():
                by_hook = outcome.reason in ("before_send", "hook_failed")
                assert by_hook == (number in self.hooked)
                assert not by_hook or outcome.reason == self.hooked[number]

    def memory_is_bounded(self) -> None:
        """In events and bytes, per lane and over all; letters too."""
        total = self.client.statistics()
        for lane, overflow in zip(total.destinations.values(), self.overflow, strict=True):
            # What others have left pushes the oldest out once the owner looks; until then both wait.
            times = 2 if overflow == "drop_oldest" else 1
            assert lane.pending <= self.most * times
            assert lane.queue_bytes <= self.size * times
        for door in (lane.door for lane in self.client._lanes):
            assert door.held_events <= self.most
            assert door.held_bytes <= self.size
        assert total.queue_bytes <= self.total * (1 + ("drop_oldest" in self.overflow))
        assert (total.pending == 0) == (total.queue_bytes == 0)
        assert self.go(self.letters()) <= LETTERS

    def servers_agree(self) -> None:
        """Delivered is what arrived; only the bad are rejected, and none of them arrives."""
        for name in ("a", "b"):
            arrived = self.gateway.arrived(name)
            assert self.numbers(name, State.DELIVERED) <= set(arrived)
            assert self.numbers(name, State.REJECTED) <= self.bad
            assert (self.bad | self.hooked.keys()).isdisjoint(arrived)
            if name in self.in_order and not self.replayed:
                assert arrived == sorted(arrived)
        for number, ids in self.gateway.ids.items():
            assert ids == {self.receipts[number].message_id}

    def nobody_complains(self) -> None:
        """Neither the loop nor the client tells of something unexpected."""
        assert self.complaints == []
        assert [error for error in self.errors if type(error) is DeliveryError] == []

    def numbers(self, lane: str, state: State) -> set[int]:
        """Return the events that fare so on a lane."""
        return {n for n, one in self.receipts.items() if one.outcomes[lane].state is state}

    def teardown(self) -> None:
        """Mend the servers: now everything must come to an end."""
        if not hasattr(self, "client"):
            self.runner.close()
            return
        self.acts = {"a": [], "b": []}
        for _ in range(60):
            self.go(self.client.flush(3_600.0))
            if not self.client.pending:
                break
            self.go(asyncio.sleep(3_600.0))
        assert self.client.pending == 0
        self.go(self.client.shutdown())
        self.go(_steps(10))
        for task in self.waiting:
            task.cancel()
        self.go(_steps(10))
        self.receipts_know()
        self.servers_agree()
        assert self.go(_later(_ours)) == []
        self.runner.close()
        self.nobody_complains()


async def _in_time(work: Awaitable[T]) -> T:
    async with asyncio.timeout(1_000_000):
        return await work


async def _later(work: Callable[[], T]) -> T:
    """Do *work* on the loop."""
    return work()


async def _steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _quietly(work: Callable[[], Awaitable[object]]) -> object:
    """Wait; what a receipt raises is its answer."""
    try:
        return await work()
    except (DeliveryError, TimeoutError) as error:
        return error


async def _cancel_ours(which: int, later: int) -> str:
    """Cancel one of the client's tasks; return its name. Two runs may have tasks of one name."""
    await _steps(later)
    names = sorted({task.get_name() for task in _ours()})
    if not names:
        return ""
    name = names[which % len(names)]
    for task in _ours():
        if task.get_name() == name:
            task.cancel()
    return name


def _ours() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("asyncsdk")]


def _undone(tasks: Sequence[asyncio.Task[object]]) -> list[asyncio.Task[object]]:
    return [task for task in tasks if not task.done()]


@pytest.mark.repeats
@pytest.mark.timeout(240)
def test_whatever_is_mixed_everything_adds_up_after_every_step() -> None:
    """What happens when all of it happens at once? Every event is in one place, and counted there."""
    run_state_machine_as_test(Street, settings=WALKS)
