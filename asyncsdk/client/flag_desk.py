"""The desk for flags: loads what they need with the first destination that has some.

A client without such a destination pays nothing for them, and none of their modules is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncsdk.client.house import House
from asyncsdk.client.running import Runner
from asyncsdk.client.saying import Shared
from asyncsdk.delivery.keeping import Companion
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ConfigurationError
from asyncsdk.flag_seams import has_flags
from asyncsdk.messages import Message
from asyncsdk.receipts import Place
from asyncsdk.seams import Destination, Encoded

if TYPE_CHECKING:
    from asyncsdk.client.flagging import Flagging
    from asyncsdk.flags.getting import Flags


class FlagDesk:
    """Take what concerns flags to those who know about them, if there are any."""

    def __init__(self, house: House, runner: Runner, shared: Shared) -> None:
        self._house = house
        self._runner = runner
        self._shared = shared
        # This is all that changes.
        self._flagging: Flagging | None = None
        if any(has_flags(lane.destination) for lane in house.own):
            self._open()
        shared.add_flags = self.add_flags
        runner.companions = self.companions
        runner.on_fork = self.after_fork

    def _open(self) -> Flagging:
        if self._flagging is None:
            from asyncsdk.client.flagging import Flagging

            self._flagging = Flagging(self._house, self._runner, self._shared)
        return self._flagging

    def first(self, destinations: Sequence[Destination]) -> Flags:
        """Return the flags of the first of *destinations* that has some.

        Raises:
            ConfigurationError: None has.
        """
        for one in destinations:
            if has_flags(one):
                return self._open().of(one).flags
        raise ConfigurationError(
            "flags: none of the destinations has feature flags; add PostHog(…)"
        )

    def add_flags(
        self,
        message: Message,
        found: list[tuple[Lane, Encoded]],
        places: list[Place],
        *,
        owner: bool,
    ) -> list[tuple[Lane, Encoded]]:
        """Return *found* with flags in them; let those wait whose flags must be asked for."""
        if not any(has_flags(lane.destination) for lane, _ in found):
            return found
        return self._open().add_flags(message, found, places, owner=owner)

    async def load_given(self) -> None:
        """Read the definitions that the application gave.

        Raises:
            ConfigurationError: They cannot be read, or are none.
        """
        if self._flagging is not None:
            await self._flagging.load_given()

    def poll_from_now(self) -> None:
        """Poll for definitions from now on, where there is a key for it."""
        if self._flagging is not None:
            self._flagging.poll_from_now()

    def rest(self) -> None:
        """Poll no more, until told again."""
        if self._flagging is not None:
            self._flagging.rest()

    def companions(self) -> Sequence[Companion]:
        """Return who goes along with a new run."""
        return () if self._flagging is None else self._flagging.companions()

    def after_fork(self) -> None:
        """Start clean in a forked child."""
        if self._flagging is not None:
            self._flagging.after_fork()
