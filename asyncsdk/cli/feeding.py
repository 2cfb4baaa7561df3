"""Feeding: several tasks and threads call the client at once, as an application's parts do.

Each producer has its own visitors and keeps its own books: the ids that the calls returned and how
long each `track()` took. Tasks await their receipts, so that a full queue slows them; threads look
at `pending` for the same reason.
"""

import threading
import time
from array import array
from collections.abc import Iterator
from itertools import islice

import anyio

from asyncsdk.cli.calls import Call, make
from asyncsdk.cli.shop import poison, stream
from asyncsdk.client import AsyncAnalytics
from asyncsdk.receipts import Receipt

TASKS = 8
THREADS = 2

#: Calls after which a thread lets the others go on, and for how long (seconds).
_BREATH_CALLS = 25
_BREATH = 0.0005
_CROWDED_LOOK = 0.005


class Producer:
    """Make *count* calls and keep the books of them."""

    def __init__(self, seed: int, count: int, *, poisoned: bool) -> None:
        self._seed = seed
        self._count = count
        self._poisoned_at = count // 2 if poisoned else -1
        # This is all that changes.
        self.ids: list[str] = []
        self.timings: array[int] = array("Q")  # of track(), in nanoseconds

    def calls(self) -> Iterator[Call]:
        """Yield what it has to say."""
        for number, call in enumerate(islice(stream(self._seed), self._count)):
            yield poison() if number == self._poisoned_at else call

    def make(self, analytics: AsyncAnalytics, call: Call) -> Receipt:
        """Make one call."""
        if call.kind == "track":
            track, arguments = analytics.track, call.arguments
            began = time.perf_counter_ns()
            receipt = track(**arguments)
            self.timings.append(time.perf_counter_ns() - began)
        else:
            receipt = make(analytics, call)
        self.ids.append(receipt.message_id)
        return receipt


class Feed:
    """All producers of one demo."""

    def __init__(
        self, analytics: AsyncAnalytics, events: int, *, seed: int, poisoned: bool, crowded_at: int
    ) -> None:
        self._analytics = analytics
        self._crowded_at = crowded_at
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        every = TASKS + THREADS
        self.producers: list[Producer] = [
            Producer(
                seed * every + number,
                events // every + (number < events % every),
                poisoned=poisoned and number == 0,
            )
            for number in range(every)
        ]

    @property
    def ids(self) -> list[str]:
        """The ids that calls returned so far, one for each call."""
        return [one for producer in self.producers for one in producer.ids]

    async def run(self) -> None:
        """Make all calls; cancelling this ends every producer after the call it is in."""
        try:
            async with anyio.create_task_group() as tasks:
                for producer in self.producers[:TASKS]:
                    tasks.start_soon(self._from_task, producer)
                for producer in self.producers[TASKS:]:
                    tasks.start_soon(self._from_thread, producer)
        finally:
            self._stop.set()
            with anyio.CancelScope(shield=True):
                for thread in self._threads:
                    await _ended(thread)

    async def _from_task(self, producer: Producer) -> None:
        for call in producer.calls():
            await producer.make(self._analytics, call)

    async def _from_thread(self, producer: Producer) -> None:
        thread = threading.Thread(target=self._in_thread, args=(producer,), name="demo producer")
        self._threads.append(thread)
        thread.start()
        await _ended(thread)

    def _in_thread(self, producer: Producer) -> None:
        for number, call in enumerate(producer.calls()):
            if self._stop.is_set():
                return
            producer.make(self._analytics, call)
            if number % _BREATH_CALLS == 0:
                time.sleep(_BREATH)
            while self._analytics.pending > self._crowded_at and not self._stop.is_set():
                time.sleep(_CROWDED_LOOK)


async def _ended(thread: threading.Thread) -> None:
    while thread.is_alive():  # noqa: ASYNC110 - a thread rings no bell at its very end
        await anyio.sleep(_CROWDED_LOOK)
