"""PostHog's event routes, over real HTTP."""

from typing import Any

import msgspec
import pytest

from asyncsdk.collector import Collector, Fault
from asyncsdk.collector.posthog_events import MAX_EVENT_BYTES
from tests.collector.asking import KEY, Asker, Got

pytestmark = pytest.mark.whole_way

UUID = "0199c3a0-0000-7000-8000-{:012d}"


def item(number: int = 1, **more: Any) -> dict[str, Any]:
    """Build an event as the SDKs send it."""
    properties = {"$lib": "posthog-python", "n": number}
    made = {"event": "Item Viewed", "distinct_id": "user-1", "uuid": UUID.format(number)}
    return {**made, "properties": properties, **more}


async def send(asker: Asker, *events: object, path: str = "/batch/", **envelope: Any) -> Got:
    """Post a batch of *events* with the right key."""
    body = {"api_key": KEY, "batch": events, "sent_at": "2026-01-02T03:04:05.678Z", **envelope}
    return await asker.post(body, path=path, key=None, packed=True)


@pytest.mark.parametrize("path", ["/batch/", "/batch", "/i/v0/e/", "/proxy/ph/batch/"])
@pytest.mark.parametrize("packed", [False, True])
async def test_a_batch_is_taken(
    collector: Collector, asker: Asker, path: str, *, packed: bool
) -> None:
    """With or without the slash, behind a prefix, gzipped or not; ids are counted."""
    body = {"api_key": KEY, "batch": [item(1), item(2), item(1)], "historical_migration": False}
    got = await asker.post(body, path=path, key=None, packed=packed)
    assert (got.status, got.text) == (200, '{"status":"Ok"}')
    assert collector.message_ids("posthog") == {UUID.format(1): 2, UUID.format(2): 1}
    assert collector.summary().duplicates == 1
    assert {(kept.system, kept.write_key) for kept in collector.events} == {("posthog", "wri***")}


async def test_kinds_are_counted_by_their_names(collector: Collector, asker: Asker) -> None:
    """PostHog's own events by our words where there are some, an application's as tracks."""
    names = ["$identify", "$create_alias", "$groupidentify", "$pageview", "$screen"]
    others = ["$feature_flag_called", "Item Viewed", "Item Added"]
    await send(asker, *(item(at, event=name) for at, name in enumerate(names + others)))
    expected = dict.fromkeys(["identify", "alias", "group", "page", "screen"], 1)
    assert collector.summary().by_type == {**expected, "$feature_flag_called": 1, "track": 2}


async def test_one_event_or_a_list_needs_no_envelope(collector: Collector, asker: Asker) -> None:
    """As the older routes took them: the key stands in the event, even among its properties."""
    single = item(1) | {"api_key": KEY}
    listed = [item(2, token=KEY), item(3, properties={"token": KEY, "distinct_id": 17})]
    del listed[1]["distinct_id"]
    assert (await asker.post(single, path="/i/v0/e/", key=None)).status == 200
    assert (await asker.post(listed, path="/i/v0/e", key=None)).status == 200
    assert sorted(collector.message_ids()) == [UUID.format(number) for number in (1, 2, 3)]


async def test_an_event_without_a_uuid_gets_one(collector: Collector, asker: Asker) -> None:
    """The server makes it, a new one for each event."""
    await send(asker, *(item(uuid=value) for value in (None, "")))
    ids = [kept.message_id for kept in collector.events]
    assert [kept.body["uuid"] for kept in collector.events] == ids
    assert len(set(ids)) == 2


async def test_odd_values_do_no_harm(collector: Collector, asker: Asker) -> None:
    """What a server would take, or throw away later, does not break this one."""
    odd: list[dict[str, Any]] = [
        {"distinct_id": {"a": 1}},
        {"properties": None},
        {"$set": 5},
        {"$set_once": [1]},
    ]
    odd += [{"$set": {"n": 10**40}}, {"event": "$groupidentify", "properties": {"$group_set": 5}}]
    got = await send(asker, *(item(at) | strange for at, strange in enumerate(odd)))
    assert (got.status, len(collector.events)) == (200, len(odd))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (5, "an event is not an object"),
        ({"event": None}, "missing field `event`"),
        ({"event": ""}, "empty event name"),
        ({"distinct_id": None}, "without a distinct_id"),
        ({"distinct_id": ""}, "empty distinct_id"),
        ({"properties": [1]}, "properties is not an object"),
        ({"uuid": "not-one"}, "uuid is not a UUID"),
        ({"uuid": 5}, "uuid is not a UUID"),
    ],
)
async def test_a_bad_event_refuses_its_batch(
    collector: Collector, asker: Asker, wrong: Any, problem: str
) -> None:
    """400 in plain words, and the good neighbours are refused with it."""
    bad = item(2) | wrong if isinstance(wrong, dict) else wrong
    got = await send(asker, item(1), bad, item(3))
    assert got.status == 400
    assert problem in got.text
    assert (collector.summary().accepted, collector.summary().refused) == (0, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        5,
        [],
        {"api_key": KEY, "batch": []},
        {"api_key": KEY, "batch": 5},
    ],
)
async def test_a_body_without_events_is_400(asker: Asker, body: object) -> None:
    """Whether or not it is JSON."""
    assert (await asker.post(body, path="/batch/", key=None)).status == 400


async def test_keys_are_in_the_body(collector: Collector, asker: Asker) -> None:
    """401 without one, with an unknown one, and with two; an Authorization is not looked at."""
    assert (await send(asker, item(), api_key=None)).status == 401
    assert (await send(asker, item(), api_key="other")).status == 401
    assert (await asker.post({"batch": [item()]}, path="/batch/")).status == 401
    two = [item(1, token=KEY), item(2, token="other")]
    assert "inconsistent" in (await asker.post(two, path="/i/v0/e/", key=None)).text
    assert collector.summary().by_status == {"401": 4}
    assert collector.summary().refused == 5


async def test_an_event_over_a_megabyte_is_413(collector: Collector, asker: Asker) -> None:
    """As is a body over the collector's bound."""
    large = item(2, properties={"text": "x" * MAX_EVENT_BYTES})
    assert (await send(asker, item(1), large)).status == 413
    for alone in (large | {"api_key": KEY}, [item(1, token=KEY), large]):
        assert (await asker.post(alone, path="/i/v0/e/", key=None, packed=True)).status == 413
    many = [item(number, properties={"text": "x" * 100_000}) for number in range(20)]
    assert (await send(asker, *many)).status == 200
    assert (await asker.post(bytes(4_096_001), path="/batch/", key=None, packed=True)).status == 413
    assert collector.summary().refused == 5


async def test_what_cannot_be_unpacked_is_400(asker: Asker) -> None:
    """And methods other than POST are 405."""
    headers = {"Content-Encoding": "gzip"}
    assert (await asker.post(b"no", path="/batch/", key=None, headers=headers)).status == 400
    assert (await asker.get("/batch/")).status == 405
    assert (await asker.get("/flags/")).status == 405
    assert (await asker.post({}, path="/flags/definitions")).status == 405


async def test_faults_reach_its_routes(collector: Collector, asker: Asker) -> None:
    """A status has PostHog's words; a path picks the requests that are hit."""
    broken = Fault(kind="status", status=429, retry_after="2", path="/batch")
    collector.script(broken)
    got = await send(asker, item(1))
    assert (got.status, got.headers["Retry-After"]) == (429, "2")
    assert msgspec.json.decode(got.text)["detail"] == "too many requests"
    assert (await send(asker, item(2), path="/i/v0/e/")).status == 200
    assert collector.message_ids() == {UUID.format(2): 1}
