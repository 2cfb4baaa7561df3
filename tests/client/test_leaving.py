"""The end of a process: pending events at the exit, and signals. Each in a process of its own."""

import signal
import sys
import textwrap
from typing import Any

import anyio
import anyio.abc
import pytest

from asyncsdk.collector import Collector
from tests.client.street import KEY, names, until

pytestmark = [
    pytest.mark.whole_way,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are different there"),
]

_HEAD = """
import asyncio, os, signal, sys, threading, time
from asyncsdk import AsyncAnalytics, Delivery, RudderStack
URL = sys.argv[1]
def make(**options):
    options.setdefault("flush_interval", 0)
    return AsyncAnalytics(RudderStack({key!r}, URL, name="rudder"), **options)
"""


async def open_child(url: str, program: str) -> anyio.abc.Process:
    """Start *program* with the address of a server."""
    source = _HEAD.format(key=KEY) + textwrap.dedent(program)
    return await anyio.open_process([sys.executable, "-c", source, url])


async def read_all(stream: anyio.abc.ByteReceiveStream | None) -> str:
    """Read a stream of a child to its end."""
    assert stream is not None
    return "".join([part.decode() async for part in stream])


async def run_child(url: str, program: str) -> tuple[int, str]:
    """Run *program* to its end; return its exit code and what it said on stderr."""
    with anyio.fail_after(30):
        async with await open_child(url, program) as child:
            said = await read_all(child.stderr)
            return await child.wait(), said


async def signalled(url: str, program: str, *numbers: signal.Signals) -> tuple[int, str, str]:
    """Run *program* until it says "ready", send it signals; return code, stdout and stderr."""
    with anyio.fail_after(30):
        async with await open_child(url, program) as child:
            assert child.stdout is not None
            said = b""
            while b"ready" not in said:
                said += await child.stdout.receive()
            for number in numbers:
                child.send_signal(number)
                await anyio.sleep(0.05)
            out = said.decode() + await read_all(child.stdout)
            err = await read_all(child.stderr)
            return await child.wait(), out, err


async def test_a_script_without_a_loop_delivers_at_its_exit(collector: Collector) -> None:
    """Calls, and the end of the program: nothing more was said."""
    code, said = await run_child(
        collector.url,
        """
        client = make()
        for number in range(50):
            client.track(f"e-{number}", user_id="u")
        """,
    )
    assert (code, said) == (0, "")
    assert names(collector) == [f"e-{number}" for number in range(50)]


async def test_a_program_that_never_shuts_down_delivers_at_its_exit(collector: Collector) -> None:
    """asyncio.run ends, and with it the program."""
    code, said = await run_child(
        collector.url,
        """
        async def main():
            client = make()
            client.track("first", user_id="u")
            await client.flush()
            client.track("last", user_id="u")
        asyncio.run(main())
        """,
    )
    assert (code, said) == (0, "")
    assert names(collector) == ["first", "last"]


async def test_calls_after_the_last_loop_are_delivered_at_the_exit(collector: Collector) -> None:
    """What nobody runs any more, the exit sends."""
    code, said = await run_child(
        collector.url,
        """
        client = make()
        async def main():
            client.track("first", user_id="u")
            await client.shutdown()
        asyncio.run(main())
        client.track("last", user_id="u")
        """,
    )
    assert (code, said) == (0, "")
    assert names(collector) == ["first", "last"]


async def test_a_loop_in_a_thread_is_drained_at_the_exit(collector: Collector) -> None:
    """It still runs when the main thread ends."""
    code, said = await run_child(
        collector.url,
        """
        client = make()
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(client.start(), loop).result(10)
        client.track("E", user_id="u")
        """,
    )
    assert (code, said) == (0, "")
    assert names(collector) == ["E"]


async def test_without_an_exit_drain_the_loss_is_said_in_one_line(collector: Collector) -> None:
    """With the count, and what to do."""
    code, said = await run_child(
        collector.url,
        """
        client = make(exit_drain=0)
        for number in range(3):
            client.track("E", user_id="u")
        """,
    )
    assert code == 0
    (line,) = said.splitlines()
    assert line.startswith("asyncsdk: 3 events ")
    assert "async with" in line
    assert not collector.requests


