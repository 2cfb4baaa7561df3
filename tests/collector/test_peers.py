"""The systems' own Python SDKs, each in a process of its own, against the collector."""

import asyncio
import importlib.util
import os
import sys

import pytest

from asyncsdk.collector import Collector
from tests.collector.asking import KEY

pytestmark = pytest.mark.whole_way

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


@pytest.mark.parametrize(
    ("system", "module"),
    [("rudderstack", "rudderstack.analytics"), ("segment", "segment.analytics")],
)
@pytest.mark.parametrize("prefix", ["", "/proxy/r"])
async def test_a_real_sdk_delivers_everything(
    collector: Collector, system: str, module: str, prefix: str
) -> None:
    """Each event arrives once, in order, under the name of its system, also behind a prefix."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(module=module, key=KEY),
        collector.url + prefix,
        env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()
    expected = [f"m-{number}" for number in range(250)] + ["identify-1"]
    assert [kept.message_id for kept in collector.events] == expected
    assert {kept.system for kept in collector.events} == {system}
    assert collector.summary().by_type == {"track": 250, "identify": 1}
    assert {seen.status for seen in collector.requests} == {200}
    assert {seen.headers["content-encoding"] for seen in collector.requests} == {"gzip"}
