"""Machine: what figures depend on, told without naming the machine or its places."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import Struct

from asyncsdk.version import __version__

#: Where `asyncsdk` and `benchmarks` can be imported from; never shown.
ROOT = Path(__file__).parents[1]

_PACKAGES = ("aiohttp", "anyio", "isal", "msgspec", "uvloop")


class Machine(Struct, frozen=True, kw_only=True):
    """The facts.

    Attributes:
        cpu: The processor's model.
        cores: How many of them this process may use.
        system: The operating system.
        python: The interpreter and its version.
        versions: Of whatever takes part; None for what is not installed.
    """

    cpu: str
    cores: int
    system: str
    python: str
    versions: dict[str, str | None]


def look(peers: Mapping[str, str] | None = None) -> Machine:
    """Return the facts of this machine; *peers* are the versions of those who take part."""
    versions: dict[str, str | None] = {"asyncsdk": __version__}
    versions.update((name, _version(name)) for name in _PACKAGES)
    versions.update(peers or {})
    return Machine(
        cpu=_cpu(),
        cores=_cores(),
        system=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=versions,
    )


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
