"""A file of events, sent as a person sends it."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asyncsdk.collector import Collector, Fault
from tests.cli.running import number, pipe, read_until, rows, run, run_beside, started
from tests.destinations.recorder import recording

pytestmark = pytest.mark.whole_way

KEY = "write-key-1"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector that knows one key."""
    async with Collector(write_keys=[KEY]) as running:
        yield running


def event(number: int, **more: Any) -> dict[str, Any]:
    """Build a track of a file."""
    return {"type": "track", "userId": "u-1", "event": "E", "messageId": f"m-{number}", **more}


def write(path: Path, *lines: dict[str, Any] | str) -> str:
    """Write a file; return its path."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return str(path)


def target(collector: Collector, *, key: str = KEY) -> tuple[str, ...]:
    """Return the words that name a collector."""
    return ("--to", collector.url, "--write-key", key)


async def test_a_file_arrives_whole_in_its_order_and_with_its_times(
    collector: Collector, tmp_path: Path
) -> None:
    """Failing answers do not change that; exit code 0."""
    collector.script(Fault(kind="status", times=2), Fault(kind="reset", times=1))
    when = "2026-11-01T10:00:00.000Z"
    lines = [event(one, timestamp=when, properties={"n": one}) for one in range(5_000)]
    ended = await run_beside("demo", "--ndjson", write(tmp_path / "f", *lines), *target(collector))
    assert (ended.returncode, rows(ended.stdout)["delivered"]) == (0, "5,000")
    assert [row.message_id for row in collector.events] == [f"m-{one}" for one in range(5_000)]
    assert {row.body["timestamp"] for row in collector.events} == {when}
    assert number(rows(ended.stdout)["retried"]) >= 2


async def test_bad_lines_are_counted_and_named_and_stop_nothing(
    collector: Collector, tmp_path: Path
) -> None:
    """The first ten with number and reason; exit code 2; the good ones arrive."""
    bad = ['{"type":"track","userId":"u","event":', "[]", '{"type":"dance"}', '{"type":"track"}']
    more = ["?"] * 8
    good = [event(1, sentAt="x"), event(2, colour="red"), event(3)]
    path = write(tmp_path / "f", good[0], "", *bad, good[1], *more, good[2])
    ended = await run_beside("demo", "--ndjson", path, *target(collector))
    assert ended.returncode == 2
    table = rows(ended.stdout)
    assert [table[name] for name in ("lines", "bad lines", "delivered")] == ["15", "12", "3"]
    assert "  line 3: not JSON (Input data was truncated)\n" in ended.stdout
    assert "  line 6: event: a text that is not empty is needed\n" in ended.stdout
    assert ended.stdout.count("  line ") == 10
    assert "  and 2 more\n" in ended.stdout
    assert "fields that no call has, left out:  1 x colour\n" in ended.stdout
    assert set(collector.message_ids()) == {"m-1", "m-2", "m-3"}


async def test_what_the_server_refuses_is_counted_with_its_words(
    collector: Collector, tmp_path: Path
) -> None:
    """One guilty event among good ones; exit code 2."""
    lines = [event(one, userId=" " if one == 25 else "u") for one in range(50)]
    ended = await run_beside("demo", "--ndjson", write(tmp_path / "f", *lines), *target(collector))
    table = rows(ended.stdout)
    assert (ended.returncode, table["delivered"], table["rejected"]) == (2, "49", "1")
    assert "HTTP 400: request neither has anonymousId nor userId" in ended.stdout


async def test_a_wrong_key_ends_it_at_once(collector: Collector, tmp_path: Path) -> None:
    """Exit code 3, the server's words, few requests, the key nowhere."""
    path = write(tmp_path / "f", *(event(one) for one in range(30_000)))
    began = time.monotonic()
    ended = await run_beside("demo", "--ndjson", path, *target(collector, key="wrong-secret"))
    assert ended.returncode == 3
    assert "the server takes no events: HTTP 401: invalid write key" in ended.stderr
    assert rows(ended.stdout)["delivered"] == "0"
    assert len(collector.requests) <= 3
    assert "wrong-secret" not in ended.stdout + ended.stderr
    assert time.monotonic() - began < 20


