"""Hours of polling for definitions, to the second: what each answer does, and when the next poll is."""

import asyncio
import gzip
import json
import logging

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import ConfigurationError, ValidationError
from asyncsdk.flags.polling import LONGEST, LONGEST_ASKED, News, next_poll
from asyncsdk.testing import VirtualTimeLoop
from tests.flags.answering import KEY, SECRET, definitions, flag
from tests.flags.lining import Act, Line, client_of

GOOD = Act(content=definitions(flag("a")), headers={"etag": '"1"'})
NEXT = Act(content=definitions(flag("a", version=2), flag("b")), headers={"etag": '"2"'})
SAME = Act(status=304)


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run on the loop whose clock jumps."""
    return "asyncio", {"loop_factory": VirtualTimeLoop}


def near(*seconds: float) -> object:
    """Match these seconds, but for jitter."""
    return pytest.approx(list(seconds), rel=0.101)


async def test_definitions_are_asked_for_every_half_minute_by_their_tag() -> None:
    """What did not change is not sent again; what changed is in use at once."""
    line = Line(GOOD, SAME, Act(status=304, headers={"etag": '"1b"'}), NEXT, SAME)
    async with client_of(line) as client:
        assert await client.flags.ready()
        await asyncio.sleep(75)
        assert set(client.flags.keys) == {"a"}
        await asyncio.sleep(75)
        assert set(client.flags.keys) == {"a", "b"}
    assert line.gaps[:4] == near(30, 30, 30, 30)
    assert len(set(line.gaps[:4])) == 4, "no two processes poll as one"
    assert line.etags[:5] == [None, '"1"', '"1"', '"1b"', '"2"']


REFUSED = [
    Act(status=401),
    Act(status=403),
    Act(status=429),
    Act(status=500),
    Act(status=503),
    Act(status=301),
    Act(status=0),
    Act(after=1e9),
    Act(body=b"<html>", headers={"content-type": "text/html"}),
    Act(body=b"{"),
    Act(body=b"\xff"),
    Act(content=[]),
    Act(content={"flags": {}}),
    Act(body=b"x" * 5_000),
    Act(body=b"\x1f\x8b nonsense", headers={"content-encoding": "gzip"}),
    Act(body=gzip.compress(bytes(1_000_000)), headers={"content-encoding": "gzip"}),
]


@pytest.mark.parametrize(
    "act", REFUSED, ids=lambda act: f"{act.status} {act.body!r:.12} {act.after}"
)
async def test_a_failure_keeps_what_is_there_and_waits_ever_longer(
    act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    """Doubling to a minute, with one line and a count; then all is as before."""
    line = Line(GOOD, act, act, act, act, act, NEXT, SAME)
    news: list[News] = []
    slow = 10 if act.after else 0
    with caplog.at_level(logging.WARNING):
        async with client_of(
            line, feature_flags_polling_interval=5.0, max_definitions_bytes=4_000
        ) as client:
            assert await client.flags.ready()
            client.flags.watch(news.append)
            await asyncio.sleep(160 + 5 * slow)
            assert set(client.flags.keys) == {"a"}
            assert await client.flags.get("a", "u", send_events=False) is True
            assert client.flags.definitions_age is not None
            assert client.statistics().flag_failures == 5
            await asyncio.sleep(70)
            assert set(client.flags.keys) == {"a", "b"}
    waits = [5.0, 10, 20, 40, 60, 60, 5]
    slept = [0, slow, slow, slow, slow, slow, 0]
    assert [gap - more for gap, more in zip(line.gaps, slept, strict=False)][:7] == near(*waits)
    assert [(one.kind, one.failures) for one in news][:6] == [
        *(("failed", number) for number in range(1, 6)),
        ("changed", 0),
    ]
    assert news[5].changed == {"a", "b"}
    lines = [one.getMessage() for one in caplog.records if "definitions" in one.getMessage()]
    assert len(lines) == 1, "virtual time passes within one real minute"
    assert "stay in use" in lines[0]
    assert KEY not in lines[0]
    assert SECRET not in lines[0]


async def test_a_server_may_ask_for_a_longer_pause() -> None:
    """In seconds or as a date; it is never undercut, and capped at ten minutes."""
    dated = {
        "date": "Thu, 01 Jan 2026 00:00:00 GMT",
        "retry-after": "Thu, 01 Jan 2026 00:01:40 GMT",
    }
    line = Line(
        GOOD,
        Act(status=429, headers={"retry-after": "200"}),
        Act(status=503, headers=dated),
        Act(status=429, headers={"retry-after": "86400"}),
        SAME,
    )
    async with client_of(line) as client:
        await client.flags.ready()
        await asyncio.sleep(1_500)
    assert line.gaps[1:4] == pytest.approx([200, 100, 600])


async def test_a_used_up_quota_clears_and_goes_on_as_before() -> None:
    """Flags that must not be decided here are asked of the server; nothing is compared by tag."""
    line = Line(GOOD, Act(status=402), Act(status=402), GOOD, SAME)
    news: list[News] = []
    async with client_of(line) as client:
        await client.flags.ready()
        client.flags.watch(news.append)
        await asyncio.sleep(45)
        assert (client.flags.is_ready, client.flags.definitions_age) == (False, None)
        await asyncio.sleep(100)
        assert client.flags.is_ready
    assert line.gaps[:4] == near(30, 30, 30, 30)
    assert line.etags[:5] == [None, '"1"', None, None, '"1"']
    assert [one.kind for one in news] == ["cleared", "cleared", "loaded"]


async def test_a_first_poll_that_fails_holds_nobody_up() -> None:
    """The client starts at once, `ready` says no in time, and yes once they are there."""
    line = Line(Act(status=500), Act(status=500), GOOD)
    began = asyncio.get_running_loop().time()
    async with client_of(line) as client:
        assert asyncio.get_running_loop().time() == began
        assert not await client.flags.ready(timeout=20)
        assert asyncio.get_running_loop().time() == pytest.approx(began + 20)
        assert await client.flags.ready(timeout=600)


async def test_reload_shares_a_poll_that_is_under_way() -> None:
    """Ten who want news cost one request; one who gives up does not spoil it for the others."""
    line = Line(GOOD, Act(content=NEXT.content, after=3.0), SAME)
    async with client_of(line, feature_flags_polling_interval=None) as client:
        assert await client.flags.reload()
        async with asyncio.TaskGroup() as group:
            many = [group.create_task(client.flags.reload()) for _ in range(10)]
            await asyncio.sleep(1)
            many[0].cancel()
        assert [one.result() for one in many[1:]] == [True] * 9
        assert set(client.flags.keys) == {"a", "b"}
    assert len(line.times) == 2


async def test_reload_does_not_wait_for_the_next_poll() -> None:
    """It is now; the next one is a whole interval later."""
    line = Line(GOOD, NEXT, SAME)
    async with client_of(line) as client:
        await client.flags.ready()
        await asyncio.sleep(10)
        assert await client.flags.reload()
        assert set(client.flags.keys) == {"a", "b"}
        await asyncio.sleep(40)
    assert line.gaps == near(10, 30)


async def test_shutdown_ends_a_poll_at_once_and_a_start_begins_anew() -> None:
    """A poll that hangs delays nothing, and what is there stays in use."""
    line = Line(GOOD, Act(after=1e9), NEXT, SAME)
    client = client_of(line)
    await client.start()
    await client.flags.ready()
    await asyncio.sleep(35)
    assert line.open_polls == 1
    began = asyncio.get_running_loop().time()
    waiting = asyncio.create_task(client.flags.reload())
    await asyncio.sleep(0)
    await client.shutdown()
    assert asyncio.get_running_loop().time() == began
    assert (line.open_polls, await waiting) == (0, False)
    await asyncio.sleep(300)
    assert len(line.times) == 2, "nobody polls any more"
    assert await client.flags.get("a", "u", send_events=False) is True
    await client.start()
    await asyncio.sleep(1)
    assert set(client.flags.keys) == {"a", "b"}
    await client.shutdown()


async def test_without_a_start_nobody_polls() -> None:
    """A call opens the client in a handler: that costs no request for definitions."""
    line = Line(GOOD)
    client = client_of(line)
    client.track("e", user_id="u")
    await client.flush()
    await asyncio.sleep(300)
    assert line.times == []
    assert await client.flags.ready(), "asked for, they are fetched once"
    await asyncio.sleep(300)
    assert len(line.times) == 1
    assert await client.flags.reload()
    assert len(line.times) == 2
    await client.shutdown()


async def test_a_question_waits_for_the_first_poll_but_not_for_long() -> None:
    """Right after the start a flag is decided here all the same, unless the server is slow."""
    line = Line(Act(content=GOOD.content, after=2.0), SAME)
    async with client_of(line, only_evaluate_locally=True) as client:
        assert await client.flags.get("a", "u", send_events=False) is True
    line = Line(Act(content=GOOD.content, after=5.0), SAME)
    async with client_of(line, only_evaluate_locally=True) as client:
        began = asyncio.get_running_loop().time()
        assert await client.flags.get("a", "u", send_events=False) is None
        assert asyncio.get_running_loop().time() == pytest.approx(began + 3.0)


async def test_flags_without_a_version_count_as_changed() -> None:
    """Definitions of a file or of an old server: nobody can tell that they are the same."""
    one = definitions(flag("a", version=None), flag("b", number=2))
    other = definitions(flag("a", version=None, share=0), flag("b", number=2))
    line = Line(Act(content=one), Act(content=other))
    heard: list[News] = []
    async with client_of(line) as client:
        client.flags.watch(heard.append)
        assert await client.flags.ready()
        assert await client.flags.reload()
    assert [(one.kind, set(one.changed)) for one in heard] == [
        ("loaded", {"a", "b"}),
        ("changed", {"a"}),
    ]


async def test_packed_definitions_are_unpacked() -> None:
    """The server may send gzip: they are text that repeats itself."""
    packed = gzip.compress(json.dumps(GOOD.content).encode())
    line = Line(Act(body=packed, headers={"content-encoding": "gzip"}))
    async with client_of(line) as client:
        assert await client.flags.ready()


async def test_a_listener_that_breaks_harms_nobody() -> None:
    """It is the application's; polling goes on, and others hear of it."""
    line = Line(GOOD, NEXT)
    heard: list[News] = []

    def broken(_: News) -> None:
        """Break."""
        raise RuntimeError

    async with client_of(line, feature_flags_polling_interval=None) as client:
        client.flags.watch(broken)
        end = client.flags.watch(heard.append)
        assert await client.flags.reload()
        assert [(one.kind, set(one.changed)) for one in heard] == [("loaded", {"a"})]
        end()
        assert await client.flags.reload()
    assert len(heard) == 1


