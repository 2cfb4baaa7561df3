"""Producing: tasks that await each call, and threads, all through one client at full speed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import anyio

from asyncsdk import AsyncAnalytics, DeliveryError
from benchmarks.soak.stream import PRODUCERS, TASKS, Stream, share

#: A task waits for the outcome of one call of so many, at most so many seconds.
_WAIT_EVERY = 2_500
_WAIT = 20.0
#: The first task asks for a flush once in so many calls.
_FLUSH_EVERY = 10_000

#: Calls after which a thread lets the others go on, and for how long (seconds).
_BREATH_CALLS = 25
_BREATH = 0.0005
_LOOK = 0.005


class Producers:
    """All who make calls, and how many calls each has made."""

    def __init__(self, analytics: AsyncAnalytics, events: int, *, crowded_at: int) -> None:
        self._analytics = analytics
        self._events = events
        self._crowded_at = crowded_at
        self._stream = Stream()
        self._stop = threading.Event()
        # This is all that changes; each producer writes its own place.
        self.made: list[int] = [0] * PRODUCERS
        self._failed: list[BaseException] = []

    async def run(self) -> None:
        """Make all calls; cancelling this ends every producer after the call it is in.

        Raises:
            RuntimeError: A call from a thread raised.
        """
        threads = [
            threading.Thread(target=self._in_thread, args=(producer,), name=f"producer {producer}")
            for producer in range(TASKS, PRODUCERS)
        ]
        try:
            for thread in threads:
                thread.start()
            async with anyio.create_task_group() as tasks:
                for producer in range(TASKS):
                    tasks.start_soon(self._in_task, producer)
                for thread in threads:
                    await _ended(thread)
        finally:
            self._stop.set()
            with anyio.CancelScope(shield=True):
                for thread in threads:
                    await _ended(thread)
        if self._failed:
            raise RuntimeError("a call from a thread raised") from self._failed[0]

    async def _in_task(self, producer: int) -> None:
        track, arguments = self._analytics.track, self._stream.arguments
        for number in range(share(self._events, producer)):
            receipt = track(**arguments(producer, number))
            self.made[producer] += 1
            await receipt
            if number % _WAIT_EVERY == _WAIT_EVERY - 1:
                # Poisoned and late ones alike are counted at the end, not here.
                with contextlib.suppress(DeliveryError, TimeoutError):
                    await receipt.delivered(_WAIT)
            if producer == 0 and number % _FLUSH_EVERY == _FLUSH_EVERY - 1:
                await self._analytics.flush(_WAIT)

    def _in_thread(self, producer: int) -> None:
        try:
            for number in range(share(self._events, producer)):
                if self._stop.is_set():
                    return
                self._analytics.track(**self._stream.arguments(producer, number))
                self.made[producer] += 1
                if number % _BREATH_CALLS == 0:
                    time.sleep(_BREATH)
                while self._analytics.pending > self._crowded_at and not self._stop.is_set():
                    time.sleep(_LOOK)
        except Exception as error:  # noqa: BLE001 - told by the main task
            self._failed.append(error)


async def _ended(thread: threading.Thread) -> None:
    while thread.is_alive():  # noqa: ASYNC110 - a thread rings no bell at its very end
        await asyncio.sleep(_LOOK)
