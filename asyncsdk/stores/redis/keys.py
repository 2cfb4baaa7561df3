"""The names of everything in Redis: all of one queue's shard share a hash tag.

``{rudder}:rudderEventsQueue:<destination>:s`` and so on; with several shards the tag is
``{rudder:0}``, ``{rudder:1}`` … so that a cluster spreads them.
"""

from __future__ import annotations

from msgspec import Struct

#: The consumer group of every stream.
GROUP = "asyncsdk"


class Keys(Struct, frozen=True):
    """The keys of one destination's batches in one shard."""

    base: str
    lane: str

    @property
    def _own(self) -> str:
        return f"{self.base}:{self.lane}"

    @property
    def stream(self) -> str:
        """The batches, oldest first."""
        return f"{self._own}:s"

    @property
    def progress(self) -> str:
        """What has become of batches so far, by their keys."""
        return f"{self._own}:p"

    @property
    def numbers(self) -> str:
        """Counters: events, bytes, bytes of letters."""
        return f"{self._own}:n"

    @property
    def owner(self) -> str:
        """Who delivers, where only one may."""
        return f"{self._own}:o"

    @property
    def alive(self) -> str:
        """The processes that share the shards."""
        return f"{self._own}:alive"

    @property
    def letters(self) -> str:
        """Dead letters, by name."""
        return f"{self._own}:f"

    @property
    def letter_order(self) -> str:
        """The names of letters, oldest first."""
        return f"{self._own}:fo"

    @property
    def aside(self) -> str:
        """Batches that this version cannot read."""
        return f"{self._own}:aside"

    @property
    def of_letters(self) -> list[str]:
        """What keeps letters, and what is not a letter but no batch either."""
        return [self.letters, self.letter_order, self.aside]

    @property
    def lanes(self) -> str:
        """The names of all destinations that have a queue here."""
        return f"{self.base}:lanes"

    def seen(self, key: str) -> str:
        """What makes the append of the batch *key* idempotent."""
        return f"{self._own}:seen:{key}"


def base_of(prefix: str, queue_name: str, shard: int, shards: int) -> str:
    """Return the beginning of every key of a shard."""
    tag = prefix if shards == 1 else f"{prefix}:{shard}"
    return f"{{{tag}}}:{queue_name}"
