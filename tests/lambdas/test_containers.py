"""Lambda, simulated: a process that is frozen with SIGSTOP between its invocations."""

from pathlib import Path
from signal import SIGCONT

import anyio
import pytest

from asyncsdk.collector import Collector, Fault
from tests.promises.children import TIDY, WHOLE_WAY, Child, numbers, started

pytestmark = WHOLE_WAY

CONTAINER = str(Path(__file__).with_name("container.py"))
#: Seconds that a container stays frozen: longer than anything that could still be on its way.
FROZEN = 0.1


async def thaw(child: Child, number: int) -> None:
    """Let the container go on after an invocation; it may not have been frozen yet."""
    await anyio.sleep(FROZEN)
    while f"thawed {number};" not in child.out:
        child.send(SIGCONT)
        with anyio.move_on_after(0.1):
            await child.more()


@pytest.mark.parametrize(
    "mode",
    ["kept_async", "kept_sync", "new_flush", "new_shutdown", "mangum_wrapped", "mangum_lifespan"],
)
async def test_a_container_is_frozen_with_nothing_pending(mode: str) -> None:
    """What waits while a container is frozen? Nothing: it went before, also if the handler failed."""
    async with Collector() as collector:
        async with started(CONTAINER, collector.url, mode, "3", flags=TIDY) as child:
            for number in range(3):
                await child.until(f"left {number} 0;")
                assert numbers(collector.events) == list(range(5 * (number + 1)))
                await thaw(child, number)
            ended = await child.ended()
        assert (ended.code, "asyncsdk" in ended.said) == (0, False), ended
        assert set(collector.message_ids().values()) == {1}


@pytest.mark.parametrize("mode", ["kept_async", "new_flush"])
async def test_what_could_not_go_arrives_with_the_next_invocation(mode: str) -> None:
    """What if the server is away? It stays queued in the frozen container, and that is reported."""
    async with Collector(faults=[Fault(kind="status", status=503)]) as collector:
        async with started(CONTAINER, collector.url, mode, "2", flags=TIDY) as child:
            await child.until("left 0 5;")
            assert ("told 5;" in child.out) is (mode != "new_flush")
            collector.script()
            await thaw(child, 0)
            await child.until("left 1 0;")
            assert numbers(collector.events) == list(range(10))
            await thaw(child, 1)
            ended = await child.ended()
        lines = [line for line in ended.said.splitlines() if "go with the next" in line]
        assert (ended.code, len(lines)) == (0, int(mode != "new_flush")), ended
        assert set(collector.message_ids().values()) == {1}