async def test_without_a_key_there_is_nothing_to_reload() -> None:
    """That is a mistake of the caller's, and said so."""
    client = client_of(Line(GOOD), personal_api_key=None)
    for ask in (client.flags.reload, client.flags.ready):
        with pytest.raises(ConfigurationError, match="personal_api_key"):
            await ask()


async def test_a_closed_client_reloads_nothing_and_decides_what_it_knows() -> None:
    """No exception reaches whoever asks after the end."""
    line = Line(GOOD)
    async with client_of(line) as client:
        await client.flags.ready()
    assert not await client.flags.reload()
    assert await client.flags.get("a", "u", send_events=False) is True
    assert await client.flags.get("other", "u", send_events=False) is None


async def test_a_cancelled_poll_is_taken_up_again() -> None:
    """Somebody cancels every task that there is but his own: polls go on."""
    line = Line(GOOD, SAME)
    async with client_of(line) as client:
        await client.flags.ready()
        poll = next(task for task in asyncio.all_tasks() if task.get_name().endswith(" flags"))
        poll.cancel()
        with anyio.fail_after(40):
            while len(line.times) < 3:  # noqa: ASYNC110 - the line knows nothing of events
                await asyncio.sleep(1)


@given(
    interval=st.floats(0.1, 86_400),
    failures=st.integers(0, 10_000),
    retry_after=st.none() | st.floats(0, 1e9),
    spread=st.floats(-1, 1),
)
def test_a_pause_is_never_too_short_and_never_without_end(
    interval: float, failures: int, retry_after: float | None, spread: float
) -> None:
    """Whatever the server says, and however long it fails."""
    pause = next_poll(interval, failures, retry_after, spread)
    assert pause >= min(interval, LONGEST) * 0.89
    assert pause >= min(retry_after or 0.0, LONGEST_ASKED)
    assert pause <= max(interval, LONGEST, LONGEST_ASKED) * 1.11


async def test_a_poll_that_a_request_asks_for_is_not_that_requests() -> None:
    """Whoever watches tracks for nobody in particular, however the poll came to be."""
    refused: list[str] = []

    def hear(news: News) -> None:
        with pytest.raises(ValidationError, match="needs one of them"):
            client.track(news.kind)
        refused.append(news.kind)

    async with client_of(Line(GOOD), feature_flags_polling_interval=None) as client:
        client.flags.watch(hear)
        with client.bind(user_id="u"):
            assert await client.flags.reload()
    assert refused == ["loaded"]
