"""Draining: stores that lend until the worker is told to end, and nothing after that.

What is in its hands then can be finished, and the rest is for the others. A client of its own takes
on until everything is sent, which under load is never.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from asyncsdk.cli.places import Place
from asyncsdk.errors import ConfigurationError
from asyncsdk.seams import Lease, Room
from asyncsdk.stores import RedisStore, SQLiteStore

#: Seconds between looks for what others have handed over.
_LOOK = 0.25


class Tap:
    """Let takes through until it is closed."""

    def __init__(self) -> None:
        # This is all that changes.
        self.closed: bool = False
        self._open: set[anyio.CancelScope] = set()

    async def through(self, take: Callable[[], Awaitable[list[Lease]]]) -> list[Lease]:
        """Return what *take* brings; once closed, wait for ever.

        What a take had leased in that very moment stays where it is, for others to claim.
        """
        if not self.closed:
            with anyio.CancelScope() as scope:
                self._open.add(scope)
                try:
                    return await take()
                finally:
                    self._open.discard(scope)
        await anyio.sleep_forever()
        return []

    def close(self) -> None:
        """Let nothing through any more."""
        self.closed = True
        for scope in self._open:
            scope.cancel()


class DrainedRedis(RedisStore):
    """A queue in Redis, until its tap is closed."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.where, **place.redis_options())
        self.tap: Tap = Tap()

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease the oldest batches."""
        take = super().take
        return await self.tap.through(lambda: take(lane, room))


class DrainedFolder(SQLiteStore):
    """A spool folder, until its tap is closed."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.where, _look=_LOOK)
        self.tap: Tap = Tap()
        self._where = Path(place.where)

    @property
    def away(self) -> str:
        """Why it cannot be used; empty if it can."""
        usable = self._where.is_dir() and os.access(self._where, os.R_OK | os.W_OK | os.X_OK)
        return "" if usable else f"{self._where} is no folder that can be written"

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Lease the oldest batches."""
        take = super().take
        return await self.tap.through(lambda: take(lane, room))


Drained = DrainedRedis | DrainedFolder


def drained(place: Place) -> Drained:
    """Return the store at *place*.

    Raises:
        ConfigurationError: It cannot be one.
    """
    if place.is_redis:
        return DrainedRedis(place)
    if place.is_missing and Path(place.where).exists():
        raise ConfigurationError(f"--store: {place.where} is no folder")
    return DrainedFolder(place)
