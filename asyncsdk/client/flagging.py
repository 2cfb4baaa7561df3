"""Flagging: the feature flags of a client's destinations, joined to its runs, lanes and calls.

Each destination with flags has one `LaneFlags`: what the application asks (`Flags`), the poll for its
definitions, and the questions of events that wait for their flags. The last two are companions of
the client's runs. Those of destinations that the client was not made with are made when they are
named, and forgotten when many others were named since.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from asyncsdk.client.house import House
from asyncsdk.client.posting import let_in
from asyncsdk.client.running import Runner
from asyncsdk.client.saying import Saying, Shared
from asyncsdk.delivery.keeping import Companion
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ValidationError
from asyncsdk.flag_seams import HasFlags, Question, has_flags
from asyncsdk.flags.arguments import read_question
from asyncsdk.flags.asking import Asker
from asyncsdk.flags.deferring import Deferral
from asyncsdk.flags.getting import Flags
from asyncsdk.flags.polling import Poller
from asyncsdk.messages import Message
from asyncsdk.receipts import Place
from asyncsdk.seams import Encoded

#: Destinations of others whose flags are remembered.
_MOST_GUESTS = 1_000

CALLED = "$feature_flag_called"


class Voice(Saying):
    """Say to one destination that a flag was read."""

    def __init__(self, shared: Shared, runner: Runner, lane: Callable[[], Lane]) -> None:
        super().__init__(shared, (), runner)
        self._lane = lane

    def __call__(
        self, distinct_id: str, properties: dict[str, Any], groups: Mapping[str, str], *, bare: bool
    ) -> None:
        """Send the event; *bare* leaves out what is bound or the client's own."""
        if "$feature_flag_error" in properties and self._runner.at_an_end:
            return  # the end of the run cut the question off, which says nothing of the flag
        lanes = [self._lane()]
        if lanes != self._lanes:
            self._go_to(lanes)
        message_id, now = self._outside.stamp()
        message = Message(
            "track",
            message_id,
            now,
            user_id=distinct_id,
            event=CALLED,
            properties=properties,
            groups=dict(groups) or None,
        )
        self._post(message, plain=True, bare=bare)


class LaneFlags:
    """The flags of one destination."""

    def __init__(
        self, destination: HasFlags, lane: Callable[[], Lane], shared: Shared, runner: Runner
    ) -> None:
        self._wire = wire = destination.flag_wire()
        self._lane = lane
        transport = runner.transport

        async def ready() -> None:
            await runner.start().ready.wait()

        def note() -> None:
            lane().ledger.note("flag_failures")

        self.asker: Asker = Asker(
            wire,
            destination.name,
            transport=transport,
            ready=ready,
            reporter=shared.reporter,
            note=note,
        )
        self.poller: Poller = Poller(
            wire,
            destination.name,
            accompany=runner.accompany,
            transport=transport,
            ready=ready,
            outside=shared.outside,
            reporter=shared.reporter,
            note=note,
        )
        self.flags: Flags = Flags(
            wire,
            poller=self.poller,
            asker=self.asker,
            outside=shared.outside,
            voice=Voice(shared, runner, lane),
            remembered=wire.max_remembered,
        )
        # This is all that changes.
        self._deferral: Deferral | None = None
        self._deferral_of: Lane | None = None

    def deferral(self, lane: Lane) -> Deferral:
        """Return who asks for the flags of events of *lane*."""
        if self._deferral is None or self._deferral_of is not lane:
            self._deferral, self._deferral_of = Deferral(lane, self._wire, self.asker), lane
        return self._deferral

    def put_into(self, message: Message, encoded: Encoded) -> Encoded | Question:
        """Return an event with its flags, or the question whose answer it must wait for."""
        try:
            question = _question_of(message)
        except ValidationError:
            return encoded  # nobody's, or of no usable group
        found = self.flags.values_here(question)
        if found is not None:
            return Encoded(encoded.route, self._wire.add_flags(encoded.data, found))
        return encoded if self._wire.only_locally else question

    def companions(self) -> Iterator[Companion]:
        """Yield who has something to do in a new run."""
        if self.poller.goes_on:
            yield self.poller
        if self._deferral_of is not None and self._deferral_of.deferred.events:
            yield self.deferral(self._deferral_of)


def _question_of(message: Message) -> Question:
    distinct_id = message.user_id or message.anonymous_id or ""
    return read_question(distinct_id, message.groups, None, None, None)


class Flagging:
    """The flags of all destinations of a client."""

    def __init__(self, house: House, runner: Runner, shared: Shared) -> None:
        self._house = house
        self._runner = runner
        self._shared = shared
        self._own = {
            lane.name: self._made(lane.destination, partial(house.find, lane.name))
            for lane in house.own
            if has_flags(lane.destination)
        }
        for name, one in self._own.items():
            house.find(name).flags_age = one.poller.how_old
        # This is all that changes.
        self._guests: OrderedDict[HasFlags, LaneFlags] = OrderedDict()

    def _made(self, destination: HasFlags, lane: Callable[[], Lane]) -> LaneFlags:
        return LaneFlags(destination, lane, self._shared, self._runner)

    def of(self, destination: HasFlags) -> LaneFlags:
        """Return the flags of *destination*, one of the client's or another one."""
        own = self._own.get(destination.name)
        if own is not None and self._house.find(destination.name).destination == destination:
            return own
        guest = self._guests.get(destination)
        if guest is None:

            def lane() -> Lane:
                runner = self._runner
                return self._house.lane_of(destination, runner.adopt, closed=runner.closed)

            guest = self._guests[destination] = self._made(destination, lane)
            if len(self._guests) > _MOST_GUESTS:
                self._guests.popitem(last=False)
        return guest

    def add_flags(
        self,
        message: Message,
        found: list[tuple[Lane, Encoded]],
        places: list[Place],
        *,
        owner: bool,
    ) -> list[tuple[Lane, Encoded]]:
        """Return *found* with flags in them; let those wait whose flags must be asked for."""
        going: list[tuple[Lane, Encoded]] = []
        for lane, encoded in found:
            destination = lane.destination
            if not has_flags(destination):
                going.append((lane, encoded))
                continue
            flags = self.of(destination)
            ready = flags.put_into(message, encoded)
            if isinstance(ready, Encoded):
                going.append((lane, ready))
                continue
            places.append(place := Place(lane.name))
            deferral = flags.deferral(lane)
            for one in deferral.hold(encoded, place, ready):
                let_in(lane, one, owner=owner)
            self._runner.send_along(deferral)
        return going

    # The client's life.

    async def load_given(self) -> None:
        """Read the definitions that the application gave.

        Raises:
            ConfigurationError: They cannot be read, or are none.
        """
        for one in self._own.values():
            await one.flags.load_given()

    def poll_from_now(self) -> None:
        """Poll for definitions from now on, where there is a key for it."""
        for one in self._own.values():
            if one.poller.may_go_on:
                one.poller.regular = True
                self._runner.send_along(one.poller)

    def rest(self) -> None:
        """Poll no more, until told again."""
        for one in self._all():
            one.poller.rest()

    def companions(self) -> list[Companion]:
        """Return who goes along with a new run."""
        return [companion for one in self._all() for companion in one.companions()]

    def after_fork(self) -> None:
        """Start clean in a forked child."""
        for one in self._all():
            one.poller.after_fork()

    def _all(self) -> list[LaneFlags]:
        return [*self._own.values(), *self._guests.values()]
