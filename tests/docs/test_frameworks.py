"""docs/frameworks.md: its programs run under their servers, its tables name what is there."""

import logging
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from signal import SIGTERM
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from msgspec import structs

from asyncsdk.collector import Collector
from asyncsdk.visits import ContextRules
from tests.docs.blocks import blocks
from tests.docs.test_examples import DATA_PLANES
from tests.docs.test_reference import rows
from tests.integrations.serving import aiohttp_served, served, serving, text_of

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
PROGRAMS = {
    re.findall(r"^## (.+)$", TEXT[: TEXT.index(block.text)], re.MULTILINE)[-1]: block.text
    for block in blocks(TEXT)
    if block.language == "python"
}
HOSTS = ("FastAPI", "Starlette", "Litestar", "aiohttp.web", "Django")
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector."""
    async with Collector() as running:
        yield running


def load(program: str) -> ModuleType:
    """Run *program* as a module: frameworks look up the names of annotations there."""
    module = ModuleType("asyncsdk_example")
    sys.modules[module.__name__] = module
    exec(compile(program, "docs/frameworks.md", "exec"), vars(module))  # noqa: S102 - our own document
    return module


def server_of(host: str, app: Any) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
    """Return what serves *app*."""
    return aiohttp_served(app) if host == "aiohttp.web" else served(app)


def test_each_host_has_a_program() -> None:
    """All of them are served below."""
    assert tuple(PROGRAMS) == HOSTS


@pytest.fixture
def logs() -> Iterator[None]:
    """Give the process its logging back: Litestar sets up a listener of its own."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.mark.whole_way
@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("host", HOSTS[:-1])
async def test_a_program_delivers_the_event_of_a_request(host: str, collector: Collector) -> None:
    """As it stands there, but for the server's address."""
    module = load(DATA_PLANES.sub(collector.url, PROGRAMS[host]))
    async with server_of(host, module.app) as session:
        await text_of(session, "/items/7", cookie="visitor=v-1")
    (body,) = [one.body for one in collector.events if one.body["event"] == "Item Viewed"]
    assert body["context"]["request"] == {"method": "GET", "route": "/items/{item}"}
    if host == "FastAPI":
        assert body["anonymousId"] == "v-1"
        assert [one.body["event"] for one in collector.events][-1] == "Shop Closed"


@pytest.mark.whole_way
@pytest.mark.skipif(sys.platform == "win32", reason="processes end in another way there")
async def test_djangos_program_delivers_it_too(collector: Collector, tmp_path: Path) -> None:
    """In a process of its own: Django's settings are made once in a process."""
    program = DATA_PLANES.sub(collector.url, PROGRAMS["Django"])
    (tmp_path / "example.py").write_text(program + "factory = lambda: app\n", encoding="utf-8")
    where = ("alone", str(tmp_path))
    async with serving("example:factory", collector, *where) as (child, session):
        await text_of(session, "/items/7")
        child.send(SIGTERM)
        assert (await child.ended()).said == ""
    (event,) = collector.events
    assert event.body["context"]["request"]["route"] == "/items/{item}"


@pytest.mark.parametrize(("file", "test"), sorted(set(TESTS)))
def test_what_works_has_a_test_that_is_there(file: str, test: str) -> None:
    """A test that was renamed takes its row along."""
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_each_row_of_hosts_has_a_test() -> None:
    """What has none may not work."""
    hosts = [
        row for row in rows(TEXT) if len(row) == 4 and row[0] not in ("host", "---|---|---|---")
    ]
    assert len(hosts) >= 10
    assert [row for row in hosts if not re.search(r"::test_\w+", row[3])] == []


def test_each_field_of_the_rules_is_explained() -> None:
    """Whoever sets one knows what it does."""
    named = {name for row in rows(TEXT) for name in re.findall(r"`(\w+)`", row[0])}
    assert {field.name for field in structs.fields(ContextRules)} <= named
