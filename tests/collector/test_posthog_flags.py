"""PostHog's flags, over real HTTP: definitions, answers, and what goes wrong on purpose."""

from pathlib import Path
from typing import Any, Literal

import aiohttp
import msgspec
import pytest

from asyncsdk.collector import Collector, Fault
from tests.collector.asking import KEY, Asker, bearer
from tests.collector.flagging import FLAGS, PERSONAL, definitions, flag, flags_of, only

pytestmark = pytest.mark.whole_way

DEFINITIONS = f"/flags/definitions?token={KEY}&send_cohorts"
KNOWN = {"Authorization": bearer(PERSONAL)}


@pytest.fixture
def collector(collector: Collector) -> Collector:
    """Give the collector flags, and the key that opens them."""
    collector.define_flags(definitions(*FLAGS), values={"layout": "test", "simple": True})
    collector.personal_keys = [PERSONAL]
    return collector


@pytest.mark.parametrize("path", [DEFINITIONS, f"/api/feature_flag/local_evaluation?token={KEY}"])
async def test_definitions_are_the_file_and_304_while_it_stays(
    collector: Collector, asker: Asker, path: str, tmp_path: Path
) -> None:
    """Byte for byte, with an ETag that changes when the definitions do."""
    file = tmp_path / "flags.json"
    file.write_bytes(definitions(*FLAGS))
    collector.define_flags(file)
    got = await asker.get(path, headers=KNOWN)
    assert (got.status, got.text.encode()) == (200, file.read_bytes())
    seen = {**KNOWN, "If-None-Match": got.headers["ETag"]}
    again = await asker.get(path, headers=seen)
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", got.headers["ETag"])
    collector.define_flags(definitions(*FLAGS[1:]))
    assert (await asker.get(path, headers=seen)).status == 200


@pytest.mark.parametrize(
    "path", [DEFINITIONS, "/api/projects/@current/feature_flags/simple/remote_config"]
)
async def test_definitions_need_a_key_of_their_own(asker: Asker, path: str) -> None:
    """Not the project's: that one is in every browser; 401 tells the poller to slow down."""
    for headers in ({}, {"Authorization": bearer(KEY)}, {"Authorization": "Bearer "}):
        assert (await asker.get(path, headers=headers)).status == 401
    assert (await asker.get(path, headers=KNOWN)).status == 200
    wrong = path.partition("?")[0] + "?token=other"
    assert (await asker.get(wrong, headers=KNOWN)).status == 401


async def test_a_project_without_flags_has_empty_definitions(asker: Asker) -> None:
    """An answer like any other, not an error."""
    asker.collector.define_flags()
    got = await asker.get(DEFINITIONS, headers=KNOWN)
    assert msgspec.json.decode(got.text)["flags"] == []
    assert (await flags_of(asker))["flags"] == {}


@pytest.mark.parametrize("wrong", [b"", b"{", b"[]", b'{"flags":5}', b'{"flags":[{"id":1}]}'])
def test_a_file_without_definitions_is_refused(wrong: bytes) -> None:
    """At once, where it is named."""
    with pytest.raises(ValueError, match="flag_definitions"):
        Collector(flag_definitions=wrong)


async def test_a_remote_configuration_is_json_in_a_text(asker: Asker) -> None:
    """The payload as the definitions have it; 404 for a flag that is not there."""
    path = "/api/projects/@current/feature_flags/{}/remote_config?token=" + KEY
    got = await asker.get(path.format("simple"), headers=KNOWN)
    assert (got.status, msgspec.json.decode(got.text)) == (200, '{"color":"blue"}')
    assert (await asker.get(path.format("none"), headers=KNOWN)).status == 404


async def test_an_answer_tells_value_reason_and_payload(asker: Asker) -> None:
    """The newest shape, v 4; v 2 says the same in fewer fields."""
    answer = await flags_of(asker)
    assert answer["flags"]["layout"] == {
        "key": "layout",
        "enabled": True,
        "variant": "test",
        "value": "test",
        "failed": False,
        "reason": {
            "code": "condition_match",
            "condition_index": None,
            "description": "Set by hand",
        },
        "metadata": {
            "id": 12,
            "version": 3,
            "payload": "[1,2]",
            "description": None,
            "has_experiment": False,
        },
    }
    assert (answer["errorsWhileComputingFlags"], answer["quotaLimited"]) == (False, [])
    assert answer["requestId"]
    assert answer["evaluatedAt"] > 1_700_000_000_000
    older = (await flags_of(asker, path="/flags?v=2"))["flags"]["layout"]
    assert older.keys() == {"key", "enabled", "variant", "reason", "metadata"}


