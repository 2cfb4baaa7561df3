"""The whole suite in less time: some runs of pytest side by side, `python -m tests.sharing`.

Many tests wait for real time, so one run leaves a machine idle. All runs collect everything; each
takes the next module that nobody has taken and leaves the others' alone, by a file for each module
in a folder that they share. So each test runs once, whatever is added, and the tests of a module
stay together. What is marked `alone` runs by itself, when the machine is quiet again.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import pytest

RUNS = 3
PYTEST = (sys.executable, "-m", "coverage", "run", "-m", "pytest", "-p", "no:cacheprovider")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the folder in which runs say what they have taken."""
    parser.addoption("--shared", type=Path, metavar="FOLDER", help="share the modules by FOLDER")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that may take their time: at the end, no run waits long for the others."""
    slow = {item.path for item in items if item.get_closest_marker("timeout")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what is ours, as pytest runs everything."""
    folder: Path | None = session.config.getoption("shared")
    if folder is None or session.testsfailed or session.config.option.collectonly:
        return None
    for item, following in pairwise(chain(ours(session.items, folder), [None])):
        if item is not None:  # for types: only the last one is
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return True


def ours(items: list[pytest.Item], folder: Path) -> Iterator[pytest.Item]:
    """Yield the tests of modules that this run takes, each when its turn has come."""
    answers: dict[Path, bool] = {}
    for item in items:
        if item.path not in answers:
            answers[item.path] = taken(item.path.relative_to(item.config.rootpath), folder)
        if answers[item.path]:
            yield item


def taken(module: Path, folder: Path) -> bool:
    """Take *module* for this run; False if another one was first."""
    try:
        (folder / ".".join(module.parts)).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def main() -> int:
    """Run everything; what each run says comes whole. Return 1 if a run failed."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        shared = (*PYTEST, "-p", "tests.sharing", f"--shared={folder}", "-m", "not alone")
        others = []
        for _ in range(RUNS - 1):
            said = stack.enter_context(TemporaryFile())
            run = subprocess.Popen(shared, stdout=said, stderr=said)
            others.append((stack.enter_context(run), said))
        codes = [subprocess.run(shared, check=False).returncode]
        for other, said in others:
            codes.append(other.wait())
            said.seek(0)
            sys.stdout.write(said.read().decode(errors="replace"))
            sys.stdout.flush()
    codes.append(subprocess.run((*PYTEST, "-m", "alone"), check=False).returncode)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
