"""What an application asks about flags, and what it gets."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError, PostHog, RudderStack, ValidationError
from tests.client.street import NOWHERE, adds_up
from tests.flags.answering import (
    Server,
    answering,
    as_file,
    definitions,
    flag,
    flags_answer,
    for_plan,
    record,
)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that knows a flag for itself, and defines another one."""
    async with answering() as running:
        yield running


async def test_a_flag_that_is_defined_here_is_decided_here(server: Server) -> None:
    """No request is made for it, and the event says where it was decided."""
    async with AsyncAnalytics(server.hog()) as client:
        assert await client.flags.ready()
        assert await client.flags.get("here", "u-1") is True
        assert await client.flags.is_enabled("here", "u-1") is True
    assert server.asked == []
    (event,) = server.events
    assert event["properties"]["$feature_flag_reason"] == "Evaluated locally"
    assert event["distinct_id"] == "u-1"


async def test_a_flag_that_is_not_is_asked_for(server: Server) -> None:
    """With the one key alone, and what the caller knows."""
    async with AsyncAnalytics(server.hog(personal_api_key=None)) as client:
        found = await client.flags.result(
            "there",
            42,
            groups={"company": 5},
            person_properties={"plan": "pro"},
            group_properties={"company": {"size": 3}, "team": {"size": 1}},
            device_id="d-1",
        )
    assert (found.value, found.source, found.id, found.version) == (True, "remote", 7, 3)
    (asked,) = server.asked
    assert asked["flag_keys_to_evaluate"] == ["there"]
    assert (asked["distinct_id"], asked["groups"]) == ("42", {"company": "5"})
    assert asked["group_properties"] == {"company": {"$group_key": "5", "size": 3}}
    assert asked["$device_id"] == "d-1"
    (event,) = server.events
    assert event["properties"]["$groups"] == {"company": "5"}


async def test_what_json_cannot_carry_is_asked_as_text(server: Server) -> None:
    """A question with an odd value is a question all the same."""
    async with AsyncAnalytics(server.hog(personal_api_key=None)) as client:
        odd = {"who": object, "\ud800": "\ud800"}
        assert await client.flags.get("there", "u", person_properties=odd) is True
    assert set(server.asked[0]["person_properties"]) == {"who", "\ufffd"}


async def test_only_evaluate_locally_never_asks(server: Server) -> None:
    """Neither by the call nor by the destination; the result says why there is no value."""
    async with AsyncAnalytics(server.hog()) as client:
        await client.flags.ready()
        found = await client.flags.result("there", "u", only_evaluate_locally=True)
        assert (found.value, found.source, found.reason) == (None, "none", "flag_missing")
    async with AsyncAnalytics(server.hog(only_evaluate_locally=True)) as client:
        await client.flags.ready()
        assert await client.flags.get("there", "u") is None
        assert await client.flags.get("there", "u", only_evaluate_locally=False) is True
        assert await client.flags.all("u") == {"here": True}
    assert len(server.asked) == 1


async def test_an_inconclusive_flag_is_asked_for() -> None:
    """It looks at a property that nobody gave; given it, nobody is asked."""
    file = as_file(for_plan("paid", "pro"))
    async with answering(flags=[flags_answer(record("paid", value=False))]) as server:
        hog = server.hog(personal_api_key=None, flag_definitions=file)
        async with AsyncAnalytics(hog) as client:
            pro = {"plan": "pro"}
            assert await client.flags.get("paid", "u", person_properties=pro) is True
            assert server.asked == []
            assert await client.flags.get("paid", "u") is False
            assert len(server.asked) == 1
            local = client.flags.local_result("paid", "u")
            assert (local.value, local.reason) == (None, "missing_context")


async def test_payloads_are_decoded_and_belong_to_the_caller() -> None:
    """Local and remote ones; of the person's value, or of another one that is asked for."""
    payloads = {"payloads": {"true": '{"color": "blue"}', "false": "3"}}
    file = as_file(flag("here", filters=payloads))
    remote = record("there", "test", payload="[1, 2]")
    async with answering(flags=[flags_answer(remote)]) as server:
        hog = server.hog(personal_api_key=None, flag_definitions=file)
        async with AsyncAnalytics(hog) as client:
            found = await client.flags.payload("here", "u")
            assert found == {"color": "blue"}
            found["color"] = "red"
            assert await client.flags.payload("here", "u") == {"color": "blue"}
            assert await client.flags.payload("here", "u", match_value=False) == 3
            assert await client.flags.payload("here", "u", match_value="none") is None
            assert await client.flags.payload("there", "u") == [1, 2]
    assert server.events == []