@pytest.mark.parametrize("path", ["/decide/?v=3", "/flags/", "/decide/", "/flags/?v=²"])
async def test_older_answers_have_values_and_payloads(asker: Asker, path: str) -> None:
    """What SDKs of before knew."""
    answer = await flags_of(asker, path=path)
    assert answer["featureFlags"]["layout"] == "test"
    assert answer["featureFlags"]["gone"] is False
    assert answer["featureFlagPayloads"] == {"simple": '{"color":"blue"}', "layout": "[1,2]"}
    assert "flags" not in answer


async def test_flags_can_be_picked(asker: Asker) -> None:
    """By key, and by where they are meant to be evaluated."""
    assert (await flags_of(asker, flag_keys_to_evaluate=["simple"]))["flags"].keys() == {"simple"}
    server = await flags_of(asker, evaluation_runtime="server")
    assert server["flags"].keys() == {"simple", "layout", "gone"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"api_key": None}, 401),
        ({"api_key": "other"}, 401),
        ({"distinct_id": None}, 400),
        ({"distinct_id": ""}, 400),
    ],
)
async def test_a_question_needs_a_key_and_an_id(
    asker: Asker, wrong: dict[str, Any], status: int
) -> None:
    """Plain words for the one who debugs."""
    body = {"api_key": KEY, "distinct_id": "user-1"} | wrong
    assert (await asker.post(body, path="/flags/?v=2", key=None)).status == status
    body["token"] = body.pop("api_key")
    assert (await asker.post(body, path="/flags/?v=2", key=None)).status == status


@pytest.mark.parametrize(
    "odd",
    [
        {"groups": 5, "person_properties": [], "group_properties": "x"},
        {"flag_keys_to_evaluate": "simple", "evaluation_runtime": None},
        {"group_properties": {"company": 5}, "groups": {"company": {"a": 1}}},
        {"distinct_id": 17, "device_id": 5},
    ],
)
async def test_odd_values_count_as_not_given(asker: Asker, odd: dict[str, Any]) -> None:
    """Nobody gets a 500 for them."""
    body = {"api_key": KEY, "distinct_id": "user-1"} | odd
    got = await asker.post(body, path="/flags/?v=2", key=None)
    assert msgspec.json.decode(got.text)["flags"]["simple"]["enabled"] is True


@pytest.mark.parametrize("body", [b"", b"{", []])
async def test_a_question_is_a_json_object(asker: Asker, body: object) -> None:
    """Nothing is guessed."""
    assert (await asker.post(body, path="/flags/?v=2", key=None)).status == 400


async def test_a_project_over_its_quota_gets_no_flags(collector: Collector, asker: Asker) -> None:
    """Events and definitions go on: the fault is for questions only, and counts only those."""
    collector.script(Fault(kind="quota_limited", times=1))
    assert (await asker.get(DEFINITIONS, headers=KNOWN)).status == 200
    answer = await flags_of(asker)
    assert (answer["flags"], answer["quotaLimited"]) == ({}, ["feature_flags"])
    assert (await flags_of(asker))["quotaLimited"] == []
    assert [seen.fault for seen in collector.requests] == ["", "quota_limited", ""]


async def test_errors_while_computing_spare_what_they_do_not_hit(
    collector: Collector, asker: Asker
) -> None:
    """Failed flags are marked in v 4 and left out before; a `part` of 0 leaves every value."""
    collector.script(Fault(kind="flag_errors"))
    answer = await flags_of(asker)
    assert answer["errorsWhileComputingFlags"] is True
    assert {record["failed"] for record in answer["flags"].values()} == {True}
    assert (await flags_of(asker, path="/flags/?v=2"))["flags"] == {}
    assert (await flags_of(asker, path="/decide/?v=3"))["featureFlags"] == {}
    collector.script(Fault(kind="flag_errors", part=0.0))
    answer = await flags_of(asker)
    assert answer["errorsWhileComputingFlags"] is True
    assert answer["flags"]["layout"]["value"] == "test"


