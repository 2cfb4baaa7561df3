"""The interpreter's exit, and clients that are dropped: nothing is lost without a word."""

import anyio
import pytest

from asyncsdk.collector import Collector, Fault
from tests.promises.children import LOOPS, WHOLE_WAY, loss, numbers, program, run, started

pytestmark = WHOLE_WAY


def by_name(collector: Collector) -> str:
    """Return the collector's address with the host's name, which must be resolved."""
    return collector.url.replace("127.0.0.1", "localhost")


ENDINGS = {
    "no loop at all": """
        for number in range(250):
            track(client, number)
        """,
    "after the loop": """
        async def main():
            for number in range(100):
                track(client, number)
            await client.shutdown()
        run(main())
        for number in range(100, 250):
            track(client, number)
        """,
    "sys.exit in main": """
        async def main():
            for number in range(250):
                track(client, number)
            sys.exit(0)
        run(main())
        """,
    "a loop that stands still": """
        loop = new_event_loop()
        async def main():
            for number in range(100):
                track(client, number)
            await client.flush()
            for number in range(100, 250):
                track(client, number)
        loop.run_until_complete(main())
        """,
    "a loop that just stops": """
        loop = new_event_loop()
        def call():
            for number in range(250):
                track(client, number)
        loop.call_soon(call)
        loop.call_later(0.5, loop.stop)
        loop.run_forever()
        """,
    "a loop in another thread": """
        loop = new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(client.start(), loop).result()
        for number in range(250):
            track(client, number)
        """,
    "threads that call to the end": """
        threads = [
            threading.Thread(target=lambda some=some: [track(client, number) for number in some])
            for some in (range(125), range(125, 250))
        ]
        for thread in threads:
            thread.start()
        """,
}


@LOOPS
@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_exit_without_a_shutdown_delivers(ending: str, loop: str) -> None:
    """What if a program just ends? What waits goes to the host, by its name, before it is over."""
    async with Collector() as collector:
        source = "client = make(flush_at=1_000)\n" + _flush_left(ENDINGS[ending])
        ended = await run(source, by_name(collector), loop=loop)
        assert ended.code == 0
        assert [line for line in ended.said.splitlines() if "asyncsdk" in line] == []
        assert sorted(numbers(collector.events)) == list(range(250))
        assert set(collector.message_ids().values()) == {1}


def _flush_left(source: str) -> str:
    lines = source.strip("\n").splitlines()
    return "\n".join(line[8:] for line in lines)


async def test_an_exit_by_an_exception_delivers_too() -> None:
    """What if the program fails? Its traceback is shown as ever, and what was said arrives."""
    async with Collector() as collector:
        ended = await run(
            """
            client = make()
            async def main():
                for number in range(50):
                    track(client, number)
                raise KeyError("mine")
            asyncio.run(main())
            """,
            by_name(collector),
        )
        assert ended.code == 1
        assert ended.said.splitlines()[-1] == "KeyError: 'mine'"
        assert "asyncsdk" not in ended.said
        assert numbers(collector.events) == list(range(50))


@pytest.mark.parametrize(
    "fault",
    [Fault(kind="status", status=503), Fault(kind="hang"), Fault(kind="drop")],
    ids=lambda fault: fault.kind,
)
async def test_what_the_exit_cannot_deliver_is_counted_in_one_line(fault: Fault) -> None:
    """What if the server is away at the exit? `exit_drain` seconds, and a line with the count."""
    async with Collector(faults=[fault]) as collector:
        began = anyio.current_time()
        ended = await run(
            """
            logging.disable()
            clients = [make(exit_drain=0.4, name=name) for name in ("a", "b")]
            for client in clients:
                for number in range(125):
                    track(client, number)
            """,
            by_name(collector),
        )
        assert anyio.current_time() - began < 15
        assert (ended.code, loss(ended)) == (0, 250)
        assert not collector.events


