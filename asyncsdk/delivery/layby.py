"""The lay-by: where what gives way waits beside its lane, so that the others pass.

A call with a request of its own, such as GetFluxly's alias, may go on failing while events would
arrive. Once it has spent its attempts it waits here, and with it all that comes on its route
meanwhile, untried; after `retry_cap` they return to the front, in order. Until then they stay
leased, so a run that ends in between gives nothing away: the next one recovers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncsdk.delivery.closing import give_back
from asyncsdk.outside import Bell
from asyncsdk.seams import Lease

if TYPE_CHECKING:
    from asyncsdk.delivery.lane import Lane


class Layby:
    """Hold one lane's leases that give way."""

    def __init__(self) -> None:
        # This is all that changes; the lane's loop writes it.
        self._leases: list[Lease] = []
        self._until = 0.0  # on the loop's clock
        self._changed = Bell()

    @property
    def events(self) -> int:
        """How many events wait here."""
        return sum(stop - start for lease in self._leases for start, stop in lease.progress.open)

    @property
    def keys(self) -> list[str]:
        """The keys of the batches that wait here."""
        return [lease.batch.key for lease in self._leases]

    @property
    def until(self) -> float:
        """When they return to the front, on the loop's clock."""
        return self._until

    def rests(self, lease: Lease) -> bool:
        """Say whether *lease* must wait too: others of its route are here already."""
        return any(other.batch.route == lease.batch.route for other in self._leases)

    def park(self, lane: Lane, leases: Sequence[Lease], *, until: float | None = None) -> None:
        """Take *leases*; whoever waits for this round of theirs need not wait on.

        Args:
            lane: Theirs.
            leases: In their order.
            until: When all return; None changes nothing.
        """
        self._leases += leases
        self._until = self._until if until is None else until
        for lease in leases:
            lane.custody.new_round(lease.batch)
        self._changed.ring()
        lane.moved()

    def hurry(self) -> None:
        """Let all return now."""
        self._until = 0.0
        self._changed.ring()

    def clear(self) -> None:
        """Let go of all: the store gives them to the next run, or they were dropped."""
        self._leases = []
        self._until = 0.0

    async def run(self, lane: Lane) -> None:
        """Return what waits here when its time has come, until cancelled."""
        while True:
            pause = self._until - lane.now if self._leases else None
            if pause is None or pause > 0:
                await self._changed.wait(pause)
                continue
            leases, self._leases = self._leases, []
            await give_back(lane, leases)
