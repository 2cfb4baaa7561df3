"""docs/mapping.md: its tables name what is there, and leave nothing of the documentation out."""

import re
from pathlib import Path

import pytest

import asyncsdk
from asyncsdk.client.settings import Options
from asyncsdk.mapping import rules, settings, values
from tests.docs.test_reference import rows

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
DIFFERENCES, FEATURES = (
    [row for row in rows(part) if row[-1] not in ("test", "---|---|---") and len(row) == 3]
    for part in TEXT.split("## Differences to the original")[1].split("## Feature by feature")
)
#: What a place can be, beside files: an option, a field of RudderStack, a method of the client.
PLACES = {
    *Options.__annotations__,
    *asyncsdk.RudderStack.__dataclass_fields__,
    *(name for name in dir(asyncsdk.AsyncAnalytics) if name[0] != "_"),
    "integrations",
}
#: The settings and mapping properties of the destination's page, and the fields that it refers to.
SETTINGS = [
    "writeKey",
    "dataPlaneUrl",
    "userId",
    "anonymousId",
    "path",
    "flushAt",
    "flushInterval",
    "maxQueueSize",
    "maxInternalQueueSize",
    "logLevel",
    "retryCount",
    "enable",
    "gzip",
    "identify",
    "group",
    "integrations",
]
PROPERTIES = ["identify", "group", "page", "screen", "alias", "skip"]
SHARED = ["consent", "condition", "data", "batch", "name", "policy", "id", "env"]


def check_tests(cell: str) -> None:
    """See that each test that *cell* names is there."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", cell)
    assert named
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{file} has no {test}"


@pytest.mark.parametrize("row", FEATURES, ids=lambda row: row[0][:60])
def test_a_feature_is_where_it_says_and_tested_by_what_is_there(row: list[str]) -> None:
    """A test that was renamed, or a file that moved, takes its row along."""
    _, where, tests = row
    for place in re.findall(r"`([^`]+)`", where):
        assert (ROOT / place).is_file() if "/" in place else place in PLACES, place
    check_tests(tests)


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row[0][:60])
def test_a_difference_is_tested_by_what_is_there(row: list[str]) -> None:
    """Nothing differs on the quiet, or only in words."""
    check_tests(row[2])


@pytest.mark.parametrize("name", [*SETTINGS, *PROPERTIES, *SHARED])
def test_nothing_of_the_documentation_is_left_out(name: str) -> None:
    """Each setting and each property has a row."""
    assert [row for row in FEATURES if f"`{name}`" in row[0]]


def test_what_is_read_is_what_is_documented() -> None:
    """A setting that the code gains has a row, and a key of the language has one too."""
    assert set(SETTINGS) == settings.NAMES
    for key in rules.KEYS - {"skip"}:
        assert f"`{key}`" in TEXT
    for key in values.KEYS:
        assert f'"{key}"' in TEXT or f"`{key}`" in TEXT


def test_the_tables_were_found() -> None:
    """Without rows all of the above would pass."""
    assert (len(FEATURES) > 35, len(DIFFERENCES) > 12) == (True, True)
