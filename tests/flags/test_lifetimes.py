"""Flags over the life of a program: files, forks, one loop after the other, the end."""

import asyncio
from pathlib import Path

import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError, PostHog
from asyncsdk.collector import Collector
from asyncsdk.flags import News
from tests.client.test_lifetimes import ThreadedCollector
from tests.flags.answering import KEY, answering, as_file, definitions, flag, flags_answer, record
from tests.promises.children import WHOLE_WAY, run
from tests.promises.test_forks import FORK

pytestmark = [mark for mark in WHOLE_WAY if mark.name == "skipif"]

FILE = as_file(flag("a"))


def offline(source: str | Path | bytes) -> PostHog:
    """Return a destination that nobody listens at, with definitions."""
    return PostHog(
        KEY, host="http://127.0.0.1:9", flag_definitions=source, only_evaluate_locally=True
    )


@pytest.mark.parametrize("kind", ["bytes", "path", "text"])
async def test_definitions_of_a_file_are_there_at_the_start(kind: str, tmp_path: Path) -> None:
    """Offline, and for tests: no key is needed and nobody is asked."""
    path = tmp_path / "flags.json"
    path.write_bytes(FILE)
    sources: dict[str, str | Path | bytes] = {"bytes": FILE, "path": path, "text": str(path)}
    async with AsyncAnalytics(offline(sources[kind]), shutdown_timeout=0.0) as client:
        assert client.flags.is_ready
        assert await client.flags.get("a", "u", send_events=False) is True


async def test_or_at_the_first_use(tmp_path: Path) -> None:
    """A handler that does not start its client; also where nothing may wait."""
    client = AsyncAnalytics(offline(FILE))
    assert not client.flags.is_ready
    assert await client.flags.all("u") == {"a": True}
    client = AsyncAnalytics(offline(FILE))
    assert client.flags.local_result("a", "u", send_events=False).value is True
    path = tmp_path / "flags.json"
    path.write_bytes(FILE)
    client = AsyncAnalytics(offline(path))
    assert await client.flags.ready()
    path.write_bytes(as_file(flag("b")))
    assert await client.flags.reload(), "reads the file once more"
    assert client.flags.keys == ("b",)


@pytest.mark.parametrize(
    "content", [None, b"{", b"[]", b"x" * 5_000], ids=["no file", "cut", "list", "size"]
)
async def test_a_file_that_is_of_no_use_is_said_at_the_start(
    content: bytes | None, tmp_path: Path
) -> None:
    """At the first use there is nobody to tell: it is counted, and the flag is unknown."""
    path = tmp_path / "flags.json"
    if content is not None:
        path.write_bytes(content)
    hog = PostHog(
        KEY,
        host="http://127.0.0.1:9",
        flag_definitions=path,
        max_definitions_bytes=4_000,
        only_evaluate_locally=True,
    )
    client = AsyncAnalytics(hog)
    with pytest.raises(ConfigurationError, match="flag_definitions"):
        await client.start()
    for client in (AsyncAnalytics(hog), AsyncAnalytics(hog)):
        assert await client.flags.get("a", "u", send_events=False) is None
        assert client.flags.local_result("a", "u", send_events=False).value is None
        assert client.statistics().flag_failures == 1


