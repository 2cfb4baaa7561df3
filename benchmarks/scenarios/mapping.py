"""Mapping: `push` of walkerOS events beside the `track` calls that they lead to.

And the mapping alone, beside the original engine's, where Node.js is.
"""

from __future__ import annotations

import time

import msgspec
from msgspec import Struct, structs

from asyncsdk.mapping import Mapping, Stamp
from benchmarks import engine
from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, between, number, over, ratio
from benchmarks.goals import Goal, ask, faster
from benchmarks.lineup import FAST, OURS, Contender, turned
from benchmarks.plays.burst import Figures
from benchmarks.running import Scene, check, run
from benchmarks.shop import CONFIG, events
from benchmarks.sink import Sink, Way, running_sink

_TRACK = Contender(name=OURS, module="benchmarks.clients.tracking")
_PUSH = Contender(name=f"{OURS}, push", module="benchmarks.clients.pushing")
_FAST_TRACK = structs.replace(_TRACK, name=FAST, fast=True)
_FAST_PUSH = structs.replace(_PUSH, name=f"{FAST}, push", fast=True)
CAST = (_TRACK, _PUSH, _FAST_TRACK, _FAST_PUSH)
_PUSHES = {OURS: _PUSH.name, FAST: _FAST_PUSH.name}

#: Events that the mapping alone is measured with, and seconds for the engine.
_ALONE, _SECONDS = 2_000, 2.0


class Run(Struct, frozen=True, kw_only=True):
    """One run of one contender.

    Attributes:
        name: The contender's.
        round: Which round, from 1.
        events: How many were pushed or tracked; as many arrived.
        call_us: Microseconds of CPU of the calling thread for one call.
        cpu_us: Microseconds of CPU of the process for one delivered event.
        events_per_second: Until the last one arrived.
    """

    name: str
    round: int
    events: int
    call_us: float
    cpu_us: float
    events_per_second: float


class Row(Struct, frozen=True, kw_only=True):
    """One contender over all rounds; the figures are those of `Run`."""

    name: str
    call_us: Spread | None
    cpu_us: Spread | None
    events_per_second: Spread | None


class Alone(Struct, frozen=True, kw_only=True):
    """The mapping without any delivery, in microseconds of CPU for one event.

    Attributes:
        ours: This SDK's.
        engine: The original's; None where it could not be measured.
        remark: Why not, or what differs.
    """

    ours: float
    engine: float | None
    remark: str


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    alone: Alone
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let everybody run in each round, then the mapping alone.

    Raises:
        LossError: Somebody lost an event, or delivered one twice.
        RuntimeError: A client ended with an error.
    """
    runs: list[Run] = []
    with running_sink(Way(core=scene.cores[1])) as sink:
        for round_ in range(1, scene.rounds + 1):
            for one in turned(CAST, round_):
                done = _run_once(one, sink, scene, round_)
                runs.append(done)
                scene.say(
                    f"mapping {round_}  {one.name:<26}"
                    f"{done.call_us:9.2f} µs/call{done.events_per_second:10.0f} events/s"
                )
    rows = [
        Row(
            name=one.name,
            call_us=over(runs, one.name, lambda run: run.call_us),
            cpu_us=over(runs, one.name, lambda run: run.cpu_us),
            events_per_second=over(runs, one.name, lambda run: run.events_per_second),
        )
        for one in CAST
    ]
    return Result(rows=rows, alone=_alone(scene), runs=runs)


def _run_once(one: Contender, sink: Sink, scene: Scene, round_: int) -> Run:
    task = Task(
        play="burst",
        port=sink.port,
        data="varied",
        events=scene.events,
        core=scene.cores[0],
    )
    sink.counts()
    figures = run(one, task, Figures)
    counts = sink.counts()
    check(counts, scene.events, f"{one.name}, mapping")
    return Run(
        name=one.name,
        round=round_,
        events=scene.events,
        call_us=(figures.track_cpu or 0.0) / scene.events * 1e6,
        cpu_us=figures.cpu / scene.events * 1e6,
        events_per_second=scene.events / (counts.last - figures.began),
    )


def _alone(scene: Scene) -> Alone:
    """Measure the mapping alone; the engine takes part where peers do."""
    ours, first = _map_alone()
    if not scene.peers:
        return Alone(ours=ours, engine=None, remark="no peers were asked for")
    try:
        theirs = engine.run(_SECONDS)
    except engine.Missing as missing:
        return Alone(ours=ours, engine=None, remark=f"the original engine was left out: {missing}")
    agree = first[: len(theirs.first)] == theirs.first
    return Alone(
        ours=ours,
        engine=theirs.cpu_us,
        remark="" if agree else "the two do not make the same of the same events",
    )


def _map_alone() -> tuple[float, list[dict[str, object]]]:
    """Return microseconds of CPU for one event, counted as the engine counts, and what came of it."""
    mapping = Mapping(CONFIG)
    memory, stamp, todo = mapping.memory(), Stamp("id", "now"), list(events(_ALONE))
    for event in todo:  # warms up, as the engine does
        mapping.call(event, memory, stamp)
    mapped, began = 0, time.process_time()
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        for event in todo:
            mapping.call(event, memory, stamp)
        mapped += len(todo)
    mean = (time.process_time() - began) / mapped * 1e6
    first = [mapping.call(event, memory, stamp).messages[0] for event in todo[:100]]
    told = [
        {
            "userId": one.user_id,
            "anonymousId": one.anonymous_id,
            "event": one.event,
            "properties": one.properties,
        }
        for one in first
    ]
    same: list[dict[str, object]] = msgspec.json.decode(msgspec.json.encode(told))
    return mean, same


def table(found: Result) -> str:
    """Write *found* as an aligned table, and the mapping alone."""
    lines = [("client", "µs/call", "spread", "CPU µs/event", "events/s")]
    lines += [
        (
            row.name,
            number(row.call_us, 2),
            between(row.call_us, 1),
            number(row.cpu_us, 2),
            number(row.events_per_second, 0),
        )
        for row in found.rows
    ]
    return "\n".join(
        [
            "mapping, walkerOS events through 20 rules beside the calls that they lead to",
            align(lines),
            _words(found.alone),
        ]
    )


def _words(alone: Alone) -> str:
    text = f"The mapping alone takes {alone.ours:.2f} µs of CPU for one event"
    if alone.engine is not None:
        text += f"; the original engine {alone.engine:.2f} µs ({alone.engine / alone.ours:.1f} x)"
    return f"{text}. {alone.remark}".strip()


def goals(found: Result) -> list[Goal]:
    """Return what is asked of `push`."""

    def beside_track(ours: str) -> float | None:
        pair = [run for run in found.runs if run.name in (ours, _PUSHES[ours])]
        one = ratio(pair, _PUSHES[ours], ours, lambda run: 1 / run.events_per_second)
        return None if one is None else one.median

    return [ask("events/s of push(), against track()", "≥ 0.6 x", 1 / 0.6, faster, beside_track)]
