"""Directing: a light view of a client whose calls go to chosen destinations only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asyncsdk.client.flag_desk import FlagDesk
from asyncsdk.client.gate import Call
from asyncsdk.client.house import House, check_shape
from asyncsdk.client.running import Runner
from asyncsdk.client.saying import Saying, Shared
from asyncsdk.errors import ConfigurationError
from asyncsdk.receipts import Receipt
from asyncsdk.seams import Destination

if TYPE_CHECKING:
    from asyncsdk.flags.getting import Flags


class Directed(Saying):
    """Say things to some of a client's destinations, or to others that it does not know yet.

    Made by `AsyncAnalytics.to`. It has the calls and nothing else: flushing, shutting down and
    counting are the client's. It costs next to nothing, and may be made for each call.
    """

    def __init__(
        self,
        client: object,
        shared: Shared,
        runner: Runner,
        house: House,
        flag_desk: FlagDesk,
        wanted: Sequence[Wanted],
    ) -> None:
        if not wanted:
            raise ConfigurationError("to(): a name or a destination is needed")
        self._client = client  # a view keeps its client alive
        self._house = house
        self._flag_desk = flag_desk
        self._wanted = [
            house.find(one).destination if isinstance(one, str) else one for one in wanted
        ]
        for one in self._wanted:
            check_shape(one)
        super().__init__(shared, (), runner)

    @property
    def flags(self) -> Flags:
        """The feature flags of the first of these destinations that has some.

        Raises:
            ConfigurationError: None has.
        """
        return self._flag_desk.first(self._wanted)

    def _say(self, call: Call, given: dict[str, Any]) -> Receipt:
        # Each time: lanes of others end when nobody uses them, and are made anew.
        closed = self._runner.closed
        lanes = [
            self._house.lane_of(one, self._runner.adopt, closed=closed) for one in self._wanted
        ]
        if lanes != self._lanes:
            self._go_to(lanes)
        return super()._say(call, given)

    def __repr__(self) -> str:
        """Show where it says things to; never a key."""
        return f"<AsyncAnalytics to {', '.join(one.name for one in self._wanted)}>"


Wanted = str | Destination
