"""`python -m benchmarks.peers`: what becomes of events with five clients, side by side."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from asyncsdk.cli.screen import Screen
from asyncsdk.version import __version__
from benchmarks.environments import version_of
from benchmarks.machine import look
from benchmarks.peers.questions import CLIENTS, OURS, QUESTIONS, Answer, surpassed
from benchmarks.peers.running import run_all
from benchmarks.peers.table import MARK, markdown, text, verdict

_NAMES = tuple(question.key for question in QUESTIONS)


def read(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument(
        "--clients",
        nargs="+",
        choices=CLIENTS,
        default=CLIENTS,
        metavar="CLIENT",
        help="only these",
    )
    parser.add_argument(
        "--rows", nargs="+", choices=_NAMES, default=_NAMES, metavar="ROW", help="only these"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all answers")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="where to write the tables")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Ask as the command line says; return the exit code: 1 if somebody surpasses this SDK."""
    wanted = read(arguments)
    screen = Screen(sys.stdout, sys.stderr, os.environ)
    clients = [client for client in CLIENTS if client in wanted.clients]
    questions = [question for question in QUESTIONS if question.key in wanted.rows]
    began = time.monotonic()
    try:
        answers = asyncio.run(
            run_all(questions, clients, _progress(screen, len(clients) * len(questions)))
        )
    except RuntimeError as error:
        screen.complain(f"peers: {error}")
        return 1
    screen.say(*text(questions, clients, answers), "", f"{MARK} the best answer of a row")
    screen.say(f"{time.monotonic() - began:.0f} s. " + verdict(questions, clients, answers))
    versions = {client: __version__ if client == OURS else version_of(client) for client in clients}
    if wanted.json is not None:
        _write_json(wanted.json, answers, versions)
    if wanted.markdown is not None:
        head = _head() + markdown(questions, clients, answers, versions)
        wanted.markdown.write_text(head, encoding="utf-8")
    return 1 if OURS in clients and surpassed(OURS, questions, answers) else 0


def _progress(screen: Screen, cells: int) -> Callable[[Answer], None]:
    """Return what shows each answer as it comes."""
    done: list[Answer] = []

    def tell(answer: Answer) -> None:
        done.append(answer)
        count = f"[{len(done):>2}/{cells}]"
        screen.complain(f"{count}  {answer.key:<12}  {answer.client:<26}  {answer.text}")

    return tell


def _head() -> str:
    machine = look()
    return (
        "# What becomes of events: asyncsdk and its peers\n\n"
        f"Made by `python -m benchmarks.peers` on {datetime.now(UTC):%Y-%m-%d}, "
        f"{machine.python}, {machine.system}, {machine.cores} cores. Default options, servers on "
        "the loopback. **Bold**: nobody has a better answer. How much a thread has sent when the "
        "process ends is chance: such counts differ by a batch of 100 from run to run.\n\n"
    )


def _write_json(file: Path, answers: list[Answer], versions: dict[str, str]) -> None:
    whole = {
        "machine": look(),
        "versions": versions,
        "questions": QUESTIONS,
        "answers": answers,
    }
    file.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
