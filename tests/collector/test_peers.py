"""The systems' own Python SDKs, each in a process of its own, against the collector."""

import asyncio
import importlib.util
import os
import sys

import pytest

from asyncsdk.collector import Collector, Fault
from tests.collector.asking import KEY

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
