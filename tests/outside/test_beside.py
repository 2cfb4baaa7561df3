"""Work beside the loop: its result comes back, and its thread ends with it."""

import asyncio
import builtins
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from asyncsdk import outside
from asyncsdk.outside import beside, import_beside


async def test_the_work_is_done_in_a_thread_of_its_own() -> None:
    """What it returns is returned; the loop's thread does none of it."""

    def add(one: int, other: int) -> tuple[int, threading.Thread]:
        return one + other, threading.current_thread()

    made, thread = await beside(add, 1, 2)
    assert made == 3
    assert thread is not threading.current_thread()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


async def test_what_it_raises_is_raised_where_it_is_awaited() -> None:
    """As if it had been called there."""
    with pytest.raises(ZeroDivisionError):
        await beside(lambda: 1 // 0)


async def test_cancelling_leaves_the_work_to_its_thread() -> None:
    """Whoever waits is free at once; the work ends by itself, and nobody hears of it."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(10)
        ended.set()

    task = asyncio.create_task(beside(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    assert task.cancelled()
    may_end.set()
    assert await asyncio.to_thread(ended.wait, 10)


def test_a_loop_that_is_closed_meanwhile_hears_nothing() -> None:
    """No error in the thread, and none for the next loop."""
    begun, may_end, errors = threading.Event(), threading.Event(), list[object]()

    def work() -> None:
        begun.set()
        may_end.wait(10)

    async def start() -> None:
        asyncio.create_task(beside(work))  # noqa: RUF006 - the end of the loop cancels it
        await asyncio.to_thread(begun.wait, 10)

    before, threading.excepthook = threading.excepthook, errors.append
    try:
        asyncio.run(start())
        (thread,) = [one for one in threading.enumerate() if one.name == "asyncsdk"]
        may_end.set()
        thread.join(10)
    finally:
        threading.excepthook = before
    assert errors == []


def test_a_program_ends_while_its_loop_and_the_work_stand_still() -> None:
    """A pool's thread would keep it for ever."""
    code = """
import asyncio, threading
from asyncsdk import outside
from asyncsdk.outside import beside, import_beside
loop = asyncio.new_event_loop()
task = loop.create_task(beside(threading.Event().wait))
loop.call_later(0.1, loop.stop)
loop.run_forever()
"""
    ended = subprocess.run([sys.executable, "-c", code], timeout=10, check=False)
    assert ended.returncode == 0


def time_of_a_fork() -> float:
    """Fork, and return how long that took."""
    since = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(5)
    seconds = time.monotonic() - since
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    return seconds


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # there are threads: so there are
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks there")
async def test_a_fork_waits_for_an_import_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What if the import waits for whoever forks? The fork goes on after a while; so does the import."""
    (tmp_path / "planted_module.py").write_text("import threading\nBEGAN.set(); OVER.wait(10)\n")
    began, over = threading.Event(), threading.Event()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(builtins, "BEGAN", began, raising=False)
    monkeypatch.setattr(builtins, "OVER", over, raising=False)
    monkeypatch.setattr(outside, "_LONGEST_FORK", 0.1)
    importing = asyncio.ensure_future(import_beside("planted_module"))
    await asyncio.to_thread(began.wait, 10)
    assert 0.1 <= time_of_a_fork() < 5
    over.set()
    await importing
    assert "planted_module" in sys.modules
