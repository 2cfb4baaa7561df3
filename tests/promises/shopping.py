"""The shop of `programs/shop.py`, run as a child, and its customers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import anyio

from tests.promises.children import PROGRAMS, TIDY, Child, started


@asynccontextmanager
async def shop(url: str, *words: str) -> AsyncIterator[tuple[Child, aiohttp.ClientSession]]:
    """Open the shop, whose clients talk to *url*; hand out a customer's session."""
    async with started(str(PROGRAMS / "shop.py"), url, *words, flags=TIDY) as child:
        await child.until(" is it")
        port = child.out.split()[1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield child, session


async def visit(session: aiohttp.ClientSession, path: str) -> list[str]:
    """Ask for *path*; return the ids of the events that it led to."""
    async with session.get(path) as answer:
        assert answer.status == 200
        ids: list[str] = await answer.json()
        return ids


async def visit_all(session: aiohttp.ClientSession, paths: list[str]) -> list[str]:
    """Ask for all *paths*, ten at a time; return the ids of the events that they led to."""
    found: list[str] = []
    limit = anyio.CapacityLimiter(10)

    async def one(path: str) -> None:
        async with limit:
            found.extend(await visit(session, path))

    async with anyio.create_task_group() as group:
        for path in paths:
            group.start_soon(one, path)
    return found
