"""GetFluxly on the whole way: keys, rejections, retries, and what the documentation promises."""

from __future__ import annotations

import asyncio
import itertools
import platform
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from asyncsdk import (
    AsyncAnalytics,
    GetFluxly,
    HTTPStatusError,
    InvalidResponseError,
    QueueFullError,
    RequestTimeoutError,
    RudderStack,
    State,
    ValidationError,
    __version__,
)
from asyncsdk.collector import Collector
from tests.destinations.recorder import Recorder, recording, said, said_json
from tests.street.replying import (
    DOWN,
    TOKEN,
    always,
    fluxly,
    in_order,
    in_turn,
    keys,
    numbers,
    refused,
    seen,
    taken,
)
from tests.street.walking import KEY, letters, track, until
from tests.street.walking import said as said_in_log

pytestmark = pytest.mark.whole_way


async def test_the_readmes_quick_start_works() -> None:
    """track, identify and flush, with the vendor's defaults."""
    async with recording(taken) as server:
        client = AsyncAnalytics(GetFluxly(TOKEN, api_host=server.url))
        async with client:
            client.track("invoice_paid", user_id="user_123", properties={"total_usd": 99.99})
            client.identify("user_123", anonymous_id="anon_abc", traits={"plan": "pro"})
            result = await client.flush()
            assert (result.delivered, result.rejected) == (2, 0)
        (request,) = server.requests
        assert [event["event"] for event in request.json["events"]] == ["invoice_paid", "identify"]
        assert "content-encoding" not in request.headers


async def test_a_batch_has_fifty_events_at_most() -> None:
    """The API rejects larger ones; their order is that of the calls."""
    async with recording(taken) as server:
        async with fluxly(server, flush_at=500) as client:
            for number in range(120):
                track(client, number)
        assert [len(numbers(request)) for request in server.requests] == [50, 50, 20]
        assert [n for request in server.requests for n in numbers(request)] == list(range(120))
        assert len(set(keys(server))) == 3


async def test_a_batch_keeps_within_256_kilobytes() -> None:
    """Whichever comes first."""
    async with recording(taken) as server:
        async with fluxly(server, flush_at=500, timeout=10.0) as client:
            for number in range(30):
                client.track("e", user_id="u", properties={"n": number, "text": "x" * 30_000})
        assert all(len(request.body) <= 256_000 for request in server.requests)
        assert len(server.requests) == 4


async def test_each_event_can_be_a_request_of_its_own() -> None:
    """`flush_at=1` starts a delivery at once; `max_batch_events=1` keeps what waits from merging."""
    async with recording(taken) as server:
        async with fluxly(server, flush_interval=60.0, flush_at=1, max_batch_events=1) as client:
            for number in range(5):
                track(client, number)
            await until(lambda: client.pending == 0)
        assert seen(server) == [[0], [1], [2], [3], [4]]


async def test_without_an_interval_only_count_and_flush_start_a_delivery() -> None:
    """0 switches the timer off."""
    async with recording(taken) as server:
        async with fluxly(server, flush_interval=0.0) as client:
            for number in range(25):
                track(client, number)
            await until(lambda: client.pending == 5)
            await asyncio.sleep(0.2)
            assert seen(server) == [list(range(20))]
            await client.flush()
        assert seen(server)[1:] == [[20, 21, 22, 23, 24]]