async def test_an_exit_with_a_dead_server_ends_in_time_and_says_the_loss() -> None:
    """The drain takes as long as it may, no longer."""
    began = anyio.current_time()
    code, said = await run_child(
        "http://127.0.0.1:9",
        """
        client = make(exit_drain=0.3)
        client.track("E", user_id="u")
        client.track("E", user_id="u")
        """,
    )
    assert (code, anyio.current_time() - began < 10) == (0, True)
    assert "asyncsdk: 2 events" in said


async def test_two_clients_say_their_loss_together(collector: Collector) -> None:
    """One line for the program."""
    _, said = await run_child(
        collector.url,
        """
        clients = [make(exit_drain=0), make(exit_drain=0)]
        for client in clients:
            client.track("E", user_id="u")
        """,
    )
    assert said.count("asyncsdk: 2 events") == said.count("asyncsdk: ") == 1


async def test_a_clean_end_is_silent(collector: Collector) -> None:
    """Nothing waits, nothing is said."""
    code, said = await run_child(
        collector.url,
        """
        async def main():
            async with make() as client:
                client.track("E", user_id="u")
        asyncio.run(main())
        """,
    )
    assert (code, said, names(collector)) == (0, "", ["E"])


RUNS = """
async def main():
    client = make(handle_signals=True, **OPTIONS)
    await client.start()
    client.track("E", user_id="u")
    print("ready", flush=True)
    await asyncio.sleep(30)
asyncio.run(main())
"""


async def test_sigterm_delivers_first_and_then_does_its_work(collector: Collector) -> None:
    """The process dies by the signal, as whoever sent it expects."""
    code, _, said = await signalled(collector.url, "OPTIONS = {}\n" + RUNS, signal.SIGTERM)
    assert (code, names(collector), said) == (-signal.SIGTERM, ["E"], "")


async def test_sigterm_with_a_dead_server_ends_within_shutdown_timeout() -> None:
    """A drain that cannot succeed does not keep the process."""
    began = anyio.current_time()
    options = "OPTIONS = dict(shutdown_timeout=0.3)\n"
    code, _, _ = await signalled("http://127.0.0.1:9", options + RUNS, signal.SIGTERM)
    assert (code, anyio.current_time() - began < 15) == (-signal.SIGTERM, True)


async def test_without_handle_signals_nothing_is_touched(collector: Collector) -> None:
    """The default action stands: the process dies at once."""
    program = "OPTIONS = {}\n" + RUNS.replace("handle_signals=True, ", "")
    code, _, _ = await signalled(collector.url, program, signal.SIGTERM)
    assert (code, collector.requests) == (-signal.SIGTERM, [])


async def test_sigint_drains_and_ends_as_asyncio_has_it(collector: Collector) -> None:
    """asyncio.run's own handler runs at once, and the program sees KeyboardInterrupt."""
    program = "OPTIONS = {}\n" + RUNS.replace(
        "asyncio.run(main())",
        "try:\n    asyncio.run(main())\nexcept KeyboardInterrupt:\n    print('interrupted')",
    )
    code, out, said = await signalled(collector.url, program, signal.SIGINT)
    assert (code, "interrupted" in out, names(collector), said) == (0, True, ["E"], "")


async def test_a_former_handler_runs_at_once_and_a_flush_meanwhile(collector: Collector) -> None:
    """The application's own way of ending is not delayed."""
    code, out, said = await signalled(
        collector.url,
        """
        def mine(number, frame):
            print("mine", client.pending, flush=True)
        signal.signal(signal.SIGTERM, mine)
        client = make(handle_signals=True)
        async def main():
            await client.start()
            client.track("E", user_id="u")
            print("ready", flush=True)
            while client.pending:
                await asyncio.sleep(0.01)
            await client.shutdown()
            assert signal.getsignal(signal.SIGTERM) is mine
        asyncio.run(main())
        """,
        signal.SIGTERM,
    )
    assert (code, said) == (0, "")
    assert "mine 1" in out
    assert names(collector) == ["E"]


