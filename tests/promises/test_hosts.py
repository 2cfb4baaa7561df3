"""The host: cancelled, failing, or with hooks that break; it is never hurt, and nothing is lost."""

import pytest

from asyncsdk.collector import Collector, Fault
from tests.promises.children import LOOPS, WHOLE_WAY, numbers, program, run, started

pytestmark = WHOLE_WAY

HOST = """
async def host():
    async with make() as client:
        for number in range(100):
            track(client, number)
        entered.set()
        await asyncio.sleep(60)
async def work(*, times):
    global entered
    entered = asyncio.Event()
    task = asyncio.create_task(host())
    await entered.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.05)
    await asyncio.wait([task])
    print(task.cancelled())
"""

WAYS = {
    "once": "run(work(times=1))",
    "twice": "run(work(times=2))",
    "again and again": "run(work(times=20))",
    "by a timeout": """
async def main():
    global entered
    entered = asyncio.Event()
    async def ends(limit):
        await entered.wait()
        limit.reschedule(asyncio.get_running_loop().time())
    try:
        async with asyncio.timeout(None) as limit:
            beside = asyncio.create_task(ends(limit))
            await host()
    except TimeoutError:
        print(True)
run(main())
""",
    "by a scope of anyio": """
import anyio
async def main():
    global entered
    entered = asyncio.Event()
    async def ends(scope):
        await entered.wait()
        scope.cancel()
    with anyio.CancelScope() as scope:
        beside = asyncio.create_task(ends(scope))
        await host()
    print(scope.cancelled_caught)
run(main())
""",
    "by a sibling that fails": """
async def main():
    global entered
    entered = asyncio.Event()
    async def fails():
        await entered.wait()
        raise KeyError
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(host())
            group.create_task(fails())
    except* KeyError:
        print(True)
run(main())
""",
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_host_that_is_cancelled_still_delivers(way: str) -> None:
    """What if the task around the client is cancelled, and again while it drains? All arrives."""
    async with Collector(faults=[Fault(kind="delay", seconds=0.3, times=1)]) as collector:
        ended = await run(HOST + WAYS[way], collector.url)
        assert ended == (0, "True\n", "")
        # What is under way when asyncio.run cancels everything may be sent again.
        assert list(dict.fromkeys(numbers(collector.events))) == list(range(100))
        assert len(collector.message_ids()) == 100


async def test_a_host_that_is_cancelled_in_a_shutdown_can_ask_for_its_result_again() -> None:
    """What if `shutdown()` itself is cancelled? The run ends by itself; its result is kept."""
    async with Collector(faults=[Fault(kind="delay", seconds=0.3, times=1)]) as collector:
        ended = await run(
            """
            async def main():
                client = make()
                for number in range(100):
                    track(client, number)
                for _ in range(2):
                    ending = asyncio.create_task(client.shutdown())
                    await asyncio.sleep(0.05)
                    ending.cancel()
                    await asyncio.wait([ending])
                    assert ending.cancelled()
                result = await client.shutdown()
                print(result.delivered, result.pending, client.pending)
            run(main())
            """,
            collector.url,
        )
        assert ended == (0, "100 0 0\n", "")
        assert numbers(collector.events) == list(range(100))


BREAKS = {
    "an error": "raise KeyError('planted-text')",
    "a group of errors": "raise ExceptionGroup('planted-text', [KeyError(), ValueError()])",
    "an error that cannot be shown": "raise Unshowable()",
    "a cancellation": "raise asyncio.CancelledError",
    "the end of a generator": "raise StopIteration",
}


@pytest.mark.parametrize("broken", BREAKS)
async def test_hooks_that_break_hurt_neither_host_nor_delivery(broken: str) -> None:
    """What if my hooks raise? They are logged once, without the text; counts and events are right."""
    faults = [
        Fault(kind="status", status=503, times=2),
        Fault(kind="status", status=400, times=1),
    ]
    async with Collector(faults=faults) as collector:
        ended = await run(
            f"""
            class Unshowable(Exception):
                def __str__(self): raise KeyError("planted-text")
                __repr__ = __str__
            def breaks(*facts):
                told.append(facts)
                {BREAKS[broken]}
            told = []
            async def main():
                hooks = dict(on_error=breaks, on_drop=breaks, on_event=breaks)
                client = make(
                    **hooks, max_queue_events=20, flush_at=10, retry_base=0.01, retry_cap=0.02
                )
                for number in range(30):
                    track(client, number)
                    await asyncio.sleep(0)
                result = await client.shutdown(5)
                total = client.statistics()
                print(total.accepted, total.delivered + total.rejected, total.dropped, total.pending)
            run(main())
            print(len(told) >= 12)
            """,
            collector.url,
        )
        assert (ended.code, ended.out.splitlines()[-1]) == (0, "True")
        accepted, settled, dropped, pending = map(int, ended.out.split()[:4])
        assert (accepted, settled + dropped, pending) == (30, 30, 0)
        assert settled >= 20
        said = [line for line in ended.said.splitlines() if " raised " in line]
        assert len(said) == len({line.split(" raised ")[0] for line in said}) >= 2
        lines = ended.said.splitlines()
        assert all(line.startswith(("ERROR asyncsdk: ", "WARNING asyncsdk: ")) for line in lines)
        assert "planted-text" not in ended.said
        assert "crash" not in ended.said


@pytest.mark.parametrize("broken", BREAKS)
async def test_a_before_send_that_breaks_drops_its_event_and_nothing_else(broken: str) -> None:
    """What if `before_send` raises? That event is dropped, for it may be a redactor; no call fails."""
    async with Collector() as collector:
        ended = await run(
            f"""
            class Unshowable(Exception):
                def __str__(self): raise KeyError("planted-text")
                __repr__ = __str__
            def breaks(message):
                if message.properties["n"] % 2:
                    {BREAKS[broken]}
                return message
            async def main():
                async with make(before_send=breaks) as client:
                    for number in range(20):
                        track(client, number)
                    await asyncio.to_thread(track, client, 21)
                print(client.statistics().dropped_reasons)
            run(main())
            """,
            collector.url,
        )
        assert (ended.code, ended.out) == (0, "{'hook_failed': 11}\n")
        assert len([line for line in ended.said.splitlines() if " raised " in line]) == 1
        assert "planted-text" not in ended.said
        assert numbers(collector.events) == list(range(0, 20, 2))


async def test_a_log_handler_that_raises_hurts_nobody() -> None:
    """What if the application's own logging breaks? Calls and delivery go on without a word."""
    async with Collector(faults=[Fault(kind="status", status=503, times=2)]) as collector:
        ended = await run(
            """
            class Breaks(logging.Filter):
                def filter(self, record):
                    seen.append(record)
                    raise KeyError("mine")
            seen = []
            logging.getLogger("asyncsdk").addFilter(Breaks())
            async def main():
                async with make(max_queue_events=10, retry_base=0.01) as client:
                    for number in range(15):
                        track(client, number)
                total = client.statistics()
                print(total.delivered, total.dropped, total.pending, len(seen) >= 2)
            run(main())
            """,
            collector.url,
        )
        assert ended == (0, "10 5 0 True\n", "")
        assert numbers(collector.events) == list(range(10))


@LOOPS
async def test_a_whole_life_leaves_nothing_behind(loop: str) -> None:
    """Is anything left open? No task, connection, thread or file, after trouble of many kinds."""
    faults = [
        Fault(kind="drop", times=1),
        Fault(kind="truncate", times=1, accept=False),
        Fault(kind="reset", times=1),
        Fault(kind="hang", times=1),
        Fault(kind="status", status=503, times=1),
    ]
    async with Collector(faults=faults) as collector, Collector() as well:
        source = """
            def held():
                gc.collect()
                files = "/proc/self/fd"
                count = len(os.listdir(files)) if os.path.isdir(files) else 0
                return count, threading.active_count()
            async def main():
                logging.disable()
                async with make(sys.argv[3]) as client:  # what is loaded once is loaded by now
                    track(client, 0)
                before = held()
                for lives in range(3):
                    client = make(timeout=0.3, retry_base=0.01, retry_cap=0.05, concurrency=2)
                    async with client:
                        for number in range(100):
                            track(client, 100 * lives + number)
                        await client.flush(0.1)
                    assert client.pending == 0
                await asyncio.sleep(0)
                names = [task.get_name() for task in asyncio.all_tasks()]
                assert not [name for name in names if "asyncsdk" in name], names
                assert held() == before, (held(), before)
            run(main())
            """
        async with started(*program(source, collector.url, loop=loop), well.url) as child:
            assert await child.ended() == (0, "", "")
        assert sorted(numbers(collector.events)) == list(range(300))
