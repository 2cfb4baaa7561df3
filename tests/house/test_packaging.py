"""pyproject.toml, constraints.txt and what is installed agree."""

import re
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from asyncsdk.version import __version__
from benchmarks.environments import PEERS

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def bare(requirement: str) -> str:
    """Return the project's name in *requirement*, without extras, versions and markers."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]


def wanted() -> set[str]:
    """Return the names of everything that pyproject.toml asks for."""
    groups = PYPROJECT["dependency-groups"].values()
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    lists = [PYPROJECT["project"]["dependencies"], *extras, *groups, list(PEERS.values())]
    return {bare(item) for items in lists for item in items if isinstance(item, str)}


def test_the_core_needs_three_packages() -> None:
    """A fourth core dependency is a decision, not an accident."""
    core = {bare(item) for item in PYPROJECT["project"]["dependencies"]}
    assert core == {"aiohttp", "anyio", "msgspec"}


def test_the_installed_version_is_the_stated_one() -> None:
    """The version is written once, in asyncsdk/version.py."""
    assert version("asyncsdk") == __version__


def test_the_command_is_installed() -> None:
    """`asyncsdk` on the command line is asyncsdk.cli:main."""
    (command,) = entry_points(group="console_scripts", name="asyncsdk")
    assert callable(command.load())


def test_pins_are_plain_sorted_and_complete() -> None:
    """Each line is name==version; whatever pyproject.toml asks for has one, nothing else does."""
    assert [pin for pin in PINS if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+(b[0-9]+)?", pin)] == []
    names = [pin.split("==")[0] for pin in PINS]
    assert names == sorted(names)
    assert set(names) == wanted()


@pytest.mark.whole_way
def test_the_whole_way_gets_two_minutes(request: pytest.FixtureRequest) -> None:
    """The marker alone lengthens the limit of 20 s."""
    limit = request.node.get_closest_marker("timeout")
    assert limit is not None
    assert limit.args == (120,)
