"""The systems' own Python SDKs, each in a process of its own, against the collector."""

import asyncio
import importlib.util
import os
import sys
from collections import Counter

import pytest

from asyncsdk.collector import Collector, Fault
from tests.collector.asking import KEY
from tests.collector.flagging import FLAGS, PERSONAL, definitions

pytestmark = pytest.mark.whole_way

FLUXLY = """
import sys
from getfluxly import Client

client = Client(token={key!r}, api_host=sys.argv[1], flush_interval=0)
for number in range(250):
    client.track("item_viewed", external_id="user-1", properties={{"number": number}})
client.identify(external_id="user-1", traits={{"plan": "pro"}})
client.flush()
joined = client.alias(user_id="user-1", anonymous_id="anon-1", request_id="r-1")
assert joined["anonymous_id"] == "anon-1", joined
client.shutdown()
"""

ASYNC_FLUXLY = """
import asyncio
import sys
from getfluxly import AsyncClient


async def main():
    client = AsyncClient(token={key!r}, api_host=sys.argv[1], flush_interval=0)
    for number in range(250):
        await client.track("item_viewed", external_id="user-1", properties={{"number": number}})
    await client.identify(external_id="user-1", traits={{"plan": "pro"}})
    await client.flush()
    joined = await client.alias(user_id="user-1", anonymous_id="anon-1", request_id="r-1")
    assert joined["anonymous_id"] == "anon-1", joined
    await client.aclose()


asyncio.run(main())
"""

PROGRAM = """
import sys
from {module}.client import Client

client = Client({key!r}, host=sys.argv[1], gzip=True)
for number in range(250):
    client.track("user-1", "Item Viewed", {{"number": number}}, message_id=f"m-{{number}}")
client.identify("user-1", {{"plan": "pro"}}, message_id="identify-1")
client.flush()
client.join()
"""


POSTHOG = """
import sys
from posthog import Posthog

client = Posthog({key!r}, host=sys.argv[1], secret_key={personal!r}, poll_interval=0.2, gzip={gzip})
for number in range(250):
    client.capture("Item Viewed", distinct_id="user-1", properties={{"number": number}})
client.set(distinct_id="user-1", properties={{"plan": "pro"}})
client.set_once(distinct_id="user-1", properties={{"first": 1}})
client.alias("anon-1", "user-1")
client.group_identify("company", "c-1", {{"seats": 5}})
client.capture_exception(ValueError("no such item"), distinct_id="user-1")
client.flush()
assert client.get_feature_flag("simple", "user-1") is True
assert client.get_feature_flag_payload("simple", "user-1") == {{"color": "blue"}}
pro = {{"plan": "pro"}}
flags = client.get_all_flags("user-1", person_properties=pro, only_evaluate_locally=True)
assert flags == {{"simple": True, "layout": "test", "gone": False, "web-only": True}}, flags
import time
time.sleep(0.7)
client.shutdown()
"""

REMOTE_POSTHOG = """
import sys
from posthog import Posthog

client = Posthog({key!r}, host=sys.argv[1], secret_key={personal!r}, enable_local_evaluation=False)
assert client.get_feature_flag("layout", "user-1") is False
client.set(distinct_id="user-1", properties={{"plan": "pro"}})
client.flush()
assert client.get_feature_flag("layout", "user-1") == "test"
assert client.get_feature_flag_payload("layout", "user-1") == [1, 2]
assert client.feature_enabled("none", "user-1") is None
assert client.get_all_flags("user-1") == {{
    "simple": True, "layout": "test", "gone": False, "web-only": True
}}
snapshot = client.evaluate_flags("user-1")
assert snapshot.is_enabled("simple")
client.capture("Item Viewed", distinct_id="user-1", flags=snapshot)
assert client.get_remote_config_payload("simple") == '{{"color":"blue"}}'
client.shutdown()
"""

ASYNC_POSTHOG = """
import asyncio
import sys
from posthog import AsyncPosthog


async def main():
    async with AsyncPosthog({key!r}, host=sys.argv[1], secret_key={personal!r}) as client:
        for number in range(250):
            client.capture("Item Viewed", distinct_id="user-1", properties={{"number": number}})
        client.set(distinct_id="user-1", properties={{"plan": "pro"}})
        client.alias("anon-1", "user-1")
        client.group_identify("company", "c-1", {{"seats": 5}})
        client.capture_exception(ValueError("no such item"), distinct_id="user-1")
        snapshot = await client.evaluate_flags("user-1", person_properties={{"plan": "pro"}})
        assert snapshot.get_flag("layout") == "test"
        assert snapshot.is_enabled("simple")
        assert await client.get_remote_config_payload("simple") == '{{"color":"blue"}}'


asyncio.run(main())
"""

#: What those programs send, beside 250 items.
POSTHOG_NAMES = {"$set", "$create_alias", "$groupidentify", "$exception"}


