"""Serving: the shop in uvicorn with two workers, in processes of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from benchmarks.machine import ROOT

WORKERS = 2
#: Seconds within which a server must be there, and in which it must end.
_LIMIT = 60.0


def can_serve() -> bool:
    """Return whether what the shop needs is installed, and sockets can be handed on."""
    return sys.platform != "win32" and all(find_spec(name) for name in ("fastapi", "uvicorn"))


class Server:
    """A running shop."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def end(self) -> float:
        """Tell it to end; return the CPU seconds that its workers took.

        Raises:
            RuntimeError: It did not end as it should.
        """
        self._process.terminate()
        async with asyncio.timeout(_LIMIT):
            out, errors = await self._process.communicate()
        seconds = out.decode().split()
        if len(seconds) != WORKERS:
            raise RuntimeError(f"a shop ended badly:\n{errors.decode()[-4000:]}")
        return sum(map(float, seconds))


@asynccontextmanager
async def running(app: str, *, sink: str, flush_at: int, fast: bool) -> AsyncIterator[Server]:
    """Run *app* of `benchmarks.hosts.shop` for as long as the block lasts."""
    environ = {**os.environ, "SINK": sink, "FLUSH_AT": str(flush_at)}
    for name in ("PYTHONDONTWRITEBYTECODE", "WEB_CONCURRENCY"):
        environ.pop(name, None)
    loop = "uvloop" if fast else "asyncio"
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as door:
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
        yield Server(process, port)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
