"""The demo, run as a person runs it."""

import asyncio
import os
import re
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from asyncsdk.cli.standing_in import StandInError, stand_in
from tests.cli.running import command, environment, number, pipe, read_until, rows, run, started

pytestmark = pytest.mark.whole_way


def test_the_demo_loses_nothing_and_shows_how_it_knows() -> None:
    """Each of the standard faults is met, the planted event is a dead letter, the counts add up."""
    ended = run("demo", "--events", "3000")
    table = rows(ended.stdout)
    counts = {name: number(table[name]) for name in ("accepted", "delivered", "lost")}
    assert (ended.returncode, counts) == (0, {"accepted": 3_000, "delivered": 2_999, "lost": 0})
    assert table["dead letters"] == "1"
    assert number(table["retried"]) > 0
    assert number(table["duplicates"]) > 0
    assert number(table["events/s"]) > 0
    assert table["track() p50"].endswith("µs")
    assert table["peak memory"].endswith("MB")
    assert table["PostHog flags"] == "181"  # three for each of 60 visitors here, one asked for
    assert table["PostHog events"] == "241 of 241"
    assert table["flags.get() p50"].endswith("µs")
    assert "HTTP 400: request neither has anonymousId nor userId" in ended.stdout
    assert "lost 0 of 3,000: every event is at the server or a dead letter" in ended.stdout
    for fault in ("503", "connection reset", "answer cut"):
        assert re.search(rf"failed on purpose.*\d x {fault}", ended.stdout, re.S)


def test_progress_goes_to_stderr_in_plain_lines() -> None:
    """Elsewhere than on a terminal there are no escapes, and stdout is the result alone."""
    began = time.monotonic()
    ended = run("demo", "--events", "3000", "--fault", "delay,seconds=0.15")
    assert ended.returncode == 0
    lines = ended.stderr.splitlines()
    assert 1 <= len(lines) <= time.monotonic() - began + 1
    assert all(re.fullmatch(r" *\d+ % +[\d,]+ done .* [\d,]+/s", line) for line in lines)
    assert "\x1b" not in ended.stdout + ended.stderr


def test_a_server_that_says_yes_and_forgets_is_found_out() -> None:
    """The client believes the answer and calls it delivered; the count at the server does not."""
    ended = run("demo", "--events", "1000", "--fault", "delay,seconds=0,accept=no,times=1")
    table = rows(ended.stdout)
    lost = number(table["lost"])
    assert ended.returncode == 1
    assert lost > 0
    assert number(table["delivered"]) == 1_000 - lost
    assert f"lost {lost:,} of 1,000" in ended.stdout


def test_what_is_still_queued_when_patience_ends_is_lost() -> None:
    """A server that never answers: the demo ends in time and says so."""
    began = time.monotonic()
    ended = run("demo", "--events", "500", "--fault", "hang", "--patience", "0.5")
    assert ended.returncode == 1
    assert rows(ended.stdout)["lost"] == "500"
    assert time.monotonic() - began < 20


def test_without_faults_everything_arrives_once() -> None:
    """Nothing planted, nothing repeated; an event for some of the producers alone."""
    ended = run("demo", "--events", "13", "--fault", "none", "--seed", "5")
    table = rows(ended.stdout)
    assert ended.returncode == 0
    assert [table[name] for name in ("delivered", "dead letters", "duplicates")] == ["13", "0", "0"]
    assert "faults  none" in ended.stdout


def test_ctrl_c_ends_it_with_what_is_known() -> None:
    """Exit code 130, the table so far, what waits is not called lost; no traceback."""
    with started("demo", "--events", "1000000") as process:
        read_until(process.stderr, lambda line: re.search(r"[1-9][\d,]* done", line))
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=30)
    table = rows(said)
    accepted, delivered, left = (
        number(table[name]) for name in ("accepted", "delivered", "not sent")
    )
    assert process.returncode == 130
    assert 0 < delivered <= accepted < 1_000_000
    assert accepted == delivered + left
    assert "stopped early" in said
    assert "Traceback" not in complained


