"""docs/redis.md: each sentence of RudderStack's documentation has a place and a test that are there."""

import inspect
import re
from pathlib import Path

import pytest

import asyncsdk
from asyncsdk import RedisStore
from asyncsdk.client.settings import Options
from tests.docs.test_reference import rows

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")
FEATURES = [row for row in rows(TEXT) if len(row) == 3 and "`tests/" in row[2]]
PROMISES = [row for row in rows(TEXT) if len(row) == 2 and "`tests/" in row[1]]
OPTIONS = inspect.signature(RedisStore).parameters
PLACES = {*Options.__annotations__, *OPTIONS, *dir(asyncsdk.AsyncAnalytics)}


def test_the_tables_were_found() -> None:
    """Without rows all of the below would pass."""
    assert len(FEATURES) >= 25
    assert len(PROMISES) >= 8


@pytest.mark.parametrize("row", [*FEATURES, *PROMISES], ids=lambda row: row[0][:60])
def test_a_sentence_is_where_it_says_and_tested_by_what_is_there(row: list[str]) -> None:
    """A test that was renamed, or a file that moved, takes its row along."""
    for place in re.findall(r"`([^`]+)`", row[1]) if len(row) == 3 else ():
        assert (ROOT / place).is_file() if "/" in place else place in PLACES, place
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[-1])
    assert named
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{file} has no {test}"


def test_every_option_is_there_with_its_default() -> None:
    """As the code has it."""
    documented = {row[0].strip("`| "): row[1] for row in rows(TEXT) if len(row) == 3}
    for name, option in OPTIONS.items():
        text = documented[name].split(" (")[0].strip("`").replace("_", "")
        assert text.strip('"') == str(option.default), name
