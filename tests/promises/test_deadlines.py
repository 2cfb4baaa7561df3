"""What happens when I shut down and the server does not play along? It ends in time, and says so.

`shutdown(timeout=t)` returns within t and a tenth of a second. A machine that stalls breaks no
promise, so a scene is played up to three times and its best time counts.
"""

import asyncio
import contextlib
import json
import logging
import math
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.client.settings import Options
from asyncsdk.collector import Collector, Fault
from asyncsdk.ledger import FlushResult
from asyncsdk.messages import Message
from asyncsdk.receipts import Receipt, State
from asyncsdk.seams import HttpRequest, HttpResponse, Transport
from asyncsdk.stores import MemoryStore
from tests.promises.hostile import deaf, mute, proxying, serving, stall, wired
from tests.street.walking import KEY, adds_up, client, numbers, said, to, track, until
from tests.transports.lines import Act, answer, free_port, head, listening, raw, reset

pytestmark = pytest.mark.whole_way

SECOND = 1.0
HALF = 0.5
GRACE = 0.1

#: A scene; returns the seconds that the shutdown took beyond its timeout.
Scene = Callable[[], Awaitable[float]]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector that lets every key in."""
    async with Collector() as running:
        yield running


async def best_of_three(scene: Scene) -> float:
    """Play *scene* until it is in time, three times at most; return its best."""
    best = math.inf
    for _ in range(3):
        best = min(best, await scene())
        if best <= GRACE:
            break
    return best


async def timed(ending: Awaitable[FlushResult], timeout: float) -> tuple[FlushResult, float]:
    """Return the result of *ending* and by how much it missed *timeout*."""
    began = time.monotonic()
    result = await ending
    return result, time.monotonic() - began - timeout


# The server.


@contextlib.asynccontextmanager
async def full_house() -> AsyncIterator[str]:
    """Listen where nobody accepts and the waiting room is full: a connection is never made."""
    with contextlib.ExitStack() as sockets:
        door = sockets.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        address: tuple[str, int] = door.getsockname()
        for _ in range(4):
            guest = sockets.enter_context(socket.socket())
            guest.settimeout(0.0)
            guest.connect_ex(address)
        await asyncio.sleep(0)
        yield f"http://127.0.0.1:{address[1]}"


@contextlib.asynccontextmanager
async def on(act: Act) -> AsyncIterator[str]:
    """Answer every request with *act*."""
    async with listening(act) as line:
        yield line.url


@contextlib.asynccontextmanager
async def at_once(act: Act, *, scheme: str = "http") -> AsyncIterator[str]:
    """Meet every connection with *act*."""

    async def serve(peer: Any) -> None:
        """Do it."""
        await act(peer)

    async with serving(serve) as port:
        yield f"{scheme}://127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """Name an address where nobody listens."""
    yield f"http://127.0.0.1:{free_port()}"


STATES: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[str]]] = {
    "refused": nobody,
    "hanging": lambda: on(mute),
    "503 for ever": lambda: on(answer(503, b"")),
    "asks for an hour": lambda: on(answer(503, b"", "Retry-After: 3600")),
    "wrong key": lambda: on(answer(401, b"")),
    "resetting": lambda: on(reset()),
    "half an answer": lambda: on(stall(head(length=100) + b"o")),
    "a slow drip": lambda: on(raw(head(length=1_000), *([b"x"] * 500), pause=0.05)),
    "never accepts": full_house,
    "never reads": lambda: at_once(deaf),
    "no handshake": lambda: at_once(mute, scheme="https"),
}


async def loses(url: str, count: int, timeout: float, caplog: pytest.LogCaptureFixture) -> float:
    """Queue *count* events, begin with them, and shut down; nothing may get through."""
    caplog.clear()
    drops: list[tuple[str, int]] = []
    analytics = client(
        url,
        timeout=30.0,
        max_retries=10_000,
        on_drop=lambda *drop: drops.append(drop),
    )
    receipts = [track(analytics, number) for number in range(count)]
    await asyncio.sleep(0.1)
    result, late = await timed(analytics.shutdown(timeout=timeout), timeout)
    found = analytics.statistics().destinations["here"]
    assert (result.dropped, result.pending, result.delivered) == (count, 0, 0)
    assert found.dropped_reasons == {"shutdown": count}
    assert adds_up(found)
    assert drops == [("shutdown", count)]
    assert {receipt.state for receipt in receipts} == {State.DROPPED}
    assert len(said(caplog, "here: ", f"dropped {count} events", "shutdown ended")) == 1
    assert analytics.pending == 0
    return late


@pytest.mark.parametrize("state", STATES)
async def test_shutdown_ends_in_time_and_says_what_did_not_go(
    state: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when the server refuses, hangs, drips or is half there? The time is kept."""
    async with STATES[state]() as url:
        late = await best_of_three(lambda: loses(url, 50, SECOND, caplog))
    assert late <= GRACE


