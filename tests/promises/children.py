"""Applications as children: programs of their own, seen from outside.

Each runs in Python's development mode with every warning an error, and its log goes to stderr. A
connection, a task or a coroutine that is left behind is said there, so a test that expects an
empty stderr expects that as well.
"""

import os
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from signal import Signals
from typing import IO, NamedTuple

import anyio
import anyio.abc
import pytest

from asyncsdk.collector import Event
from tests.secrecy import planted_in

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"

#: A fork with threads is warned about since Python 3.12; here it is what is tested.
STRICT = ("-X", "dev", "-W", "error", "-W", "ignore:This process:DeprecationWarning")
#: For programs that bring other packages, whose warnings are theirs.
TIDY = ("-X", "dev", "-W", "error::ResourceWarning", "-W", "error::RuntimeWarning")

#: The loops that a promise about loops is made for.
LOOPS = pytest.mark.parametrize(
    "loop",
    [
        "asyncio",
        pytest.param(
            "uvloop", marks=pytest.mark.skipif(sys.platform == "win32", reason="is not made for it")
        ),
    ],
)

#: The marks of every test here; what ends a process is another thing on Windows.
WHOLE_WAY = [
    pytest.mark.whole_way,
    pytest.mark.skipif(sys.platform == "win32", reason="processes end in another way there"),
]

# Slow steps of a busy machine are said by asyncio's debug mode, as warnings: no fault of ours.
_HEAD = """
import asyncio, gc, logging, os, signal, sys, threading, time
from asyncsdk import *
logging.basicConfig(format="%(levelname)s %(message)s", level="WARNING")
logging.getLogger("asyncio").setLevel("ERROR")
URL, LOOP = sys.argv[1:3]
if LOOP == "uvloop":
    from uvloop import run, new_event_loop
else:
    from asyncio import run, new_event_loop
def make(url=URL, name="there", **options):
    options = {"flush_interval": 0, "exit_drain": 30, "shutdown_timeout": 30, **options}
    return AsyncAnalytics(RudderStack("planted-key", url, name=name), **options)
def track(client, number, name="E"):
    facts = {"n": number, "email": "planted-person@example.com", "note": "planted-contents"}
    return client.track(name, user_id="u", properties=facts)
"""


class Ended(NamedTuple):
    """How a child ended: its exit code, and what it wrote."""

    code: int
    out: str
    said: str


class Child:
    """A running application."""

    def __init__(self, process: anyio.abc.Process, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._out = b""

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return self._out.decode()

    async def until(self, word: str) -> None:
        """Wait until it has written *word*."""
        while word not in self.out:
            await self.more()

    async def more(self) -> None:
        """Wait until it has written something more."""
        assert self._process.stdout is not None
        try:
            self._out += await self._process.stdout.receive()
        except anyio.EndOfStream:
            pytest.fail(f"ended early: {await self.ended()}")

    def send(self, number: Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> Ended:
        """Wait for its end."""
        assert self._process.stdout is not None
        async for part in self._process.stdout:
            self._out += part
        code = await self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode()
        assert planted_in(self.out, said) == []
        return Ended(code, self.out, said)


def without_coverage() -> dict[str, str]:
    """Return an environment in which coverage leaves a child alone, and its children too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@asynccontextmanager
async def started(
    *command: str, flags: tuple[str, ...] = STRICT, unmeasured: bool = False
) -> AsyncIterator[Child]:
    """Start Python with *command*; it is killed if it is still there at the end.

    Args:
        command: Its arguments.
        flags: The interpreter's own.
        unmeasured: Whether coverage leaves it alone: it takes time, and locks.
    """
    environ = {**(without_coverage() if unmeasured else os.environ), "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as errors, anyio.fail_after(60):
        line = [sys.executable, *flags, *command]
        async with await anyio.open_process(line, stderr=errors, env=environ) as process:
            try:
                yield Child(process, errors)
            finally:
                if process.returncode is None:
                    process.kill()


def program(source: str, url: str, *, loop: str = "asyncio") -> tuple[str, ...]:
    """Return the command for *source*, which talks to the server at *url*."""
    return ("-c", _HEAD + textwrap.dedent(source), url, loop)


async def run(source: str, url: str, *, loop: str = "asyncio") -> Ended:
    """Run *source* to its end."""
    async with started(*program(source, url, loop=loop)) as child:
        return await child.ended()


def numbers(events: Iterable[Event], *, name: str | None = None) -> list[int]:
    """List the numbers of *events* in the order of arrival; of those with this name, or of all."""
    return [
        event.body["properties"]["n"]
        for event in events
        if name is None or event.body["event"] == name
    ]


def loss(ended: Ended) -> int:
    """Return how many events the one line on stderr says are lost, which must say what to do."""
    (line,) = ended.said.splitlines()
    words = line.split()
    assert words[0] == "asyncsdk:"
    assert words[2] == "events"
    assert "shutdown()" in line
    assert "async with" in line
    return int(words[1])
