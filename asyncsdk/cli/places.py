"""Places: the store that `--store` names, a folder or a queue in Redis, and how people name it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

#: Where a store may be named without showing its password to other users of the machine.
VARIABLE = "REDIS_URL"

_REDIS = ("redis://", "rediss://", "unix://")


class Place(Struct, frozen=True, kw_only=True):
    """One store.

    Attributes:
        where: A folder, or the URL of Redis.
        queue: The queue's name there.
        prefix: What its keys begin with.
        shards: Over how many queues users are spread.
        in_order: Whether one process delivers at a time.
        cluster: Whether the URL is of a cluster.
        sentinel: The name of the service, if the URL is of sentinels.
    """

    where: str
    queue: str = "rudderEventsQueue"
    prefix: str = "rudder"
    shards: int = 1
    in_order: bool = False
    cluster: bool = False
    sentinel: str | None = None

    @property
    def is_redis(self) -> bool:
        """Whether it is a queue, not a folder."""
        return self.where.startswith(_REDIS)

    @property
    def is_missing(self) -> bool:
        """Whether it is a folder that is not there."""
        return not self.is_redis and not Path(self.where).is_dir()

    def __repr__(self) -> str:
        """Show where it is, never a password."""
        return f"Place({self.masked!r})"

    @property
    def masked(self) -> str:
        """Where it is, without a password."""
        if not self.is_redis:
            return self.where
        from asyncsdk.stores.redis.line import Address

        return f"{Address(url=self.where).masked} {self.queue}"

    def redis_options(self) -> dict[str, Any]:
        """Return what a `RedisStore` is told beside its URL."""
        return {
            "queue_name": self.queue,
            "prefix": self.prefix,
            "shards": self.shards,
            "multi_processor": not self.in_order,
            "cluster": self.cluster,
            "sentinel": self.sentinel,
        }


def describe_place(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take a store."""
    parser.add_argument(
        "--store",
        metavar="PLACE",
        help=f"a folder, or the URL of Redis; or {VARIABLE} in the environment, which is safer",
    )
    redis = parser.add_argument_group("of a queue in Redis, as its writers say it")
    redis.add_argument("--queue-name", default="rudderEventsQueue", metavar="NAME")
    redis.add_argument("--prefix", default="rudder", metavar="TEXT")
    redis.add_argument("--shards", type=_shards, default=1, metavar="N")
    redis.add_argument("--cluster", action="store_true", help="the URL is of a Redis Cluster")
    redis.add_argument("--sentinel", metavar="NAME", help="the URL is of sentinels")


def read_place(
    parser: argparse.ArgumentParser, found: argparse.Namespace, environ: Mapping[str, str]
) -> Place:
    """Return the store that *found* names, or the environment."""
    where = found.store or environ.get(VARIABLE, "")
    if not where:
        parser.error(f"--store PLACE is needed, or {VARIABLE} in the environment")
    if "://" in where and not where.startswith(_REDIS):  # it may have a password: it is not shown
        parser.error("--store: a URL begins with redis://, rediss:// or unix://")
    return Place(
        where=where,
        queue=found.queue_name,
        prefix=found.prefix,
        shards=found.shards,
        in_order=getattr(found, "in_order", False),
        cluster=found.cluster,
        sentinel=found.sentinel,
    )


def _shards(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 10_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 10,000")
    return int(text)
