"""Holding: events of one lane that wait until their user consents.

They are encoded, counted as pending, bounded in number, bytes and age, and live in memory only. A
call may come from any thread, so all of it is under one lock. Age is looked at whenever somebody
comes by: what has passed it is let go then.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from asyncsdk.messages import Consent, Id, Message, has_consent
from asyncsdk.outside import Bell
from asyncsdk.receipts import AWAITS_CONSENT, Place
from asyncsdk.seams import Encoded
from asyncsdk.wire.ids import id_text


class Held(Struct):
    """One event, and whose consent it waits for."""

    encoded: Encoded
    place: Place
    user_id: Id | None
    anonymous_id: Id | None
    consent: Consent | None  # as far as it is known
    since: float  # on a clock that never goes back

    def is_of(self, user_id: Id | None, anonymous_id: Id | None) -> bool:
        """Say whether it is an event of this user: one of the ids given is its own."""
        return (user_id is not None and id_text(user_id) == self.user_id) or (
            anonymous_id is not None and id_text(anonymous_id) == self.anonymous_id
        )

    def learn(self, grants: Consent) -> None:
        """Lay *grants* over what is known of its user's consent."""
        known = self.consent
        if isinstance(grants, Mapping) and isinstance(known, Mapping):
            self.consent = {**known, **grants}
        else:
            self.consent = grants


class WaitingRoom:
    """Hold the events of one lane.

    Args:
        purposes: What a user must have agreed to.
        most: Most events; beyond it the oldest is let go.
        most_bytes: The same in bytes.
        age: Seconds after which an event is let go.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        purposes: Sequence[str],
        *,
        most: int,
        most_bytes: int,
        age: float,
        clock: Callable[[], float],
    ) -> None:
        self.purposes: tuple[str, ...] = tuple(purposes)
        self._most = most
        self._most_bytes = most_bytes
        self._age = age
        self._clock = clock
        self.changed: Bell = Bell()  # something left; ring it on the lane's loop
        # This is all that changes, under the lock.
        self._lock = threading.RLock()
        self._held: deque[Held] = deque()
        self._bytes = 0

    @property
    def events(self) -> int:
        """How many events wait here."""
        return len(self._held)

    @property
    def bytes(self) -> int:
        """The bytes of all that wait here."""
        return self._bytes

    def hold(self, encoded: Encoded, place: Place, message: Message) -> list[Held]:
        """Take one event in; return those that are let go for it, or for their age."""
        place.outcome = AWAITS_CONSENT
        user_id, anonymous_id = id_text(message.user_id), id_text(message.anonymous_id)
        with self._lock:
            self._held.append(
                Held(encoded, place, user_id, anonymous_id, message.consent, self._clock())
            )
            self._bytes += len(encoded.data)
            gone = self.take_old()
            while len(self._held) > self._most or self._bytes > self._most_bytes:
                gone.append(self._pop())
            return gone

    def take_old(self) -> list[Held]:
        """Take out what has waited too long."""
        gone: list[Held] = []
        with self._lock:
            born_before = self._clock() - self._age
            while self._held and self._held[0].since <= born_before:
                gone.append(self._pop())
        return gone

    def take_all(self) -> list[Held]:
        """Take everything out."""
        with self._lock:
            return [self._pop() for _ in range(len(self._held))]

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
            staying: deque[Held] = deque()
            for one in self._held:
                verdict = None
                if one.is_of(user_id, anonymous_id):
                    one.learn(grants)
                    verdict = has_consent(one.consent, self.purposes)
                (staying if verdict is None else allowed if verdict else denied).append(one)
            self._held = staying
            self._bytes = sum(len(one.encoded.data) for one in staying)
        return allowed, denied

    def _pop(self) -> Held:
        one = self._held.popleft()
        self._bytes -= len(one.encoded.data)
        return one
