"""Environments: each peer in a virtual environment of its own, as its users install it.

They are made on first use below `.nox/of-peers` and kept, until the requirement or its pinned
version changes. Our own environment stays free of them, and they of each other.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.machine import ROOT

#: What to install for a peer, by the name that reports give it; versions are in constraints.txt.
PEERS = {
    "rudder-sdk-python": "rudder-sdk-python",
    "segment-analytics-python": "segment-analytics-python",
    "posthog": "posthog",
    "AsyncPosthog": "posthog[async]",
    "getfluxly": "getfluxly",
    "snowplow-tracker": "snowplow-tracker",
}

#: What the programs that drive them need: workloads are decoded with it.
_ALWAYS = ("msgspec",)

_HOME = ROOT / ".nox" / "of-peers"
_CONSTRAINTS = ROOT / "constraints.txt"


def python_of(peer: str) -> Path:
    """Return the interpreter that has *peer*; makes the environment if there is none yet.

    Raises:
        RuntimeError: It could not be installed; with what the installer said.
    """
    folder = _HOME / peer.lower()
    wanted = _pinned(PEERS[peer])
    stamp = folder / "installed.txt"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    sys.stderr.write(f"installing {wanted} into an environment of its own\n")
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    _install(python, wanted)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def version_of(peer: str) -> str:
    """Return the version of *peer* that constraints.txt pins."""
    return _pinned(PEERS[peer]).rpartition("==")[2]


def _pinned(requirement: str) -> str:
    name = requirement.partition("[")[0]
    for line in _CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}=="):
            return f"{requirement}=={line.removeprefix(f'{name}==')}"
    raise RuntimeError(f"constraints.txt pins no {name}; add a line {name}==VERSION")


def _install(python: Path, wanted: str) -> None:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(  # noqa: S603 - the interpreter that was made above
        [*pip, "-c", str(_CONSTRAINTS), *_ALWAYS, wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{wanted} could not be installed:\n{done.stderr}")
