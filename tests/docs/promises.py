"""The tables of docs/promises.md, made from the tests themselves: `python -m tests.docs.promises`.

A test's docstring is a question of a user's and its answer; its name is the promise.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "promises.md"
#: What stands above the tables is written by hand.
MARK = "<!-- From here on: python -m tests.docs.promises --write -->\n"


class Promise(NamedTuple):
    """One test."""

    question: str
    answer: str
    name: str


def modules() -> list[Path]:
    """List the modules of tests, in the order of the document."""
    return sorted((ROOT / "tests" / "promises").glob("test_*.py"))


def title_of(module: Path) -> str:
    """Return the first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def promises_of(module: Path) -> Iterator[Promise]:
    """Read what the tests of *module* promise."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_":
            text = " ".join((ast.get_docstring(node) or "").split())
            question, mark, answer = text.partition("? ")
            yield Promise(f"{question}{mark.strip()}", answer, node.name)


def tables() -> str:
    """Write a table for each module."""
    parts: list[str] = []
    for module in modules():
        rows = [f"| {one.question} | {one.answer} | `{one.name}` |" for one in promises_of(module)]
        head = ["", f"## {title_of(module)}", "", f"In `tests/promises/{module.name}`.", ""]
        parts += [*head, "| You ask | What happens | Test |", "|---|---|---|", *rows]
    return "\n".join(parts) + "\n"


def document() -> str:
    """Return the whole document as it should be."""
    by_hand, _, _ = DOCUMENT.read_text(encoding="utf-8").partition(MARK)
    return by_hand + MARK + tables()


if __name__ == "__main__":
    if "--write" in sys.argv:
        DOCUMENT.write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(tables())
