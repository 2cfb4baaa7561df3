"""Holding: events of one lane that wait before its door: for a consent, or for their flags.

They are encoded, counted as pending, bounded in number, bytes and age, and live in memory only. A
call may come from any thread, so all of it is under one lock. Age is looked at whenever somebody
comes by: what has passed it is let go then.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from asyncsdk.flag_seams import Question
from asyncsdk.messages import Consent, Id, Message, has_any_consent, has_consent
from asyncsdk.outside import Bell
from asyncsdk.receipts import AWAITS_CONSENT, Place
from asyncsdk.seams import Encoded
from asyncsdk.wire.ids import id_text


class Waiting(Struct):
    """One event that waits, and since when, on a clock that never goes back."""

    encoded: Encoded
    place: Place
    since: float


class Wish(Struct, frozen=True):
    """What an event that is no call yet waits for: a mapping's word, instead of the lane's.

    Attributes:
        purposes: One of them is enough, of those that are true.
        resume: Maps the event once it may go.
    """

    purposes: Mapping[str, bool]
    resume: "Callable[[Held], None]"


class Held(Waiting):
    """One event, and whose consent it waits for."""

    user_id: Id | None
    anonymous_id: Id | None
    consent: Consent | None  # as far as it is known
    wish: Wish | None = None

    def is_of(self, user_id: Id | None, anonymous_id: Id | None) -> bool:
        """Say whether it is an event of this user: one of the ids given is its own."""
        return (user_id is not None and id_text(user_id) == self.user_id) or (
            anonymous_id is not None and id_text(anonymous_id) == self.anonymous_id
        )

    def verdict(self, purposes: Sequence[str]) -> bool | None:
        """Say whether it may go, where its lane asks for *purposes*; None if nobody knows yet."""
        if self.wish is None:
            return has_consent(self.consent, purposes)
        return has_any_consent(self.consent, self.wish.purposes)

    def learn(self, grants: Consent) -> None:
        """Lay *grants* over what is known of its user's consent."""
        known = self.consent
        if isinstance(grants, Mapping) and isinstance(known, Mapping):
            self.consent = {**known, **grants}
        else:
            self.consent = grants


class Deferred(Waiting):
    """One event, and the question whose answer belongs into it."""

    question: Question
    asked: bool = False


WaitingT = TypeVar("WaitingT", bound=Waiting)


class WaitingRoom(Generic[WaitingT]):
    """Hold events of one lane, in the order of the calls.

    Args:
        most: Most events; beyond it the oldest is let go.
        most_bytes: The same in bytes.
        age: Seconds after which an event is let go.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        *,
        most: int,
        most_bytes: int,
        age: float,
        clock: Callable[[], float],
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._age = age
        self._clock = clock
        self.changed: Bell = Bell()  # something left; ring it on the lane's loop
        # This is all that changes, under the lock.
        self._lock = threading.RLock()
        self._held: dict[int, WaitingT] = {}
        self._bytes = 0

    @property
    def events(self) -> int:
        """How many events wait here."""
        return len(self._held)

    @property
    def bytes(self) -> int:
        """The bytes of all that wait here."""
        return self._bytes

    def now(self) -> float:
        """Return what `Waiting.since` is for an event that comes now."""
        return self._clock()

    def take_in(self, one: WaitingT) -> list[WaitingT]:
        """Take one event in; return those that are let go for it, or for their age."""
        with self._lock:
            self._held[id(one)] = one
            self._bytes += len(one.encoded.data)
            gone = self.take_old()
            while len(self._held) > self._most or self._bytes > self._most_bytes:
                gone.append(self._pop())
            return gone

    def look(self) -> list[WaitingT]:
        """Return what waits, oldest first."""
        with self._lock:
            return list(self._held.values())

    def take_out(self, one: WaitingT) -> bool:
        """Take *one* out; return False if it is not here any more."""
        with self._lock:
            found = self._held.pop(id(one), None)
            self._bytes -= 0 if found is None else len(found.encoded.data)
            return found is not None

    def take_old(self) -> list[WaitingT]:
        """Take out what has waited too long."""
        gone: list[WaitingT] = []
        with self._lock:
            born_before = self._clock() - self._age
            while self._held and next(iter(self._held.values())).since <= born_before:
                gone.append(self._pop())
        return gone

    def take_all(self) -> list[WaitingT]:
        """Take everything out."""
        with self._lock:
            return [self._pop() for _ in range(len(self._held))]

    def _take_these(self, some: Iterable[WaitingT]) -> list[WaitingT]:
        return [one for one in some if self.take_out(one)]

    def _pop(self) -> WaitingT:
        one = self._held.pop(next(iter(self._held)))
        self._bytes -= len(one.encoded.data)
        return one


class ConsentRoom(WaitingRoom[Held]):
    """Hold the events of one lane until their users agree to its *purposes*."""

    def __init__(
        self,
        purposes: Sequence[str],
        *,
        most: int,
        most_bytes: int,
        age: float,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(most=most, most_bytes=most_bytes, age=age, clock=clock)
        self.purposes: tuple[str, ...] = tuple(purposes)

    def hold(
        self, encoded: Encoded, place: Place, message: Message, wish: Wish | None = None
    ) -> list[Held]:
        """Take one event in; return those that are let go for it, or for their age."""
        place.outcome = AWAITS_CONSENT
        user_id, anonymous_id = id_text(message.user_id), id_text(message.anonymous_id)
        return self.take_in(
            Held(encoded, place, self.now(), user_id, anonymous_id, message.consent, wish)
        )

    def answer(
        self, grants: Consent, user_id: Id | None, anonymous_id: Id | None
    ) -> tuple[list[Held], list[Held]]:
        """Take out the events of a user who has answered.

        Returns:
            What may go now, and what may never; both in the order of the calls. Of the others it is
            remembered what is known now.
        """
        allowed: list[Held] = []
        denied: list[Held] = []
        with self._lock:
            for one in self._held.values():
                if one.is_of(user_id, anonymous_id):
                    one.learn(grants)
                    verdict = one.verdict(self.purposes)
                    if verdict is not None:
                        (allowed if verdict else denied).append(one)
            return self._take_these(allowed), self._take_these(denied)
