"""Engine: the original walkerOS mapping engine, where Node.js is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.machine import ROOT
from benchmarks.shop import CONFIG, events

#: The version that the recorded answers in tests/fixtures/mapping are of.
PACKAGE = "@walkeros/core@4.2.1"

_HOME = ROOT / ".nox" / "of-peers" / "walkeros"
_PROGRAM = Path(__file__).parent / "map.cjs"
_EVENTS = 2_000


class Mapped(Struct, frozen=True):
    """What the engine measured of itself.

    Attributes:
        mapped: Events.
        cpu_us: Microseconds of CPU for each.
        first: What it made of the first events.
    """

    mapped: int
    cpu_us: float
    first: list[dict[str, Any]]


class Missing(Exception):
    """Say why the engine cannot run here."""


def run(seconds: float) -> Mapped:
    """Let the engine map events for *seconds*.

    Raises:
        Missing: There is no Node.js here, or the package cannot be had.
        RuntimeError: It ended with an error.
    """
    node = shutil.which("node")
    if node is None:
        raise Missing("node is not installed")
    modules = _install()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, "events.json"), Path(folder, "config.json")]
        files[0].write_bytes(msgspec.json.encode(list(events(_EVENTS))))
        files[1].write_bytes(msgspec.json.encode(CONFIG))
        done = _call([node, str(_PROGRAM), *map(str, files), str(seconds)], modules)
    if done.returncode != 0:
        raise RuntimeError(f"the engine ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    return msgspec.json.decode(done.stdout, type=Mapped)


def _install() -> Path:
    """Return the folder of the package; it is fetched on first use."""
    modules = _HOME / "node_modules"
    npm = shutil.which("npm")
    if (modules / "@walkeros" / "core").is_dir():
        return modules
    if npm is None:
        raise Missing("npm is not installed")
    _HOME.mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix", str(_HOME)]
    if _call([npm, "install", *options, PACKAGE], modules).returncode != 0:
        raise Missing(f"{PACKAGE} could not be installed")
    return modules


def _call(command: list[str], modules: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - programs of ours, and npm
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "NODE_PATH": str(modules)},
    )
