"""`python -m benchmarks.soak`: two million events with faults, and what the client gathers."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Unpack

import msgspec

from asyncsdk.cli.screen import Screen
from asyncsdk.client.settings import Options
from benchmarks.machine import look
from benchmarks.soak.report import rows, verdict
from benchmarks.soak.running import Soaked, soak
from benchmarks.soak.sampling import can_look

EVENTS = 2_000_000
#: Seconds, and a little less than what is promised: five minutes with start and end.
LIMIT = 280.0


def read(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--events", type=_count, default=EVENTS, help="calls to make")
    parser.add_argument(
        "--every", type=_seconds, default=1.0, metavar="SECONDS", help="between two samples"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number of 1 or more is needed")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.001 <= number <= 60:
        raise argparse.ArgumentTypeError("seconds from 0.001 to 60 are needed")
    return number


def main(arguments: list[str] | None = None, **options: Unpack[Options]) -> int:
    """Soak as the command line says; return the exit code.

    Args:
        arguments: The command line; None takes the program's.
        options: Options of the client, over the soak's own.
    """
    wanted = read(arguments)
    screen = Screen(sys.stdout, sys.stderr, os.environ)
    if not can_look():
        screen.complain("soak: this system does not tell what a process holds (no /proc)")
        return 2
    # The faults are on purpose; what the client says of them is not what is looked for here.
    logging.getLogger("asyncsdk").setLevel("CRITICAL")
    try:
        found = asyncio.run(
            soak(wanted.events, every=wanted.every, limit=LIMIT, show=screen.progress, **options)
        )
    except RuntimeError as error:
        screen.complain(f"soak: {error}")
        return 1
    screen.clear()
    screen.show(rows(found))
    screen.say("", verdict(found), tone="good" if found.holds else "bad")
    if wanted.json is not None:
        write(wanted.json, found)
    return 0 if found.holds else 1


def write(file: Path, found: Soaked) -> None:
    """Write everything as JSON, with the machine that it was measured on."""
    whole = {"machine": look(), "holds": found.holds, "soak": found}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
