"""Starting, stopping, starting again; and the collector in the foreground."""

import asyncio
import gc
import logging
import time
import warnings
from functools import partial
from pathlib import Path

import aiohttp
import anyio
import pytest

from asyncsdk.collector import Collector, Fault, serve
from tests.collector.asking import Asker, batch, until
from tests.collector.flagging import FLAGS, definitions

pytestmark = pytest.mark.whole_way


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104
def test_only_loopback_is_listened_at(host: str) -> None:
    """The collector has no protection; the error says what to use instead."""
    with pytest.raises(ValueError, match=r"loopback only: use \"127.0.0.1\""):
        Collector(host=host)


@pytest.mark.parametrize("bound", ["max_body_bytes", "keep_events"])
def test_bounds_are_positive(bound: str) -> None:
    """A bound of nothing would be a collector that takes nothing."""
    with pytest.raises(ValueError, match="must be positive"):
        Collector(**{bound: 0})  # type: ignore[arg-type]


def test_there_is_no_address_before_the_start() -> None:
    """Port 0 is not an address that a client could use."""
    with pytest.raises(RuntimeError, match="start it first"):
        _ = Collector().url


async def test_localhost_and_port_are_in_the_address() -> None:
    """The address is the one that is listened at."""
    async with Collector(host="localhost") as running:
        assert running.url.startswith("http://127.0.0.1:")


async def test_starting_twice_is_an_error(collector: Collector) -> None:
    """A second start would leave the first listening for ever."""
    with pytest.raises(RuntimeError, match="running already"):
        await collector.start()


async def test_a_taken_port_is_an_error_and_leaves_nothing(collector: Collector) -> None:
    """After the failure the same object can be started elsewhere in time."""
    second = Collector(port=int(collector.url.rsplit(":", 1)[1]))
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    await collector.stop()
    await second.start()
    await second.stop()


async def test_a_restart_listens_at_the_same_address(collector: Collector, asker: Asker) -> None:
    """In between it refuses connections; what was recorded stays."""
    await asker.post(batch("a"))
    url = collector.url
    await collector.stop()
    await collector.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await asker.post(batch("b"))
    await collector.start()
    assert collector.url == url
    await asker.post(batch("c"))
    assert list(collector.message_ids()) == ["a", "c"]


async def test_the_clock_of_a_script_starts_with_the_collector() -> None:
    """A script given before the start does not run out while nobody listens."""
    running = Collector(faults=[Fault(kind="status", until=30.0)])
    running._script_began -= 60.0
    async with running, aiohttp.ClientSession() as line:
        assert (await Asker(line, running).post(batch("a"))).status == 503


@pytest.mark.parametrize("fault", [Fault(kind="hang"), Fault(kind="delay", seconds=60.0)])
async def test_stopping_is_quick_while_requests_wait(fault: Fault) -> None:
    """Hanging, delayed and half-sent requests end with the collector; no task is left."""
    before = asyncio.all_tasks()
    running = Collector(faults=[fault])
    await running.start()
    port = int(running.url.rsplit(":", 1)[1])
    _, half = await asyncio.open_connection("127.0.0.1", port)
    half.write(b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
    async with aiohttp.ClientSession() as line:
        asker = Asker(line, running)
        waiting = [asyncio.create_task(asker.post(batch("a"))) for _ in range(20)]
        await until(lambda: len(running.requests) == 20)
        began = time.monotonic()
        await running.stop()
        assert time.monotonic() - began < 0.5
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    half.close()
    assert {type(end) for end in ends} <= {
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientOSError,
    }
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_client_that_leaves_ends_its_hanging_request(
    collector: Collector, asker: Asker
) -> None:
    """A hundred time-outs do not pile up a hundred handlers."""
    before = asyncio.all_tasks()
    collector.script(Fault(kind="hang"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await asker.post(batch("a"))
    collector.script()
    assert (await asker.post(batch("b"))).status == 200
    await asker.session.close()
    await until(lambda: len(asyncio.all_tasks() - before) == 0)


async def test_a_client_that_leaves_within_its_body_is_no_event(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is taken of half a request, and nothing is logged as an error of ours."""
    before = asyncio.all_tasks()
    body = b'{"batch":[{"userId":"u"}]}'
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    with caplog.at_level(logging.INFO):
        _, line = await asyncio.open_connection("127.0.0.1", int(collector.url.split(":")[-1]))
        line.write(head.encode() + body)
        await until(lambda: asyncio.all_tasks() > before)
        await anyio.sleep(0.05)
        line.close()
        await line.wait_closed()
        await until(lambda: asyncio.all_tasks() <= before)
    assert not collector.requests
    assert caplog.records == []


async def test_no_resource_is_left_open() -> None:
    """Sockets and transports are closed when stop returns, in every kind of break."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kind in ("drop", "reset", "truncate", "drop_after_head"):
            async with (
                Collector(faults=[Fault(kind=kind)]) as running,
                aiohttp.ClientSession() as line,
            ):
                with pytest.raises(aiohttp.ClientError):
                    await Asker(line, running).post(batch("a"))
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


async def test_serving_prints_the_address_and_changed_counts() -> None:
    """One line at the start, one when counts changed, a last one at the end."""
    lines: list[str] = []
    task = asyncio.create_task(serve(0, write=lines.append, every=0.02))
    await until(lambda: lines)
    url = lines[0].split()[3]
    async with aiohttp.ClientSession() as line:
        headers = {"Authorization": "Basic a2V5Og=="}
        body = b'{"batch":[{"userId":"u"}]}'
        async with line.post(url + "/v1/batch", data=body, headers=headers) as answer:
            assert answer.status == 200
        await until(lambda: len(lines) > 1)
        await anyio.sleep(0.1)  # several looks at counts that no longer change
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lines[1:] == [
        f"requests 1 (200:1), events 1, refused 0, duplicates 0, {len(body)} bytes",
        "collector stopped",
    ]


async def test_serving_reads_flags_again_when_their_file_changes(tmp_path: Path) -> None:
    """A developer edits it and the pollers see that; a mistake leaves the former ones."""
    lines: list[str] = []

    def is_said(text: str) -> bool:
        return any(text in line for line in lines)

    file = tmp_path / "flags.json"
    file.write_bytes(definitions())
    serving = serve(0, flag_definitions=file, write=lines.append, every=0.02)
    task = asyncio.create_task(serving)
    await until(lambda: lines)
    url = lines[0].split()[3] + "/flags/definitions"
    headers = {"Authorization": "Bearer any"}
    async with aiohttp.ClientSession() as session:
        for text, said in ((definitions(*FLAGS), "changed"), (b"{", "the former definitions stay")):
            file.write_bytes(text)
            await until(partial(is_said, said))
            async with session.get(url, headers=headers) as answer:
                assert await answer.read() == definitions(*FLAGS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