async def run(module: str, program: str, url: str) -> None:
    """Run *program* in a process of its own, with *url* as its argument."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        url,
        env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()


@pytest.mark.parametrize(
    ("system", "module"),
    [("rudderstack", "rudderstack.analytics"), ("segment", "segment.analytics")],
)
@pytest.mark.parametrize("prefix", ["", "/proxy/r"])
async def test_a_real_sdk_delivers_everything(
    collector: Collector, system: str, module: str, prefix: str
) -> None:
    """Each event arrives once, in order, under the name of its system, also behind a prefix."""
    await run(module, PROGRAM.format(module=module, key=KEY), collector.url + prefix)
    expected = [f"m-{number}" for number in range(250)] + ["identify-1"]
    assert [kept.message_id for kept in collector.events] == expected
    assert {kept.system for kept in collector.events} == {system}
    assert collector.summary().by_type == {"track": 250, "identify": 1}
    assert {seen.status for seen in collector.requests} == {200}
    assert {seen.headers["content-encoding"] for seen in collector.requests} == {"gzip"}


@pytest.mark.parametrize("program", [FLUXLY, ASYNC_FLUXLY], ids=["sync", "async"])
@pytest.mark.parametrize("prefix", ["", "/proxy/r"])
async def test_the_real_getfluxly_delivers_everything(
    collector: Collector, program: str, prefix: str
) -> None:
    """Each event arrives once and in order, the alias is answered, and every key was a new one."""
    await run("getfluxly", program.format(key=KEY), collector.url + prefix)
    *tracks, identify, alias = collector.events
    assert [kept.body["properties"]["number"] for kept in tracks] == list(range(250))
    assert (identify.type, identify.body["traits"]) == ("identify", {"plan": "pro"})
    assert (alias.type, alias.body) == ("alias", {"user_id": "user-1", "anonymous_id": "anon-1"})
    summary = collector.summary()
    assert summary.by_system == {"getfluxly": 252}
    assert (summary.refused, summary.duplicates, summary.repeats) == (0, 0, 0)
    assert summary.by_status == {"202": len(collector.requests) - 1, "200": 1}


@pytest.mark.parametrize("program", [FLUXLY, ASYNC_FLUXLY], ids=["sync", "async"])
async def test_the_real_getfluxly_repeats_under_its_key(collector: Collector, program: str) -> None:
    """Lost answers are asked for again with the same key, and nothing is there twice."""
    collector.script(Fault(kind="truncate", times=2), Fault(kind="drop", accept=True, share=0.2))
    await run("getfluxly", program.format(key=KEY), collector.url)
    assert collector.summary().accepted == 252
    assert collector.summary().duplicates == 0
    lost = [seen for seen in collector.requests if seen.fault]
    assert 2 <= len(lost) == collector.summary().repeats


@pytest.fixture
def flagged(collector: Collector) -> Collector:
    """Give the collector flags."""
    collector.define_flags(definitions(*FLAGS))
    collector.personal_keys = [PERSONAL]
    return collector


def arrived_once(collector: Collector) -> Counter[str]:
    """Count PostHog's events by name; none of them came twice, and none was refused."""
    summary = collector.summary()
    assert (summary.refused, summary.duplicates) == (0, 0)
    assert summary.by_system == {"posthog": summary.accepted}
    assert set(summary.by_status) <= {"200", "304"}
    return Counter(kept.body["event"] for kept in collector.events)


@pytest.mark.parametrize("gzip", [False, True])
async def test_the_real_posthog_delivers_and_evaluates_here(
    flagged: Collector, *, gzip: bool
) -> None:
    """Everything arrives once; it polls for definitions with their ETag, and asks nothing else."""
    await run("posthog", POSTHOG.format(key=KEY, personal=PERSONAL, gzip=gzip), flagged.url)
    names = arrived_once(flagged)
    assert names.pop("Item Viewed") == 250
    assert names.pop("$feature_flag_called") == 1
    assert names == dict.fromkeys([*POSTHOG_NAMES, "$set_once"], 1)
    items = [kept.body for kept in flagged.events if kept.body["event"] == "Item Viewed"]
    assert [item["properties"]["number"] for item in items] == list(range(250))
    polls = [seen for seen in flagged.requests if seen.path == "/flags/definitions"]
    assert [seen.status for seen in polls[:3]] == [200, 304, 304]
    assert {seen.path for seen in flagged.requests} == {"/batch/", "/flags/definitions"}


async def test_the_real_posthog_asks_for_flags(flagged: Collector) -> None:
    """The answers know what was set before; payloads, snapshots, remote configuration too."""
    await run("posthog", REMOTE_POSTHOG.format(key=KEY, personal=PERSONAL), flagged.url)
    names = arrived_once(flagged)
    assert names.pop("$feature_flag_called") >= 2
    assert names == {"$set": 1, "Item Viewed": 1}
    (viewed,) = (kept.body for kept in flagged.events if kept.body["event"] == "Item Viewed")
    assert viewed["properties"]["$feature/layout"] == "test"


async def test_the_real_async_posthog_delivers_everything(flagged: Collector) -> None:
    """It knows no local evaluation: flags are asked for."""
    await run("posthog", ASYNC_POSTHOG.format(key=KEY, personal=PERSONAL), flagged.url)
    names = arrived_once(flagged)
    assert names.pop("Item Viewed") == 250
    assert names.pop("$feature_flag_called") == 2
    assert names == dict.fromkeys(POSTHOG_NAMES, 1)