@pytest.mark.parametrize("path", ["/flags/", "/flags/definitions", "/remote_config"])
async def test_a_fault_can_be_for_one_path(collector: Collector, asker: Asker, path: str) -> None:
    """A poller's outage need not be that of the questions."""
    collector.script(Fault(kind="status", status=402, path=path))
    config = "/api/projects/@current/feature_flags/simple/remote_config"
    question = {"api_key": KEY, "distinct_id": "user-1"}
    statuses = {
        "/flags/": (await asker.post(question, path="/flags/?v=2", key=None)).status,
        "/flags/definitions": (await asker.get(DEFINITIONS, headers=KNOWN)).status,
        "/remote_config": (await asker.get(config, headers=KNOWN)).status,
    }
    assert {name for name, status in statuses.items() if status == 402} == {path}


async def test_flags_are_evaluated_for_the_one_who_is_asked_about(
    collector: Collector, asker: Asker
) -> None:
    """By the properties in the request, or by those that events set before; others get no."""
    collector.define_flags(definitions(*FLAGS))

    async def layout(who: str, **more: Any) -> object:
        return (await flags_of(asker, who, **more))["flags"]["layout"]["value"]

    assert await layout("user-1", person_properties={"plan": "pro"}) == "test"
    assert await layout("user-1") is False
    identify = {"event": "$identify", "properties": {"$set": {"plan": "pro"}}}
    later = {"event": "$set", "$set": {"plan": "free"}, "$set_once": {"plan": "pro"}}
    for who, *events in (("user-1", identify), ("user-2", identify, later)):
        batch = [{"distinct_id": who, **event} for event in events]
        await asker.post({"api_key": KEY, "batch": batch}, path="/batch/", key=None)
    assert await layout("user-1") == "test"
    assert await layout("user-2") is False
    assert await layout("user-1", person_properties={"plan": "free"}) is False


async def test_groups_are_remembered_too(collector: Collector, asker: Asker) -> None:
    """By type and key; whoever is in none of them gets no."""
    conditions = only("seats", "5")
    company = flag("company", 21, groups=conditions, aggregation_group_type_index=0)
    collector.define_flags(definitions(company))
    properties = {"$group_type": "company", "$group_key": "c-1", "$group_set": {"seats": 5}}
    event = {"event": "$groupidentify", "distinct_id": "x", "properties": properties}
    await asker.post({"api_key": KEY, "batch": [event]}, path="/batch/", key=None)
    for groups, value in (({"company": "c-1"}, True), ({"company": "c-2"}, False), ({}, False)):
        assert (await flags_of(asker, groups=groups))["flags"]["company"]["value"] is value


async def test_what_cannot_be_decided_is_off_and_says_so(
    collector: Collector, asker: Asker
) -> None:
    """A static cohort is not in the definitions; a flag that stays with its person is no riddle."""
    member = {"key": "id", "type": "cohort", "value": 99}
    static = flag("static", 31, groups=[{"properties": [member], "rollout_percentage": 100}])
    loyal = flag("loyal", 32) | {"ensure_experience_continuity": True}
    collector.define_flags(definitions(static, loyal, FLAGS[2]))
    flags = (await flags_of(asker))["flags"]
    assert (flags["static"]["value"], flags["loyal"]["value"]) == (False, True)
    assert "Not decided" in flags["static"]["reason"]["description"]
    assert flags["gone"]["reason"]["code"] == "flag_disabled"


async def test_a_fault_that_takes_nothing_teaches_nothing(
    collector: Collector, asker: Asker
) -> None:
    """What a server lost, it does not know of the person either."""
    collector.define_flags(definitions(*FLAGS))
    event = {"event": "$set", "distinct_id": "user-1", "$set": {"plan": "pro"}}
    collector.script(Fault(kind="status", times=1))
    body = {"api_key": KEY, "batch": [event]}
    assert (await asker.post(body, path="/batch/", key=None)).status == 503
    assert (await flags_of(asker))["flags"]["layout"]["value"] is False


@pytest.mark.parametrize("kind", ["drop", "drop_after_head", "reset", "truncate"])
@pytest.mark.parametrize("path", ["/flags/", "/flags/definitions"])
async def test_answers_about_flags_can_be_cut(
    collector: Collector, asker: Asker, kind: Literal["drop", "reset"], path: str
) -> None:
    """As those about events; the next ones are whole."""
    collector.script(Fault(kind=kind, path=path))
    with pytest.raises(aiohttp.ClientError):
        await (asker.get(DEFINITIONS, headers=KNOWN) if "def" in path else flags_of(asker))
    collector.script()
    assert (await flags_of(asker))["flags"]["simple"]["value"] is True
    assert (await asker.get(DEFINITIONS, headers=KNOWN)).status == 200
