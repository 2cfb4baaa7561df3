"""Serving: the shop in uvicorn with two workers, in processes of its own, whose CPU Linux tells."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.machine import ROOT

WORKERS = 2
_ENDED = b"ended"  # what a worker says last
#: Seconds within which a server must be there, and in which it must end.
_LIMIT = 60.0


def can_serve() -> bool:
    """Return whether what the shop needs is installed, and the system tells each process's CPU."""
    return Path("/proc/self/schedstat").exists() and all(
        find_spec(name) for name in ("fastapi", "uvicorn")
    )


class Server:
    """A running shop."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, workers: list[int]) -> None:
        self._process = process
        self._workers = workers
        self.port = port

    def cpu(self) -> float:
        """Return the CPU seconds that its workers have taken since they began, to the nanosecond."""
        return sum(map(_cpu_of, self._workers))

    async def end(self) -> None:
        """Tell it to end, and wait for that.

        Raises:
            RuntimeError: A worker did not end as it should.
        """
        self._process.terminate()
        async with asyncio.timeout(_LIMIT):
            out, errors = await self._process.communicate()
        if out.split() != [_ENDED] * WORKERS:
            raise RuntimeError(f"a shop ended badly:\n{errors.decode()[-4000:]}")


def _cpu_of(worker: int) -> float:
    threads = Path(f"/proc/{worker}/task").iterdir()
    return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e9


async def _workers_of(process: asyncio.subprocess.Process) -> list[int]:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    async with asyncio.timeout(_LIMIT):
        return [int(await process.stdout.readline()) for _ in range(WORKERS)]


@asynccontextmanager
async def running(
    app: str, *, sink: str, flush: tuple[int, float], fast: bool
) -> AsyncIterator[Server]:
    """Run *app* of `benchmarks.hosts.shop`, and be there once its workers serve.

    Args:
        app: Which one.
        sink: Where its client delivers.
        flush: Its `flush_at` and its `flush_interval`.
        fast: Whether uvicorn takes uvloop.
    """
    environ = {**os.environ, "SINK": sink}
    environ["FLUSH_AT"], environ["FLUSH_INTERVAL"] = map(str, flush)
    for name in ("PYTHONDONTWRITEBYTECODE", "WEB_CONCURRENCY"):
        environ.pop(name, None)
    loop = "uvloop" if fast else "asyncio"
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as door:
        # uvicorn takes it for a Unix socket, and would let each answer wait for an acknowledgement.
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        how = ("--factory", "--fd", str(door.fileno()), "--workers", str(WORKERS))
        quiet = ("--loop", loop, "--log-level", "error", "--no-access-log")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "uvicorn", f"benchmarks.hosts.shop:{app}", *how, *quiet),
            cwd=ROOT,
            env=environ,
            pass_fds=(door.fileno(),),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        port = door.getsockname()[1]
    try:
        yield Server(process, port, await _workers_of(process))
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
