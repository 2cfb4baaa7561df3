"""docs/systems.md and docs/posthog.md: each feature is where it says, and has a test that is there."""

import inspect
import re
from pathlib import Path

import pytest

import asyncsdk
from asyncsdk import GetFluxly, Inslytic, PostHog
from asyncsdk.client.checking import CommonWithUser
from asyncsdk.client.settings import Options
from asyncsdk.flags.getting import Flags
from tests.docs.test_reference import fields, rows

ROOT = Path(__file__).parents[2]
TEXTS = [(ROOT / "docs" / name).read_text("utf-8") for name in ("systems.md", "posthog.md")]
TABLES = [[row for row in rows(text) if row[0] not in ("feature", "---|---|---")] for text in TEXTS]
FEATURES = [row for table in TABLES for row in table]
NOWHERE = "\N{EN DASH}"
#: What a place can be, beside files: an option, a field of a destination, a keyword, a call.
PLACES = {
    *Options.__annotations__,
    *CommonWithUser.__annotations__,
    *(name for one in (Inslytic, GetFluxly, PostHog) for name in one.__dataclass_fields__),
    *(name for name in dir(asyncsdk.AsyncAnalytics) if name[0] != "_"),
    *(name for name in dir(Flags) if name[0] != "_"),
    *inspect.signature(Flags.get).parameters,
    *fields(asyncsdk.Outcome),
    *("Inslytic", "PostHog", "Outcome", "properties"),
}


def test_the_tables_were_found() -> None:
    """Without rows all of the below would pass."""
    assert [len(table) > least for table, least in zip(TABLES, (80, 40), strict=True)] == [True] * 2
    assert all(len(row) == 3 for row in FEATURES)


@pytest.mark.parametrize("row", FEATURES, ids=lambda row: row[0][:60])
def test_a_feature_is_where_it_says_and_tested_by_what_is_there(row: list[str]) -> None:
    """A test that was renamed, or a file that moved, takes its row along."""
    feature, where, tests = row
    if where == tests == NOWHERE:
        assert "; not here: " in feature
        return
    for place in re.findall(r"`([^`]+)`", where):
        assert (ROOT / place).is_file() if "/" in place else place in PLACES, place
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
    assert named
    assert where != NOWHERE
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{file} has no {test}"
