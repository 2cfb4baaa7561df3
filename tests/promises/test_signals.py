"""Signals, with `handle_signals=True`: what was said is delivered, and nobody's handler waits."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from signal import SIGINT, SIGTERM, Signals

import anyio
import pytest

from asyncsdk.collector import Collector, Fault
from tests.promises.children import LOOPS, WHOLE_WAY, Ended, numbers, program, started
from tests.promises.shopping import shop, visit

pytestmark = WHOLE_WAY

BOTH = pytest.mark.parametrize("number", [SIGTERM, SIGINT], ids=lambda number: number.name)


async def signalled(
    source: str, *urls: str, numbers: Sequence[Signals], loop: str = "asyncio"
) -> Ended:
    """Run *source*, send it signals once it says "ready", and wait for its end."""
    command = program(source, urls[0], loop=loop)
    async with started(*command, *urls[1:]) as child:
        await child.until("ready")
        for number in numbers:
            child.send(number)
            await anyio.sleep(0.02)
        return await child.ended()


THREE_CLIENTS = """
async def main():
    clients = [
        make(url, handle_signals=True, shutdown_timeout=30) for url in [URL, *sys.argv[3:]]
    ]
    for client in clients:
        await client.start()
        for number in range(100):
            track(client, number)
    print("ready", flush=True)
    await asyncio.sleep(60)
try:
    run(main())
except KeyboardInterrupt:
    print("interrupted")
"""


@LOOPS
async def test_sigterm_lets_every_client_deliver_before_it_ends_the_process(loop: str) -> None:
    """What if a process with three clients is told to end? All deliver; it dies by the signal."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(Collector()) for _ in range(3)]
        ended = await signalled(
            THREE_CLIENTS, *(server.url for server in servers), numbers=[SIGTERM], loop=loop
        )
        assert (ended.code, ended.said) == (-SIGTERM, "")
        for server in servers:
            assert numbers(server.events) == list(range(100))


@LOOPS
async def test_sigint_ends_main_at_once_and_every_client_delivers(loop: str) -> None:
    """What of Ctrl-C? asyncio's own handler runs at once; the clients deliver on the way out."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(Collector()) for _ in range(3)]
        ended = await signalled(
            THREE_CLIENTS, *(server.url for server in servers), numbers=[SIGINT], loop=loop
        )
        assert ended == (0, "ready\ninterrupted\n", "")
        for server in servers:
            # What is under way when asyncio.run cancels everything may be sent again.
            assert list(dict.fromkeys(numbers(server.events))) == list(range(100))
            assert len(server.message_ids()) == 100


async def test_one_dead_server_keeps_neither_the_process_nor_the_others() -> None:
    """What if one of the servers hangs then? `shutdown_timeout` at the most, the others' go."""
    async with Collector() as well, Collector(faults=[Fault(kind="hang")]) as hanging:
        began = anyio.current_time()
        source = THREE_CLIENTS.replace("shutdown_timeout=30", "shutdown_timeout=2")
        ended = await signalled(source, well.url, hanging.url, well.url, numbers=[SIGTERM])
        assert anyio.current_time() - began < 25
        (line,) = ended.said.splitlines()
        assert ended.code == -SIGTERM
        assert "dropped 100 events (shutdown" in line
        assert sorted(numbers(well.events)) == sorted([*range(100)] * 2)


async def test_a_sigterm_that_comes_again_changes_nothing() -> None:
    """What if the signal comes three times? The drain is not cut short, and not begun anew."""
    async with Collector(faults=[Fault(kind="delay", seconds=0.3)]) as collector:
        ended = await signalled(THREE_CLIENTS, collector.url, numbers=[SIGTERM] * 3)
        assert (ended.code, ended.said) == (-SIGTERM, "")
        assert numbers(collector.events) == list(range(100))
        assert len(collector.requests) == 1


FORMER_HANDLER = """
def mine(number, frame):
    told.append(number)
    print("mine", len(told), client.pending, flush=True)
    loop.call_soon_threadsafe(heard.set)
told = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, mine)
client, other = make(handle_signals=True), make(handle_signals=True)
async def main():
    global loop, heard
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    await client.start()
    await other.start()
    track(client, 0); track(other, 1)
    print("ready", flush=True)
    await heard.wait()
    while client.pending or other.pending:
        await asyncio.sleep(0.01)
    track(client, 2)  # the program has an end of its own, and goes on till then
    await client.shutdown()
    assert signal.getsignal(told[0]) is not mine
    await other.shutdown()
    assert signal.getsignal(told[0]) is mine
runner = asyncio.Runner(loop_factory=new_event_loop)
with runner:
    runner.get_loop()
    runner.run(main())
"""


