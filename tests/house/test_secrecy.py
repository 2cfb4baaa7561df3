"""The guard of the whole run finds what it should, and fails the test that said it."""

import base64
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.secrecy import EMAIL, WORD, Guard, planted_in

ROOT = Path(__file__).parents[2]
KEY = "planted-key-of-the-guard"


class Unshowable:
    """An argument that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def told(message: str, *arguments: object, error: BaseException | None = None) -> list[str]:
    """Return what a guard makes of one record; the guard of this very run does not hear of it."""
    guard, alone = Guard(), logging.Logger("alone")  # noqa: LOG001 - on purpose beside the others
    alone.addHandler(guard)
    alone.warning(message, *arguments, exc_info=error)
    return guard.leaks


def raised() -> BaseException:
    """Return an error with a planted word in its cause."""
    try:
        try:
            raise KeyError(EMAIL)
        except KeyError as cause:
            raise RuntimeError("delivery failed") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("secret", [KEY, EMAIL, WORD])
def test_a_planted_word_is_found_wherever_it_stands(secret: str) -> None:
    """In the text, in an argument, in a header's base64."""
    assert told(f"no delivery with {secret}")
    assert told("no delivery: %s", {"Authorization": secret})
    assert told("%s", base64.b64encode(f"{secret}:".encode()).decode())
    assert told("no delivery of %.2s", secret)  # shown in part; handlers see it all


def test_tracebacks_are_read_to_their_cause() -> None:
    """That is where libraries put what they were given."""
    (leak,) = told("Task exception was never retrieved", error=raised())
    assert planted_in(leak) == [EMAIL]


def test_what_is_clean_or_cannot_be_shown_is_no_leak() -> None:
    """Names of tests and functions may have the word in them."""
    assert told("no delivery in test_a_planted_event (%s)", "HTTP 503") == []
    assert told("%s", Unshowable()) == []


def test_a_test_that_leaks_fails_and_the_next_one_does_not(tmp_path: Path) -> None:
    """Whoever said it is named."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(
        "import logging\n"
        "def test_leaks(): logging.getLogger('asyncsdk').warning('planted-word')\n"
        "def test_does_not(): logging.getLogger('asyncsdk').warning('word')\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "ERROR at teardown of test_leaks" in ended.stdout
    assert "2 passed, 1 error" in ended.stdout
