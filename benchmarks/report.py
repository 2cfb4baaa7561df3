"""Report: medians and ratios of all runs, as a table for people and as values for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from msgspec import Struct

from benchmarks.machine import Machine
from benchmarks.rounds import LINE, OURS, Import, Run
from benchmarks.workload import DATA_SETS

#: Above this the sink may have held a client back.
SINK_LIMIT = 0.5


class Spread(Struct, frozen=True, kw_only=True):
    """One figure over all rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return the spread of *values*, None if there are none."""
        if not values:
            return None
        return cls(median=median(values), least=min(values), most=max(values))


class Row(Struct, frozen=True, kw_only=True):
    """One contender on one data set.

    The three ratios say how many times ours it is, so that above 1 speaks for us; each is the
    median over ratios of runs of one round.

    Attributes:
        name: The contender's.
        data: The data set.
        events: Calls of one run.
        cpu_us: CPU of the process for one delivered event.
        events_per_second: Delivered, the final drain included.
        track_us: CPU of the calling thread for one call.
        start_ms: CPU of making and starting the client.
        requests: Requests of one run.
        connections: Connections of one run.
        wire_bytes: Bytes of bodies on the wire for one event.
        json_bytes: The same, unpacked.
        sink_load: Part of the time for which the sink was busy.
        cpu_ratio: Its CPU per event over ours.
        speed_ratio: Our events per second over its.
        track_ratio: Its CPU per call over ours.
    """

    name: str
    data: str
    events: int
    cpu_us: Spread | None
    events_per_second: Spread | None
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


class Report(Struct, frozen=True, kw_only=True):
    """Everything that was found out.

    Attributes:
        format: The version of this form.
        machine: What the figures depend on.
        events: Calls of one run of ours.
        rounds: Rounds.
        rows: One for each contender and data set.
        import_ms: CPU of importing each client in a fresh process.
        remarks: What a reader must know before believing a figure.
        runs: All single runs, in the order in which they happened.
    """

    format: int
    machine: Machine
    events: int
    rounds: int
    rows: list[Row]
    import_ms: dict[str, Spread | None]
    remarks: list[str]
    runs: list[Run]


def report(
    machine: Machine, events: int, rounds: int, runs: Sequence[Run], imports: Sequence[Import]
) -> Report:
    """Sum up *runs* and *imports*."""
    names = list(dict.fromkeys(run.name for run in runs))
    names.sort(key=lambda name: (name == LINE, not name.startswith(OURS)))
    rows = [_row(name, data, runs) for data in DATA_SETS for name in names]
    taken = {
        one.name: Spread.of([each.cpu_ms for each in imports if each.name == one.name])
        for one in imports
    }
    return Report(
        format=1,
        machine=machine,
        events=events,
        rounds=rounds,
        rows=rows,
        import_ms=taken,
        remarks=_remarks(machine, rows),
        runs=list(runs),
    )


def _row(name: str, data: str, runs: Sequence[Run]) -> Row:
    mine = [run for run in runs if run.name == name and run.data == data]
    ours = {run.round: run for run in runs if run.name == OURS and run.data == data}
    pairs = [(run, ours[run.round]) for run in mine if run.round in ours]

    def over(read: Callable[[Run], float | None]) -> Spread | None:
        found = [value for run in mine if (value := read(run)) is not None]
        return Spread.of(found)

    return Row(
        name=name,
        data=data,
        events=mine[0].events,
        cpu_us=over(lambda run: run.cpu_us),
        events_per_second=over(lambda run: run.events_per_second),
        track_us=over(lambda run: run.track_us),
        start_ms=over(lambda run: run.start_ms),
        requests=over(lambda run: run.requests),
        connections=over(lambda run: run.connections),
        wire_bytes=over(lambda run: run.wire_bytes),
        json_bytes=over(lambda run: run.json_bytes),
        sink_load=over(lambda run: run.sink_load),
        cpu_ratio=Spread.of([one.cpu_us / our.cpu_us for one, our in pairs]),
        speed_ratio=Spread.of(
            [our.events_per_second / one.events_per_second for one, our in pairs]
        ),
        track_ratio=Spread.of(
            [one.track_us / our.track_us for one, our in pairs if one.track_us and our.track_us]
        ),
    )


def _remarks(machine: Machine, rows: Sequence[Row]) -> list[str]:
    found = [
        f"{row.name}, {row.data}: the sink was busy {row.sink_load.median:.0%} of the time; "
        "its events/s may be the sink's"
        for row in rows
        if row.name != LINE and row.sink_load is not None and row.sink_load.median > SINK_LIMIT
    ]
    if machine.cores < 2:
        found.append("one core: client and sink take turns, so events/s are too low for all")
    if machine.versions.get("isal") is None:
        found.append("isal is not installed: ours and the floor compress with zlib")
    return found


_HEAD = (
    "client",
    "events",
    "CPU µs/event",
    "spread",
    "CPU ratio",
    "events/s",
    "speed ratio",
    "track() µs",
    "track ratio",
    "requests",
    "conns",
    "wire B",
    "JSON B",
    "start ms",
    "sink busy",
)


def table(found: Report) -> str:
    """Write *found* as an aligned table for each data set."""
    parts: list[str] = []
    for data in DATA_SETS:
        lines = [_HEAD, *(_line(row) for row in found.rows if row.data == data)]
        parts.append(f"{data} events, medians of {found.rounds}\n{_align(lines)}")
    lines = [("import, CPU ms", "median", "spread")]
    lines += [
        (name, _number(spread, 0), _range(spread, 0)) for name, spread in found.import_ms.items()
    ]
    parts.append(_align(lines))
    parts += [f"Note: {remark}" for remark in found.remarks]
    machine = found.machine
    versions = ", ".join(f"{name} {given or '-'}" for name, given in machine.versions.items())
    parts.append(f"{machine.cpu}, {machine.cores} cores, {machine.python}; {versions}")
    return "\n\n".join(parts) + "\n"


def _line(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        str(row.events),
        _number(row.cpu_us, 2),
        _range(row.cpu_us, 1),
        _number(row.cpu_ratio, 2),
        _number(row.events_per_second, 0),
        _number(row.speed_ratio, 2),
        _number(row.track_us, 2),
        _number(row.track_ratio, 2),
        _number(row.requests, 0),
        _number(row.connections, 0),
        _number(row.wire_bytes, 1),
        _number(row.json_bytes, 0),
        _number(row.start_ms, 0),
        "-" if row.sink_load is None else f"{row.sink_load.median:.0%}",
    )


def _number(spread: Spread | None, digits: int) -> str:
    return "-" if spread is None else f"{spread.median:.{digits}f}"


def _range(spread: Spread | None, digits: int) -> str:
    return "-" if spread is None else f"{spread.least:.{digits}f}-{spread.most:.{digits}f}"


def _align(lines: Sequence[Sequence[str]]) -> str:
    """Put *lines* into columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
