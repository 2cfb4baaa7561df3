"""House: the lanes of one client; those that it was made with, and those of others, made as needed.

A view (`AsyncAnalytics.to`) may name a destination that the client does not know, such as the one
of a tenant with a key of its own. Its lane is made with the first call, and ends when nothing was
said to it for a while and nothing waits; what it counted stays in the sum.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ConfigurationError
from asyncsdk.ledger import LaneStatistics, Statistics, add_up
from asyncsdk.seams import Destination, Store


def check_shape(destination: object) -> None:
    """Refuse what is no destination.

    Raises:
        ConfigurationError: It has no name, or does not encode.
    """
    named = getattr(destination, "name", None) is not None
    if not named or not callable(getattr(destination, "encode", None)):
        raise ConfigurationError(
            f"destinations: {type(destination).__name__} is none; give RudderStack(…), "
            "Segment(…) or an object with the methods of Destination"
        )


class House:
    """Keep the lanes of one client.

    Args:
        make: Makes the lane of a destination.
        destinations: Those whose lanes last as long as the client.
        store: Theirs.
    """

    def __init__(
        self,
        make: Callable[[Destination], Lane],
        destinations: Sequence[Destination],
        store: Store,
    ) -> None:
        self._make = make
        self._store = store
        self.look: float = 30.0  # a lane that nobody uses is ended at the second look
        self.own: tuple[Lane, ...] = tuple(make(one) for one in destinations)
        # This is all that changes, under the lock; others see the tuple before or after.
        self._lock = threading.RLock()
        self._lanes: tuple[Lane, ...] = self.own
        self._by_name: dict[str, Lane] = {lane.name: lane for lane in self.own}
        self._used: set[str] = set()  # of those that come and go, since the last look
        self._past = LaneStatistics()  # what the lanes that are gone have counted

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All that are there now, the client's own first."""
        return self._lanes

    def find(self, name: str) -> Lane:
        """Return the lane of *name* that the client was made with.

        Raises:
            ConfigurationError: There is none.
        """
        for lane in self.own:
            if lane.name == name:
                return lane
        names = ", ".join(lane.name for lane in self.own)
        raise ConfigurationError(f"to({name!r}): no destination has that name; there are {names}")

    def lane_of(
        self, destination: Destination, adopt: Callable[[Lane], None], *, closed: bool
    ) -> Lane:
        """Return the lane of *destination*; a new one is made known to *adopt*.

        Once the client is *closed* nobody would end a new one: it is the caller's alone.

        Raises:
            ConfigurationError: Another destination has its name.
        """
        with self._lock:
            lane = self._by_name.get(destination.name)
            if lane is None:
                lane = self._make(destination)
                if closed:
                    return lane
                self._by_name[lane.name] = lane
                self._lanes = (*self._lanes, lane)
                adopt(lane)
            elif lane.destination != destination:
                raise ConfigurationError(
                    f"destinations: two are named {lane.name}; give one of them another name="
                )
            self._used.add(lane.name)
            return lane

    def take_idle(self) -> list[Lane]:
        """Take the lanes out that nobody used since the last look and in which nothing waits."""
        with self._lock:
            idle = [
                lane
                for lane in self._lanes[len(self.own) :]
                if lane.name not in self._used and lane.idle
            ]
            self._used.clear()
            for lane in idle:
                del self._by_name[lane.name]
                self._past = add_up({"": self._past, lane.name: lane.view()})
            gone = {lane.name for lane in idle}
            self._lanes = tuple(lane for lane in self._lanes if lane.name not in gone)
            return idle

    def has_guests(self) -> bool:
        """Say whether there are lanes that may end before the client does."""
        return len(self._lanes) > len(self.own)

    def after_fork(self) -> None:
        """Start clean in a forked child, with the lanes that are there."""
        self._lock = threading.RLock()
        self._used.clear()
        self._past = LaneStatistics()
        for lane in self._lanes:
            lane.after_fork()

    def statistics(self) -> Statistics:
        """Return the counters of every lane that is here, and the sum over all there ever were."""
        with self._lock:
            lanes = {lane.name: lane.view() for lane in self._lanes}
            return add_up(lanes, past=self._past, unclaimed=self._unclaimed(lanes))

    def _unclaimed(self, lanes: Collection[str]) -> dict[str, int]:
        """Return what the store keeps beyond the process for names that no lane has."""
        if self._store.durability == "memory":
            return {}
        return {
            name: stock.events
            for name, stock in list(self._store.stock().items())
            if stock.events and name not in lanes
        }