def test_a_server_that_cannot_be_reached_ends_it_soon(tmp_path: Path) -> None:
    """Exit code 3 after a few attempts."""
    path = write(tmp_path / "f", event(1))
    ended = run("demo", "--ndjson", path, "--to", "http://127.0.0.1:9", "--write-key", KEY)
    assert ended.returncode == 3
    assert "the server takes no events: " in ended.stderr
    assert rows(ended.stdout)["not sent"] == "1"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """No file, or a folder: exit code 3."""
    words = ("--to", "http://127.0.0.1:9", "--write-key", KEY)
    missing = run("demo", "--ndjson", str(tmp_path / "none"), *words)
    folder = run("demo", "--ndjson", str(tmp_path), *words)
    assert (missing.returncode, folder.returncode) == (3, 3)
    assert "No such file or directory" in missing.stderr
    assert "Is a directory" in folder.stderr


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that fails is needed")
def test_a_file_that_fails_while_it_is_read_is_said() -> None:
    """Not taken for its end."""
    words = ("--to", "http://127.0.0.1:9", "--write-key", KEY)
    ended = run("demo", "--ndjson", "/proc/self/mem", *words)
    assert ended.returncode == 3
    assert "the file cannot be read further: Input/output error" in ended.stderr


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("ftp://x", "an absolute http or https URL"),
        ("http://203.0.113.9", "plain http would send events unprotected"),
    ],
)
def test_an_address_that_can_never_work_is_refused(
    tmp_path: Path, address: str, complaint: str
) -> None:
    """Exit code 2 before anything is read."""
    path = write(tmp_path / "f", event(1))
    ended = run("demo", "--ndjson", path, "--to", address, "--write-key", KEY)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("asyncsdk: data_plane_url: ")
    assert complaint in ended.stderr


async def test_stdin_is_a_file_too_and_the_key_may_be_in_the_environment(
    collector: Collector,
) -> None:
    """Its size is not known, so no share is shown; an empty one is no failure."""
    extra = {"ASYNCSDK_WRITE_KEY": KEY}
    words = ("demo", "--ndjson", "-", "--to", collector.url)
    some = await run_beside(*words, given=json.dumps(event(7)).encode(), extra=extra)
    none = await run_beside(*words, given=b"\n\n", extra=extra)
    assert (some.returncode, none.returncode) == (0, 0)
    assert list(collector.message_ids()) == ["m-7"]
    assert "%" not in some.stderr


async def test_segment_gets_its_own_form(collector: Collector, tmp_path: Path) -> None:
    """By --destination, and under any path."""
    path = write(tmp_path / "f", event(1))
    words = ("--to", collector.url + "/proxy", "--write-key", KEY, "--destination", "segment")
    ended = await run_beside("demo", "--ndjson", path, *words)
    assert ended.returncode == 0
    assert [(row.system, row.message_id) for row in collector.events] == [("segment", "m-1")]
    assert collector.requests[0].path == "/proxy/v1/batch"


async def test_posthog_gets_its_own_form(tmp_path: Path) -> None:
    """A name that no UUID is becomes one there."""
    lines = [event(1, properties={"n": 1}), {"type": "identify", "userId": "u-1"}]
    async with recording() as server:
        words = ("--to", server.url, "--write-key", KEY, "--destination", "posthog")
        ended = await run_beside("demo", "--ndjson", write(tmp_path / "f", *lines), *words)
        (request,) = server.requests
    assert (ended.returncode, rows(ended.stdout)["delivered"]) == (0, "2")
    assert (request.path, request.json["api_key"]) == ("/batch/", KEY)
    assert [one["event"] for one in request.json["batch"]] == ["E", "$identify"]


async def test_a_file_is_read_no_faster_than_the_server_takes_it(collector: Collector) -> None:
    """A server that is slow for ever: the pipe fills up, the process does not."""
    await run_beside(
        "demo", "--ndjson", "-", *target(collector), given=json.dumps(event(0)).encode()
    )
    collector.script(Fault(kind="hang"))
    line = json.dumps(event(1, properties={"text": "x" * 300})).encode() + b"\n"
    with started("demo", "--ndjson", "-", *target(collector), stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        descriptor = process.stdin.fileno()
        os.set_blocking(descriptor, False)
        written, moved = 0, time.monotonic()
        # It may begin late; once it reads, it goes on or it waits for the server.
        while time.monotonic() - moved < (1.5 if written > 1_000_000 else 30.0):
            try:
                written += os.write(descriptor, line * 100)
                moved = time.monotonic()
            except BlockingIOError:
                await asyncio.sleep(0.01)
            assert written < 15_000_000
    assert written > 1_000_000


async def test_ctrl_c_ends_it_with_what_is_known(collector: Collector) -> None:
    """Also while stdin is silent: exit code 130, what was read is delivered, no traceback."""
    words = ("demo", "--ndjson", "-", *target(collector))
    with started(*words, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(event(1)) + "\n")
        process.stdin.flush()
        await asyncio.to_thread(read_until, process.stderr, lambda line: " 1 done" in line)
        process.send_signal(signal.SIGINT)
        # Its stdin stays open: the end of that would be an ordinary end.
        said = await asyncio.to_thread(pipe(process.stdout).read)
        complained = await asyncio.to_thread(pipe(process.stderr).read)
        assert process.wait(30) == 130
    assert rows(said)["delivered"] == "1"
    assert "stopped early" in complained
    assert "Traceback" not in complained
