"""An alias of GetFluxly is a request of its own: at once, answered, in order, and in nobody's way."""

from __future__ import annotations

import asyncio
import logging

import pytest

from asyncsdk import (
    AsyncAnalytics,
    GetFluxly,
    HTTPStatusError,
    InvalidResponseError,
    Receipt,
    State,
    ValidationError,
)
from tests.destinations.recorder import recording, said_json
from tests.street.replying import (
    ALIAS,
    DOWN,
    always,
    answer_in,
    by_path,
    fluxly,
    in_order,
    in_turn,
    keys,
    refused,
    seen,
    taken,
)
from tests.street.walking import letters, track, until

pytestmark = pytest.mark.whole_way


def alias(client: AsyncAnalytics, user: str = "u") -> Receipt:
    """Say that *user* was somebody else before."""
    return client.alias(user_id=user, previous_id="old", anonymous_id="anon")


async def test_an_alias_is_sent_at_once_and_its_answer_comes_back() -> None:
    """It sits out no interval; the receipt has the inner object."""
    async with recording(taken) as server:
        async with fluxly(server, flush_interval=60.0) as client:
            receipt = alias(client)
            await until(lambda: receipt.state is State.DELIVERED)
            outcome = await receipt.delivered()
            assert (outcome.status, answer_in(outcome.answer)) == (
                200,
                {
                    "user_id": "u",
                    "anonymous_id": "anon",
                    "previous_id": "old",
                    "merged_at": "2026-05-16T07:00:00Z",
                },
            )
        assert [request.path for request in server.requests] == [ALIAS]


async def test_an_alias_keeps_its_place_among_the_events() -> None:
    """What was said before it goes before it, though its interval is not over."""
    async with recording(taken) as server:
        async with fluxly(server, flush_interval=60.0) as client:
            track(client, 1)
            track(client, 2)
            alias(client, "a")
            alias(client, "b")
            track(client, 3)
            await client.flush()
        assert seen(server) == [[1, 2], "a", "b", [3]]
        assert len(set(keys(server))) == 4


FINAL = [
    (400, "validation_error"),
    (401, "unauthenticated"),
    (403, "forbidden"),
    (403, "wrong_key_type"),
    (404, "not_found"),
    (409, "alias_conflict"),
    (409, "erasure_in_progress"),
    (413, "payload_too_large"),
]


@pytest.mark.parametrize(("status", "code"), FINAL)
async def test_a_refused_alias_stops_no_event(status: int, code: str) -> None:
    """Its refusal is its own: the lane neither stands still nor rests, and the counts add up."""
    async with recording(by_path(alias=always(refused(status, code)))) as server:
        async with fluxly(server) as client:
            before, receipt, after = track(client, 1), alias(client), track(client, 2)
            result = await client.flush()
            assert (result.delivered, result.rejected, result.pending) == (2, 1, 0)
            now = client.statistics()
            assert (now.stopped, now.paused, now.failures) == ("", 0.0, 0)
            assert (before.state, after.state) == (State.DELIVERED, State.DELIVERED)
            with pytest.raises(HTTPStatusError) as caught:
                await receipt.delivered()
            error = caught.value
            assert (error.code, error.status, error.retryable) == (f"http_{status}", status, False)
            assert error.details == {"code": code}
            assert in_order(client)
        assert seen(server) == [[1], "u", [2]]


async def test_a_publishable_key_is_explained_where_the_alias_fails() -> None:
    """The events of such a key are taken; the error says which key an alias needs."""
    body = {"error": "wrong_key_type", "detail": "server key required", "received": "publishable"}
    async with recording(by_path(alias=always(said_json(403, body)))) as server:
        client = AsyncAnalytics(GetFluxly("gflux_pub_1", api_host=server.url))
        async with client:
            track(client, 1)
            with pytest.raises(HTTPStatusError, match="gflux_secret_…\\), this is publishable"):
                await alias(client).delivered()
            await track(client, 2).delivered()


