"""`python -m benchmarks`: measure, show progress, print the tables, write the JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import kept, told
from benchmarks.environments import PEERS, version_of
from benchmarks.machine import look
from benchmarks.report import Report, report, text
from benchmarks.running import LossError, Scene, two_cores
from benchmarks.scenarios.everything import NAMES, measure, told_in_lines

#: Events, rounds and seconds at a steady rate, in full and with --quick.
FULL = (100_000, 3, 5.0)
QUICK = (20_000, 1, 1.0)


def say(line: str) -> None:
    """Show progress, beside the result and not in it."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def read(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"scenarios, all of them unless --only says less:\n{told_in_lines()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="under two minutes; fewer of all")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        default=NAMES,
        metavar="SCENARIO",
        help="these scenarios; each ends by itself",
    )
    parser.add_argument("--events", type=_count, help="calls of one run in the burst; peers less")
    parser.add_argument("--rounds", type=_count, help="how often everybody runs")
    parser.add_argument("--seconds", type=float, help="how long a run at a steady rate lasts")
    parser.add_argument("--without-peers", action="store_true", help="ours, floor and line alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="where to draw the burst")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the figures; write them to docs/scaling.md, and draw the README's chart",
    )
    wanted = parser.parse_args(arguments)
    whole = not (wanted.quick or wanted.without_peers or wanted.events or wanted.rounds)
    if wanted.keep and not (whole and tuple(wanted.only) == NAMES):
        parser.error("--keep keeps full runs alone")
    return wanted


def _count(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("a number of 1 or more is needed")
    return number


def scene_of(wanted: argparse.Namespace) -> Scene:
    """Return what the command line says about the measuring."""
    events, rounds, seconds = QUICK if wanted.quick else FULL
    return Scene(
        events=wanted.events or events,
        rounds=wanted.rounds or rounds,
        seconds=wanted.seconds or seconds,
        peers=not wanted.without_peers,
        cores=two_cores(),
        say=say,
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line says; return the exit code."""
    wanted = read(arguments)
    scene = scene_of(wanted)
    try:
        results = measure(scene, wanted.only)
    except (LossError, RuntimeError) as error:
        say(f"failed: {error}")
        return 1
    peers = {name: version_of(name) for name in PEERS} if scene.peers else {}
    found = report(look(peers), scene, results)
    sys.stdout.write(f"{text(found)}\n{kept.changes(kept.read(), found)}\n")
    _put_down(found, wanted)
    return 0


def _put_down(found: Report, wanted: argparse.Namespace) -> None:
    if wanted.json is not None:
        kept.write(found, wanted.json, runs=True)
    if wanted.keep:
        kept.write(found, kept.FILE, runs=False)
        told.write(found)
    if wanted.keep or wanted.chart is not None:
        from benchmarks import chart  # matplotlib is not needed for the figures

        for file in (wanted.chart, chart.FILE if wanted.keep else None):
            if file is not None:
                chart.draw(found, file)


if __name__ == "__main__":
    sys.exit(main())
