"""What happens when the server does not say what flags are: None, a count, a line; no exception."""

import asyncio
import logging
import time
from itertools import pairwise

import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError, PostHog
from asyncsdk.errors import TransportError
from asyncsdk.seams import HttpRequest, HttpResponse
from tests.flags.answering import (
    KEY,
    SECRET,
    Said,
    answering,
    as_file,
    flag,
    flags_answer,
    for_plan,
    record,
    refusal,
)
from tests.transports.lines import free_port

GOOD = flags_answer(record("f", value=True))

#: What is answered, what comes of it, what the event says went wrong, how often is asked.
TROUBLES: dict[str, tuple[list[Said], object, str | None, int]] = {
    "502, then an answer": ([refusal(502), GOOD], True, None, 2),
    "504, then an answer": ([refusal(504), GOOD], True, None, 2),
    "502 twice": ([refusal(502)], None, "api_error_502", 2),
    "no answer in time": ([None], None, "timeout", 2),
    "no answer in time, then one": ([None, GOOD], True, None, 2),
    "500": ([refusal(500)], None, "api_error_500", 1),
    "503": ([refusal(503, retry_after="1")], None, "api_error_503", 1),
    "401": ([refusal(401)], None, "api_error_401", 1),
    "a redirect": ([refusal(302, location="http://127.0.0.1:9/")], None, "api_error_302", 1),
    "no JSON": ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{"], None, "unknown_error", 1),
    "a list": ([(200, [])], None, "unknown_error", 1),
    "the quota": (
        [(200, {"flags": {}, "quotaLimited": ["feature_flags"]})],
        None,
        "quota_limited",
        1,
    ),
    "not that flag": ([flags_answer()], None, "flag_missing", 1),
    "nothing of use": ([(200, {"flags": {"f": 1, "g": None}})], None, "flag_missing", 1),
    "errors, but a value": (
        [flags_answer(record("f", "x"), errorsWhileComputingFlags=True)],
        "x",
        "errors_while_computing_flags",
        1,
    ),
    "errors, no value": (
        [flags_answer(errorsWhileComputingFlags=True)],
        None,
        "errors_while_computing_flags,flag_missing",
        1,
    ),
    "it failed there": (
        [flags_answer({**record("f", value=True), "failed": True})],
        None,
        "evaluation_failed",
        1,
    ),
    "the older shape": ([(200, {"featureFlags": {"f": "x"}})], "x", None, 1),
    "the oldest shape": ([(200, {"featureFlags": ["f"]})], True, None, 1),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_a_question_that_fails_is_none_and_says_why(name: str) -> None:
    """Time-outs, 502 and 504 are asked once more, a moment later; nothing else is."""
    script, value, error, times = TROUBLES[name]
    async with answering(flags=list(script)) as server:
        hog = server.hog(personal_api_key=None, flags_timeout=0.1)
        async with AsyncAnalytics(hog) as client:
            began = time.monotonic()
            assert await client.flags.get("f", "u") == value
            took = time.monotonic() - began
        assert server.told() == [("f", value, error)]
        assert len(server.asked) == times
        assert (took >= 0.3) is (times == 2)


async def test_a_refused_connection_is_not_asked_again() -> None:
    """A server that is not there will not be there in a moment."""
    hog = PostHog(KEY, host=f"http://127.0.0.1:{free_port()}")
    client = AsyncAnalytics(hog)
    began = time.monotonic()
    found = await client.flags.result("f", "u", send_events=False)
    assert (found.value, found.error) == (None, "connection_error")
    assert time.monotonic() - began < 0.3
    assert await client.flags.all("u") is None
    assert await client.flags.all_with_payloads("u") is None
    snapshot = await client.flags.snapshot("u")
    assert (len(snapshot), snapshot.error) == (0, "connection_error")
    assert client.statistics().flag_failures == 4
    await client.shutdown(0.1)


async def test_what_is_decided_here_stays_when_the_server_fails() -> None:
    """All flags, and a snapshot: those that are known, and why the others are not."""
    async with answering(flags=[refusal(500)]) as server:
        file = as_file(flag("here"), for_plan("paid", "pro"))
        async with AsyncAnalytics(
            server.hog(flag_definitions=file, personal_api_key=None)
        ) as client:
            assert await client.flags.all("u") == {"here": True}
            snapshot = await client.flags.snapshot("u")
            assert (snapshot.values(), snapshot.error) == ({"here": True}, "api_error_500")
            assert snapshot.unresolved == {"paid": "missing_context"}


async def test_failures_are_said_once_a_minute_without_keys_or_persons(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And counted each time."""
    async with answering(flags=[refusal(500)]) as server:
        with caplog.at_level(logging.DEBUG, logger="asyncsdk"):
            async with AsyncAnalytics(server.hog(personal_api_key=None)) as client:
                for number in range(5):
                    assert await client.flags.get("f", f"planted-person-{number}") is None
                assert client.statistics().flag_failures == 5
    lines = [
        one.getMessage() for one in caplog.records if "feature flags failed" in one.getMessage()
    ]
    assert len(lines) == 1
    assert "api_error_500" in lines[0]
    for secret in (KEY, SECRET, "planted-person"):
        assert secret not in caplog.text


async def test_a_cancelled_question_is_cancelled() -> None:
    """Whoever asks may give up; the next question is none the worse for it."""
    async with answering(flags=[None, GOOD]) as server:
        async with AsyncAnalytics(server.hog(personal_api_key=None, flags_timeout=5)) as client:
            asking = asyncio.create_task(client.flags.get("f", "u"))
            await asyncio.sleep(0.05)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await client.flags.get("f", "u") is True
        assert server.told() == [("f", True, None)]


class Foreign:
    """A transport of the application's that raises what no transport may raise."""

    async def open(self) -> None:
        """Be ready."""

    async def close(self) -> None:
        """Close nothing."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Break, in a way of its own."""
        if request.method == "GET":
            raise KeyError(request.url)
        raise TransportError("down", retryable=True)


async def test_a_foreign_transport_that_breaks_harms_nobody() -> None:
    """Neither whoever asks nor the poll."""
    hog = PostHog(KEY, host="http://127.0.0.1:9", personal_api_key=SECRET)
    async with AsyncAnalytics(hog, transport=Foreign(), shutdown_timeout=0.1) as client:
        assert await client.flags.get("f", "u", send_events=False) is None
        assert not await client.flags.reload()
        assert await client.flags.remote_config("cfg") is None


async def test_another_loop_decides_here_and_asks_nobody() -> None:
    """The transport belongs to the loop of the client: elsewhere what is known here is all there is."""
    async with answering() as server:
        file = as_file(flag("here"))
        async with AsyncAnalytics(
            server.hog(flag_definitions=file, personal_api_key=None)
        ) as client:

            def elsewhere() -> list[object]:
                """Ask on another loop, in another thread."""

                async def ask() -> list[object]:
                    """Ask for both."""
                    found = [await client.flags.get(key, "u") for key in ("here", "there")]
                    return [*found, await client.flags.all("u")]

                return asyncio.run(ask())

            assert await asyncio.to_thread(elsewhere) == [True, None, {"here": True}]
            assert await client.flags.get("there", "u") is True
        assert [key for key, _, _ in server.told()] == ["here", "there", "there"]


async def test_gaps_between_questions_are_the_callers_own() -> None:
    """Each question is asked when it is asked: nothing is remembered of an answer."""
    async with answering(flags=[GOOD, flags_answer(record("f", value=False))]) as server:
        async with AsyncAnalytics(server.hog(personal_api_key=None)) as client:
            found = [await client.flags.get("f", "u") for _ in range(3)]
        assert found == [True, False, False]
        assert all(one != other for one, other in pairwise([*server.told(), None]))


async def test_a_start_says_that_definitions_cannot_be_read_whoever_asked_before() -> None:
    """A question itself raises nothing."""
    client = AsyncAnalytics(PostHog("KEY", host="http://127.0.0.1:9", flag_definitions=b"{"))
    assert await client.flags.get("f", "u", only_evaluate_locally=True) is None
    with pytest.raises(ConfigurationError, match="flag_definitions"):
        await client.start()
    await client.shutdown(0.1)
