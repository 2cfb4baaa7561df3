"""What a RedisStore was told, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from asyncsdk.errors import ConfigurationError
from asyncsdk.stores.redis.keys import Keys, base_of
from asyncsdk.stores.redis.processes import Process
from asyncsdk.stores.redis.shard import Bounds, Shard

#: The consumer of whoever owns a shard: the next owner finds what the last one had.
_OWNER = "owner"


class Settings(Struct, frozen=True, kw_only=True):
    """One queue.

    Attributes:
        queue_name: Its name.
        prefix: The hash tag of all keys, without its braces.
        multi_processor: Whether several processes deliver it.
        shards: In how many parts users are spread.
        lease: Seconds after which what a silent process had goes to others.
        bounds: What a destination's shard may hold.
    """

    queue_name: str
    prefix: str
    multi_processor: bool
    shards: int
    lease: float
    bounds: Bounds

    def check(self) -> None:
        """Say early what cannot be right.

        Raises:
            ConfigurationError: A value makes no sense.
        """
        for name, text in (("queue_name", self.queue_name), ("prefix", self.prefix)):
            if not text or set(text) & set("{}"):
                raise ConfigurationError(f"{name} must be a text without braces")
        if self.shards < 1 or self.lease <= 0.0:
            raise ConfigurationError("shards must be 1 or more, lease more than 0")
        bounds = self.bounds
        if min(bounds.batches, bounds.bytes) < 1 or min(bounds.letters, bounds.letter_bytes) < 0:
            raise ConfigurationError(
                "max_batches and max_bytes must be 1 or more, letters 0 or more"
            )

    @property
    def owned(self) -> bool:
        """Whether a shard is delivered by one process at a time."""
        return self.shards > 1 or not self.multi_processor

    @property
    def shared_out(self) -> bool:
        """Whether processes share the shards among them."""
        return self.shards > 1 and self.multi_processor

    @property
    def bases(self) -> Sequence[str]:
        """The beginnings of all keys, by shard."""
        return [
            base_of(self.prefix, self.queue_name, number, self.shards)
            for number in range(self.shards)
        ]

    def shards_of(self, lane: str, process: Process) -> list[Shard]:
        """Make the shards of a destination, as *process* sees them."""
        words = process.words
        consumer, token = (_OWNER, words) if self.owned else (words, "")
        return [Shard(Keys(base, lane), consumer, token, self.bounds) for base in self.bases]
