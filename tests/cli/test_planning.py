"""`asyncsdk codegen`: a file becomes a file, or a word on why not."""

import io
import json
import sys
from pathlib import Path

import pytest

from asyncsdk.cli import main
from tests.plans.plans import FORMS, written

PLAN = FORMS["JSON Schema"]


def test_a_plan_becomes_a_module(tmp_path: Path) -> None:
    """The same one every time."""
    plan, module = tmp_path / "plan.json", tmp_path / "events.py"
    plan.write_text(json.dumps(PLAN), encoding="utf-8")
    assert main(["codegen", str(plan), "-o", str(module)]) == 0
    assert module.read_text(encoding="utf-8") == written(PLAN)


def test_pipes_will_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """From stdin to stdout."""
    text = io.TextIOWrapper(io.BytesIO(json.dumps(PLAN).encode()))
    monkeypatch.setattr(sys, "stdin", text)
    assert main(["codegen", "-"]) == 0
    assert capsys.readouterr().out == written(PLAN)


def test_a_terminal_of_few_letters_gets_what_a_file_gets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A module is UTF-8; a plan may be marked as such, as some editors do."""
    plan = {"title": "Größe", "properties": {"ä": {"description": "日本"}}}
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8-sig")
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert main(["codegen", str(tmp_path / "plan.json")]) == 0
    assert out.getvalue() == written(plan).encode()


@pytest.mark.parametrize(
    ("plan", "output", "words"),
    [
        ("missing.json", "events.py", "No such file"),
        ("broken.json", "events.py", "no JSON"),
        ("plan.json", "missing/events.py", "No such file"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], plan: str, output: str, words: str
) -> None:
    """In one line, with exit code 2, and nothing is written."""
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "plan.json").write_text(json.dumps(PLAN), encoding="utf-8")
    assert main(["codegen", str(tmp_path / plan), "-o", str(tmp_path / output)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "events.py").exists()
