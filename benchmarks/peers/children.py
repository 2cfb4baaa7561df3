"""Children: a program in the environment of its client, bounded in time.

Each has a session of its own, so that whatever it forked ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from benchmarks.environments import python_of
from benchmarks.machine import ROOT
from benchmarks.peers.programs.task import READY, Task, Told
from benchmarks.peers.questions import OURS

#: Seconds until a program has started, on a busy machine.
_START = 30.0

# Peers read proxy settings on each request; there is none here.
_ENVIRON = {"NO_PROXY": "*", "no_proxy": "*", "PYTHONIOENCODING": "utf-8"}


class Ended(Struct, frozen=True, kw_only=True):
    """How a program ended.

    Attributes:
        told: What it measured of itself; None if it did not come to that.
        said: Lines on stderr.
        late: Whether it had to be killed.
    """

    told: Told | None
    said: list[str]
    late: bool


def interpreter(client: str) -> str:
    """Return the interpreter that has *client*; installs it if there is none yet."""
    return sys.executable if client == OURS else str(python_of(client))


async def run(
    client: str,
    task: Task,
    *,
    within: float,
    environ: Mapping[str, str] | None = None,
    send: signal.Signals | None = None,
) -> Ended:
    """Run the program for *task* and return how it ended.

    Args:
        client: Whose environment to use.
        task: What to do.
        within: Seconds from the moment when it says that it is ready; then it is killed.
        environ: Further variables of its environment.
        send: A signal to send to it as soon as it is ready.

    Raises:
        RuntimeError: It did not become ready; with what it said.
    """
    process = await asyncio.create_subprocess_exec(
        await asyncio.to_thread(interpreter, client),
        *("-m", "benchmarks.peers.programs.acting", msgspec.json.encode(task).decode()),
        cwd=ROOT,
        env={**os.environ, **_ENVIRON, **(environ or {})},
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    talk = Talk(process, send)
    talking = asyncio.ensure_future(talk.run())
    started = await _within(_START, process, talk.ready.is_set)
    ended = started and await _within(within, process, talking.done)
    if not talking.done():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await talking
    await process.wait()
    if not talk.ready.is_set():
        raise RuntimeError(f"{client} did not start:\n" + "\n".join(talk.said))
    told = msgspec.json.decode(talk.out[0], type=Told) if talk.out else None
    return Ended(told=told, said=talk.said, late=not ended)


async def _within(seconds: float, process: Process, done: Callable[[], bool]) -> bool:
    """Wait until *done* or the process has ended; say whether that was in time.

    What it forked may hold its pipes, so these say nothing about its end.
    """
    until = time.monotonic() + seconds
    while not done() and process.returncode is None:
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.01)
    return True


class Talk:
    """Hear what a program says, and send it a signal when it is ready."""

    def __init__(self, process: Process, send: signal.Signals | None) -> None:
        self._process = process
        self._send = send
        # This is all that changes.
        self.ready = asyncio.Event()
        self.out: list[str] = []
        self.said: list[str] = []

    async def run(self) -> None:
        """Listen to the end."""
        await asyncio.gather(self._hear_out(), self._hear_errors())

    async def _hear_out(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was given a pipe
        async for line in self._process.stdout:
            text = line.decode().strip()
            if text != READY:
                self.out.append(text)
            elif not self.ready.is_set():
                self.ready.set()
                if self._send is not None:
                    self._process.send_signal(self._send)

    async def _hear_errors(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was given a pipe
        self.said = (await self._process.stderr.read()).decode().splitlines()
