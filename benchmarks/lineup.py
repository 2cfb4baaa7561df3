"""Line-up: who takes part, and what each is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

_One = TypeVar("_One")


class Contender(Struct, frozen=True, kw_only=True):
    """Somebody who takes part.

    Attributes:
        name: What reports call it.
        module: Its program.
        imports: What an application writes to have it; empty if nobody imports it.
        peer: Whether it is somebody else's, with an environment of its own under its name.
        share: In a burst it makes one call for this many of ours: slow ones would take minutes.
        batch: Most events of one request; None leaves that to the client.
        awaited: Whether each call is awaited.
        fast: Whether what `[fast]` installs may be used.
    """

    name: str
    module: str
    imports: str = ""
    peer: bool = False
    share: int = 1
    batch: int | None = None
    awaited: bool = False
    fast: bool = False


#: Ours, as `pip install` gives it. Tables compare with this one.
OURS = "asyncsdk"
#: Ours with `[fast]`: isal compresses, and the application runs on uvloop.
FAST = "asyncsdk[fast]"
#: Peers that goals name.
RUDDER = "rudder-sdk-python"
ASYNC_POSTHOG = "AsyncPosthog"
GETFLUXLY = "getfluxly"
#: What can be done at the least, with zlib and with isal.
FLOOR = "floor"
FAST_FLOOR = "floor[fast]"
#: The one that shows what the sink can take.
LINE = "line"

_OURS = "benchmarks.clients.ours"
_IMPORT = "from asyncsdk import AsyncAnalytics, RudderStack"

PLAIN = Contender(name=OURS, module=_OURS, imports=_IMPORT)
WITH_FAST = Contender(name=FAST, module=_OURS, imports=_IMPORT, fast=True)

PEERS = (
    Contender(
        name=RUDDER,
        module="benchmarks.clients.rudder",
        imports="from rudderstack.analytics.client import Client",
        peer=True,
        share=5,
    ),
    Contender(
        name="segment-analytics-python",
        module="benchmarks.clients.segment",
        imports="from segment.analytics.client import Client",
        peer=True,
        share=5,
    ),
    Contender(
        name="posthog",
        module="benchmarks.clients.posthog_sync",
        imports="from posthog import Posthog",
        peer=True,
        share=10,
    ),
    Contender(
        name=ASYNC_POSTHOG,
        module="benchmarks.clients.posthog_async",
        imports="from posthog import AsyncPosthog",
        peer=True,
        share=10,
    ),
    Contender(
        name=GETFLUXLY,
        module="benchmarks.clients.getfluxly_async",
        imports="from getfluxly import AsyncClient",
        peer=True,
        share=5,
    ),
    Contender(
        name="snowplow-tracker",
        module="benchmarks.clients.snowplow",
        imports="from snowplow_tracker import AsyncEmitter, Tracker",
        peer=True,
        share=5,
    ),
)

#: Who takes part in the burst.
BURST = (
    PLAIN,
    WITH_FAST,
    Contender(name="asyncsdk, 100 a request", module=_OURS, batch=100),
    Contender(name="asyncsdk, each awaited", module=_OURS, awaited=True),
    *PEERS,
    Contender(name=FLOOR, module="benchmarks.clients.floor"),
    Contender(name=FAST_FLOOR, module="benchmarks.clients.floor", fast=True),
    Contender(name=LINE, module="benchmarks.clients.line", fast=True),
)


def turned(contenders: Sequence[_One], number: int) -> list[_One]:
    """Return *contenders* in the order of round *number*: each round begins with somebody else."""
    first = (number - 1) % len(contenders)
    return [*contenders[first:], *contenders[:first]]
