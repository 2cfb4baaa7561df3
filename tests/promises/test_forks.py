"""Forks: every process sends its own events, and no one else's."""

import sys
from collections import Counter
from signal import SIGTERM

import pytest

from asyncsdk.collector import Collector, Fault
from tests.promises.children import (
    LOOPS,
    PROGRAMS,
    STRICT,
    WHOLE_WAY,
    numbers,
    program,
    run,
    started,
)

pytestmark = WHOLE_WAY

# A child that was forked on a running loop leaves by os._exit: the loop it left is its parent's.
FORK = """
def fork(work):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{error!r}\\n")
    finally:
        os._exit(code)
async def wait_for(child):
    code = os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, child, 0))[1])
    print("child", code)
"""


@LOOPS
async def test_what_waits_at_a_fork_is_the_parents_alone(loop: str) -> None:
    """Is what was queued sent twice? No: the child starts clean, with its own runs and counts."""
    async with Collector() as collector:
        ended = await run(
            FORK
            + """
async def in_child():
    for number in range(200):
        track(client, number, name="child")
    result = await client.shutdown()
    assert result.delivered == 200, result
def child():
    fresh = client.statistics()
    assert (fresh.accepted, fresh.pending, fresh.requests) == (0, 0, 0), fresh
    run(in_child())
    run(in_child())
async def main():
    async with client:
        for number in range(500):
            track(client, number, name="parent")
        born = fork(child)
        for number in range(500, 600):
            track(client, number, name="parent")
        await wait_for(born)
    print(client.statistics().delivered)
client = make(flush_at=10_000)
run(main())
""",
            collector.url,
            loop=loop,
        )
        assert ended == (0, "child 0\n600\n", "")
        assert numbers(collector.events, name="parent") == list(range(600))
        assert numbers(collector.events, name="child") == [*range(200), *range(200)]
        assert set(collector.message_ids().values()) == {1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="delay", seconds=0.3, times=1),
        Fault(kind="status", status=503, retry_after="1", times=1),
        Fault(kind="drop", times=1),
    ],
    ids=["in flight", "at rest", "in a back-off"],
)
async def test_a_fork_in_the_middle_of_a_delivery_disturbs_neither(fault: Fault) -> None:
    """What of the request that is under way? The parent goes on with it; the child never sees it."""
    async with Collector(faults=[fault]) as collector:
        ended = await run(
            FORK
            + """
async def in_child():
    async with client:
        for number in range(50):
            track(client, number, name="child")
def child():
    gc.collect()
    run(in_child())
async def main():
    async with client:
        for number in range(50):
            track(client, number, name="parent")
        while not client.statistics().requests:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        await wait_for(fork(child))
        track(client, 50, name="parent")
client = make()
run(main())
""",
            collector.url,
        )
        said = [line for line in ended.said.splitlines() if "no delivery" not in line]
        assert (ended.code, ended.out, said) == (0, "child 0\n", [])
        assert numbers(collector.events, name="parent") == list(range(51))
        assert numbers(collector.events, name="child") == list(range(50))


async def test_a_fork_in_the_middle_of_our_first_import_waits_for_it() -> None:
    """What if it forks while we load aiohttp, with the first call? The child has all of it too."""
    async with Collector() as collector:
        ended = await run(
            FORK
            + """
async def in_child():
    async with client:
        track(client, 0, name="child")
def child():
    signal.alarm(20)
    run(in_child())
async def main():
    track(client, 0, name="parent")
    while "aiohttp" not in sys.modules:
        await asyncio.sleep(0)
    assert sys.modules["aiohttp"].__spec__._initializing
    await wait_for(fork(child))
    await client.shutdown()
client = make()
run(main())
""",
            collector.url,
        )
        assert ended == (0, "child 0\n", "")
        assert [event.body["event"] for event in collector.events] == ["child", "parent"]


@LOOPS
async def test_threads_may_fork_and_children_may_fork_again(loop: str) -> None:
    """What if a thread forks while others call, and its child forks too? Clean starts all."""
    async with Collector() as collector:
        ended = await run(
            FORK
            + """
async def deliver(name):
    async with client:
        for number in range(50):
            track(client, number, name=name)
def grandchild():
    run(deliver("grandchild"))
def child():
    track(client, 50, name="child")
    born = fork(grandchild)
    assert os.waitstatus_to_exitcode(os.waitpid(born, 0)[1]) == 0
    run(deliver("child"))
stop = threading.Event()
made = []
def calls():
    while not stop.is_set():
        made.append(track(client, len(made), name="parent"))
        time.sleep(0.0002)
async def main():
    async with client:
        caller = threading.Thread(target=calls)
        caller.start()
        for _ in range(2):
            await wait_for(await asyncio.to_thread(fork, child))
        stop.set()
        caller.join()
    print(client.statistics().delivered == len(made))
client = make(max_queue_events=1_000_000)
run(main())
""",
            collector.url,
            loop=loop,
        )
        assert ended == (0, "child 0\n" * 2 + "True\n", "")
        parents = numbers(collector.events, name="parent")
        assert parents == list(range(len(parents)))
        assert numbers(collector.events, name="grandchild") == [*range(50)] * 2
        assert numbers(collector.events, name="child") == [50, *range(50)] * 2
        assert set(collector.message_ids().values()) == {1}


