"""Kill a shop again and again, and count what became of what it had stored.

    python -m tests.stores.killing --rounds 120 --durability process

The collector lives here, the shop is a child that is killed (`kill -9`) at a random moment; one
request in twenty is answered with an error after its events were taken. Prints the figures, and
fails if an event is lost that was said to be stored, if order is broken, or if an event came twice
that was neither in flight at a kill nor in a request that was answered with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from asyncsdk.collector import Collector, Event, Fault

PROGRAM = Path(__file__).parent / "programs" / "shop.py"
#: Numbers of one round; the next round goes on with the next such step.
STEP = 1_000_000
_FAULT = Fault(kind="drop_after_head", share=0.05)


class Figures(Struct):
    """What came of it."""

    kills: int = 0
    stored: int = 0
    lost: int = 0
    in_flight: int = 0  # events that came twice: in flight at a kill
    answered: int = 0  # likewise: their request's answer was lost
    unexplained: int = 0  # likewise: for neither reason
    disorder: int = 0
    changed: int = 0  # events that came twice with different ids
    damaged: int = 0  # files that are not whole after a kill
    first_ms: float = 0.0  # the longest time from a start to the first request

    @property
    def is_right(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.unexplained or self.disorder or self.changed or self.damaged)


async def kill_often(rounds: int, durability: str, folder: Path) -> Figures:
    """Let a shop talk and kill it, *rounds* times; then let it drain, and count."""
    figures = Figures()
    stored: list[tuple[int, int]] = []  # of each round, the first number and the last one stored
    flying: set[int] = set()  # requests that were the last before a kill
    async with Collector(seed=1) as collector:
        collector.script(_FAULT)
        for number in range(rounds):
            first = number * STEP
            last = await _one_round(collector, folder, durability, first, figures)
            stored.append((first, last))
            flying.update(one.number for one in collector.requests[-1:])
            figures.kills += 1
            figures.damaged += _is_damaged(folder)
        collector.script()
        process = await _start(collector, folder, durability, "drain")
        await asyncio.wait_for(process.wait(), 60)
        _count(collector, stored, flying, figures)
    return figures


async def _start(
    collector: Collector, folder: Path, durability: str, first: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), collector.url, str(folder), durability, first),
        stdout=asyncio.subprocess.PIPE,
    )


async def _one_round(
    collector: Collector, folder: Path, durability: str, first: int, figures: Figures
) -> int:
    """Start a shop, kill it a moment after its first word; return what it stored last."""
    before = len(collector.requests)
    process = await _start(collector, folder, durability, str(first))
    assert process.stdout is not None
    word = await asyncio.wait_for(process.stdout.readline(), 30)
    began = time.monotonic()
    while len(collector.requests) == before and time.monotonic() - began < 5:  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    figures.first_ms = max(figures.first_ms, (time.monotonic() - began) * 1e3)
    await asyncio.sleep(0.02 + random.random() * 0.25)
    process.kill()
    words = (word + await process.stdout.read()).split(b"\n")
    await process.wait()
    return int(words[-2])  # behind the last newline may be half a number


def _is_damaged(folder: Path) -> bool:
    """Look at a copy: to open the file is to mend it."""
    found = []
    with tempfile.TemporaryDirectory() as copy:
        for path in folder.glob("spool-*.db*"):
            shutil.copy(path, copy)
        for path in Path(copy).glob("*.db"):
            connection = sqlite3.connect(path)
            found += connection.execute("PRAGMA integrity_check").fetchall()
            connection.close()
    return any(row != ("ok",) for row in found)


def _count(
    collector: Collector, stored: Sequence[tuple[int, int]], flying: set[int], figures: Figures
) -> None:
    came: dict[int, list[Event]] = {}
    for event in collector.events:
        came.setdefault(event.body["properties"]["n"], []).append(event)
    for first, last in stored:
        figures.stored += last - first + 1
        figures.lost += sum(number not in came for number in range(first, last + 1))
    figures.disorder = sum(one > two for one, two in pairwise(came))
    broken = {one.number for one in collector.requests if one.fault == "drop_after_head"}
    for events in came.values():
        figures.changed += len({one.message_id for one in events}) > 1
        for one in events[:-1]:
            if one.request in broken:
                figures.answered += 1
            elif one.request in flying:
                figures.in_flight += 1
            else:
                figures.unexplained += 1


def main() -> None:
    """Do it as the arguments say, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--durability", choices=["process", "power"], default="process")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(kill_often(asked.rounds, asked.durability, Path(folder)))
    sys.stdout.write(f"{figures}\n")
    if not figures.is_right:
        sys.exit("a promise was broken")


if __name__ == "__main__":
    main()
