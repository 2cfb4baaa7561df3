"""Loops: calls before the first one, between them, and on two at once."""

import signal
import textwrap

import pytest

from asyncsdk.collector import Collector, Fault
from tests.promises.children import LOOPS, WHOLE_WAY, numbers, program, run, started

pytestmark = WHOLE_WAY


async def test_calls_before_any_loop_are_kept_and_sent_in_their_order() -> None:
    """What happens to calls that are made while modules are imported? They wait for the loop."""
    async with Collector() as collector:
        ended = await run(
            """
            client = make(flush_at=1_000)
            receipts = [track(client, n) for n in range(300)]
            thread = threading.Thread(target=lambda: [track(client, n) for n in range(300, 400)])
            thread.start(); thread.join()
            async def main():
                async with client:
                    track(client, 400)
            run(main())
            print({str(receipt.state) for receipt in receipts}, client.pending)
            """,
            collector.url,
        )
        assert ended == (0, "{'delivered'} 0\n", "")
        assert numbers(collector.events) == list(range(401))


async def test_calls_that_never_meet_a_loop_are_warned_about_once() -> None:
    """What happens in a program without asyncio? A line names SyncAnalytics; the exit delivers."""
    async with Collector() as collector:
        ended = await run(
            """
            client = make(flush_at=20)
            for number in range(100):
                sys.stderr.write(f"{number}\\n")
                track(client, number)
            """,
            collector.url,
        )
        lines = ended.said.splitlines()
        (warning,) = [line for line in lines if not line.isdigit()]
        assert warning.startswith("WARNING asyncsdk: ")
        assert "SyncAnalytics" in warning
        assert lines.index(warning) == 20  # after the twentieth call
        assert numbers(collector.events) == list(range(100))


async def test_a_client_that_has_met_a_loop_is_not_told_to_be_another() -> None:
    """What is said of calls between two runs? Nothing: the next run takes them."""
    async with Collector() as collector:
        ended = await run(
            """
            client = make(flush_at=5)
            async def main(numbers):
                for number in numbers:
                    track(client, number)
                await client.shutdown()
            asyncio.run(main(range(10)))
            for number in range(10, 60):
                track(client, number)
            asyncio.run(main(range(60, 70)))
            """,
            collector.url,
        )
        assert ended == (0, "", "")
        assert numbers(collector.events) == list(range(70))


ON_NEW_LOOPS = "for number in range(50): run(handler(number)); look(number)"
ON_ONE_LOOP = """
with asyncio.Runner(loop_factory=new_event_loop) as runner:
    for number in range(50): runner.run(handler(number)); look(number)
"""


@LOOPS
@pytest.mark.parametrize("ending", ["shutdown", "flush"])
@pytest.mark.parametrize("runs", [ON_NEW_LOOPS, ON_ONE_LOOP], ids=["new loops", "one loop"])
async def test_a_handler_that_ends_with_a_drain_delivers_every_time(
    runs: str, ending: str, loop: str
) -> None:
    """What happens in a serverless function? Each of fifty calls delivers its own; nothing grows."""
    async with Collector() as collector:
        ended = await run(
            f"""
            from asyncsdk.delivery.keeping import Run
            client = make()
            async def handler(number):
                for one in range(3):
                    track(client, 3 * number + one)
                result = await client.{ending}()
                assert (result.delivered, result.pending) == (3, 0), result
            def look(number):
                if number in (9, 49):
                    gc.collect()
                    files = "/proc/self/fd"
                    runs = sum(isinstance(one, Run) for one in gc.get_objects())
                    held.append((
                        len(os.listdir(files)) if os.path.isdir(files) else 0,
                        threading.active_count(),
                        runs,
                    ))
            held = []
            {textwrap.indent(runs, " " * 12).strip()}
            assert held[0] == held[1], held
            total = client.statistics()
            assert (total.accepted, total.delivered) == (150, 150), total
            """,
            collector.url,
            loop=loop,
        )
        assert ended == (0, "", "")
        assert numbers(collector.events) == list(range(150))


@LOOPS
async def test_the_end_of_asyncio_run_delivers_what_waits(loop: str) -> None:
    """What happens if main() ends without a shutdown? What waits goes before asyncio.run ends."""
    async with Collector() as collector:
        ended = await run(
            """
            client = make()
            async def main():
                for number in range(250):
                    track(client, number)
                    if number == 100:
                        await client.flush()
            run(main())
            print(client.pending, client.statistics().delivered)
            """,
            collector.url,
            loop=loop,
        )
        assert ended == (0, "0 250\n", "")
        assert numbers(collector.events) == list(range(250))


@LOOPS
async def test_what_the_end_of_asyncio_run_could_not_deliver_is_the_next_runs(loop: str) -> None:
    """What if the server hangs then? `exit_drain` seconds at the most; the events are kept."""
    source = """
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        client = make(exit_drain=0.5)
        async def first():
            for number in range(30):
                track(client, number)
            await asyncio.sleep(0.05)
        async def second():
            for number in range(30, 40):
                track(client, number)
            await client.shutdown()
        began = time.monotonic()
        run(first())
        took = time.monotonic() - began
        print(client.pending, 0.5 <= took < 10, flush=True)
        signal.sigwait({signal.SIGUSR1})
        run(second())
        print(client.pending)
        """
    async with (
        Collector(faults=[Fault(kind="hang")]) as collector,
        started(*program(source, collector.url, loop=loop)) as child,
    ):
        await child.until("\n")
        collector.script()
        child.send(signal.SIGUSR1)
        assert await child.ended() == (0, "30 True\n0\n", "")
        assert numbers(collector.events) == list(range(40))


async def test_a_second_live_loop_may_call_and_is_told_where_to_wait() -> None:
    """What if two loops use one client? Calls work; waiting says on which loop it must be done."""
    async with Collector() as collector:
        ended = await run(
            """
            async def second(client):
                receipt = track(client, 1)
                for wait in (client.start, client.flush, client.shutdown, receipt.delivered):
                    try:
                        await wait()
                    except ConfigurationError as error:
                        print(error.code, error)
            async def main():
                async with make() as client:
                    track(client, 0)
                    await asyncio.to_thread(run, second(client))
                    await asyncio.to_thread(track, client, 2)
                    track(client, 3)
            run(main())
            """,
            collector.url,
        )
        assert (ended.code, ended.said) == (0, "")
        lines = ended.out.splitlines()
        assert len(lines) == 4
        assert {line.split()[0] for line in lines} == {"wrong_loop"}
        assert all("on the loop where it was started" in line for line in lines)
        assert numbers(collector.events) == [0, 1, 2, 3]


async def test_two_clients_on_two_loops_do_not_meet() -> None:
    """What if each loop has its own client, and calls the other's too? Everything arrives once."""
    async with Collector() as collector:
        ended = await run(
            """
            both, meet = {}, threading.Barrier(2)
            async def main(mine, other):
                async with make(name=mine) as client:
                    both[mine] = client
                    await asyncio.to_thread(meet.wait)
                    for number in range(200):
                        track(client, number, name=mine)
                        track(both[other], number, name=mine + " at " + other)
                        if number % 20 == 0:
                            await client.flush()
                    await asyncio.to_thread(meet.wait)
                delivered.append(client.statistics().delivered)
            delivered = []
            threads = [
                threading.Thread(target=lambda names=names: run(main(*names)))
                for names in (("a", "b"), ("b", "a"))
            ]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(delivered)
            """,
            collector.url,
        )
        assert ended == (0, "[400, 400]\n", "")
        for name in ("a", "b", "a at b", "b at a"):
            assert numbers(collector.events, name=name) == list(range(200))
