"""The collector's own pages, and who may read them."""

from typing import Any

import aiohttp
import msgspec
import pytest

from asyncsdk.collector import Collector, Summary
from tests.collector.asking import Asker, batch

pytestmark = pytest.mark.whole_way


async def listed(asker: Asker, query: str) -> tuple[list[str], int]:
    """Return the ids on one page of events, and where the next begins."""
    page: dict[str, Any] = msgspec.json.decode((await asker.get("/api/events" + query)).text)
    return [row["message_id"] for row in page["events"]], page["next"]


async def test_the_front_page_says_what_this_is(asker: Asker) -> None:
    """Plain text, for someone who opens the address."""
    got = await asker.get("/")
    assert got.status == 200
    assert "asyncsdk collector" in got.text
    assert got.headers["Content-Type"].startswith("text/plain")


async def test_the_summary_is_that_of_the_object(collector: Collector, asker: Asker) -> None:
    """Every count is there; looking does not count as a request."""
    await asker.post(batch("a", "a", "b"))
    await asker.post({"batch": [5]})
    got = await asker.get("/api/summary")
    assert got.headers["Content-Type"] == "application/json"
    summary = msgspec.json.decode(got.text, type=Summary)
    assert summary == collector.summary()
    assert (summary.requests, summary.accepted, summary.refused) == (2, 3, 1)
    assert (summary.duplicates, summary.by_type) == (1, {"track": 3})
    assert (summary.by_status, summary.by_system) == ({"200": 1, "400": 1}, {"rudderstack": 3})


async def test_events_come_page_by_page(asker: Asker) -> None:
    """`next` of one page is `after` of the following; the end is an empty page."""
    await asker.post(batch(*"abcde"))
    assert await listed(asker, "?limit=2") == (["a", "b"], 2)
    assert await listed(asker, "?limit=2&after=2") == (["c", "d"], 4)
    assert await listed(asker, "?after=4") == (["e"], 5)
    assert await listed(asker, "?after=5") == ([], 5)


async def test_a_page_has_a_thousand_events_at_most(asker: Asker) -> None:
    """A hundred unless asked for; no query makes it more than a thousand."""
    await asker.post(batch(*(f"m-{number}" for number in range(1_200))))
    assert len((await listed(asker, ""))[0]) == 100
    assert len((await listed(asker, "?limit=5000"))[0]) == 1_000


async def test_pages_go_on_after_old_events_left() -> None:
    """Numbers are not positions: a reader that fell behind gets what is still there."""
    async with Collector(keep_events=4) as running, aiohttp.ClientSession() as line:
        asker = Asker(line, running)
        await asker.post(batch(*"abcdef"))
        assert await listed(asker, "?after=1&limit=2") == (["c", "d"], 4)


@pytest.mark.parametrize("query", ["?limit=x", "?after=-1", "?limit=1e3", "?after=" + "9" * 30])
async def test_a_query_that_is_no_count_is_400(asker: Asker, query: str) -> None:
    """Nothing is guessed, nothing breaks."""
    assert (await asker.get("/api/events" + query)).status == 400


@pytest.mark.parametrize("path", ["/", "/api/events", "/api/summary"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", ""])
async def test_a_foreign_host_name_is_403(asker: Asker, path: str, host: str) -> None:
    """A page whose name was pointed at 127.0.0.1 cannot read what came in."""
    await asker.post(batch("a"))
    got = await asker.get(path, headers={"Host": host})
    assert got.status == 403
    assert "message_id" not in got.text


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "127.1.2.3:80", "[::1]:9", "LOCALHOST"]
)
async def test_every_loopback_name_may_read(asker: Asker, host: str) -> None:
    """The port does not matter: it may be forwarded."""
    assert (await asker.get("/api/summary", headers={"Host": host})).status == 200


async def test_an_unknown_page_is_404(asker: Asker) -> None:
    """Also under the prefix of the pages."""
    assert (await asker.get("/api/other")).status == 404