async def test_all_flags_come_from_here_or_all_are_asked_for() -> None:
    """What the server says goes before what was decided here; what it leaves out stays."""
    file = as_file(flag("here"), for_plan("paid", "pro"))
    answer = flags_answer(record("paid", "test", payload='"p"'))
    async with answering(flags=[answer]) as server:
        hog = server.hog(personal_api_key=None, flag_definitions=file)
        async with AsyncAnalytics(hog) as client:
            pro = {"plan": "pro"}
            assert await client.flags.all("u", person_properties=pro) == {
                "here": True,
                "paid": True,
            }
            assert server.asked == []
            assert await client.flags.all("u") == {"here": True, "paid": "test"}
            found = await client.flags.all_with_payloads("u")
            assert found is not None
            assert found.values == {"here": True, "paid": "test"}
            assert found.payloads == {"paid": "p"}
            assert await client.flags.all("u", keys=["here"]) == {"here": True}
    assert [one.get("flag_keys_to_evaluate") for one in server.asked] == [None, None]
    assert server.events == []


async def test_a_snapshot_is_evaluated_once_and_read_often() -> None:
    """Reads are in memory; each flag that is read is reported once, and an event can carry all."""
    file = as_file(flag("here"), for_plan("paid", "pro"))
    answer = flags_answer(record("here", value=False), record("paid", "test", payload="1"))
    async with answering(flags=[answer]) as server:
        hog = server.hog(personal_api_key=None, flag_definitions=file)
        async with AsyncAnalytics(hog) as client:
            flags = await client.flags.snapshot("u")
            for _ in range(3):
                assert flags.is_enabled("here") is True, "decided here, so not asked for"
                assert flags.get("paid") == "test"
                assert flags.get("no-such") is None
            assert (flags.payload("paid"), sorted(flags), len(flags)) == (1, ["here", "paid"], 2)
            assert "paid" in flags
            assert flags.only("paid").values() == {"paid": "test"}
            client.capture("Bought", "u", flags=flags)
            client.capture("Seen", "u", flags=flags.only_read())
    assert len(server.asked) == 1
    assert server.told() == [
        ("here", True, None),
        ("paid", "test", None),
        ("no-such", None, "flag_missing"),
    ]
    for event in server.events[-2:]:
        assert event["properties"]["$feature/paid"] == "test"
        assert event["properties"]["$active_feature_flags"] == ["here", "paid"]


async def test_a_snapshot_says_what_nobody_could_decide() -> None:
    """And why; its repr shows nobody's id."""
    file = as_file(flag("here"), for_plan("paid", "pro"))
    async with answering() as server:
        hog = server.hog(personal_api_key=None, flag_definitions=file)
        async with AsyncAnalytics(hog) as client:
            flags = await client.flags.snapshot(
                "u-planted", keys=["here", "paid", "no-such"], only_evaluate_locally=True
            )
    assert flags.unresolved == {"paid": "missing_context", "no-such": "flag_missing"}
    assert flags.result("paid").reason == "missing_context"
    assert "u-planted" not in repr(flags)


async def test_a_remote_configuration_is_fetched_with_the_personal_key() -> None:
    """Its payload is JSON in a JSON text; without a key it cannot be asked for at all."""
    async with answering(polls=[(200, '{"a": 1}'), (404, {})]) as server:
        hog = server.hog(feature_flags_polling_interval=None)
        async with AsyncAnalytics(hog) as client:
            assert await client.flags.remote_config("a key/with ?") == {"a": 1}
            assert await client.flags.remote_config("gone") is None
            assert client.statistics().flag_failures == 1
        async with AsyncAnalytics(server.hog(personal_api_key=None)) as client:
            with pytest.raises(ConfigurationError, match="personal_api_key"):
                await client.flags.remote_config("cfg")
    path = server.of("/api/")[0].path
    assert path.startswith(
        "/api/projects/@current/feature_flags/a%20key%2Fwith%20%3F/remote_config?"
    )


class Detached(Mapping[str, Any]):
    """The row of a database whose session has ended."""

    def __iter__(self) -> Iterator[str]:
        """Name one column."""
        return iter(["plan"])

    def __len__(self) -> int:
        """Count it."""
        return 1

    def __getitem__(self, _: str) -> Any:
        """Fail."""
        raise RuntimeError("detached")


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("key", {"key": 5}),
    ("key", {"key": ""}),
    ("distinct_id", {"distinct_id": ""}),
    ("distinct_id", {"distinct_id": None}),
    ("distinct_id", {"distinct_id": ["u"]}),
    ("groups", {"groups": ["company"]}),
    ("groups.company", {"groups": {"company": None}}),
    ("person_properties", {"person_properties": "plan"}),
    ("group_properties.company", {"group_properties": {"company": 1}}),
    ("device_id", {"device_id": 7}),
    ("groups", {"groups": Detached()}),
    ("person_properties", {"person_properties": Detached()}),
    ("group_properties.company", {"group_properties": {"company": Detached()}}),
]


@pytest.mark.parametrize(("named", "wrong"), WRONG)
@pytest.mark.parametrize("call", ["get", "is_enabled", "result", "payload", "local_result"])
async def test_a_wrong_argument_is_refused_at_the_call(
    server: Server, call: str, named: str, wrong: dict[str, Any]
) -> None:
    """It is the caller's mistake, whether or not the flag is decided here."""
    client = AsyncAnalytics(server.hog(flag_definitions=as_file(flag("here"))))
    assert await client.flags.get("here", "u", send_events=False) is True
    if call == "local_result":
        with pytest.raises(ValidationError, match=rf"^{named}: "):
            client.flags.local_result(**{"key": "here", "distinct_id": "u", **wrong})
        return
    with pytest.raises(ValidationError, match=rf"^{named}: "):
        await getattr(client.flags, call)(**{"key": "here", "distinct_id": "u", **wrong})
    await client.shutdown(1)


