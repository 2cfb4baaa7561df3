"""Hosts: what a web application's request costs more with a client, and how late its answers are.

A FastAPI application in uvicorn with two workers, 500 requests a second, one event each: a tenth of what
the workers could do. All that are compared are open at the same time, and visited one after the other,
again and again. At last each is told to end while visitors come. Each event of an answered request must
have arrived, and none twice.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import product

from msgspec import Struct

from benchmarks.figures import Spread, align, number, over, ratio
from benchmarks.goals import Goal, ask, times
from benchmarks.hosts.load import CONNECTIONS, Visits, visit, visit_to_the_end, warm_up
from benchmarks.hosts.serving import Server, can_serve, running
from benchmarks.lineup import FAST, OURS, turned
from benchmarks.running import LossError, Scene
from benchmarks.sink import Sink, running_sink

_RATE = 500
#: Rounds in a full benchmark, where others have their usual ones, and in a short one.
_ROUNDS, _USUAL, _FEW = 7, 3, 3
#: Requests before each visit, which do not count: new connections, and what has cooled down.
_FIRST, _WARM_UP = 400, 100
#: Seconds after a visit for what waits to be delivered, which counts.
_AFTER = 1.2

#: Events that seal a chunk, and seconds: the defaults, and what docs/frameworks.md says for a busy server.
_DEFAULT, _MERGED = (20, 10.0), (500, 1.0)
SILENT = "without a client"
SILENT_FAST = "without, uvloop"
MERGED = "asyncsdk, flush_at=500"
MERGED_FAST = "asyncsdk[fast], flush_at=500"


class Shop(Struct, frozen=True, kw_only=True):
    """One way to run the shop; *base* is what it is compared with."""

    name: str
    base: str
    app: str
    flush: tuple[int, float] = _DEFAULT
    fast: bool = False


#: Those with one loop, and those with another.
CASTS = (
    (
        Shop(name=SILENT, base=SILENT, app="silent"),
        Shop(name=OURS, base=SILENT, app="telling"),
        Shop(name=MERGED, base=SILENT, app="telling", flush=_MERGED),
    ),
    (
        Shop(name=SILENT_FAST, base=SILENT_FAST, app="silent", fast=True),
        Shop(name=FAST, base=SILENT_FAST, app="telling", fast=True),
        Shop(name=MERGED_FAST, base=SILENT_FAST, app="telling", flush=_MERGED, fast=True),
    ),
)


class Run(Struct, frozen=True, kw_only=True):
    """One run of one shop.

    Attributes:
        name: Its name.
        round: Which round, from 1.
        requests: How many were answered.
        cpu_us: CPU of the workers for one request, delivery included.
        p50_ms: How late answers were after their requests were due.
        p99_ms: The same, of the slowest hundredth.
    """

    name: str
    round: int
    requests: int
    cpu_us: float
    p50_ms: float
    p99_ms: float


class Row(Struct, frozen=True, kw_only=True):
    """One shop over all rounds; ratios are of two runs of one round."""

    name: str
    cpu_us: Spread | None
    cpu_ratio: Spread | None
    p50_ms: Spread | None
    p99_ms: Spread | None
    p99_ratio: Spread | None


class Result(Struct, frozen=True, kw_only=True):
    """All that was found out; runs in the order in which they happened."""

    rows: list[Row]
    runs: list[Run]


class Stage:
    """One shop, open."""

    def __init__(self, shop: Shop, server: Server, sink: Sink) -> None:
        self.shop = shop
        self._server = server
        self._sink = sink
        self._answered = self._refused = 0  # this is all that changes

    async def warm_up(self, requests: int) -> None:
        """Serve so many *requests* that nobody counts."""
        self._note(await warm_up(self._server.port, requests))

    async def serve(self, seconds: float, round_: int) -> Run:
        """Serve visitors for some *seconds*."""
        await self.warm_up(_WARM_UP)
        before = self._server.cpu()
        visits = await visit(self._server.port, rate=_RATE, seconds=seconds)
        await asyncio.sleep(_AFTER)
        cpu = self._server.cpu() - before
        self._note(visits)
        late = sorted(visits.times)
        return Run(
            name=self.shop.name,
            round=round_,
            requests=len(late),
            cpu_us=cpu / len(late) * 1e6,
            p50_ms=late[len(late) // 2] * 1e3,
            p99_ms=late[len(late) * 99 // 100] * 1e3,
        )

    async def end(self) -> None:
        """End while visitors come; see that what was ever answered has arrived.

        What was not answered may have happened too.

        Raises:
            LossError: An event is missing, or came twice.
        """
        port, end = self._server.port, self._server.end
        self._note(await visit_to_the_end(port, rate=_RATE, end=end))
        counts = self._sink.counts()
        least, most = 0, 0
        if self.shop.app == "telling":
            least, most = self._answered, self._answered + CONNECTIONS
        if self._refused or counts.events != counts.distinct or not least <= counts.events <= most:
            raise LossError(
                f"{self.shop.name}: {self._answered} requests answered, {self._refused} of them with "
                f"a no; {counts.events} events arrived, {counts.distinct} of them different"
            )

    def _note(self, visits: Visits) -> None:
        self._answered += len(visits.times)
        self._refused += visits.refused


def measure(scene: Scene) -> Result:
    """Let all shops of one loop serve in turns; a short benchmark has asyncio's loop and two shops.

    Raises:
        LossError: An event of an answered request did not arrive, or one arrived twice.
        RuntimeError: A shop did not end as it should.
    """
    if not can_serve():
        scene.say("hosts: needs fastapi and uvicorn, and Linux, which tells what CPU others take")
        return Result(rows=[], runs=[])
    casts = CASTS if scene.rounds > 1 else (CASTS[0][:2],)
    runs = [run for cast in casts for run in asyncio.run(_play(cast, scene))]
    return Result(rows=[_row(one, runs) for cast in casts for one in cast], runs=runs)


async def _play(cast: tuple[Shop, ...], scene: Scene) -> list[Run]:
    rounds = _ROUNDS if scene.rounds >= _USUAL else _FEW
    runs: list[Run] = []
    async with AsyncExitStack() as stack:
        stages = [await _open(one, stack) for one in cast]
        for round_ in range(1, rounds + 1):
            for stage in turned(stages, round_):
                runs.append(run := await stage.serve(scene.seconds, round_))
                scene.say(f"hosts   {round_}  {run.name:<30}{run.cpu_us:8.1f} µs/request")
        for stage in stages:
            await stage.end()
    return runs


async def _open(one: Shop, stack: AsyncExitStack) -> Stage:
    sink = stack.enter_context(running_sink())
    url = f"http://127.0.0.1:{sink.port}"
    server = await stack.enter_async_context(
        running(one.app, sink=url, flush=one.flush, fast=one.fast)
    )
    stage = Stage(one, server, sink)
    await stage.warm_up(_FIRST)
    return stage


def _row(one: Shop, runs: list[Run]) -> Row:
    return Row(
        name=one.name,
        cpu_us=over(runs, one.name, lambda run: run.cpu_us),
        cpu_ratio=ratio(runs, one.name, one.base, lambda run: run.cpu_us),
        p50_ms=over(runs, one.name, lambda run: run.p50_ms),
        p99_ms=over(runs, one.name, lambda run: run.p99_ms),
        p99_ratio=ratio(runs, one.name, one.base, lambda run: run.p99_ms),
    )


def table(found: Result) -> str:
    """Write *found* as an aligned table."""
    lines = [("shop", "CPU µs/request", "ratio", "p50 ms", "p99 ms", "ratio")]
    lines += [
        (
            row.name,
            number(row.cpu_us, 1),
            number(row.cpu_ratio, 3),
            number(row.p50_ms, 2),
            number(row.p99_ms, 2),
            number(row.p99_ratio, 2),
        )
        for row in found.rows
    ]
    return f"hosts, FastAPI in uvicorn, two workers, {_RATE} requests/s\n{align(lines)}"


def goals(found: Result) -> list[Goal]:
    """Return what is asked of a web application's requests, with default options and merged."""
    rows = {row.name: row for row in found.rows}
    asked: list[Goal] = []
    for (plain, fast, how), (figure, limit) in product(
        ((OURS, FAST, ""), (MERGED, MERGED_FAST, ", flush_at=500")),
        (("cpu_ratio", 1.05), ("p99_ratio", 1.25)),
    ):
        names = {OURS: plain, FAST: fast}

        def read(ours: str, names: dict[str, str] = names, figure: str = figure) -> float | None:
            found: Spread | None = getattr(rows.get(names[ours]), figure, None)
            return None if found is None else found.median

        what = "CPU of a web request" if figure == "cpu_ratio" else "p99 of its answer"
        asked.append(
            ask(f"{what}, over that without a client{how}", f"≤ {limit} x", limit, times, read)
        )
    return asked