@pytest.mark.parametrize("state", ["refused", "hanging", "503 for ever", "never accepts"])
async def test_shutdown_ends_in_time_with_ten_thousand_events(
    state: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when much is queued and nothing goes? The time is kept; the count is said."""
    async with STATES[state]() as url:
        late = await best_of_three(lambda: loses(url, 10_000, HALF, caplog))
    assert late <= GRACE


async def test_what_a_slow_server_took_is_told_from_what_did_not_go() -> None:
    """What happens when a part of ten thousand events goes? Both parts are counted."""

    async def scene() -> float:
        """Deliver some of it."""
        delay = Fault(kind="delay", seconds=0.05)
        async with Collector(faults=[delay]) as collector:
            analytics = client(collector, max_batch_events=100)
            receipts = [track(analytics, number) for number in range(10_000)]
            result, late = await timed(analytics.shutdown(timeout=HALF), HALF)
            delivered = [one for one in receipts if one.state is State.DELIVERED]
            dropped = [one for one in receipts if one.state is State.DROPPED]
            assert (result.delivered, result.dropped) == (len(delivered), len(dropped))
            assert len(delivered) + len(dropped) == 10_000
            assert 100 <= len(delivered) < 10_000
            # The request that the deadline met in flight may have been taken as well.
            assert len(delivered) <= len(collector.events) <= len(delivered) + 100
            assert numbers(collector.events) == list(range(len(collector.events)))
            assert result.pending == 0
        return late

    assert await best_of_three(scene) <= GRACE


async def test_a_half_open_connection_holds_no_shutdown_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What happens when a connection goes dead without a word? It is not waited for."""

    async def scene() -> float:
        """Deliver once, then freeze the line."""
        caplog.clear()
        async with listening(answer()) as line, wired(line.port) as wire:
            analytics = client(wire.url, timeout=30.0)
            track(analytics, 0)
            assert (await analytics.flush(timeout=10)).delivered == 1
            wire.flowing.clear()
            for number in range(50):
                track(analytics, number)
            await asyncio.sleep(0.2)
            result, late = await timed(analytics.shutdown(timeout=HALF), HALF)
            assert (result.dropped, result.pending, wire.connections) == (50, 0, 1)
            assert len(said(caplog, "dropped 50 events")) == 1
        return late

    assert await best_of_three(scene) <= GRACE


async def test_a_hanging_proxy_holds_no_shutdown_up() -> None:
    """What happens when it is not the server that hangs? The same."""

    async def scene() -> float:
        """Ask a mute proxy for a tunnel."""
        async with proxying(mute) as proxy:
            analytics = AsyncAnalytics(
                RudderStack(KEY, "https://dataplane.example.com", name="here"),
                proxy=proxy.url,
                flush_at=1,
            )
            track(analytics, 1)
            await until(lambda: proxy.heads)
            result, late = await timed(analytics.shutdown(timeout=HALF), HALF)
            assert (result.dropped, result.pending) == (1, 0)
        return late

    assert await best_of_three(scene) <= GRACE


async def test_a_dead_destination_takes_no_time_from_a_living_one(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when one of three works? Its events went; the others' are told by name."""

    async def scene() -> float:
        """Shut three lanes down at once."""
        caplog.clear()
        collector.clear()
        async with on(mute) as hanging, full_house() as full:
            analytics = AsyncAnalytics(
                to(collector, name="good"), to(hanging, name="mute"), to(full, name="full")
            )
            receipts = [track(analytics, number) for number in range(50)]
            result, late = await timed(analytics.shutdown(timeout=HALF), HALF)
        found = analytics.statistics().destinations
        assert (result.delivered, result.dropped, result.pending) == (50, 100, 0)
        assert {name: (one.delivered, one.dropped) for name, one in found.items()} == {
            "good": (50, 0),
            "mute": (0, 50),
            "full": (0, 50),
        }
        assert numbers(collector.events) == list(range(50))
        assert [len(said(caplog, f"{name}: dropped")) for name in found] == [0, 1, 1]
        assert receipts[0].outcomes["good"].state is State.DELIVERED
        assert receipts[0].outcomes["mute"].reason == "shutdown"
        return late

    assert await best_of_three(scene) <= GRACE


async def test_the_end_of_the_block_keeps_its_time_too() -> None:
    """What happens when `async with` ends and nothing goes? `shutdown_timeout` is the limit."""

    async def scene() -> float:
        """Leave the block."""
        async with on(mute) as url:
            began = time.monotonic()
            async with client(url, timeout=30.0, shutdown_timeout=0.5) as analytics:
                track(analytics, 1)
            late = time.monotonic() - began - 0.5
        assert analytics.statistics().dropped_reasons == {"shutdown": 1}
        return late

    assert await best_of_three(scene) <= GRACE


@pytest.mark.parametrize("timeout", [0.0, 0.5])
async def test_a_flush_keeps_its_time_and_everything_stays(timeout: float) -> None:
    """What happens when a flush is not done in time? It says how many wait; nothing is dropped."""

    async def scene() -> float:
        """Flush towards a mute server."""
        async with on(mute) as url:
            analytics = client(url, timeout=30.0)
            for number in range(50):
                track(analytics, number)
            result, late = await timed(analytics.flush(timeout=timeout), timeout)
            assert (result.pending, result.dropped, analytics.pending) == (50, 0, 50)
            ended, more = await timed(analytics.shutdown(timeout=0.0), 0.0)
            assert (ended.dropped, ended.pending) == (50, 0)
        return max(late, more)

    assert await best_of_three(scene) <= GRACE


# The name.

_NAMELESS = """
import asyncio, json, logging, os, socket, threading, time
from asyncsdk import AsyncAnalytics, RudderStack

asked = threading.Event()

def hang(*args, **options):
    asked.set()
    time.sleep(60)

async def main():
    analytics = AsyncAnalytics(
        RudderStack("key", "https://dataplane.example.com", name="here"), flush_at=1
    )
    for number in range(50):
        analytics.track("Step", user_id="u", properties={"n": number})
    while not asked.is_set():
        await asyncio.sleep(0.005)
    began = time.monotonic()
    result = await analytics.shutdown(timeout=1.0)
    took = time.monotonic() - began
    print(json.dumps([took, result.dropped, result.pending]), flush=True)
    os._exit(0)  # the interpreter would wait for the thread that asks for the name

logging.basicConfig()
socket.getaddrinfo = hang
asyncio.run(main())
"""


async def test_a_name_that_never_resolves_holds_no_shutdown_up() -> None:
    """What happens when DNS hangs? No thread of ours is waited for."""

    async def scene() -> float:
        """Ask in a process of its own, whose names never resolve."""
        with anyio.fail_after(30):
            ended = await anyio.run_process([sys.executable, "-c", _NAMELESS])
        took, dropped, pending = json.loads(ended.stdout)
        assert (dropped, pending) == (50, 0)
        assert b"here: dropped 50 events" in ended.stderr
        return float(took) - SECOND

    assert await best_of_three(scene) <= GRACE


# The application's own code.


class Gate:
    """A `before_send` hook that holds up the calls of other threads."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.open = threading.Event()

    def __call__(self, message: Message) -> Message:
        """Hold a call of another thread up."""
        if threading.current_thread() is not threading.main_thread():
            self.inside.set()
            self.open.wait(30)
        return message


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Make a gate that is open when the test has ended, however it ends."""
    made = Gate()
    yield made
    made.open.set()


async def held_up(gate: Gate, analytics: AsyncAnalytics) -> asyncio.Task[Receipt]:
    """Make a call in another thread and wait until it hangs in the hook."""
    calling = asyncio.create_task(asyncio.to_thread(track, analytics, 99))
    await until(gate.inside.is_set)
    return calling


async def test_a_hook_that_hangs_in_a_thread_holds_no_shutdown_up(
    collector: Collector, gate: Gate
) -> None:
    """What happens when a `before_send` hangs in a thread? Its event is the next run's."""
    analytics = client(collector, before_send=gate)
    for number in range(50):
        track(analytics, number)
    calling = await held_up(gate, analytics)
    result = await analytics.shutdown(timeout=5.0)
    assert result.duration < 4.0
    # A part of them was on its way before, on a slow machine.
    assert (analytics.statistics().delivered, result.dropped, result.pending) == (50, 0, 0)
    gate.open.set()
    receipt = await calling
    assert (receipt.state, analytics.pending) == (State.PENDING, 1)
    assert (await analytics.shutdown(timeout=5)).delivered == 1
    assert numbers(collector.events) == [*range(50), 99]


async def test_a_hook_that_hangs_beyond_the_end_has_its_event_dropped(
    collector: Collector, gate: Gate
) -> None:
    """What happens when it hangs beyond the client's end? Its event is counted as closed."""
    async with client(collector, before_send=gate) as analytics:
        track(analytics, 1)
        calling = await held_up(gate, analytics)
        began = time.monotonic()
    assert time.monotonic() - began < 5.0
    gate.open.set()
    receipt = await calling
    found = analytics.statistics()
    assert (receipt.state, found.dropped_reasons) == (State.DROPPED, {"closed": 1})
    assert (found.delivered, found.accepted, found.pending) == (1, 2, 0)


# What was plugged in.


class Hanging(MemoryStore):
    """A store that is away: one of its methods takes longer than anybody waits."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    async def _perhaps(self, method: str) -> None:
        if method == self._method:
            await asyncio.sleep(5)

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Hang before it is ready, perhaps."""
        await self._perhaps("run")
        await super().run(ready=ready)

    async def recover(self, lane: str) -> None:
        """Hang, perhaps."""
        await self._perhaps("recover")
        await super().recover(lane)

    async def append(self, lane: str, batch: Any, *, age: float = 0.0, letters: Any = ()) -> None:
        """Hang, perhaps."""
        await self._perhaps("append")
        await super().append(lane, batch, age=age, letters=letters)

    async def take(self, lane: str, room: Any) -> Any:
        """Hang, perhaps."""
        await self._perhaps("take")
        return await super().take(lane, room)

    async def settle(self, lease: Any, letters: Any) -> bool:
        """Hang, perhaps."""
        await self._perhaps("settle")
        return await super().settle(lease, letters)

    async def retire(self, lane: str) -> None:
        """Hang, perhaps."""
        await self._perhaps("retire")
        await super().retire(lane)

    async def close(self) -> None:
        """Hang, perhaps."""
        await self._perhaps("close")


class Stubborn:
    """A transport of the application's own that takes its time, cancelled or not."""

    def __init__(self, method: str) -> None:
        self._method = method

    async def open(self) -> None:
        """Hang, perhaps."""
        if self._method == "open":
            await asyncio.sleep(5)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Hang; perhaps on and on."""
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            if self._method == "send":
                await asyncio.sleep(3)
            raise
        raise AssertionError(request.method)

    async def close(self) -> None:
        """Hang, perhaps."""
        if self._method == "close":
            await asyncio.sleep(5)


def plugged(what: str) -> Options:
    """Return the options that plug the hanging thing in."""
    seam, method = what.split(".")
    if seam == "store":
        return {"store": Hanging(method)}
    transport: Transport = Stubborn(method)
    return {"transport": transport}


@pytest.mark.parametrize(
    "what",
    [
        *("store.run", "store.recover", "store.append", "store.take", "store.settle"),
        *("store.retire", "store.close"),
        *("transport.open", "transport.send", "transport.close"),
    ],
)
async def test_shutdown_keeps_its_time_when_a_seam_hangs(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when a store or a transport of my own hangs? It is not waited for."""
    act = answer() if what == "store.settle" else mute

    async def scene() -> float:
        """Shut down while it hangs."""
        caplog.clear()
        async with on(act) as url:
            analytics = short(url, plugged(what))
            for number in range(50):
                track(analytics, number)
            await asyncio.sleep(0.1)
            result, late = await timed(analytics.shutdown(timeout=0.3), 0.3)
        # What the server took is delivered, though the store cannot write it down any more.
        took = 40 if what == "store.settle" else 0
        assert (result.delivered, result.dropped, result.pending) == (took, 50 - took, 0)
        assert analytics.pending == 0
        assert len(said(caplog, f"dropped {50 - took} events")) == 1
        return late

    assert await best_of_three(scene) <= GRACE


def short(url: str, options: Options) -> AsyncAnalytics:
    """Make a client with *options*; its requests would wait for long."""
    more: Options = {"timeout": 30.0}
    more.update(options)
    return client(url, **more)


# Several ends.


async def test_many_shutdowns_at_once_keep_the_first_ones_time() -> None:
    """What happens when everybody shuts down? One end, one result, one deadline."""

    async def scene() -> float:
        """End it from ten tasks, with longer times after the first."""
        async with on(mute) as url:
            analytics = client(url, timeout=30.0)
            track(analytics, 1)
            await asyncio.sleep(0.1)
            began = time.monotonic()
            ends = [analytics.shutdown(timeout=0.5 + 3 * number) for number in range(10)]
            results = await asyncio.gather(*ends)
            late = time.monotonic() - began - 0.5
        assert results == [results[0]] * 10
        assert (results[0].dropped, results[0].pending) == (1, 0)
        return late

    assert await best_of_three(scene) <= GRACE


async def test_a_quiet_end_takes_no_time(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """What happens when everything went? The timeout is a limit, not a pause."""

    async def scene() -> float:
        """Deliver, and end."""
        analytics = client(collector)
        track(analytics, 1)
        result, _ = await timed(analytics.shutdown(timeout=60.0), 60.0)
        assert (result.delivered, result.dropped) == (1, 0)
        return result.duration - SECOND

    assert await best_of_three(scene) <= 0.0
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []
