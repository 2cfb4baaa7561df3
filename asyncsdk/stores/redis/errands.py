"""Errands: each command of a line in a task that is the line's, not the caller's.

Whoever waits for an answer may be cancelled at any moment, and redis-py must not notice. Two things
would go wrong. It writes under `asyncio.wait_for`, which on Python 3.11 swallows a cancellation that
comes just as the bytes are out: the caller would go on as if nothing had been said, for ever. And
it hangs up when it is interrupted, so that every cancellation would cost a connection.

So a cancelled caller walks away. What it asked for goes on to its end, done or not: the answer is
lost. Nothing else begins before that end, so nothing that is asked later is done earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from asyncsdk.errors import StoreAwayError

T = TypeVar("T")


class Errands:
    """The commands of one line."""

    def __init__(self) -> None:
        # This is all that changes: whose callers have walked away.
        self._left: set[asyncio.Task[object]] = set()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do *work*; cancelling this leaves it to its end.

        Raises:
            StoreAwayError: What was left before this came to nothing.
        """
        while self._left:
            await asyncio.wait(self._left)
            self._look()
        # Not in a task group: that would wait for its end, and interrupt it.
        task = asyncio.create_task(_result_of(work), name="asyncsdk redis")
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            self._left.add(task)
            raise
        result = task.result()
        if isinstance(result, Exception):
            raise result
        return result

    def _look(self) -> None:
        for task in [task for task in self._left if task.done()]:
            self._left.discard(task)
            result = None if task.cancelled() else task.result()
            if isinstance(result, StoreAwayError):
                raise result

    async def end(self) -> None:
        """End what was left, as soon as redis-py can."""
        for task in self._left:
            task.cancel()
        if self._left:
            await asyncio.wait(self._left)
        self._left.clear()


async def _result_of(work: Callable[[], Awaitable[T]]) -> T | Exception:
    """Return an error as well: nobody may be there to whom it could be raised."""
    try:
        return await work()
    except Exception as error:  # noqa: BLE001 - raised in `run`
        return error