@LOOPS
@BOTH
async def test_a_former_handler_runs_at_once_while_the_clients_flush(
    number: Signals, loop: str
) -> None:
    """What of an application's own handler? It runs first and once; a flush goes on meanwhile."""
    async with Collector(faults=[Fault(kind="delay", seconds=0.1, times=1)]) as collector:
        ended = await signalled(FORMER_HANDLER, collector.url, numbers=[number], loop=loop)
        assert (ended.code, ended.said) == (0, "")
        assert (ended.out.count("mine"), ended.out.count("mine 1 1")) == (1, 1)
        assert sorted(numbers(collector.events)) == [0, 1, 2]


@LOOPS
async def test_a_handler_of_the_loop_is_a_former_handler_too(loop: str) -> None:
    """What of `loop.add_signal_handler`? It is called as before, and left in its place."""
    async with Collector() as collector:
        ended = await signalled(
            """
            async def main():
                stop = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
                client = make(handle_signals=True)
                await client.start()
                track(client, 0)
                print("ready", flush=True)
                await stop.wait()
                track(client, 1)
                await client.shutdown()
                stop.clear()
                os.kill(os.getpid(), signal.SIGTERM)
                await stop.wait()
            run(main())
            """,
            collector.url,
            numbers=[SIGTERM],
            loop=loop,
        )
        assert ended == (0, "ready\n", "")
        assert numbers(collector.events) == [0, 1]


@pytest.mark.parametrize("words", [(), ("signals", "three")], ids="-".join)
@BOTH
async def test_under_uvicorn_the_lifespan_is_enough_and_signals_do_no_harm(
    words: tuple[str, ...], number: Signals
) -> None:
    """What when a server on uvicorn is told to end? The answer at work goes out, all is delivered."""
    async with (
        Collector() as collector,
        shop(collector.url, "lifespan", *words) as (child, session),
        anyio.create_task_group() as group,
    ):
        await visit(session, "/plain/0")
        group.start_soon(visit, session, "/slow/1")
        await child.until("at work")
        child.send(number)
        ended = await child.ended()
        assert ended.code in (0, -number, 1)
        if number is SIGTERM:  # by SIGINT uvicorn ends with KeyboardInterrupt, and its traceback
            assert ended.said == ""
        assert "asyncsdk: " not in ended.said
        clients = 3 if "three" in words else 1
        for name, value in (("plain", 0), ("begun", 1), ("done", 1)):
            assert numbers(collector.events, name=name) == [value] * clients
        assert set(collector.message_ids().values()) == {1}


async def test_a_client_on_a_loop_in_a_thread_delivers_too() -> None:
    """What if one client's loop is in another thread? The main thread's handler reaches it."""
    async with Collector() as collector:
        ended = await signalled(
            """
            async def there():
                async with make(handle_signals=True) as client:
                    track(client, 1)
                    told.set()
                    await asyncio.sleep(60)
            async def here():
                async with make(handle_signals=True) as client:
                    track(client, 0)
                    thread.start()
                    await asyncio.to_thread(told.wait)
                    print("ready", flush=True)
                    await asyncio.sleep(60)
            told = threading.Event()
            thread = threading.Thread(target=lambda: run(there()), daemon=True)
            run(here())
            """,
            collector.url,
            numbers=[SIGTERM],
        )
        assert (ended.code, ended.said) == (-SIGTERM, "")
        assert sorted(numbers(collector.events)) == [0, 1]


@LOOPS
async def test_a_loop_that_stands_still_does_not_keep_the_process(loop: str) -> None:
    """What if the loop only runs from call to call? Told to end in between, the process ends."""
    async with Collector() as collector:
        ended = await signalled(
            """
            client = make(handle_signals=True)
            async def handler(number):
                track(client, number)
                await client.flush()
            loop = new_event_loop()
            for number in range(3):
                loop.run_until_complete(handler(number))
            print("ready", flush=True)
            time.sleep(60)
            """,
            collector.url,
            numbers=[SIGTERM],
            loop=loop,
        )
        assert ended.code == -SIGTERM
        assert numbers(collector.events) == [0, 1, 2]
