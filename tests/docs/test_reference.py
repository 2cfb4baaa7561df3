"""The documents name what the code has, with the same defaults, and their links lead somewhere."""

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import asyncsdk
from asyncsdk import AnalyticsError, DeadLetter, FlushResult, Outcome, State, Statistics
from asyncsdk.client.calls import Calls
from asyncsdk.client.checking import CommonWithUser
from asyncsdk.client.settings import Options, Settings
from asyncsdk.collector import Fault, Summary
from asyncsdk.options import LaneOptions, resolve
from tests.docs.blocks import blocks

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
OPTIONS = sorted(Options.__annotations__)
RUN = "\n".join(
    block.text
    for text in TEXTS.values()
    for block in blocks(text)
    if block.language == "python" and not block.not_run
)


def fields(struct: type[msgspec.Struct]) -> list[str]:
    """Return the names of a struct's fields."""
    return [field.name for field in msgspec.structs.fields(struct)]


def defaults() -> dict[str, object]:
    """Return the default of each option, as the documents show it."""
    own = {
        field.name: field.default_factory() if callable(field.default_factory) else field.default
        for struct in (LaneOptions, Settings)
        for field in msgspec.structs.fields(struct)
    }
    own["max_age"] = None if own["max_age"] == math.inf else own["max_age"]
    return own


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables in *text*."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def documented() -> dict[str, str]:
    """Return the text of the default of each option in the tables of options.md."""
    found = [row for row in rows(TEXTS["docs/options.md"]) if len(row) == 5]
    return {row[0].strip("` |"): row[1] for row in found if row[0].strip(" |").startswith("`")}


def of_each_system() -> dict[str, list[object]]:
    """Return the defaults that options.md has side by side: RudderStack's, Segment's and so on."""
    found = [row for row in rows(TEXTS["docs/options.md"]) if len(row) == 4]
    values = {
        row[0].strip("` |"): [
            [ast.literal_eval(value) for value in re.findall(r"`([^`]+)`", cell)]
            for cell in row[1:]
        ]
        for row in found
        if row[0].strip(" |").startswith("`")
    }
    return {
        name: [*(first * 3 if len(first) == 1 else first), inslytic[0], getfluxly[0]]
        for name, (first, inslytic, getfluxly) in values.items()
    }


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets: lower case, hyphens for blanks, no punctuation."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_in_the_table_and_in_an_example(name: str) -> None:
    """Nobody has to read the source to find an option or to see it used."""
    assert name in documented()
    assert re.search(rf"\b{name}=", RUN), f"{name} is in no example that is run"


def test_the_table_has_no_option_that_is_gone() -> None:
    """What the documents offer exists."""
    assert sorted(documented()) == OPTIONS


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"store"}))
def test_a_default_is_the_one_in_the_table(name: str) -> None:
    """A default that changes in the code changes in the documents."""
    shown = re.search(r"`([^`]+)`", documented()[name])
    assert shown
    assert ast.literal_eval(shown[1]) == defaults()[name]


def test_the_systems_defaults_are_those_side_by_side() -> None:
    """Each that is another than RudderStack's stands there, and no other one."""
    nothing_said = asyncsdk.Delivery()
    systems = (
        asyncsdk.RudderStack("k", "https://example.com"),
        asyncsdk.Segment("k"),
        asyncsdk.PostHog("k"),
        asyncsdk.Inslytic("k"),
        asyncsdk.GetFluxly("k"),
    )
    settled = [resolve(nothing_said, nothing_said, one.defaults) for one in systems]
    differing = {
        name: [getattr(one, name) for one in settled]
        for name in fields(LaneOptions)
        if len({getattr(one, name) for one in settled}) > 1
    }
    differing["max_age"][:3] = [None] * 3  # no limit
    assert of_each_system() == differing


@pytest.mark.parametrize("name", sorted(name for name in vars(Calls) if name[0] != "_"))
def test_a_call_is_in_an_example(name: str) -> None:
    """Each call is shown at work."""
    assert f".{name}(" in RUN


@pytest.mark.parametrize("name", sorted(CommonWithUser.__annotations__))
def test_a_common_keyword_is_in_an_example(name: str) -> None:
    """Each keyword is shown at work."""
    assert re.search(rf"\b{name}=", RUN)


@pytest.mark.parametrize("name", sorted(set(asyncsdk.__all__) - {"__version__"}))
def test_a_public_name_is_in_the_documents(name: str) -> None:
    """What can be imported is explained somewhere."""
    assert re.search(rf"\b{name}\b", "".join(TEXTS.values()))


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ("docs/delivery.md", fields(Statistics)),
        ("docs/delivery.md", fields(FlushResult)),
        ("docs/delivery.md", fields(Outcome)),
        ("docs/delivery.md", [*fields(DeadLetter), "event"]),
        ("docs/delivery.md", [state.value for state in State]),
        ("docs/delivery.md", ["code", "retryable", "status", "retry_after", "details"]),
        ("docs/collector.md", fields(Summary)),
        ("docs/collector.md", fields(Fault)),
    ],
)
def test_every_field_is_explained(document: str, names: list[str]) -> None:
    """A reader who sees a field in a debugger finds it in the documents."""
    missing = [name for name in names if f"`{name}`" not in TEXTS[document]]
    assert missing == []


def test_the_errors_have_the_codes_of_the_documents() -> None:
    """The tree in delivery.md is the tree in the code."""
    (tree,) = [
        block.text
        for block in blocks(TEXTS["docs/delivery.md"])
        if block.text.startswith("AnalyticsError")
    ]
    lines = {line.lstrip("│├└─ ").split()[0]: line for line in tree.splitlines()}
    errors = {
        name: getattr(asyncsdk, name)
        for name in asyncsdk.__all__
        if isinstance(getattr(asyncsdk, name), type)
        and issubclass(getattr(asyncsdk, name), AnalyticsError)
    }
    assert set(lines) == set(errors)
    for name in ("ConfigurationError", "ValidationError", "QueueFullError", "ClientClosedError"):
        assert f" {errors[name].default_code} " in lines[name]
    for name in ("TransportError", "RequestTimeoutError", "InvalidResponseError"):
        assert f" {errors[name].default_code} " in lines[name]


@pytest.mark.parametrize("document", sorted(TEXTS))
def test_a_link_leads_somewhere(document: str) -> None:
    """Files exist, and so do the headings in them."""
    broken: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[document]):
        if target.startswith("https://"):
            continue
        path, _, fragment = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        if not file.is_file():
            broken.append(target)
        elif fragment:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            if fragment not in map(anchor, headings):
                broken.append(target)
    assert broken == []
