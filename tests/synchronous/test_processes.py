"""SyncAnalytics in programs that end, fork, or are told to end."""

from pathlib import Path
from signal import SIGTERM
from textwrap import dedent

import pytest

from asyncsdk.collector import Collector, Fault
from tests.promises.children import STRICT, WHOLE_WAY, numbers, program, run, started

pytestmark = WHOLE_WAY

JOBS = Path(__file__).with_name("jobs.py")


def script(source: str) -> str:
    """Return *source* with a maker of clients before it."""
    return MADE + dedent(source)


MADE = """
def make_sync(**options):
    options = {"flush_interval": 0, "exit_drain": 30, "shutdown_timeout": 30, **options}
    return SyncAnalytics(RudderStack("planted-key", URL, name="there"), **options)
"""


async def test_a_script_that_forgets_to_shut_down_loses_nothing() -> None:
    """What if a script just ends? The exit drains what waits, and nothing is said."""
    async with Collector(faults=[Fault(kind="delay", seconds=0.2, times=1)]) as collector:
        ended = await run(
            script("""
            client = make_sync()
            for number in range(300):
                track(client, number)
            """),
            collector.url,
        )
        assert ended == (0, "", "")
        # The request that was under way at the end may be repeated, with the same ids.
        assert sorted(set(numbers(collector.events))) == list(range(300))
        assert len(collector.message_ids()) == 300


async def test_a_forked_child_has_a_thread_of_its_own() -> None:
    """What of a server that forks? Parent and child each send their own, once, and go on."""
    async with Collector() as collector:
        ended = await run(
            script("""
            client = make_sync(flush_at=10)
            for number in range(200):
                track(client, number, name="parent")
            child = os.fork()
            if child == 0:
                assert (client.pending, client.statistics().accepted) == (0, 0)
                gc.collect()
                for number in range(100):
                    track(client, number, name="child")
                assert client.flush().pending == 0
                track(client, 100, name="child")
                sys.exit(0)
            track(client, 200, name="parent")
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            with client:
                track(client, 201, name="parent")
            """),
            collector.url,
        )
        assert (ended.code, ended.out, ended.said) == (0, "0\n", "")
        assert sorted(numbers(collector.events, name="parent")) == list(range(202))
        assert sorted(numbers(collector.events, name="child")) == list(range(101))
        assert set(collector.message_ids().values()) == {1}


@pytest.mark.parametrize("method", ["fork", "spawn"])
async def test_jobs_of_multiprocessing_send_their_own_without_a_loop(method: str) -> None:
    """What of jobs in `multiprocessing`? Each sends what it said, once, also without a shutdown."""
    async with Collector() as collector:
        async with started(str(JOBS), collector.url, method, flags=STRICT) as child:
            assert await child.ended() == (0, "[0, 0]\n", "")
        assert sorted(numbers(collector.events, name="main")) == list(range(151))
        assert sorted(numbers(collector.events, name="job")) == list(range(100))
        assert set(collector.message_ids().values()) == {1}


async def test_a_program_that_is_told_to_end_drains_if_asked_to() -> None:
    """What of SIGTERM? With `handle_signals=True` what waits goes first, then it ends as told."""
    source = script(
        """
        client = make_sync(handle_signals=True)
        for number in range(100):
            track(client, number)
        print("ready", flush=True)
        time.sleep(60)
        """
    )
    async with Collector(faults=[Fault(kind="delay", seconds=0.2, times=1)]) as collector:
        async with started(*program(source, collector.url)) as child:
            await child.until("ready\n")
            child.send(SIGTERM)
            assert await child.ended() == (-SIGTERM, "ready\n", "")
        assert numbers(collector.events) == list(range(100))
        assert set(collector.message_ids().values()) == {1}


async def test_a_pool_that_is_killed_drains_if_asked_to() -> None:
    """What of `with Pool()`, which ends its jobs by SIGTERM? They drain, with `handle_signals`."""
    async with Collector() as collector:
        ended = await run(
            script("""
            import multiprocessing
            client = make_sync(handle_signals=True)
            def job(number):
                track(client, number)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(job, range(20))
            """),
            collector.url,
        )
        assert ended == (0, "", "")
        assert sorted(numbers(collector.events)) == list(range(20))