@pytest.mark.parametrize("trouble", [DOWN, None, refused(429, "rate_limited"), said_json(200, {})])
async def test_an_alias_is_tried_again_under_its_key(trouble: bytes | None) -> None:
    """Also if the connection was cut, or the answer lacks what was asked for."""
    async with recording(by_path(alias=in_turn(trouble, trouble))) as server:
        async with fluxly(server) as client:
            track(client, 1)
            assert (await alias(client).delivered(timeout=10)).answer is not None
        assert len(keys(server, ALIAS)) == 3
        assert len(set(keys(server, ALIAS))) == 1
        assert keys(server)[0] not in keys(server, ALIAS)


async def test_an_alias_without_its_answer_has_an_error_of_its_own() -> None:
    """`invalid_response`, as theirs; it waits on under its key."""
    async with recording(by_path(alias=always(said_json(200, {})))) as server:
        client = fluxly(server, retry_cap=30.0)
        await client.start()
        alias(client)
        (error,) = (await client.flush()).errors
        assert isinstance(error, InvalidResponseError)
        assert (error.retryable, client.pending) == (True, 1)
        await client.shutdown(0)


async def test_an_alias_that_goes_on_failing_lets_the_events_pass() -> None:
    """After its attempts it waits beside them, with those that follow it, and comes back in order."""
    async with recording(by_path(alias=always(DOWN))) as server:
        client = fluxly(server, retry_cap=0.5)
        await client.start()
        receipts = [alias(client, user) for user in "abc"]
        for number in range(100):
            track(client, number)
        result = await client.flush()
        assert (result.delivered, result.pending) == (100, 3)
        assert result.errors[0].code == "http_503"
        assert in_order(client)
        assert {receipt.state for receipt in receipts} == {State.PENDING}
        await until(lambda: len(keys(server, ALIAS)) >= 6)
        assert {one for one in seen(server) if isinstance(one, str)} == {"a"}
        track(client, 100)
        server.reply = taken
        for receipt in receipts:
            await receipt.delivered(timeout=10)
        await client.flush()
        assert [one for one in seen(server) if isinstance(one, str)][-3:] == ["a", "b", "c"]
        assert len(set(keys(server, ALIAS))) == 3
        assert client.statistics().delivered == 104
        assert in_order(client)
        await client.shutdown()


async def test_events_pass_as_soon_as_an_alias_has_stepped_aside() -> None:
    """Its next pause would have been longest: it was for the alias, and its round is over."""
    async with recording(by_path(alias=always(DOWN))) as server:
        client = fluxly(server, max_retries=0, retry_base=20.0, retry_cap=20.0)
        await client.start()
        alias(client)
        await track(client, 1).delivered(timeout=5.0)
        await client.shutdown(0)


async def test_a_flush_does_not_wait_for_an_alias_that_is_at_rest() -> None:
    """Its round is spent, and the next one is half a minute away: the events are all that counts."""
    async with recording(by_path(alias=always(DOWN))) as server:
        client = fluxly(server, retry_cap=30.0)
        await client.start()
        alias(client)
        await client.flush()
        track(client, 1)
        result = await client.flush(timeout=20.0)
        assert result.duration < 10.0
        assert (result.delivered, result.pending) == (1, 1)
        await client.shutdown(0)


async def test_a_shutdown_tries_a_failing_alias_once_more_and_does_not_wait_for_it() -> None:
    """Its rest is longer than the time that is left, so waiting is in vain; it is dropped, counted."""
    async with recording(by_path(alias=always(DOWN))) as server:
        client = fluxly(server, retry_cap=30.0)
        await client.start()
        receipt = alias(client)
        await client.flush()
        tried = len(keys(server, ALIAS))
        track(client, 1)
        result = await client.shutdown(timeout=20.0)
        assert result.duration < 10.0
        assert (result.delivered, result.dropped, result.pending) == (1, 1, 0)
        assert receipt.state is State.DROPPED
        assert len(keys(server, ALIAS)) > tried
        assert in_order(client)


async def test_a_failing_alias_is_delivered_by_the_last_attempt_of_a_shutdown() -> None:
    """The server is back in time."""
    async with recording(by_path(alias=in_turn(DOWN, DOWN, DOWN))) as server:
        client = fluxly(server, retry_cap=30.0)
        await client.start()
        receipt = alias(client)
        assert (await client.flush()).pending == 1
        await client.shutdown()
        assert receipt.state is State.DELIVERED
        assert len(set(keys(server, ALIAS))) == 1


