"""Several: what two destinations in trouble cost a third one, and what tenants cost."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from benchmarks.clients.task import Task
from benchmarks.figures import Spread, align, between, number, over, ratio
from benchmarks.goals import Goal, ask, times
from benchmarks.lineup import PLAIN, WITH_FAST, Contender
from benchmarks.plays.several import EACH, TENANTS, Figures
from benchmarks.running import LossError, Scene, run
from benchmarks.sink import Way, running_sink

#: The burst here is a part of the one of `burst`: each call is encoded three times.
_SHARE = 5

#: What is said of the other two destinations.
WELL, ILL = "three well", "one of three well"

CAST = (PLAIN, WITH_FAST)


class Run(Struct, frozen=True, kw_only=True):
    """One run of one of ours.

    Attributes:
        name: The variant and how the other two destinations were.
        round: Which round, from 1.
        track_p99_us: Microseconds of one call at a steady rate.
        events_per_second: What the healthy destination delivered of a burst.
        tenants_ms: Milliseconds for all tenants' events, until they had arrived.
        tenants_kb: Kilobytes that the process grew by for one tenant.
    """

    name: str
    round: int
    track_p99_us: float
    events_per_second: float
    tenants_ms: float
    tenants_kb: float | None


class Row(Struct, frozen=True, kw_only=True):
    """One of them over all rounds."""

    name: str
    track_p99_us: Spread | None
    events_per_second: Spread | None
    tenants_ms: Spread | None
    tenants_kb: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


def measure(scene: Scene) -> Result:
    """Let both variants run in each round, with the others well and ill.

    Raises:
        LossError: The healthy destination did not get each event once.
        RuntimeError: A client ended with an error.
    """
    cast = scene.cast(CAST)
    runs: list[Run] = []
    for round_ in range(1, scene.rounds + 1):
        for one in cast:
            for how in (WELL, ILL) if round_ % 2 else (ILL, WELL):
                with _others(how, scene) as others:
                    done = _run_once(one, how, others, scene, round_)
                runs.append(done)
                scene.say(
                    f"several {round_}  {done.name:<34}{done.track_p99_us:8.1f} µs p99"
                    f"{done.events_per_second:9.0f} events/s"
                )
    names = list(dict.fromkeys(run.name for run in runs))
    return Result(rows=[_row(name, runs) for name in names], runs=runs)


@contextmanager
def _others(how: str, scene: Scene) -> Iterator[tuple[int, int]]:
    """Run two more servers; ill ones refuse connections and never answer."""
    with running_sink(Way(core=scene.cores[1], mute=how == ILL)) as second:
        if how == ILL:
            with socket.socket() as nobody:  # bound and not listening: connections are refused
                nobody.bind(("127.0.0.1", 0))
                yield nobody.getsockname()[1], second.port
        else:
            with running_sink(Way(core=scene.cores[1])) as third:
                yield third.port, second.port


def _run_once(one: Contender, how: str, others: tuple[int, int], scene: Scene, round_: int) -> Run:
    with running_sink(Way(core=scene.cores[1])) as sink:
        task = Task(
            play="several",
            port=sink.port,
            others=others,
            data="varied",
            events=max(scene.events // _SHARE, 1),
            core=scene.cores[0],
            seconds=scene.seconds,
        )
        figures = run(one, task, Figures)
        counts = sink.counts()
    if not counts.events == counts.distinct == figures.calls:
        raise LossError(f"{one.name}, {how}: {figures.calls} calls, {counts.events} events arrived")
    grown = figures.tenants_bytes
    return Run(
        name=_name(one.name, how),
        round=round_,
        track_p99_us=figures.track_p99 * 1e6,
        events_per_second=figures.events_per_second,
        tenants_ms=figures.tenants_seconds * 1e3,
        tenants_kb=None if grown is None else grown / figures.tenants / 1e3,
    )


def _name(variant: str, how: str) -> str:
    return f"{variant}, {how}"


def _row(name: str, runs: Sequence[Run]) -> Row:
    return Row(
        name=name,
        track_p99_us=over(runs, name, lambda run: run.track_p99_us),
        events_per_second=over(runs, name, lambda run: run.events_per_second),
        tenants_ms=over(runs, name, lambda run: run.tenants_ms),
        tenants_kb=over(runs, name, lambda run: run.tenants_kb),
    )


_HEAD = ("client", "track() µs p99", "spread", "events/s", "spread", "tenants ms", "kB a tenant")


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [_HEAD, *(_line(row) for row in found.rows)]
    title = f"several: the healthy destination of three; up to {TENANTS} tenants with {EACH} events each"
    return f"{title}\n{align(lines)}"


def _line(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        number(row.track_p99_us, 1),
        between(row.track_p99_us, 1),
        number(row.events_per_second, 0),
        between(row.events_per_second, 0),
        number(row.tenants_ms, 0),
        number(row.tenants_kb, 1),
    )


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a client with destinations in trouble."""

    def slower(ours: str) -> float | None:
        well, ill = _name(ours, WELL), _name(ours, ILL)
        one = ratio(found.runs, well, ill, lambda run: run.events_per_second)
        return None if one is None else one.median

    def later(ours: str) -> float | None:
        well, ill = _name(ours, WELL), _name(ours, ILL)
        one = ratio(found.runs, ill, well, lambda run: run.track_p99_us)
        return None if one is None else one.median

    which = "the healthy one's"
    return [
        ask(f"{which} events/s, three well over one well", "≤ 1.1 x", 1.1, times, slower),
        ask(f"{which} track() p99, one well over three well", "≤ 1.1 x", 1.1, times, later),
    ]
