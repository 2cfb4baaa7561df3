"""Deferring: events that want their flags, while these must be asked for.

They wait encoded, before their lane's door. A few questions are asked at a time; whoever waits for
the same one shares its answer. An event goes without flags if nobody can say what they are.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from asyncsdk.flag_seams import FlagWire, Question
from asyncsdk.flags.asking import Asker
from asyncsdk.holding import Deferred, WaitingRoom
from asyncsdk.receipts import AWAITS_FLAGS, Place
from asyncsdk.seams import Encoded

#: Questions that are asked at the same time.
_AT_ONCE = 8


class Street(Protocol):
    """Of a lane, where events wait and where they go on."""

    @property
    def name(self) -> str:
        """The lane's name."""
        ...

    @property
    def deferred(self) -> WaitingRoom[Deferred]:
        """Where they wait."""
        ...

    def let_in(self, one: Deferred, encoded: Encoded) -> None:
        """Let one go on, as *encoded*."""
        ...


class Deferral:
    """Ask for the flags of one lane's events; a companion of its run."""

    def __init__(self, lane: Street, wire: FlagWire, asker: Asker) -> None:
        self.name: str = f"{lane.name} deferred"
        self._lane = lane
        self._wire = wire
        self._asker = asker

    @property
    def has_work(self) -> bool:
        """Whether somebody waits whose question was not asked."""
        return any(not one.asked for one in self._lane.deferred.look())

    def hold(self, encoded: Encoded, place: Place, question: Question) -> list[Deferred]:
        """Let an event wait; return those that must go on without flags, for want of room."""
        place.outcome = AWAITS_FLAGS
        room = self._lane.deferred
        return room.take_in(Deferred(encoded, place, room.now(), question))

    async def run(self) -> None:
        """Ask until nobody waits whose question was not asked.

        Cancelling this leaves the events where they are.
        """
        for one in self._lane.deferred.look():
            one.asked = False  # by a run that is over
        while self.has_work:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(self._work(), name=f"asyncsdk {self.name}")

    async def _work(self) -> None:
        while together := self._next():
            answer = await self._asker.ask(together[0].question)
            flags = {key: one.value for key, one in answer.flags.items() if not one.failed}
            for one in together:
                if self._lane.deferred.take_out(one):
                    self._lane.let_in(one, self._with(one.encoded, flags))

    def _with(self, encoded: Encoded, flags: dict[str, bool | str]) -> Encoded:
        if not flags:
            return encoded
        return Encoded(encoded.route, self._wire.add_flags(encoded.data, flags))

    def _next(self) -> list[Deferred]:
        """Return the oldest whose question was not asked, and all that have the same one."""
        waiting = [one for one in self._lane.deferred.look() if not one.asked]
        together = [one for one in waiting if one.question == waiting[0].question]
        for one in together:
            one.asked = True
        return together