@pytest.mark.parametrize("which", ["", " lay-by", " send 0", " write"])
async def test_a_failing_alias_is_there_for_the_next_run(which: str) -> None:
    """A task of its lane was cancelled while it waited; whoever runs the lane next recovers it."""
    async with recording(by_path(alias=always(DOWN))) as server:
        client = fluxly(server, retry_cap=30.0)
        await client.start()
        receipt = alias(client)
        await client.flush()
        (task,) = [one for one in asyncio.all_tasks() if one.get_name() == f"asyncsdk here{which}"]
        task.cancel()
        server.reply = taken
        await receipt.delivered(timeout=10)
        assert len(set(keys(server, ALIAS))) == 1
        assert in_order(client)
        await client.shutdown()


async def test_a_failing_alias_grows_old() -> None:
    """`max_age` holds for it too."""
    failing = by_path(alias=always(DOWN))
    async with recording(failing) as server, fluxly(server, max_age=0.3) as client:
        receipts = [alias(client, user) for user in "ab"]
        await until(lambda: {one.state for one in receipts} == {State.DEAD})
        assert [one.event["user_id"] for one in await letters(client)] == ["a", "b"]


async def test_a_dead_alias_is_known_by_its_id_and_replayed_under_its_key() -> None:
    """Its body on the wire has no place for an id; its dead letter has."""
    async with recording(by_path(alias=in_turn(DOWN, DOWN, DOWN))) as server:
        async with fluxly(server, exhausted="dead_letter") as client:
            receipt = client.alias(user_id="u", previous_id="old", message_id="mine")
            await client.flush()
            assert receipt.state is State.DEAD
            (letter,) = await letters(client)
            assert (letter.message_id, letter.route) == ("mine", "alias")
            assert letter.first_at.endswith("Z")
            assert await client.replay("mine") == 1
            await client.flush()
            assert client.statistics().delivered == 1
        assert len(set(keys(server))) == 1
        assert all(one.json == {"user_id": "u", "previous_id": "old"} for one in server.requests)


async def test_an_alias_needs_two_ids() -> None:
    """The id from now on, and one of the ids until now."""
    async with recording(taken) as server:
        async with fluxly(server) as client:
            with pytest.raises(ValidationError, match="user_id"):
                client.alias(user_id="", anonymous_id="a")
            with pytest.raises(ValidationError, match="previous_id"):
                client.alias(user_id="u")
            client.alias(user_id="u", anonymous_id="a")
        assert [request.json for request in server.requests] == [
            {"user_id": "u", "anonymous_id": "a"}
        ]


async def test_an_alias_stays_behind_a_lane_that_stands_still() -> None:
    """A key that is refused for events is refused for it too; order holds when somebody mends it."""
    async with recording(by_path(events=in_turn(refused(401, "unauthenticated")))) as server:
        async with fluxly(server, probe_after=0.2) as client:
            track(client, 1)
            receipt = alias(client)
            await until(lambda: client.statistics().stopped)
            assert receipt.state is State.PENDING
            await receipt.delivered(timeout=10)
        assert seen(server) == [[1], [1], "u"]


async def test_a_refused_alias_is_no_sign_of_life(caplog: pytest.LogCaptureFixture) -> None:
    """A lane that stands still goes on when events are taken.

    With several requests at once an alias may go out meanwhile, and its refusal proves nothing.
    """
    replies = by_path(
        events=always(refused(401, "unauthenticated")), alias=always(refused(409, "alias_conflict"))
    )
    async with recording(replies) as server:
        client = fluxly(server, concurrency=2, probe_after=0.05, probe_cap=0.05)
        await client.start()
        track(client, 1)
        await until(lambda: client.statistics().stopped)
        with caplog.at_level(logging.INFO, "asyncsdk"):
            receipt = alias(client)
            await until(lambda: receipt.state is State.REJECTED)
        assert not [line for line in caplog.messages if "delivers again" in line]
        await until(lambda: client.statistics().stopped)
        assert client.pending == 1
        assert in_order(client)
        await client.shutdown(0)