@pytest.mark.parametrize("call", ["all", "all_with_payloads", "snapshot"])
async def test_what_cannot_be_read_is_refused_for_all_flags_too(server: Server, call: str) -> None:
    """The same mistake, in the same words."""
    async with AsyncAnalytics(server.hog(flag_definitions=as_file(flag("here")))) as client:
        with pytest.raises(ValidationError, match=r"^person_properties: .*RuntimeError"):
            await getattr(client.flags, call)("u", person_properties=Detached())


async def test_what_is_asked_is_what_was_given_at_the_call() -> None:
    """A question may wait for the first definitions; the caller goes on meanwhile."""
    async with answering(polls=[(200, definitions(for_plan("f", "pro")))]) as server:
        server.gate.clear()
        async with AsyncAnalytics(server.hog(flags_timeout=5.0)) as client:
            facts = {"plan": "pro"}
            asking = asyncio.create_task(client.flags.get("f", "u", person_properties=facts))
            await asyncio.sleep(0.05)
            facts["plan"] = "free"
            server.gate.set()
            assert await asking is True


async def test_a_text_is_no_list_of_keys(server: Server) -> None:
    """Its letters would be taken for flags."""
    async with AsyncAnalytics(server.hog()) as client:
        with pytest.raises(ValidationError, match=r"^keys: "):
            await client.flags.all("u", keys="here")


def test_a_client_without_such_a_destination_has_no_flags() -> None:
    """It says so at once, and names what is missing."""
    client = AsyncAnalytics(RudderStack("planted-write-key", NOWHERE))
    with pytest.raises(ConfigurationError, match="PostHog"):
        _ = client.flags
    with pytest.raises(ConfigurationError, match="PostHog"):
        _ = client.to(RudderStack("another-write-key", NOWHERE)).flags


async def test_a_view_has_the_flags_of_its_destination(server: Server) -> None:
    """Of another one of the client's, and of one that the client does not know: a tenant's."""
    async with answering(flags=[flags_answer(record("there", "other"))]) as other:
        first = server.hog(personal_api_key=None)
        second = other.hog(personal_api_key=None, name="second")
        tenant = other.hog(personal_api_key=None, name="tenant")
        async with AsyncAnalytics(first, second) as client:
            assert await client.flags.get("there", "u") is True
            assert await client.to("second").flags.get("there", "u") == "other"
            view = client.to(tenant)
            assert view.flags is client.to(tenant).flags
            assert await view.flags.get("there", "u") == "other"
            assert await view.flags.get("there", "u") == "other"
            await client.flush(5)
            adds_up(client)
        assert (len(server.told()), len(other.told())) == (1, 2)


async def test_a_failing_hook_of_the_application_does_not_reach_whoever_asks(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The event is dropped and counted; the value is there."""

    def broken(_: object) -> None:
        """Break."""
        raise RuntimeError

    with caplog.at_level(logging.ERROR):
        async with AsyncAnalytics(server.hog(), before_send=[broken]) as client:
            await client.flags.ready()
            assert await client.flags.get("here", "u") is True
            assert client.statistics().dropped_reasons == {"hook_failed": 1}


async def test_a_full_queue_does_not_reach_whoever_asks(server: Server) -> None:
    """With `overflow="raise"` calls raise; a question about a flag does not."""
    client = AsyncAnalytics(server.hog(), max_queue_events=1, overflow="raise")
    client.track("e", user_id="u")
    assert await client.flags.get("there", "u") is True
    assert client.statistics().flag_failures == 1
    await client.shutdown(1)


@pytest.mark.parametrize("in_cohort", [False, True])
async def test_a_flag_may_look_at_the_id_itself(*, in_cohort: bool) -> None:
    """The id counts as a property beside those that are given, unless it is among these."""
    mine = {"key": "distinct_id", "operator": "exact", "value": "u-1", "type": "person"}
    cohort = {"key": "id", "type": "cohort", "value": 1, "operator": "in"}
    groups = [{"properties": [cohort if in_cohort else mine]}]
    known = {
        "flags": [{"key": "mine", "active": True, "filters": {"groups": groups}}],
        "cohorts": {"1": {"type": "AND", "values": [mine]}},
    }
    destination = PostHog(
        "phc_key", host="http://127.0.0.1:9", flag_definitions=json.dumps(known).encode()
    )
    flags = AsyncAnalytics(destination, enabled=False).flags
    plan: dict[str, Any] = {"plan": "pro"}
    for given, expected in ((None, True), (plan, True), ({**plan, "distinct_id": "u-2"}, False)):
        found = await flags.get("mine", "u-1", person_properties=given, send_events=False)
        assert found is expected
    assert plan == {"plan": "pro"}
