"""Waiting: what a receipt does when somebody awaits it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence

from asyncsdk.client.running import Runner, running_loop
from asyncsdk.delivery.lane import Lane
from asyncsdk.receipts import AWAITS_CONSENT, AWAITS_FLAGS, PENDING, Place, State, flat

#: Seconds between looks at a queue that was too full to go on.
_CROWDED_LOOK = 0.005
#: Seconds between looks at the age of an event that is held for consent.
_HELD_LOOK = 1.0


class Desk:
    """Wait for receipts, on the client's loop."""

    def __init__(self, lanes: Sequence[Lane], runner: Runner) -> None:
        self._lanes = lanes
        self._runner = runner

    async def wait_delivered(self, places: list[Place], timeout: float | None) -> None:
        """Wait until every place is settled.

        Raises:
            TimeoutError: Not within *timeout* seconds; the event stays queued.
            ConfigurationError: The client is running on another loop.
        """
        await self._until(_settled, places, timeout)

    async def wait_stored(self, places: list[Place], timeout: float | None) -> None:
        """Wait until every place is in a store, or settled; otherwise as `wait_delivered`."""
        await self._until(_safe, places, timeout)

    async def _until(
        self, enough: Callable[[Place], bool], places: list[Place], timeout: float | None
    ) -> None:
        async with asyncio.timeout(timeout):
            while open_places := [place for place in flat(places) if not enough(place)]:
                run = self._runner.start()
                for lane in self._lanes:
                    lane.door.drain()
                    lane.door.urge()
                if any(_is_left(place) for place in open_places):
                    # Left while this run was ending: the next one takes it, or it is dropped.
                    await run.wait()
                for place in open_places:
                    await self._wait(place, enough)

    def _crowded(self) -> bool:
        """Whether a producer should wait; not for a lane that may stand still for hours."""
        running = [lane for lane in self._lanes if not lane.pace.stopped]
        if running and running[0].door.budget_crowded and not self._runner.stands_still():
            return True
        return any(lane.door.crowded for lane in running)

    def breathe(self) -> Generator[object, None, None]:
        """Yield to the loop if a chunk was sealed since, or while the queue is nearly full."""
        if self._runner.loop is None or self._runner.loop is not running_loop():
            return
        doors = [lane.door for lane in self._lanes]
        if any(door.sealed for door in doors):
            for door in doors:
                door.sealed = False
            yield None
        while self._crowded():
            for door in doors:
                door.urge()
            yield from asyncio.sleep(_CROWDED_LOOK).__await__()

    async def _wait(self, place: Place, enough: Callable[[Place], bool]) -> None:
        """Wait until it is *enough* for *place*, or it was given to its lane's door."""
        lane = next(lane for lane in self._lanes if lane.name == place.lane)
        while place.outcome is AWAITS_CONSENT and place.fates is None:
            await lane.waiting_room.changed.wait(_HELD_LOOK)
            lane.let_go(lane.waiting_room.take_old())
        while place.outcome is AWAITS_FLAGS and place.fates is None:
            await lane.deferred.changed.wait(_HELD_LOOK)
        lane.door.seal()  # what waited before the door came in after the others
        while place.fates is not None and not enough(place):
            await place.fates.moved()


def _settled(place: Place) -> bool:
    """Say whether nothing more becomes of *place* here: what is stored may be delivered yet."""
    state = place.look().state
    if state is State.STORED:
        return place.fates is None or not place.fates.open
    return state is not State.PENDING


def _safe(place: Place) -> bool:
    return place.look().state is not State.PENDING


def _is_left(place: Place) -> bool:
    return place.fates is None and place.outcome is PENDING
