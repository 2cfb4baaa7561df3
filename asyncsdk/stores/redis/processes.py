"""Who a process is, in words that another one can check: is it still alive?

Only a process of the same machine, and of the same container on it, can be looked up. Of any other
one it is not known: then the server's clock decides, by what expires.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """One life of a process."""

    place: str
    pid: int
    started: str
    mark: str

    @property
    def words(self) -> str:
        """What is written down of it."""
        return f"{self.place}/{self.pid}/{self.started}/{self.mark}"

    def knows_dead(self, words: str) -> bool:
        """Say whether the process of these *words* is known to be gone."""
        try:
            place, pid, started, mark = words.split("/")
            other = Process(place, int(pid), started, mark)
        except ValueError:
            return False
        if other.place != self.place or other.mark == self.mark:
            return False
        if other.pid == self.pid:
            return other.started != self.started
        return not _is_alive(other)


def this_process() -> Process:
    """Return who we are, with a mark that nobody else has."""
    pid = os.getpid()
    return Process(_place(), pid, _started(pid), secrets.token_hex(6))


def _place() -> str:
    """Name the machine, its boot and the container: where process ids mean the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        space = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        boot, space = "", ""
    host = socket.gethostname().replace("/", "-")
    return f"{host}:{boot}:{space}"


def _started(pid: int) -> str:
    """Return when a process started, as the system counts; empty where it cannot be asked."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _is_alive(other: Process) -> bool:
    if os.name != "posix":
        return True  # signal 0 asks nothing there: it kills
    try:
        os.kill(other.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not other.started or _started(other.pid) in (other.started, "")
