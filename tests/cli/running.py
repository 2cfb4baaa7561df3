"""Runs the real commands in processes of their own, as a person at a terminal would."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

import anyio
import anyio.to_thread

SECONDS = 100

# Somebody who ignores Ctrl-C may run these tests; the command is not to inherit that.
_HEARS_CTRL_C = (
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from asyncsdk.cli import main\n"
    "sys.exit(main())\n"
)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which nothing of this machine's taste shows."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("ASYNCSDK_")}
    own.pop("NO_COLOR", None)
    return {**own, "PYTHONIOENCODING": "utf-8", "TERM": "xterm", **(extra or {})}


def command(*arguments: str) -> list[str]:
    """Return the command line of `asyncsdk` with *arguments*."""
    return [sys.executable, "-m", "asyncsdk", *arguments]


def run(
    *arguments: str, given: bytes | None = None, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; *given* is its stdin."""
    ended = subprocess.run(
        command(*arguments),
        input=given,
        capture_output=True,
        timeout=SECONDS,
        env=environment(extra),
        check=False,
    )
    return subprocess.CompletedProcess(
        ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
    )


async def run_beside(
    *arguments: str, given: bytes | None = None, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end while this loop goes on, say with a collector on it."""
    return await anyio.to_thread.run_sync(lambda: run(*arguments, given=given, extra=extra))


@contextmanager
def started(
    *arguments: str, stdin: int | None = None, extra: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Start a command that the test ends itself; it is gone in any case afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HEARS_CTRL_C, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(extra),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pipe(stream: IO[str] | None) -> IO[str]:
    """Return a stream of a process that was given a pipe."""
    assert stream is not None
    return stream


def read_until(stream: IO[str] | None, wanted: Callable[[str], object]) -> str:
    """Return the first line that is *wanted*; the process must not end before."""
    for line in pipe(stream):
        if wanted(line):
            return line
    raise AssertionError("the process ended before it said that")


def rows(text: str) -> dict[str, str]:
    """Return the table in *text*: label → value; its columns stand three blanks apart."""
    cells = (re.split(r" {3,}", line.strip()) for line in text.splitlines())
    return {found[0]: found[1] for found in cells if len(found) > 1}


def number(text: str) -> int:
    """Read a whole number with its separators."""
    return int(text.replace(",", ""))