async def test_an_event_over_32_kilobytes_is_named_and_sent(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """The server decides; what it says is the event's own, and the others arrive."""
    async with AsyncAnalytics(GetFluxly(TOKEN, api_host=collector.url, name="here")) as client:
        receipts = [
            client.track("e", user_id="u", properties={"text": "x" * size})
            for size in (10, 33_000, 10)
        ]
        await client.flush()
        states = [receipt.state for receipt in receipts]
        assert states == [State.DELIVERED, State.REJECTED, State.DELIVERED]
        with pytest.raises(HTTPStatusError, match="32 KB") as caught:
            await receipts[1].delivered()
        assert caught.value.details == {"code": "payload_too_large"}
    assert len(said_in_log(caplog, "larger than the 32000 that the system documents")) == 1


@pytest.mark.parametrize("failures", [[DOWN], [DOWN, None], [None], [said(200, b"OK")]])
async def test_a_repeat_has_the_same_bytes_and_the_same_key(
    failures: list[bytes | None],
) -> None:
    """A 503, a connection cut after the events were taken, an answer that is not JSON."""
    async with recording(in_turn(*failures)) as server:
        async with fluxly(server) as client:
            track(client, 1)
            await client.flush()
        assert len(server.requests) == len(failures) + 1
        assert len(set(keys(server))) == len({request.body for request in server.requests}) == 1


async def test_a_key_outlives_its_round_of_attempts() -> None:
    """After the last attempt the batch goes back to the front, key and all; so does the order."""
    async with recording(always(DOWN)) as server:
        client = fluxly(server, max_queue_events=20_000)
        await client.start()
        for number in range(3):
            track(client, number)
        result = await client.flush()
        assert (result.pending, result.errors[0].code) == (3, "http_503")
        for number in range(3, 6):
            track(client, number)
        await until(lambda: len(server.requests) > 9)
        server.reply = taken
        await client.shutdown()
        first = [request for request in server.requests if numbers(request)[0] == 0]
        assert len(first) > 9
        assert len({request.headers["x-idempotency-key"] for request in first}) == 1
        assert [numbers(request) for request in server.requests][-2:] == [[0, 1, 2], [3, 4, 5]]
        assert client.statistics().delivered == 6
        assert in_order(client)


def test_a_key_outlives_a_run_that_ended_without_a_shutdown() -> None:
    """The next run recovers the batch as it was."""
    with in_a_thread(Recorder(always(DOWN))) as server:
        client = fluxly(server, retry_base=30.0, exit_drain=0.0)

        async def first() -> None:
            """Fail once, and leave."""
            track(client, 1)
            await client.start()
            await until(lambda: client.statistics().failures)

        async def second() -> None:
            """Deliver."""
            await client.flush()
            await client.shutdown()

        asyncio.run(first())
        assert client.pending == 1
        server.reply = taken
        asyncio.run(second())
        assert len(server.requests) >= 2
        assert len(set(keys(server))) == 1
        assert client.statistics().delivered == 1


class in_a_thread:  # noqa: N801 - reads like a function
    """Serve on a loop of its own, for tests that run several loops."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Recorder:
        self._thread.start()
        listening = asyncio.start_server(self._recorder.serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        port = self._server.sockets[0].getsockname()[1]
        self._recorder.url = f"http://127.0.0.1:{port}"
        return self._recorder

    def __exit__(self, *_error: object) -> None:
        assert self._server is not None
        self._loop.call_soon_threadsafe(self._server.close)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def test_a_flush_ends_when_the_round_is_spent_for_all_that_waits() -> None:
    """Several batches: whoever waits is told of the failure, and not kept until the timeout."""
    async with recording(always(DOWN)) as server:
        client = fluxly(server, retry_cap=30.0)
        await client.start()
        for number in range(300):
            track(client, number)
        result = await client.flush(timeout=20.0)
        assert result.duration < 10.0
        assert (result.pending, result.errors[0].retryable) == (300, True)
        assert len(server.requests) == 3
        await client.shutdown(0)


async def test_events_that_are_named_are_rejected_and_no_others() -> None:
    """`errors[].index` counts within its request; each receipt knows its own event's words."""

    def reply(request: Any) -> bytes:
        """Reject every seventh event, each for a reason of its own."""
        wrong = [at for at, n in enumerate(numbers(request)) if n % 7 == 3]
        errors = [
            {"index": at, "error": "validation_error", "detail": f"number {numbers(request)[at]}"}
            for at in wrong
        ]
        count = len(numbers(request))
        content = {"accepted": count - len(wrong), "rejected": len(wrong), "errors": errors}
        return said_json(202, content)

    async with recording(reply) as server:
        async with fluxly(server) as client:
            receipts = [track(client, number) for number in range(130)]
            result = await client.flush()
            wrong = {number for number in range(130) if number % 7 == 3}
            assert (result.delivered, result.rejected) == (130 - len(wrong), len(wrong))
            found = {n for n, one in enumerate(receipts) if one.state is State.REJECTED}
            assert found == wrong
            with pytest.raises(HTTPStatusError, match="number 10") as caught:
                await receipts[10].delivered()
            assert (caught.value.details, caught.value.retryable) == (
                {"code": "validation_error"},
                False,
            )
            dead = {one.event["properties"]["n"]: one.reason for one in await letters(client)}
            assert dead == {n: f"HTTP 202: validation_error: number {n}" for n in wrong}
            assert in_order(client)
        assert sorted(n for request in server.requests for n in numbers(request)) == list(
            range(130)
        )


async def test_a_rejection_without_names_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody can know which events it were."""
    with_gaps = said_json(202, {"accepted": 1, "rejected": 1, "errors": []})
    async with recording(always(with_gaps)) as server:
        async with fluxly(server, flush_at=2) as client:
            for number in range(6):
                track(client, number)
            result = await client.flush()
            assert (result.delivered, result.rejected) == (6, 0)
        assert len(said_in_log(caplog, "does not say which")) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(400, "validation_error"), (413, "payload_too_large")]
)
async def test_a_batch_that_is_refused_whole_loses_only_the_guilty(status: int, code: str) -> None:
    """In halves, each under a key of its own."""

    def reply(request: Any) -> bytes:
        """Refuse whatever holds number 13."""
        return refused(status, code) if 13 in numbers(request) else taken(request)

    async with recording(reply) as server:
        async with fluxly(server) as client:
            receipts = [track(client, number) for number in range(40)]
            await client.flush()
            states = [receipt.state for receipt in receipts]
            assert states.count(State.DELIVERED) == 39
            with pytest.raises(HTTPStatusError) as caught:
                await receipts[13].delivered()
            assert (caught.value.code, caught.value.details["code"]) == (f"http_{status}", code)
        assert len(set(keys(server))) == len(server.requests)


async def test_the_back_off_doubles_and_chance_moves_it_by_a_quarter() -> None:
    """The vendor's Python package claims it and does not wait; ours does."""
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def reply(_: Any) -> bytes:
        """Be down, and note when."""
        times.append(loop.time())
        return DOWN

    async with recording(reply) as server:
        client = fluxly(server, retry_base=0.2, retry_cap=30.0)
        await client.start()
        track(client, 1)
        await client.flush()
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        await client.shutdown(0)
    assert len(gaps) == 2
    assert 0.15 <= gaps[0] < 0.25 + 0.15
    assert 0.3 <= gaps[1] < 0.5 + 0.15


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed(status: int) -> None:
    """It makes the pause longer."""
    loop = asyncio.get_running_loop()
    slow_down = in_turn(refused(status, "rate_limited", retry_after="1"))
    async with recording(slow_down) as server, fluxly(server) as client:
        began = loop.time()
        await track(client, 1).delivered(timeout=10)
        assert loop.time() - began >= 1.0


async def test_a_server_without_an_answer_is_given_up_after_the_timeout() -> None:
    """`request_timeout`, and tried again."""
    late = asyncio.Event()

    async def mute(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Never answer."""
        await late.wait()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    at = Recorder(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    client = fluxly(at, timeout=0.1, retry_cap=30.0)
    await client.start()
    track(client, 1)
    result = await client.flush()
    assert isinstance(result.errors[0], RequestTimeoutError)
    assert (result.pending, result.errors[0].retryable) == (1, True)
    await client.shutdown(0)
    late.set()
    server.close()


async def test_an_answer_that_is_not_json_has_an_error_of_its_own() -> None:
    """The events wait, and go again under the same key."""
    async with recording(always(said(200, b"OK"))) as server:
        client = fluxly(server, retry_cap=30.0)
        await client.start()
        track(client, 1)
        (error,) = (await client.flush()).errors
        assert isinstance(error, InvalidResponseError)
        assert (error.code, error.status, error.retryable) == ("invalid_response", 200, True)
        await client.shutdown(0)


async def test_a_full_queue_raises_and_says_when_to_come_back() -> None:
    """As the vendor's documentation has it, here alone: a thousand events, then an error."""
    async with recording(taken) as server:
        client = AsyncAnalytics(GetFluxly(TOKEN, api_host=server.url))
        await client.start()
        for number in range(1_000):
            track(client, number)
        with pytest.raises(QueueFullError) as caught:
            track(client, 1_000)
        assert (caught.value.code, caught.value.retryable) == ("queue_overflow", True)
        assert (caught.value.retry_after or 0) > 0
        await client.flush()
        track(client, 1_000)
        await client.shutdown()
        assert sorted(n for one in server.requests for n in numbers(one)) == list(range(1_001))


async def test_context_is_laid_in_its_order() -> None:
    """Runtime, default, bound, call, and over all of them who sends."""
    context = {"library": "mine", "a": "default", "b": "default", "c": "default"}
    async with recording(taken) as server:
        async with fluxly(server, default_context=context, include_runtime_context=True) as client:
            with client.bind(context={"b": "bound", "c": "bound", "runtime": "bound"}):
                client.track("e", user_id="u", context={"c": "call", "library": "call"})
        (event,) = server.requests[0].json["events"]
        assert event["context"] == {
            "python_version": platform.python_version(),
            "platform": platform.system().lower(),
            "arch": platform.machine(),
            "a": "default",
            "b": "bound",
            "c": "call",
            "library": f"asyncsdk/{__version__}",
            "runtime": "python",
        }


async def test_two_names_of_one_id_must_agree() -> None:
    """`user_id` and `external_id`; given together they mean the same."""
    async with recording(taken) as server:
        async with fluxly(server) as client:
            client.track("e", external_id="u")
            client.track("e", user_id="u", external_id="u")
            with pytest.raises(ValidationError, match="external_id"):
                client.track("e", user_id="u", external_id="other")
        events = [event for one in server.requests for event in one.json["events"]]
        assert [event["external_id"] for event in events] == ["u", "u"]


async def test_a_call_without_a_form_is_refused_alone_and_skipped_beside_others(
    collector: Collector,
) -> None:
    """Beside RudderStack it is counted; an identify without both ids too."""
    async with recording(taken) as server:
        async with fluxly(server) as client:
            with pytest.raises(ValidationError, match="page: GetFluxly has no form"):
                client.page("Home", user_id="u")
            with pytest.raises(ValidationError, match="anonymous_id: GetFluxly needs both"):
                client.identify("u")
        both = AsyncAnalytics(
            RudderStack(KEY, collector.url), GetFluxly(TOKEN, api_host=server.url, name="g")
        )
        async with both:
            both.page("Home", user_id="u")
            both.identify("u")
            await both.flush()
            counts = both.statistics().destinations["g"]
            assert (counts.unsupported, counts.accepted) == (2, 0)
        assert len(collector.events) == 2
        assert server.requests == []


async def test_what_the_readmes_logger_hears_is_told_by_on_event() -> None:
    """Retries, rejections, spent retries with their requeues, and a lane that stands still."""
    heard: list[str] = []

    def on_event(kind: str, facts: Mapping[str, Any]) -> None:
        """Note it."""
        heard.append(f"{kind} {facts.get('status')}")

    script = in_turn(DOWN, DOWN, DOWN, refused(413, "payload_too_large"), refused(401, "no"))
    async with (
        recording(script) as server,
        fluxly(server, on_event=on_event, probe_after=0.05) as client,
    ):
        track(client, 1)
        await client.flush()
        await until(lambda: client.pending == 0)
        track(client, 2)
        await client.flush()
        await until(lambda: client.pending == 0)
    assert heard == [
        *("retry 503",) * 3,
        "requeued None",
        "rejected 413",
        "flush_failed 401",
    ]


async def test_spent_retries_are_exhausted_where_they_are_not_requeued() -> None:
    """With `exhausted="dead_letter"`, or after `max_age`."""
    heard: list[str] = []
    async with (
        recording(always(DOWN)) as server,
        fluxly(
            server, exhausted="dead_letter", on_event=lambda kind, _: heard.append(kind)
        ) as client,
    ):
        receipt = track(client, 1)
        await client.flush()
        assert receipt.state is State.DEAD
    assert heard == ["retry"] * 3 + ["exhausted"]


async def test_what_was_requeued_for_an_hour_becomes_a_dead_letter() -> None:
    """`max_age`, here shorter: a poison batch must not block the queue for ever."""
    async with recording(always(DOWN)) as server:
        async with fluxly(server, max_age=0.3) as client:
            receipt = track(client, 1)
            await until(lambda: receipt.state is State.DEAD)
            server.reply = taken
            await track(client, 2).delivered(timeout=10)
            assert await client.replay() == 1
            await client.flush()
        assert len({keys(server)[0], keys(server)[-1]}) == 1
        assert seen(server)[-2:] == [[2], [1]]