def test_ctrl_c_twice_ends_it_at_once() -> None:
    """Whoever asks again means now."""
    with started("demo", "--events", "20000", "--fault", "hang") as process:
        url = read_until(process.stdout, lambda line: "server" in line)
        read_until(process.stderr, lambda line: "waiting" in line)
        process.send_signal(signal.SIGINT)
        read_until(process.stderr, lambda line: "stopping" in line)
        process.send_signal(signal.SIGINT)
        complained = pipe(process.stderr).read()
        assert process.wait(10) == 130
    assert "Traceback" not in complained
    assert _is_gone(url)


def test_a_killed_demo_leaves_no_server_behind() -> None:
    """Even one that had no chance to end anything."""
    with started("demo", "--events", "1000000") as process:
        url = read_until(process.stdout, lambda line: "server" in line)
        read_until(process.stderr, lambda line: "done" in line)
        process.kill()
        process.wait(10)
    assert _is_gone(url)


def _is_gone(line: str) -> bool:
    """Say whether the server that *line* names stops listening, within ten seconds."""
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found is not None
    return asyncio.run(_refuses(found[0]))


async def _refuses(url: str) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            async with aiohttp.ClientSession() as session, session.get(url):
                await asyncio.sleep(0.05)
        except aiohttp.ClientConnectionError:
            return True
    return False


def test_on_a_terminal_one_line_rewrites_itself() -> None:
    """And it is gone when the table comes, which has colours."""
    shown = _on_a_terminal("demo", "--events", "3000", "--fault", "delay,seconds=0.1")
    assert shown.count("\x1b[K") >= 3
    assert "░" in shown
    assert re.search(r"\r\x1b\[K(\x1b\[\w+)?\r?\n", shown)
    assert "\x1b[32;1mlost" in shown


def test_no_color_means_plain_lines_on_a_terminal_too() -> None:
    """No escape of any kind."""
    shown = _on_a_terminal("demo", "--events", "1000", NO_COLOR="1")
    assert "\x1b" not in shown
    assert "waiting" in shown


def _on_a_terminal(*arguments: str, **extra: str) -> str:
    """Run a command on a terminal of its own, to its end, and return all that it showed."""
    terminal, theirs = os.openpty()
    process = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment(extra)
    )
    os.close(theirs)
    shown = b""
    try:
        # Linux says the end of a terminal with an error.
        with suppress(OSError):
            while select.select([terminal], [], [], 60)[0] and (piece := os.read(terminal, 65_536)):
                shown += piece
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    return shown.decode()


async def test_a_server_that_does_not_start_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    """Its own complaint is on stderr."""
    with pytest.raises(StandInError, match="did not start"):
        async with stand_in(["explode"]):
            raise AssertionError("it must not come this far")
    assert "'explode': a status or one of" in capfd.readouterr().err


async def test_a_server_that_died_is_said() -> None:
    """A count that nobody made is not taken for one."""
    async with stand_in([]) as server:
        server._process.kill()
        with pytest.raises(StandInError, match="ended before it was asked"):
            await server.arrived()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are found in /proc")
def test_a_demo_whose_server_dies_says_so_and_fails() -> None:
    """It must not call that a success, nor wait for ever."""
    with started("demo", "--events", "300", "--fault", "hang", "--patience", "1") as process:
        read_until(process.stderr, lambda line: "waiting" in line)
        children = _children_of(process.pid)
        for child in children:
            os.kill(child, signal.SIGKILL)
        said = pipe(process.stderr).read()
        assert (len(children), process.wait(30)) == (1, 1)
    assert "asyncsdk demo: the server ended before it was asked what arrived" in said


def _children_of(parent: int) -> list[int]:
    """Return the processes that *parent* has started."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it may be gone already
            # pid (name) state ppid …; the name may hold anything.
            if path.read_text().rpartition(")")[2].split()[1] == str(parent):
                found.append(int(path.parent.name))
    return found
