"""docs/destinations.md: a sixth system, written by a user with what is public."""

import ast
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec import structs

import asyncsdk.destinations
import asyncsdk.seams
from asyncsdk import AsyncAnalytics, Secret
from asyncsdk.seams import Destination, RouteLimits
from asyncsdk.testing import check_destination
from tests.docs.blocks import blocks
from tests.docs.test_reference import rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "destinations.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
PROGRAM = next(block.text for block in blocks(TEXT) if block.language == "python")
TREE = ast.parse(PROGRAM)
#: What a user imports from; nothing else of this package is needed.
PUBLIC = {"asyncsdk", "asyncsdk.destinations", "asyncsdk.seams", "asyncsdk.testing"}


def example() -> dict[str, Any]:
    """Return the names of the program, which is not run."""
    definitions = ast.Module([node for node in TREE.body if not isinstance(node, ast.Expr)], [])
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(definitions, str(DOCUMENT), "exec"), names)  # noqa: S102 - our own document
    return names


@asynccontextmanager
async def receiver(names: dict[str, Any]) -> AsyncIterator[str]:
    """Run the program's receiving side; yield its address."""
    app = web.Application()
    app.router.add_post("/hook", names["receive"])
    server = web.AppRunner(app, auto_decompress=False)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", 0).start()
    host, port = server.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/hook"
    finally:
        await server.cleanup()


def test_a_destination_takes_a_user_less_than_a_hundred_lines() -> None:
    """A seam that asks for more is none."""
    (webhook,) = [node for node in TREE.body if isinstance(node, ast.ClassDef)]
    assert webhook.end_lineno is not None
    assert webhook.end_lineno - webhook.lineno < 60


def test_it_needs_no_private_names() -> None:
    """Whoever follows the document depends on what stays."""
    imports = [node for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if (node.module or "").startswith("asyncsdk")]
    assert {node.module for node in ours} == PUBLIC
    names = [name.name for node in ours for name in node.names]
    attributes = [node.attr for node in ast.walk(TREE) if isinstance(node, ast.Attribute)]
    assert [name for name in (*names, *attributes) if name.startswith("_")] == []


def test_its_secret_is_masked() -> None:
    """In every place where a destination is shown."""
    hook = example()["Webhook"]("https://example.com/hook", Secret("known to both sides"))
    check_destination(hook)
    assert repr(hook.secret) == "***des"
    assert "known" not in f"{hook!r} {hook} {hook.name}"


@pytest.mark.whole_way
async def test_only_who_knows_the_secret_delivers() -> None:
    """A signature that is made with another secret stops the lane; nothing is lost or burnt."""
    names = example()
    async with receiver(names) as url:
        forged = names["Webhook"](url, Secret("known to somebody else"), name="forged")
        right = names["Webhook"](url, names["SECRET"])
        async with AsyncAnalytics(forged, right, shutdown_timeout=0.2) as analytics:
            analytics.track("Item Viewed", user_id="user-1")
            result = await analytics.flush()
            stopped = analytics.statistics().destinations["forged"].stopped
        assert [event["user_id"] for event in names["arrived"]] == ["user-1"]
    assert (result.delivered, result.pending, stopped) == (1, 1, "HTTP 401")


def test_each_member_of_the_seam_is_explained() -> None:
    """A destination that lacks one fails in the lane; the table has them all, and no others."""
    members = {name for name in vars(Destination) if name[0] != "_"}
    table = {row[0].strip("` |") for row in rows(TEXT) if row[0].strip(" |").startswith("`")}
    parts = {name.partition("(")[0] for name in table}
    assert members <= parts
    assert {name for name in asyncsdk.destinations.__all__ if name[0].islower()} <= parts


def test_the_overheads_of_the_example_are_exact() -> None:
    """The default counts brace and comma; the rest is what stands around the events."""
    hook = example()["Webhook"]("https://example.com/hook", Secret("known to both sides"))
    (limits,) = hook.routes.values()
    assert isinstance(limits, RouteLimits)
    assert structs.asdict(limits)["event_overhead"] == len("},")
    assert limits.body_overhead == len(hook.body("events", [], sent_at="")) - len("}")