@LOOPS
async def test_starting_other_programs_disturbs_nothing(loop: str) -> None:
    """What runs in the parent before a fork? Nothing of ours: subprocesses start as ever."""
    async with Collector() as collector:
        ended = await run(
            """
            client = make()
            async def main():
                async with client:
                    for number in range(10):
                        track(client, number)
                        child = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "")
                        assert await child.wait() == 0
            run(main())
            """,
            collector.url,
            loop=loop,
        )
        assert ended == (0, "", "")
        assert numbers(collector.events) == list(range(10))


async def test_our_hook_of_forks_runs_in_children_only() -> None:
    """What is registered with `os.register_at_fork`? By a client only what runs in the child."""
    async with Collector() as collector:
        source = (
            "import os\n"
            "known, real = [], os.register_at_fork\n"
            "def register(**hooks): known.append(hooks); real(**hooks)\n"
            "os.register_at_fork = register\n"
        )
        _, head, *rest = program(
            """
            known.clear()  # the standard library's own
            make()
            print({tuple(hooks) for hooks in known})
            """,
            collector.url,
        )
        async with started("-c", source + head, *rest) as child:
            assert await child.ended() == (0, "{('after_in_child',)}\n", "")


@pytest.mark.parametrize(
    ("method", "ending"),
    [
        ("fork", "closes"),
        ("fork", "forgets"),
        ("fork", "makes"),
        ("spawn", "closes"),
        ("spawn", "forgets"),
        ("forkserver", "forgets"),
        ("forkserver", "makes"),
    ],
)
async def test_jobs_of_multiprocessing_send_their_own(method: str, ending: str) -> None:
    """What if jobs run in `multiprocessing`? Each sends what it said, also without a shutdown."""
    async with Collector() as collector:
        command = (str(PROGRAMS / "jobs.py"), collector.url, method, ending)
        async with started(*command, flags=STRICT) as child:
            assert await child.ended() == (0, "[0, 0, 0]\n", "")
        assert numbers(collector.events, name="main") == list(range(31))
        assert sorted(numbers(collector.events, name="job")) == list(range(30))
        assert set(collector.message_ids().values()) == {1}


@pytest.mark.parametrize(("loop", "ending"), [("uvloop", "closes"), ("asyncio", "forgets")])
async def test_an_application_loaded_before_its_workers_are_forked(ending: str, loop: str) -> None:
    """What of gunicorn's preload? Each worker sends its own; the master's go once, at its end."""
    async with Collector() as collector:
        command = (str(PROGRAMS / "preload.py"), collector.url, loop, ending)
        async with started(*command, flags=STRICT) as child:
            await child.until("watching")
            while child.out.count("serving") < 3:
                await child.more()
            child.send(SIGTERM)
            ended = await child.ended()
        assert (ended.code, ended.said) == (0, "")
        assert "[0, 0, 0]" in ended.out
        said = {(event.body["event"], event.message_id) for event in collector.events}
        counts = Counter(name for name, _ in said)
        assert counts == {"master": 50, "worker 0": 200, "worker 1": 200, "worker 2": 200}
        # A request that the end of asyncio.run cuts off goes again, with the same ids.
        if ending == "closes":
            assert set(collector.message_ids().values()) == {1}


async def test_a_child_drains_although_its_parent_flushed_in_vain() -> None:
    """What does a child know of its parent's flush? Nothing: its own loop drains at its end."""
    async with Collector(faults=[Fault(kind="hang", times=1)]) as collector:
        ended = await run(
            FORK
            + """
client = make(exit_drain=5, timeout=1)
async def in_child():
    track(client, 1)
async def main():
    track(client, 0)
    assert (await client.flush(0.1)).pending == 1
    await wait_for(fork(lambda: run(in_child())))
    assert (await client.flush(10)).pending == 0
run(main())
""",
            collector.url,
        )
        assert (ended.code, ended.out) == (0, "child 0\n")
        assert sorted(numbers(collector.events)) == [0, 1]


async def test_a_child_that_just_ends_leaves_its_parents_connection_alone() -> None:
    """What if a child exits as programs do, while the parent's threads go on? Nothing stalls."""
    async with Collector() as collector:
        ended = await run(
            """
client = SyncAnalytics(RudderStack("planted-key", URL))
said, over = threading.Event(), threading.Event()
def work():
    client.track("E", user_id="u", properties={"n": 0})
    client.flush()
    said.set()
    over.wait()
worker = threading.Thread(target=work)
worker.start()
said.wait()
child = os.fork()
if not child:
    sys.exit(0)  # not os._exit: everything is freed
print(os.waitpid(child, 0)[1])
client.track("E", user_id="u", properties={"n": 1})
print(client.flush(5.0).pending)
over.set()
worker.join()
client.shutdown()
""",
            collector.url,
        )
        assert ended == (0, "0\n0\n", "")
        assert numbers(collector.events) == [0, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are different there")
async def test_a_forked_child_dies_by_its_signal_at_once() -> None:
    """Does `handle_signals` in the parent keep children alive? No: they have nothing to drain."""
    async with Collector() as collector:
        ended = await run(
            FORK
            + """
async def main():
    async with make(handle_signals=True) as client:
        track(client, 0)
        born = fork(lambda: time.sleep(30))
        await asyncio.sleep(0.1)
        os.kill(born, signal.SIGTERM)
        await wait_for(born)
        track(client, 1)
run(main())
""",
            collector.url,
        )
        assert ended == (0, "child -15\n", "")
        assert numbers(collector.events) == [0, 1]
