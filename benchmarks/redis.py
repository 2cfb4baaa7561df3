"""A redis-server for scenarios that need one: durable, in a folder of its own, gone with the block."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec

_PATIENCE = 10.0


def is_there(package: str) -> bool:
    """Say whether *package* can be imported; it is not loaded."""
    try:
        return find_spec(package) is not None
    except ValueError:  # somebody has hidden it
        return False


@contextmanager
def running_redis() -> Iterator[str]:
    """Run a server; hand out its URL, or nothing where redis-server or redis-py is missing."""
    path = shutil.which("redis-server")
    if path is None or not is_there("redis"):
        yield ""
        return
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="asyncsdk-bench-") as folder:
        line = [path, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        line += ["--save", "", "--appendonly", "yes", "--logfile", "log"]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL)  # noqa: S603 - of this machine
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.01)
        else:
            return
