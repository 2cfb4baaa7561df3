"""Spreading: which of several shards an event belongs to, so that a user's events stay in order. Pure.

A store knows no system, but it must know whose an event is: these are the names under which the
systems' events say it. What says nothing goes to one shard, together.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import msgspec
from msgspec import Struct, field

from asyncsdk.seams import Batch


class _Who(Struct, gc=False):
    user: str | None = field(default=None, name="userId")
    user_snake: str | None = field(default=None, name="user_id")
    external: str | None = field(default=None, name="external_id")
    distinct: str | None = field(default=None, name="distinct_id")
    anonymous: str | None = field(default=None, name="anonymousId")
    anonymous_snake: str | None = field(default=None, name="anonymous_id")


_decode = msgspec.json.Decoder(_Who).decode


def shard_of(event: bytes, shards: int) -> int:
    """Return the shard of an encoded *event*."""
    try:
        who = _decode(event + b"}")
    except msgspec.DecodeError:
        return 0
    name = who.user or who.user_snake or who.external or who.distinct
    name = name or who.anonymous or who.anonymous_snake or ""
    return crc32(name.encode()) % shards


def spread(batch: Batch, shards: int) -> dict[int, Batch]:
    """Cut *batch* into one for each shard that has events of it; their keys come from its key."""
    if shards == 1:
        return {0: batch}
    parts: dict[int, list[bytes]] = {}
    for event in batch.events:
        parts.setdefault(shard_of(event, shards), []).append(event)
    return {number: _part(batch, number, events) for number, events in sorted(parts.items())}


def _part(batch: Batch, number: int, events: Sequence[bytes]) -> Batch:
    return Batch(
        key=f"{batch.key}.{number}",
        route=batch.route,
        events=events,
        size=sum(map(len, events)),
        first_at=batch.first_at,
    )
