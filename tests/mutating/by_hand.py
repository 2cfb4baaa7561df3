"""Break promises on purpose: make each change of `by_hand.toml`, and see its test fall.

`nox -s mutants -- by-hand` runs this. Words after it choose: only changes whose name has one of
them. The changes are made to a copy, one at a time. A change whose text is no longer there, or
whose test falls without it, is an error like a test that stands: the list must not rot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_suffix(".toml")

#: Seconds for the tests of one change: more than a test of the whole way may take.
PATIENCE = 150.0

# What pytest answers.
STOOD, FELL = 0, 1


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to break a promise.

    Attributes:
        name: What is broken.
        file: Where.
        old: The text there, which must stand there once.
        new: What is put in its place.
        falls: The test that must fall, as pytest names it.
    """

    name: str
    file: str
    old: str
    new: str
    falls: str


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    change: list[Change]


class Ended(NamedTuple):
    """How a run of tests ended: pytest's exit status, and why the first test fell."""

    status: int
    why: str = ""


def read() -> list[Change]:
    """Return all changes."""
    return msgspec.toml.decode(LIST.read_bytes(), type=_List).change


def changed(text: str, change: Change) -> str | None:
    """Return *text* with *change* made to it; None if it cannot be made."""
    return text.replace(change.old, change.new) if text.count(change.old) == 1 else None


def run_tests(copy: Path, tests: Sequence[str]) -> Ended:
    """Run *tests* in *copy* until one falls."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    # What a signal raises in one of our tasks would end that task, not the test.
    command += ["--timeout-method=thread", *tests]
    # A change may keep a file's size and second, by which stale bytecode is known.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, "it came to no end")
    lines = done.stdout.decode(errors="replace").splitlines()
    fell = [line.partition(" - ")[2] for line in lines if line.startswith("FAILED ")]
    return Ended(done.returncode, fell[0] if fell else "it hung")


def try_out(change: Change, copy: Path) -> Ended | str:
    """Make *change* in *copy*, run its test and undo it; return how it fell, or what is wrong."""
    file = copy / change.file
    text = file.read_text(encoding="utf-8")
    broken = changed(text, change)
    if broken is None:
        return f"its text does not stand in {change.file} once; write it anew"
    file.write_text(broken, encoding="utf-8")
    try:
        ended = run_tests(copy, [change.falls])
    finally:
        file.write_text(text, encoding="utf-8")
    if ended.status == FELL:
        return ended
    if ended.status == STOOD:
        return f"{change.falls} stands"
    return f"{change.falls} neither stood nor fell (pytest: {ended.status})"


def copy_to(place: Path) -> None:
    """Copy what the tests need to *place*."""
    for name in ("asyncsdk", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)


def main(words: Sequence[str]) -> int:
    """Try out the changes that *words* choose; return how many went wrong."""
    chosen = [one for one in read() if not words or any(word in one.name for word in words)]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_to(copy)
        before = run_tests(copy, sorted({one.falls for one in chosen}))
        if before.status != STOOD:
            print(f"The tests fall, or are not there, without any change: {before.why}")
            return 1
        for change in chosen:
            began = time.monotonic()
            found = try_out(change, copy)
            wrong += isinstance(found, str)
            told = f"WRONG: {found}" if isinstance(found, str) else f"found: {found.why}"
            print(f"{time.monotonic() - began:5.1f} s  {change.name}\n         {told}", flush=True)
    print(f"{len(chosen)} changes, {len(chosen) - wrong} found")
    return wrong or not chosen


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
