"""What "good" means here: `nox` runs everything that CI runs, cheap checks first."""

import json
import shutil
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"  # pip inside: it sees this machine's settings
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "imports", "types", "demo", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")


PACKAGE = ("-e", ".[fast,redis]")


def install(session: nox.Session, *groups: str, also: tuple[str, ...] = ()) -> None:
    """Install the dependency *groups*, in the versions of constraints.txt."""
    wanted = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install("-c", "constraints.txt", *wanted, *also)


def install_loose(session: nox.Session) -> None:
    """Install what must come without its dependencies."""
    wanted = nox.project.dependency_groups(PYPROJECT, "loose")
    session.install("--no-deps", "-c", "constraints.txt", *wanted)


@nox.session
def lint(session: nox.Session) -> None:
    """Check form, habits and that each test says what it promises."""
    install(session, "lint")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("interrogate", "tests")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that the rooms import each other in one direction only."""
    install(session, "imports", also=PACKAGE)
    session.run("lint-imports", "--no-cache", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """Check types as mypy sees them, as pyright does, and as users get them."""
    install(session, "types", "tests", "bench", also=PACKAGE)
    install_loose(session)
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "asyncsdk", "--ignoreexternal")


@nox.session
def demo(session: nox.Session) -> None:
    """Send real events through the real pipeline to an embedded collector.

    Installed as a user's `pip install` would: built, with the core dependencies alone.
    """
    install(session, also=(".",))
    session.run("python", "-m", "asyncsdk", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests under coverage; arguments after `--` go to pytest and lift the gate.

    Without arguments, some runs share the tests: see tests/sharing.py.
    """
    install(session, "tests", also=PACKAGE)
    install_loose(session)
    session.run("coverage", "erase")
    if session.posargs:
        session.run("coverage", "run", "-m", "pytest", *session.posargs)
    else:
        session.run("python", "-m", "tests.sharing")
    session.run("coverage", "combine", "--quiet")
    gate = ("--fail-under=0",) if session.posargs else ()
    session.run("coverage", "report", *gate)


@nox.session
def differential(session: nox.Session) -> None:
    """Compare 20,000 made up projects with the vendor's own package; not part of the default run."""
    install(session, "tests", also=PACKAGE)
    session.run(
        *("pytest", "tests/flags/test_differential.py", "--timeout=1200", *session.posargs),
        env={"FLAGS_EXAMPLES": "20000"},
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a call costs, beside the systems' own SDKs; not part of the default run."""
    install(session, "bench", also=PACKAGE)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Send two million events through one client, with faults; not part of the default run."""
    install(session, also=PACKAGE)
    session.run("python", "-m", "benchmarks.soak", *session.posargs)


@nox.session
def crashes(session: nox.Session) -> None:
    """Kill a process and cut its power, hundreds of times; not part of the default run."""
    install(session, "tests", also=PACKAGE)
    for durability in ("process", "power"):
        session.run("python", "-m", "tests.stores.killing", "--durability", durability)
        session.run("python", "-m", "tests.stores.cutting", "--durability", durability)
    session.run("python", "-m", "tests.stores.redis.killing")
    session.run("python", "-m", "tests.stores.redis.outing")


@nox.session
def peers(session: nox.Session) -> None:
    """Compare what becomes of events with five clients; not part of the default run.

    Each peer is installed into an environment of its own, on first use.
    """
    install(session, also=PACKAGE)
    session.run("python", "-m", "benchmarks.peers", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Break the rooms that hold rules, and name what no test notices; not part of the default run.

    Takes up to an hour. Rooms after `--` (`retrying`, `delivery.lane`) take their share of it;
    `by-hand` makes the changes of tests/mutating/by_hand.toml instead, each with its own test.
    """
    install(session, "mutants", also=PACKAGE)
    kind, *rest = session.posargs or [""]
    if kind == "by-hand":
        session.run("python", "-m", "tests.mutating.by_hand", *rest)
        return
    shutil.rmtree("mutants", ignore_errors=True)  # what earlier tests found says nothing of these
    session.run("mutmut", "run", "--max-children", "2", *_rooms(session.posargs))
    results = session.run("mutmut", "results", silent=True)
    for line in str(results).splitlines():
        if not line.endswith(": not checked"):
            session.log(line.strip())


def _rooms(names: list[str]) -> list[str]:
    """Return patterns for the mutants of the rooms *names*."""
    return [f"asyncsdk.{name}.*" for name in names]


@nox.session
def audit(session: nox.Session) -> None:
    """Ask for known weaknesses of what users get; needs the network, no part of the default run."""
    install(session, "audit")
    core: list[str] = PYPROJECT["project"]["dependencies"]
    extras = PYPROJECT["project"]["optional-dependencies"]
    more: list[str] = [*extras["fast"], *extras["flags"], *extras["redis"]]
    # In a folder of their own: the tool's own dependencies are not our users'.
    ours = session.create_tmp()
    session.run(
        "pip", "install", "--upgrade", "--target", ours, "-c", "constraints.txt", *core, *more
    )
    report = Path(ours, "report.json")
    report.unlink(missing_ok=True)
    told = ("--format", "json", "--output", str(report), "--progress-spinner", "off")
    said = session.run(
        *("pip-audit", "--path", ours, *told, *session.posargs), success_codes=[0, 1], silent=True
    )
    if not report.exists():
        session.error(
            "Nothing was found out: no database of advisories could be reached. "
            f"pip-audit said last: {str(said).strip().splitlines()[-1]}"
        )
    complain(session, json.loads(report.read_text(encoding="utf-8"))["dependencies"])


def complain(session: nox.Session, looked_up: list[dict[str, Any]]) -> None:
    """Fail if one of those *looked_up* has a known weakness, or could not be looked up."""
    weak = [f"{one['name']} {one['version']}" for one in looked_up if one.get("vulns")]
    if weak:
        session.error(f"Known weaknesses in {', '.join(weak)}: {looked_up}")
    # What could not be looked up has not passed.
    unknown = [one["name"] for one in looked_up if "skip_reason" in one]
    if unknown:
        session.error(
            f"Nothing was found out about {', '.join(unknown)}: no database of advisories that "
            "knows them could be reached"
        )
    session.log(f"No known weakness in {len(looked_up)} packages.")