async def test_only_what_was_not_delivered_is_said_to_be_lost() -> None:
    """What if one of two servers is away? The line counts what was meant for that one."""
    async with Collector() as well, Collector(faults=[Fault(kind="hang")]) as hanging:
        source = """
            logging.disable()
            clients = [make(), make(sys.argv[3], exit_drain=0.4)]
            for number in range(125):
                for client in clients:
                    track(client, number)
            """
        async with started(*program(source, by_name(well)), by_name(hanging)) as child:
            ended = await child.ended()
        assert (ended.code, loss(ended)) == (0, 125)
        assert numbers(well.events) == list(range(125))


async def test_exit_drain_zero_turns_the_drain_off() -> None:
    """What if no time may be spent at the exit? Nothing is sent, and the loss is said."""
    async with Collector() as collector:
        ended = await run(
            """
            client = make(exit_drain=0)
            for number in range(10):
                track(client, number)
            """,
            by_name(collector),
        )
        assert (ended.code, loss(ended)) == (0, 10)
        assert not collector.requests


async def test_an_exit_with_nothing_left_is_silent_and_quick() -> None:
    """What if everything was delivered before? The exit says nothing and asks nobody."""
    async with Collector() as collector:
        ended = await run(
            """
            client, unused = make(), make()
            async def main():
                async with client:
                    track(client, 0)
            asyncio.run(main())
            began = time.monotonic()
            import atexit
            atexit.register(lambda: print(time.monotonic() - began < 5.0))
            """,
            collector.url,
        )
        assert ended == (0, "True\n", "")
        assert len(collector.requests) == 1


DROPPED = """
async def main():
    client = make(flush_interval={interval})
    track(client, 0)
    await client.flush()
    for number in range(1, 31):
        track(client, number)
    del client
    gc.collect()
    await asyncio.sleep(0.5)
    gc.collect()
    names = [task.get_name() for task in asyncio.all_tasks()]
    print([name for name in names if "asyncsdk" in name])
run(main())
"""


@pytest.mark.parametrize("interval", ["0", "60"])
async def test_a_client_that_is_dropped_on_a_running_loop_says_so_and_delivers(
    interval: str,
) -> None:
    """What if nobody holds the client any more? One warning with the count; the host goes on."""
    async with Collector() as collector:
        ended = await run(DROPPED.format(interval=interval), collector.url)
        (warning,) = ended.said.splitlines()
        assert warning.startswith("WARNING asyncsdk: ")
        assert "30 events" in warning
        assert "shutdown()" in warning
        assert "async with" in warning
        assert (ended.code, ended.out) == (0, "[]\n")
        assert numbers(collector.events) == list(range(31))


async def test_a_client_that_is_dropped_with_nothing_left_ends_without_a_word() -> None:
    """What if everything was delivered before? Its tasks and connections end by themselves."""
    async with Collector() as collector:
        source = DROPPED.format(interval="60").replace("range(1, 31)", "range(0)")
        ended = await run(source, collector.url)
        assert ended == (0, "[]\n", "")
        assert numbers(collector.events) == [0]


async def test_a_client_that_is_dropped_without_a_loop_delivers_at_the_exit() -> None:
    """What if a function makes a client, calls it, and returns? The exit sends, after a warning."""
    async with Collector() as collector:
        ended = await run(
            """
            def work(numbers):
                client = make(flush_at=1_000)
                for number in numbers:
                    track(client, number)
            work(range(10))
            work(range(10, 30))
            gc.collect()
            """,
            by_name(collector),
        )
        first, second = ended.said.splitlines()
        assert "10 events" in first
        assert "20 events" in second
        assert ended.code == 0
        assert sorted(numbers(collector.events)) == list(range(30))


async def test_a_client_whose_hooks_hold_it_is_dropped_as_well() -> None:
    """What if a hook refers to its own client? The circle is found; the same warning."""
    async with Collector() as collector:
        ended = await run(
            """
            def work():
                client = None
                def seen(message):
                    seen.count = client.pending
                    return message
                client = make(before_send=seen, flush_at=1_000)
                for number in range(10):
                    track(client, number)
            work()
            gc.collect()
            print("gone")
            """,
            by_name(collector),
        )
        (warning,) = ended.said.splitlines()
        assert "10 events" in warning
        assert (ended.code, ended.out) == (0, "gone\n")
        assert numbers(collector.events) == list(range(10))