async def test_definitions_that_are_too_large_are_refused_for_that_also_where_nothing_may_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The bound holds for what the application gave, and the line says which one it was."""
    hog = PostHog(
        KEY, host="http://127.0.0.1:9", flag_definitions=FILE, max_definitions_bytes=len(FILE) - 1
    )
    client = AsyncAnalytics(hog)
    assert client.flags.local_result("a", "u", send_events=False).value is None
    assert "max_definitions_bytes" in caplog.text


async def test_a_file_that_broke_meanwhile_fails_a_reload_and_nothing_else(tmp_path: Path) -> None:
    """Somebody is just writing it: what was read before stays in use, and nothing is raised."""
    path = tmp_path / "flags.json"
    path.write_bytes(FILE)
    client = AsyncAnalytics(offline(path))
    heard: list[News] = []
    client.flags.watch(heard.append)
    assert await client.flags.reload()
    path.write_bytes(FILE[:-1])
    assert not await client.flags.reload()
    assert await client.flags.get("a", "u", send_events=False) is True
    assert client.statistics().flag_failures == 1
    path.unlink()
    assert not await client.flags.reload()
    assert await client.flags.ready(), "those of before are still there"
    never = AsyncAnalytics(offline(path))
    assert not await never.flags.ready()
    assert [news.kind for news in heard] == ["loaded"]


async def test_who_gives_up_loading_leaves_it_to_the_next(tmp_path: Path) -> None:
    """A question is cancelled while the file is read; the next one reads it."""
    path = tmp_path / "flags.json"
    path.write_bytes(FILE)
    client = AsyncAnalytics(offline(path))
    asking = asyncio.create_task(client.flags.get("a", "u", send_events=False))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    assert not client.flags.is_ready
    assert await client.flags.get("a", "u", send_events=False) is True


async def test_a_question_that_the_shutdown_cuts_off_leaves_no_event_behind() -> None:
    """That the connection ended was our own doing, and nobody would deliver the report of it."""
    async with answering(flags=[None, flags_answer(record("there", value=True))]) as server:
        client = AsyncAnalytics(server.hog(personal_api_key=None, flags_timeout=30.0))
        await client.start()
        asking = asyncio.create_task(client.flags.get("there", "u"))
        await asyncio.sleep(0.1)
        result = await client.shutdown(1.0)
        assert await asking is None
        assert (result.pending, client.pending) == (0, 0)
        assert client.statistics().flag_failures == 1
        assert await client.flags.get("there", "u") is True, "the next question opens a run"
        await client.shutdown(1.0)
        assert server.told() == [("there", True, None)]


async def test_polled_definitions_replace_those_of_the_file() -> None:
    """The file is where to start from."""
    async with (
        answering(polls=[(200, definitions(flag("polled")))]) as server,
        AsyncAnalytics(server.hog(flag_definitions=FILE)) as client,
    ):
        assert client.flags.is_ready
        assert await client.flags.reload()
        assert client.flags.keys == ("polled",)


async def test_the_age_of_definitions_is_a_gauge() -> None:
    """How stale they are, per destination and in sum; None without any."""
    async with answering() as server:
        client = AsyncAnalytics(server.hog(feature_flags_polling_interval=None))
        assert client.statistics().flags_age is None
        assert await client.flags.reload()
        await asyncio.sleep(0.05)
        age = client.statistics().flags_age
        assert age is not None
        assert 0.05 <= age < 5
        first = next(iter(client.statistics().destinations.values())).flags_age
        assert first is not None
        assert first >= age
        await client.shutdown(1)


def test_one_loop_after_the_other() -> None:
    """Definitions stay, questions go over the loop that is there, and polls begin with a start."""
    with ThreadedCollector() as collector:
        collector.define_flags(FILE)
        hog = PostHog(KEY, host=collector.url, personal_api_key="phs_secret-key-1234567890")
        client = AsyncAnalytics(hog)

        async def once() -> object:
            """Ask on a loop, and end."""
            await client.start()
            assert await client.flags.ready()
            found = [await client.flags.get(key, "u") for key in ("a", "no-such")]
            await client.shutdown(5)
            return found

        assert [asyncio.run(once()) for _ in range(3)] == [[True, None]] * 3


@pytest.mark.whole_way
async def test_a_forked_child_decides_at_once_and_polls_when_it_starts() -> None:
    """Definitions are as good there; the parent's poll is the parent's."""
    async with Collector(flag_definitions=FILE) as collector:
        ended = await run(
            FORK
            + """
async def in_child():
    assert await client.flags.get("a", "child") is True
    async with client:
        assert await client.flags.reload()
        assert await client.flags.get("no-such", "child") is None
def child():
    run(in_child())
async def main():
    async with client:
        assert await client.flags.ready()
        assert await client.flags.get("a", "parent") is True
        await wait_for(fork(child))
        assert await client.flags.reload()
hog = PostHog(
    "phc_planted-key-1234567890", host=URL, personal_api_key="phs_planted-secret-1234567890",
    feature_flags_polling_interval=0.1,
)
client = AsyncAnalytics(hog, flush_interval=0)
run(main())
""",
            collector.url,
        )
        assert ended == (0, "child 0\n", "")
        names = [
            (one.body["distinct_id"], one.body["properties"]["$feature_flag"])
            for one in collector.events
        ]
        assert sorted(names) == [("child", "a"), ("child", "no-such"), ("parent", "a")]


@pytest.mark.whole_way
async def test_a_program_that_just_ends_leaves_nothing_behind() -> None:
    """Without shutdown, in the middle of polls and questions: no warning, no task, no wait."""
    async with Collector(flag_definitions=FILE) as collector:
        ended = await run(
            """
async def main():
    await client.start()
    assert await client.flags.ready()
    assert await client.flags.get("a", "u") is True
    client.capture("E", "u", send_feature_flags=True)
    asyncio.get_running_loop().create_task(client.flags.get("no-such", "u"))
    await asyncio.sleep(0)
hog = PostHog(
    "phc_planted-key-1234567890", host=URL, personal_api_key="phs_planted-secret-1234567890",
    feature_flags_polling_interval=0.1,
)
client = AsyncAnalytics(hog)
run(main())
""",
            collector.url,
        )
        assert ended == (0, "", "")
        assert "E" in [one.body["event"] for one in collector.events]
