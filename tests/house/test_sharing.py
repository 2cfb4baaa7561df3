"""Two runs that share the suite run each test once, and a failure in either one is a failure."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def session(): return []

@pytest.fixture(scope="module")
def module(session):
    assert session == []  # the module before has been left
    session.append(1)
    yield
    session.clear()
"""
MODULE = """
import os, time
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(3))
def test_runs(module, number, request):
    with Path({log!r}).open("a") as log:
        log.write(f"{{request.node.nodeid}} {{os.getpid()}}\\n")
    time.sleep(0.05)
    assert not {fails}
"""


def suite(folder: Path, modules: int, failing: int | None = None) -> Path:
    """Write tests that say where they ran; return what they say it in."""
    log = folder / "log"
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    for number in range(modules):
        # In folders of different depth: what one leaves, the next must not stumble over.
        place = folder / ("a", "b/c")[number // 2 % 2]
        place.mkdir(parents=True, exist_ok=True)
        code = MODULE.format(log=str(log), fails=number == failing)
        (place / f"test_{number}.py").write_text(code, encoding="utf-8")
    return log


def run_twice(folder: Path) -> tuple[list[int], str]:
    """Run the suite in two processes that share it; return their exit codes and what they said."""
    shared = folder / "shared"
    shared.mkdir()
    command = [sys.executable, "-m", "pytest", "-p", "tests.sharing", f"--shared={shared}"]
    options = [f"--rootdir={folder}", "--import-mode=importlib", str(folder)]
    runs = [
        subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [run.communicate()[0] for run in runs]
    return [run.returncode for run in runs], "\n".join(said)


def test_each_test_runs_once_and_the_tests_of_a_module_together(tmp_path: Path) -> None:
    """Neither forgotten nor repeated, whoever is faster; and what belongs to a module is made once."""
    log = suite(tmp_path, modules=12)
    codes, said = run_twice(tmp_path)
    assert codes == [0, 0], said
    ran = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    assert set(Counter(name for name, _ in ran).values()) == {1}
    assert len(ran) == 12 * 3
    homes = {(name.partition("::")[0], process) for name, process in ran}
    assert len(homes) == 12
    assert len({process for _, process in homes}) == 2


def test_a_failure_in_either_run_is_seen(tmp_path: Path) -> None:
    """One of the two fails, with the test's name; the other one goes on to the end."""
    log = suite(tmp_path, modules=6, failing=3)
    codes, said = run_twice(tmp_path)
    assert sorted(codes) == [0, 1], said
    assert len(re.findall(r"FAILED .*b/c/test_3\.py::test_runs", said)) == 3
    assert len(log.read_text(encoding="utf-8").splitlines()) == 6 * 3
