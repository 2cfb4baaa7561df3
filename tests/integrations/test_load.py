"""Servers that are told to end in the middle of their work, each in processes of its own.

What a request was answered for must be at the collector, once: on one worker or two, in threads or on
the loop, when the code is reloaded, and when the signal comes while requests are being served.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from signal import SIGTERM

import aiohttp
import pytest

from asyncsdk.collector import Collector
from tests.integrations.serving import PROGRAMS, serving, text_of, visitor
from tests.promises.children import TIDY, Child, started

pytestmark = [
    pytest.mark.whole_way,
    pytest.mark.skipif(sys.platform == "win32", reason="processes end in another way there"),
]

MODULES = "tests.integrations.programs"


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds, but not for ever."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


class Visitors:
    """Visitors who come one after the other until the server is gone."""

    def __init__(self, session: aiohttp.ClientSession, paths: tuple[str, ...]) -> None:
        self._session = session
        self._paths = paths
        self._numbers = count()
        self.answered: list[str] = []

    async def come(self) -> None:
        """Ask again and again; keep the answers' event ids."""
        while True:
            number = next(self._numbers)
            path = f"/{self._paths[number % len(self._paths)]}/{number}"
            try:
                self.answered.append((await text_of(self._session, path)).strip('"'))
            except aiohttp.ClientError:
                return

    async def wait_for(self, answers: int) -> None:
        """Wait until so many requests are answered."""
        await until(lambda: len(self.answered) >= answers)


async def end_in_the_middle(
    child: Child, session: aiohttp.ClientSession, collector: Collector, *paths: str
) -> None:
    """Let ten visitors come, end the server by SIGTERM, and compare what arrived."""
    visitors = Visitors(session, paths)
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(visitors.come())
        await visitors.wait_for(300)
        assert collector.events, "nothing is sent before the end"
        child.send(SIGTERM)
    ended = await child.ended()
    assert (ended.code in (0, -SIGTERM), ended.said) == (True, "")
    check(visitors.answered, collector)


def check(answered: list[str], collector: Collector) -> None:
    """See that each event of an answered request is there, and none twice."""
    arrived = Counter(event.body["messageId"] for event in collector.events)
    assert set(answered) <= arrived.keys()
    assert [one for one, times in arrived.items() if times > 1] == []
    assert len(set(answered)) == len(answered)


@pytest.mark.parametrize(
    ("app", "paths", "words"),
    [
        ("fastapi_shop:shop", ("awaited", "plain"), ("workers",)),
        ("starlette_shop:shop", ("awaited", "plain", "inner/s/plain"), ()),
        ("litestar_shop:shop", ("awaited", "plain"), ()),
        ("django_shop:shop", ("awaited", "plain"), ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_server_that_is_told_to_end_loses_nothing_that_it_answered_for(
    app: str, paths: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Two workers of FastAPI, the others' single one."""
    async with (
        Collector() as collector,
        serving(f"{MODULES}.{app}", collector, *words) as (child, session),
    ):
        await end_in_the_middle(child, session, collector, *paths)


async def test_aiohttps_own_server_loses_nothing_either() -> None:
    """It ends its contexts once the last request is answered."""
    async with Collector() as collector, AsyncExitStack() as stack:
        program = str(PROGRAMS / "aiohttp_shop.py")
        child = await stack.enter_async_context(
            started(program, collector.url, flags=TIDY, unmeasured=True)
        )
        await child.until(" is it")
        session = await stack.enter_async_context(visitor(int(child.out.split()[1])))
        await end_in_the_middle(child, session, collector, "awaited", "inner/awaited")


RELOADED = """
from tests.integrations.programs.starlette_shop import shop as shop
VERSION = {version}
"""


@asynccontextmanager
async def reloading(
    folder: Path, collector: Collector
) -> AsyncIterator[tuple[Child, aiohttp.ClientSession]]:
    """Serve a module of *folder* as `--reload` does."""
    (folder / "reloaded.py").write_text(RELOADED.format(version=1), encoding="utf-8")
    async with serving("reloaded:shop", collector, "reload", str(folder)) as running:
        yield running


async def test_code_that_is_reloaded_takes_its_events_along(tmp_path: Path) -> None:
    """Each reload is another process; the one that ends delivers what it has."""
    async with Collector() as collector, reloading(tmp_path, collector) as (child, session):
        answered = [await text_of(session, f"/awaited/{number}") for number in range(5)]
        assert collector.events == []  # flush_interval is longer than this takes
        (tmp_path / "reloaded.py").write_text(RELOADED.format(version=22), encoding="utf-8")
        await until(lambda: len(collector.events) == 5)
        answered += [await text_of(session, f"/awaited/{number}") for number in range(5, 10)]
        child.send(SIGTERM)
        ended = await child.ended()
        assert ended.said == ""
    check(answered, collector)
    assert len(collector.events) == 10
