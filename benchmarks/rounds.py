"""Rounds: who takes part, and what one run of one of them is.

Machines drift: they get slower and faster by the minute. So everybody runs once in each round,
each round begins with somebody else, and a ratio compares two runs of one round.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from benchmarks.clients.task import Figures, Task
from benchmarks.machine import ROOT
from benchmarks.sink import Sink, running_sink
from benchmarks.workload import DATA_SETS

#: Seconds for one run of one client.
_LIMIT = 600

# The peers read the proxy settings of the environment on each request; there is none here.
_NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}


class LossError(Exception):
    """A client did not deliver each event exactly once: its figures mean nothing."""


class Contender(Struct, frozen=True, kw_only=True):
    """Somebody who takes part.

    Attributes:
        name: What the report calls it.
        module: Its program.
        imports: What an application writes to have it; empty if nobody imports it.
        share: It makes one call for this many of ours: slow ones would take minutes.
        batch: Most events of one request; None leaves that to the client.
        awaited: Whether each call is awaited.
    """

    name: str
    module: str
    imports: str = ""
    share: int = 1
    batch: int | None = None
    awaited: bool = False


#: The one that all others are compared with.
OURS = "asyncsdk"
#: The one that shows what the sink can take.
LINE = "line"

CONTENDERS = (
    Contender(
        name=OURS,
        module="benchmarks.clients.ours",
        imports="from asyncsdk import AsyncAnalytics, RudderStack",
    ),
    Contender(name="asyncsdk, 100 a request", module="benchmarks.clients.ours", batch=100),
    Contender(name="asyncsdk, each awaited", module="benchmarks.clients.ours", awaited=True),
    Contender(
        name="rudder-sdk-python",
        module="benchmarks.clients.rudder",
        imports="from rudderstack.analytics.client import Client",
        share=5,
    ),
    Contender(
        name="segment-analytics-python",
        module="benchmarks.clients.segment",
        imports="from segment.analytics.client import Client",
        share=5,
    ),
    Contender(name="floor", module="benchmarks.clients.floor"),
    Contender(name=LINE, module="benchmarks.clients.line"),
)


class Run(Struct, frozen=True, kw_only=True):
    """One run of one contender.

    Attributes:
        name: The contender's.
        data: The data set.
        round: Which round, from 1.
        events: How many calls were made; as many arrived.
        cpu_us: Microseconds of CPU of the client's process for one delivered event.
        events_per_second: Delivered, the final drain and the closing included.
        track_us: Microseconds of CPU of the calling thread for one call, None without calls.
        start_ms: Milliseconds of CPU for making and starting the client.
        requests: How many it sent.
        connections: How many it opened.
        wire_bytes: Bytes of the bodies on the wire for one event.
        json_bytes: The same, unpacked.
        sink_load: Part of the run's time for which the sink was busy, 0 to 1.
    """

    name: str
    data: str
    round: int
    events: int
    cpu_us: float
    events_per_second: float
    track_us: float | None
    start_ms: float
    requests: int
    connections: int
    wire_bytes: float
    json_bytes: float
    sink_load: float


class Import(Struct, frozen=True, kw_only=True):
    """What one import in a fresh process took, in milliseconds of CPU."""

    name: str
    round: int
    cpu_ms: float


def measure(
    events: int, rounds: int, tell: Callable[[Run | Import], None]
) -> tuple[list[Run], list[Import]]:
    """Run everybody in *rounds* rounds, *events* calls each; *tell* hears of each run at once.

    Raises:
        LossError: Somebody lost an event, or delivered one twice.
        RuntimeError: A client ended with an error.
    """
    runs: list[Run] = []
    imports: list[Import] = []
    for found in _each(events, rounds):
        tell(found)
        if isinstance(found, Run):
            runs.append(found)
        else:
            imports.append(found)
    return runs, imports


def _each(events: int, rounds: int) -> Iterator[Run | Import]:
    for one in CONTENDERS:  # byte code is compiled, files are in memory
        _import_ms(one)
    with running_sink() as sink:
        for number in range(1, rounds + 1):
            order = _turned(number)
            for one in order:
                if one.imports:
                    yield Import(name=one.name, round=number, cpu_ms=_import_ms(one))
            for data in DATA_SETS:
                for one in order:
                    yield run_once(one, sink, data=data, events=events, number=number)


def _turned(number: int) -> tuple[Contender, ...]:
    first = (number - 1) % len(CONTENDERS)
    return CONTENDERS[first:] + CONTENDERS[:first]


def run_once(one: Contender, sink: Sink, *, data: str, events: int, number: int) -> Run:
    """Let *one* run, and compare what it called with what arrived.

    Raises:
        LossError: They differ.
        RuntimeError: The client ended with an error.
    """
    count = max(events // one.share, 1)
    task = Task(port=sink.port, data=data, events=count, batch=one.batch, awaited=one.awaited)
    sink.counts()
    said = _child("-m", one.module, msgspec.json.encode(task).decode())
    figures = msgspec.json.decode(said, type=Figures)
    counts = sink.counts()
    if not counts.events == counts.distinct == count:
        raise LossError(
            f"{one.name}, {data}: {count} calls, {counts.events} events arrived, "
            f"{counts.distinct} of them different"
        )
    track = figures.track_cpu
    return Run(
        name=one.name,
        data=data,
        round=number,
        events=count,
        cpu_us=figures.cpu / count * 1e6,
        events_per_second=count / figures.wall,
        track_us=None if track is None else track / count * 1e6,
        start_ms=figures.start_cpu * 1e3,
        requests=counts.requests,
        connections=counts.connections,
        wire_bytes=counts.wire_bytes / count,
        json_bytes=counts.json_bytes / count,
        sink_load=counts.cpu / figures.wall,
    )


def _import_ms(one: Contender) -> float:
    program = (
        f"import time; before = time.process_time(); {one.imports or 'pass'}; "
        "print((time.process_time() - before) * 1e3)"
    )
    return float(_child("-c", program))


def _child(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - programs of ours
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **_NO_PROXY},
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"a client ended with code {done.returncode}:\n{done.stderr}")
    return done.stdout