async def test_an_ignored_signal_stays_ignored(collector: Collector) -> None:
    """Whoever ignores it meant it."""
    code, _, said = await signalled(
        collector.url,
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        async def main():
            client = make(handle_signals=True)
            await client.start()
            client.track("E", user_id="u")
            print("ready", flush=True)
            await asyncio.sleep(0.3)
            await client.shutdown()
        asyncio.run(main())
        """,
        signal.SIGTERM,
    )
    assert (code, said, names(collector)) == (0, "", ["E"])


async def test_clients_share_one_handler(collector: Collector) -> None:
    """Each delivers its own; the last one to end puts the former handler back."""
    code, out, said = await signalled(
        collector.url,
        """
        async def main():
            before = signal.getsignal(signal.SIGTERM)
            first, second = make(handle_signals=True), make(handle_signals=True)
            await first.start(); await second.start()
            shared = signal.getsignal(signal.SIGTERM)
            await first.shutdown()
            assert signal.getsignal(signal.SIGTERM) is shared
            await second.shutdown()
            assert signal.getsignal(signal.SIGTERM) is before
            first.track("a", user_id="u"); second.track("b", user_id="u")
            print("ready", flush=True)
            await asyncio.sleep(30)
        asyncio.run(main())
        """,
        signal.SIGTERM,
    )
    assert (code, said) == (-signal.SIGTERM, "")
    assert sorted(names(collector)) == ["a", "b"]
    assert "ready" in out


async def test_the_signal_goes_on_once_after_every_client_has_drained(
    collector: Collector,
) -> None:
    """Also for clients that have nothing to send, or whose loop is gone."""
    code, out, said = await signalled(
        collector.url,
        """
        def kill(pid, number):
            print("again", number, client.pending, other.pending, flush=True)
            os._exit(0)
        os.kill = kill
        gone = make(handle_signals=True, exit_drain=0)
        async def short():
            await gone.start()
        asyncio.run(short())
        async def main():
            global client, other
            client, other = make(handle_signals=True), make(handle_signals=True)
            await client.start(); await other.start()
            client.track("E", user_id="u")
            print("ready", flush=True)
            await asyncio.sleep(30)
        asyncio.run(main())
        """,
        signal.SIGTERM,
    )
    assert (code, out.split("ready")[1].split()) == (0, ["again", "15", "0", "0"])
    assert (names(collector), said) == (["E"], "")


async def test_a_signal_without_anything_to_drain_goes_on_at_once(collector: Collector) -> None:
    """No client runs, so nobody is waited for."""
    code, _, said = await signalled(
        collector.url,
        """
        client = make(handle_signals=True)
        async def main():
            await client.start()
        asyncio.run(main())
        print("ready", flush=True)
        time.sleep(30)
        """,
        signal.SIGTERM,
    )
    assert (code, said, collector.requests) == (-signal.SIGTERM, "", [])


async def test_a_forked_child_sends_its_own_events_only(collector: Collector) -> None:
    """What waited in the parent is the parent's; ids never repeat."""
    code, _ = await run_child(
        collector.url,
        """
        client = make()
        client.track("parent", user_id="u")
        child = os.fork()
        client.track("child" if child == 0 else "parent too", user_id="u")
        if child:
            os.waitpid(child, 0)
        """,
    )
    assert code == 0
    assert sorted(names(collector)) == ["child", "parent", "parent too"]
    assert set(collector.message_ids().values()) == {1}


async def test_signals_in_a_thread_are_left_to_the_main_one(collector: Collector) -> None:
    """Only the main thread can set a handler; a client elsewhere does without."""
    facts: dict[str, Any] = {}
    code, said = await run_child(
        collector.url,
        """
        before = signal.getsignal(signal.SIGTERM)
        async def main():
            async with make(handle_signals=True) as client:
                client.track("E", user_id="u")
                assert signal.getsignal(signal.SIGTERM) is before
        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start(); thread.join()
        """,
    )
    await until(lambda: collector.events)
    assert (code, said, names(collector), facts) == (0, "", ["E"], {})
