"""Recorded calls of the vendors' SDKs, and the same calls made through our API.

A fixture names the call in neutral words (the vendors' spelling, with markers for what JSON has
no form for), the requests that the real SDK sent for it, and the pointers to what differs from
run to run. Those whose name begins with ``more_`` were recorded beside the given ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from asyncsdk import AsyncAnalytics, RudderStack, Segment
from tests.destinations.recorder import Recorded, recording

FIXTURES = Path(__file__).parents[1] / "fixtures" / "wire"
SYSTEMS = ("rudder-node", "segment-node")
KEY = "test-write-key"


class Call(Struct, frozen=True):
    """One call in neutral words; `raw` is a message that is no object."""

    method: str
    args: dict[str, Any] = {}
    raw: str | None = None


class Sent(Struct, frozen=True):
    """One request of the real SDK; a very long one is only summed up."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] | None = None
    body_summary: dict[str, Any] | None = None


class Fixture(Struct, frozen=True):
    """What the real SDK did."""

    system: str
    case: str
    options: dict[str, Any]
    outcome: dict[str, dict[str, str]]
    volatile: list[str]
    requests: list[Sent]
    call: Call | None = None
    calls: list[Call] = []

    def every_call(self) -> list[Call]:
        """Return its calls, in order."""
        return self.calls if self.call is None else [self.call]


class Seen(Struct, frozen=True):
    """What ours did for the same calls."""

    raised: Exception | None
    requests: Sequence[Recorded]


def load_all() -> Iterator[Fixture]:
    """Yield every fixture of both systems."""
    for system in SYSTEMS:
        for path in sorted((FIXTURES / system).glob("*.json")):
            yield msgspec.json.decode(path.read_bytes(), type=Fixture)


MARKERS: dict[str, Callable[[Any], Any]] = {
    "$date": lambda text: datetime.fromisoformat(text).astimezone(UTC),
    "$datetz": datetime.fromisoformat,
    "$baddate": lambda _: math.nan,  # no Python datetime is invalid; this is not a time either
    "$float": float,
    "$bigint": int,
    "$undefined": lambda _: UNSET,
    "$repeat": lambda pair: pair[0] * pair[1],
}


def decode(value: Any) -> Any:
    """Return *value* with its markers replaced by what they stand for."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, content),) = value.items()
        if name in MARKERS:
            return MARKERS[name](content)
    return {name: decode(item) for name, item in value.items()}


def snake(name: str) -> str:
    """Return our spelling of a wire name: ``userId`` is ``user_id``."""
    return re.sub("(?<=[a-z])([A-Z])", r"_\1", name).lower()


def say(client: AsyncAnalytics, call: Call) -> None:
    """Make the call as it is written; what our signatures do not know raises TypeError."""
    method = getattr(client, call.method)
    if call.raw is not None:
        method(call.raw)
        return
    given = {snake(name): decode(value) for name, value in call.args.items()}
    method(**{name: value for name, value in given.items() if value is not UNSET})


_OPTIONS = {
    "flushAt": "flush_at",
    "gzip": "gzip",
    "enable": "enabled",
    "maxQueueSize": "max_queue_events",
}


def client_for(fixture: Fixture, url: str) -> AsyncAnalytics:
    """Make the client that the fixture's options describe."""
    options = dict(fixture.options)
    key = options.pop("writeKey", KEY)
    host = url + options.pop("hostSuffix", "")
    path = options.pop("path", "/v1/batch")
    destination: RudderStack | Segment
    if fixture.system == "rudder-node":
        destination = RudderStack(key, host, path=path)
    else:
        destination = Segment(key, host=host, path=path)
    ours: Any = {_OPTIONS[name]: value for name, value in options.items()}
    return AsyncAnalytics(destination, **ours)


async def repeat(fixture: Fixture) -> Seen:
    """Make the fixture's calls through our API, against a server that records."""
    raised: Exception | None = None
    async with recording() as server:
        async with client_for(fixture, server.url) as client:
            for call in fixture.every_call():
                try:
                    say(client, call)
                except (ValueError, TypeError) as error:
                    raised = error
        return Seen(raised, server.requests)
