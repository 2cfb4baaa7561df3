"""`python -m benchmarks`: measure, show progress, print the table, write the JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from benchmarks.machine import look
from benchmarks.report import report, table
from benchmarks.rounds import Import, LossError, Run, measure

#: Events and rounds, in full and with --quick.
FULL = (100_000, 3)
QUICK = (20_000, 2)


def say(text: str) -> None:
    """Show progress, beside the result and not in it."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def tell(found: Run | Import) -> None:
    """Show one run as soon as it is over."""
    if isinstance(found, Import):
        say(f"round {found.round}  import     {found.name:<26}{found.cpu_ms:9.1f} ms CPU")
    else:
        say(f"round {found.round}  {found.data:<11}{found.name:<26}{found.cpu_us:9.2f} µs/event")


def read(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute; fewer events, rounds")
    parser.add_argument("--events", type=_count, help="calls of one run; the peers make a fifth")
    parser.add_argument("--rounds", type=_count, help="how often everybody runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number of 1 or more is needed")
    return number


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line says; return the exit code."""
    wanted = read(arguments)
    events, rounds = QUICK if wanted.quick else FULL
    events, rounds = wanted.events or events, wanted.rounds or rounds
    try:
        runs, imports = measure(events, rounds, tell)
    except (LossError, RuntimeError) as error:
        say(f"failed: {error}")
        return 1
    found = report(look(), events, rounds, runs, imports)
    sys.stdout.write(table(found))
    if wanted.json is not None:
        wanted.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
