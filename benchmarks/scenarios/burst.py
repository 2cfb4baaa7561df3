"""Burst: what a delivered event costs when all calls come in a row, on both data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, between, number, over, ratio
from benchmarks.goals import Goal, ask, faster, part, times, worst
from benchmarks.lineup import (
    ASYNC_POSTHOG,
    BURST,
    FAST,
    FAST_FLOOR,
    FLOOR,
    GETFLUXLY,
    LINE,
    OURS,
    PEERS,
    RUDDER,
    Contender,
    turned,
)
from benchmarks.plays.burst import Figures
from benchmarks.running import Scene, check, run
from benchmarks.sink import Sink, Way, running_sink
from benchmarks.workload import DATA_SETS

#: Above this the sink may have held a client back.
SINK_LIMIT = 0.5


class Run(Struct, frozen=True, kw_only=True):
    """One run of one contender.

    Attributes:
        name: The contender's.
        data: The data set.
        round: Which round, from 1.
        events: How many calls were made; as many arrived.
        cpu_us: Microseconds of CPU of the client's process for one delivered event.
        events_per_second: Until the last one arrived, so that no peer's idle wait at its end counts.
        close_ms: Milliseconds from then until the client was closed.
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
    close_ms: float
    track_us: float | None
    start_ms: float
    requests: int
    connections: int
    wire_bytes: float
    json_bytes: float
    sink_load: float


