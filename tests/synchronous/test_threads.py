"""The loop's thread: when it comes up, ends, or cannot come up."""

import signal
import sys
import threading
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from asyncsdk import SyncAnalytics
from asyncsdk.collector import Collector
from asyncsdk.synchronous.threads import LoopThread
from tests.client.street import names, rudder


@pytest.fixture
def line() -> Iterator[LoopThread]:
    """Make a thread that is not up yet; it rests after the test."""
    line = LoopThread()
    yield line
    line.rest(lambda: True)


async def ident() -> int:
    """Return where this runs."""
    await anyio.lowlevel.checkpoint()
    return threading.get_ident()


def test_a_loop_that_ended_meanwhile_is_replaced(line: LoopThread) -> None:
    """What if the thread ends between the look and the question? The next one is asked."""
    up = line._get_up()
    first = line.call(ident)
    up.loop.call_soon_threadsafe(up.last.set_result, anyio.lowlevel.checkpoint)
    up.thread.join()
    assert line._up is up
    assert line.call(ident) in {one.ident for one in threading.enumerate()}
    assert first == up.thread.ident
    assert line._up is not up


@pytest.mark.skipif(sys.platform == "win32", reason="signals are different there")
def test_a_call_that_is_interrupted_holds_nobody_up(line: LoopThread) -> None:
    """What of Ctrl-C while something waits for ever? Resting does not wait for it; it goes on."""
    up = line._get_up()
    event = threading.Event()
    interrupt = (signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    threading.Timer(0.1, *interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        line.call(anyio.to_thread.run_sync, event.wait, 30)
    line.rest(lambda: True)
    assert up.thread.is_alive()
    event.set()
    line.call(ident)
    while up.thread.is_alive():
        line.rest(lambda: True)


def test_what_is_woken_on_the_loop_itself_is_done_at_once(line: LoopThread) -> None:
    """What if a hook says something while no run is there? It begins one, where it is."""
    seen: list[int] = []

    async def hook() -> None:
        line.wake(lambda: seen.append(threading.get_ident()))
        await anyio.lowlevel.checkpoint()

    line.call(hook)
    assert seen == [line.call(ident)]


@pytest.mark.parametrize("error", [RuntimeError("no new thread"), OSError("no new thread")])
def test_a_thread_that_cannot_be_started_hurts_no_call(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What of a call when the interpreter ends, and starts no thread? It returns; the event waits."""

    def refuse(_thread: threading.Thread) -> None:
        raise error

    client = SyncAnalytics(rudder(collector))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for name in ("first", "second"):
            client.track(name, user_id="u")
        assert client.pending == 2
        with pytest.raises(type(error), match="new thread"):
            client.flush()
    assert client.shutdown().delivered == 2
    assert names(collector) == ["first", "second"]


async def test_a_run_is_never_on_the_loop_of_whoever_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And in a program that has a loop? The client leaves that alone, also if it has none of its own."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("no new thread")

    async with Collector() as collector:
        client = SyncAnalytics(rudder(collector))
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            client.track("first", user_id="u")
        client.track("second", user_id="u")
        assert (await anyio.to_thread.run_sync(client.shutdown)).delivered == 2
    assert names(collector) == ["first", "second"]


def test_a_loop_that_does_not_come_up_says_why(
    line: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What if a loop cannot be made? Whoever waits hears of it, and the next one tries again."""

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(anyio, "run", refuse)
        with pytest.raises(OSError, match="too many open files"):
            line.call(ident)
    assert line.call(ident) != threading.get_ident()
