"""Sampling: a part of the users, chosen by their ids, so that what one does stays whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from msgspec import Struct

from asyncsdk.errors import ConfigurationError
from asyncsdk.messages import Message
from asyncsdk.wire.ids import given_id

_WHOLE = 1 << 64


class Sampling(Struct, frozen=True):
    """A hook for `before_send`, as `sample` makes it."""

    rate: float
    keep: tuple[str, ...] = ()
    salt: str = ""

    def __call__(self, message: Message) -> Message | None:
        """Let *message* go, with the rate in its context, or drop it."""
        if message.event in self.keep and message.event is not None:
            return message
        who = given_id(message.user_id) or given_id(message.anonymous_id)
        if who is None:
            return message
        if not self.has(who):
            return None
        if self.rate < 1.0:
            context = message.context if isinstance(message.context, Mapping) else {}
            message.context = {**context, "sample_rate": self.rate}
        return message

    def has(self, user_id: str) -> bool:
        """Say whether *user_id* is in the sample."""
        text = f"{self.salt}\0{user_id}".encode(errors="replace")
        drawn = int.from_bytes(hashlib.sha256(text).digest()[:8])
        return drawn < self.rate * _WHOLE


def sample(rate: float, *, keep: Sequence[str] = (), salt: str = "") -> Sampling:
    """Return a hook that lets the events of a part of the users go, and drops those of the others.

    Who is in is decided by the hash of `user_id`, or of `anonymous_id` where there is none: the same
    in every process, for every kind of call, and whoever is in at 10 % is in at 20 %. What goes
    has the rate in its context, as ``sample_rate``. What names nobody always goes.

    Args:
        rate: The part, 0.0 to 1.0.
        keep: Names of events that always go.
        salt: Another text draws another sample.

    Raises:
        ConfigurationError: The rate is not from 0 to 1, or *keep* is no list of texts.
    """
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.0 <= rate <= 1.0:
        raise ConfigurationError(f"rate={rate!r}: a number from 0 to 1 is needed")
    if isinstance(keep, str) or not all(isinstance(name, str) for name in keep):
        raise ConfigurationError(f"keep={keep!r}: a list of names of events is needed")
    return Sampling(float(rate), tuple(keep), salt)