class Row(Struct, frozen=True, kw_only=True):
    """One contender on one data set, over all rounds; the figures are those of `Run`.

    The three ratios say how many times ours it is, so that above 1 speaks for us; each is the
    median over ratios of runs of one round.

    Attributes:
        cpu_ratio: Its CPU per event over ours.
        speed_ratio: Our events per second over its.
        track_ratio: Its CPU per call over ours.
    """

    name: str
    data: str
    events: int
    cpu_us: Spread | None
    events_per_second: Spread | None
    close_ms: Spread | None
    track_us: Spread | None
    start_ms: Spread | None
    requests: Spread | None
    connections: Spread | None
    wire_bytes: Spread | None
    json_bytes: Spread | None
    sink_load: Spread | None
    cpu_ratio: Spread | None
    speed_ratio: Spread | None
    track_ratio: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    remarks: list[str]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let everybody run in each round, on each data set.

    Raises:
        LossError: Somebody lost an event, or delivered one twice.
        RuntimeError: A client ended with an error.
    """
    cast = scene.cast(BURST)
    runs: list[Run] = []
    with running_sink(Way(core=scene.cores[1])) as sink:
        for round_ in range(1, scene.rounds + 1):
            for data in DATA_SETS:
                for one in turned(cast, round_):
                    done = run_once(one, sink, scene, data=data, number=round_)
                    runs.append(done)
                    scene.say(
                        f"burst   {round_}  {data:<10}{one.name:<26}"
                        f"{done.cpu_us:9.2f} µs/event{done.events_per_second:10.0f} events/s"
                    )
    names = [one.name for one in cast]
    rows = [
        _row(name, [run for run in runs if run.data == data])
        for data in DATA_SETS
        for name in names
    ]
    return Result(rows=rows, remarks=_remarks(rows), runs=runs)


def run_once(one: Contender, sink: Sink, scene: Scene, *, data: str, number: int) -> Run:
    """Let *one* run, and compare what it called with what arrived.

    Raises:
        LossError: They differ.
        RuntimeError: The client ended with an error.
    """
    count = max(scene.events // one.share, 1)
    task = Task(play="burst", port=sink.port, data=data, events=count, core=scene.cores[0])
    sink.counts()
    figures = run(one, task, Figures)
    counts = sink.counts()
    check(counts, count, f"{one.name}, {data}")
    track, until_last = figures.track_cpu, counts.last - figures.began
    return Run(
        name=one.name,
        data=data,
        round=number,
        events=count,
        cpu_us=figures.cpu / count * 1e6,
        events_per_second=count / until_last,
        close_ms=(figures.wall - until_last) * 1e3,
        track_us=None if track is None else track / count * 1e6,
        start_ms=figures.start_cpu * 1e3,
        requests=counts.requests,
        connections=counts.connections,
        wire_bytes=counts.wire_bytes / count,
        json_bytes=counts.json_bytes / count,
        sink_load=counts.cpu / until_last,
    )


def _row(name: str, runs: Sequence[Run]) -> Row:
    mine = [run for run in runs if run.name == name]
    reverse = ratio(runs, name, OURS, lambda run: 1 / run.events_per_second)
    return Row(
        name=name,
        data=mine[0].data,
        events=mine[0].events,
        cpu_us=over(mine, name, lambda run: run.cpu_us),
        events_per_second=over(mine, name, lambda run: run.events_per_second),
        close_ms=over(mine, name, lambda run: run.close_ms),
        track_us=over(mine, name, lambda run: run.track_us),
        start_ms=over(mine, name, lambda run: run.start_ms),
        requests=over(mine, name, lambda run: run.requests),
        connections=over(mine, name, lambda run: run.connections),
        wire_bytes=over(mine, name, lambda run: run.wire_bytes),
        json_bytes=over(mine, name, lambda run: run.json_bytes),
        sink_load=over(mine, name, lambda run: run.sink_load),
        cpu_ratio=ratio(runs, name, OURS, lambda run: run.cpu_us),
        speed_ratio=reverse,
        track_ratio=ratio(runs, name, OURS, lambda run: run.track_us),
    )


def _remarks(rows: Sequence[Row]) -> list[str]:
    return [
        f"{row.name}, {row.data}: the sink was busy {row.sink_load.median:.0%} of the time; "
        "its events/s may be the sink's"
        for row in rows
        if row.name != LINE and row.sink_load is not None and row.sink_load.median > SINK_LIMIT
    ]


_HEAD = (
    "client",
    "events",
    "CPU µs/event",
    "spread",
    "CPU ratio",
    "events/s",
    "speed ratio",
    "close ms",
    "track() µs",
    "track ratio",
    "requests",
    "conns",
    "wire B",
    "JSON B",
    "start ms",
    "sink busy",
)


def table(found: Result) -> str:
    """Write *found* as an aligned table for each data set."""
    parts = [
        f"burst, {data} events\n"
        + align([_HEAD, *(_line(row) for row in found.rows if row.data == data)])
        for data in DATA_SETS
    ]
    return "\n\n".join([*parts, *(f"Note: {remark}" for remark in found.remarks)])


def _line(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        str(row.events),
        number(row.cpu_us, 2),
        between(row.cpu_us, 1),
        number(row.cpu_ratio, 2),
        number(row.events_per_second, 0),
        number(row.speed_ratio, 2),
        number(row.close_ms, 0),
        number(row.track_us, 2),
        number(row.track_ratio, 2),
        number(row.requests, 0),
        number(row.connections, 0),
        number(row.wire_bytes, 1),
        number(row.json_bytes, 0),
        number(row.start_ms, 0),
        "-" if row.sink_load is None else f"{row.sink_load.median:.0%}",
    )


#: The floor that each of ours is compared with: the one that compresses with the same library.
_FLOORS = {OURS: FLOOR, FAST: FAST_FLOOR}


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a burst; where the data sets differ, the worse one counts."""

    def cpu(peer: str) -> Callable[[str], float | None]:
        return lambda ours: _worse(found, ours, peer, lambda run: run.cpu_us)

    def speed(peer: str) -> Callable[[str], float | None]:
        return lambda ours: _worse(found, ours, peer, lambda run: 1 / run.events_per_second)

    def fastest(ours: str) -> float | None:
        peers = {run.name for run in found.runs} & {one.name for one in PEERS}
        return worst([speed(peer)(ours) for peer in sorted(peers)])

    def floor(ours: str) -> float | None:
        return cpu(_FLOORS[ours])(ours)

    def track(ours: str) -> float | None:
        return _worse(found, ours, RUDDER, lambda run: run.track_us)

    def wire(ours: str) -> float | None:
        return _worse(found, ours, RUDDER, lambda run: run.wire_bytes)

    each, total = "CPU per delivered event", "events/s with drain"
    return [
        ask(f"{each}, against {RUDDER}", "≤ 1/20", 1 / 20, part, cpu(RUDDER)),
        ask(f"{each}, against {ASYNC_POSTHOG}", "≤ 1/50", 1 / 50, part, cpu(ASYNC_POSTHOG)),
        ask(f"{each}, against {GETFLUXLY}", "≤ 1/8", 1 / 8, part, cpu(GETFLUXLY)),
        ask(f"{each}, against the floor", "≤ 2.0 x", 2.0, times, floor),
        ask(f"{total}, against {RUDDER}", "≥ 15 x", 1 / 15, faster, speed(RUDDER)),
        ask(f"{total}, against {ASYNC_POSTHOG}", "≥ 30 x", 1 / 30, faster, speed(ASYNC_POSTHOG)),
        ask(f"{total}, against the fastest peer", "≥ 4 x", 1 / 4, faster, fastest),
        ask(f"CPU of one track(), against {RUDDER}", "≤ 1/12", 1 / 12, part, track),
        ask(f"wire bytes per event, against {RUDDER}", "≤ 0.6 x", 0.6, times, wire),
    ]


def _worse(
    found: Result, ours: str, other: str, read: Callable[[Run], float | None]
) -> float | None:
    ratios = [
        ratio([run for run in found.runs if run.data == data], ours, other, read)
        for data in DATA_SETS
    ]
    return worst([None if one is None else one.median for one in ratios])
