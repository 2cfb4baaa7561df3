"""docs/workers.md and docs/lambda.md: each host has a test that is there."""

import re
from pathlib import Path

import pytest

from tests.docs.test_reference import rows

ROOT = Path(__file__).parents[2]
HOSTS = [
    row
    for name in ("workers.md", "lambda.md")
    for row in rows((ROOT / "docs" / name).read_text(encoding="utf-8"))
    if row[0] not in ("host", "---|---|---")
]


def test_the_tables_were_found() -> None:
    """Without rows the test below would pass."""
    assert len(HOSTS) >= 18
    assert all(len(row) == 3 for row in HOSTS)


@pytest.mark.parametrize("row", HOSTS, ids=lambda row: row[0][:60])
def test_what_works_has_a_test_that_is_there(row: list[str]) -> None:
    """A test that was renamed, or a file that moved, takes its row along."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[2])
    assert named
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{file} has no {test}"
