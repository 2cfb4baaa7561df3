"""Hold: the memory of events that wait for a server which never answers."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, number, over, ratio
from benchmarks.goals import Goal, ask, part, times
from benchmarks.lineup import GETFLUXLY, PEERS, PLAIN, RUDDER, WITH_FAST, Contender, turned
from benchmarks.plays.hold import Figures, can_look
from benchmarks.running import Scene, run
from benchmarks.scenarios import burst
from benchmarks.sink import Sink, Way, running_sink

#: getfluxly posts inline, so it can hold nothing: its caller waits, or gets the error.
CAST = (PLAIN, WITH_FAST, *(one for one in PEERS if one.name != GETFLUXLY))

#: Calls in a row before the loop gets a turn, where it does.
_TURNS = 100

#: A peer makes one call for this many of ours.
_SHARE = 5

#: Seconds; what has not moved for so long is a backlog.
_QUIET = 3.0

#: Memory hardly differs from round to round.
_ROUNDS = 2

#: Events that tell how long an event is.
_SOME = 1_000


class Run(Struct, frozen=True, kw_only=True):
    """One run of one contender.

    Attributes:
        name: The contender's.
        round: Which round, from 1.
        turns: Whether the loop got turns between the calls.
        events: How many were held.
        called: Bytes that the process grew by for one event, right after the last call.
        backlog: When all of it had stood still for some seconds, without what is free.
        peak: At most.
    """

    name: str
    round: int
    turns: bool
    events: int
    called: float
    backlog: float
    peak: float


class Row(Struct, frozen=True, kw_only=True):
    """One contender over all rounds; bytes for one event, as in `Run`."""

    name: str
    turns: bool
    events: int
    called: Spread | None
    backlog: Spread | None
    peak: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened.

    Attributes:
        json_bytes: What one of our events takes as JSON; None where no memory could be looked at.
    """

    json_bytes: float | None
    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let everybody hold events in each round, with turns of the loop and without.

    Raises:
        LossError: An event was lost where lengths are measured.
        RuntimeError: A client ended with an error.
    """
    if not can_look():
        scene.say("hold: this system does not tell what memory a process has")
        return Result(json_bytes=None, rows=[], runs=[])
    cast = scene.cast(CAST)
    runs: list[Run] = []
    with running_sink(Way(core=scene.cores[1], mute=True)) as sink:
        for round_ in range(1, min(scene.rounds, _ROUNDS) + 1):
            for turns in (0, _TURNS):
                for one in turned(cast, round_):
                    done = _run_once(one, sink, scene, round_, turns)
                    runs.append(done)
                    scene.say(f"hold    {round_}  {one.name:<26}{done.backlog:8.0f} bytes/event")
    rows = [
        _row(one.name, [run for run in runs if run.turns is turns])
        for turns in (False, True)
        for one in cast
    ]
    return Result(json_bytes=_json_bytes(scene), rows=rows, runs=runs)


def _run_once(one: Contender, sink: Sink, scene: Scene, round_: int, turns: int) -> Run:
    events = max(scene.events // _SHARE, 1) if one.peer else scene.events
    task = Task(
        play="hold",
        port=sink.port,
        data="varied",
        events=events,
        core=scene.cores[0],
        turns=turns,
        quiet=min(_QUIET, 3 * scene.seconds),
    )
    figures = run(one, task, Figures)
    return Run(
        name=one.name,
        round=round_,
        turns=bool(turns),
        events=events,
        called=figures.called / events,
        backlog=figures.backlog / events,
        peak=figures.peak / events,
    )


def _json_bytes(scene: Scene) -> float:
    """Return how many bytes of JSON one of our events takes, as it arrives."""
    some = structs.replace(scene, events=_SOME)
    with running_sink() as sink:
        return burst.run_once(PLAIN, sink, some, data="varied", number=1).json_bytes


def _row(name: str, runs: Sequence[Run]) -> Row:
    mine = next(run for run in runs if run.name == name)
    return Row(
        name=name,
        turns=mine.turns,
        events=mine.events,
        called=over(runs, name, lambda run: run.called),
        backlog=over(runs, name, lambda run: run.backlog),
        peak=over(runs, name, lambda run: run.peak),
    )


_HEAD = ("client", "events", "after the calls", "as a backlog", "peak")


def table(found: Result) -> str:
    """Write *found* as an aligned table for each way of calling."""
    parts: list[str] = []
    for turns, how in ((False, "all calls in a row"), (True, f"a turn of the loop each {_TURNS}")):
        lines = [_HEAD, *(_line(row) for row in found.rows if row.turns is turns)]
        parts.append(f"hold, {how}: bytes for one varied event\n{align(lines)}")
    length = "-" if found.json_bytes is None else f"{found.json_bytes:.0f}"
    return "\n\n".join([*parts, f"As JSON one of our events takes {length} bytes."])


def _line(row: Row) -> tuple[str, ...]:
    figures = (row.called, row.backlog, row.peak)
    return (row.name, str(row.events), *(number(figure, 0) for figure in figures))


def goals(found: Result) -> list[Goal]:
    """Return what is asked of memory."""

    def beside_json(ours: str) -> float | None:
        called = next(
            (row.called for row in found.rows if row.name == ours and not row.turns), None
        )
        if called is None or found.json_bytes is None:
            return None
        return called.median / found.json_bytes

    def beside_rudder(ours: str) -> float | None:
        backlog = [run for run in found.runs if run.turns]
        one = ratio(backlog, ours, RUDDER, lambda run: run.backlog)
        return None if one is None else max(one.median, 0.0)

    return [
        ask("bytes held per queued event, against its JSON", "≤ 1.3 x", 1.3, times, beside_json),
        ask(
            f"the same once a backlog exists, against {RUDDER}",
            "≤ 1/15",
            1 / 15,
            part,
            beside_rudder,
        ),
    ]
