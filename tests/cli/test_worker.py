"""`python -m asyncsdk worker`: real processes, real redis-servers and folders, a real collector."""

import asyncio
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import anyio
import pytest

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.cli.arguments import parse
from asyncsdk.cli.draining import drained
from asyncsdk.cli.places import Place
from asyncsdk.cli.store_arguments import WorkerOptions
from asyncsdk.cli.worker import read_destinations
from asyncsdk.collector import Collector, Fault
from asyncsdk.errors import ConfigurationError
from tests.cli import storing
from tests.cli.running import number, read_until, rows, run, run_beside, started
from tests.stores.redis.servers import DURABLE, Server, running

pytestmark = pytest.mark.whole_way

SLOW = Fault(kind="delay", seconds=0.03)


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    """Run a redis-server with a password."""
    with running("7", *DURABLE, "--requirepass", storing.SECRET) as server:
        yield server


@pytest.fixture
def queue(redis: Server) -> Place:
    """Return a queue of its own on that server."""
    return storing.masked(storing.queue(redis.url), storing.SECRET)


async def seen(url: str, shows: Callable[[int, str], bool]) -> tuple[int, str]:
    """Ask until the answer *shows* what is waited for; return it."""
    with anyio.fail_after(20):
        while True:
            status, text = await get(url)
            if shows(status, text):
                return status, text
            await asyncio.sleep(0.05)


async def until(collector: Collector, events: int) -> None:
    """Wait until so many events are there."""
    with anyio.fail_after(30):
        while len(collector.events) < events:  # noqa: ASYNC110 - nothing rings for a test
            await asyncio.sleep(0.01)


async def end(process: "subprocess.Popen[str]") -> tuple[Mapping[str, str], str]:
    """End a worker as an orchestrator does; return its table, and all that it said."""
    process.send_signal(signal.SIGTERM)
    said, complained = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0, complained
    return rows(said), said + complained


async def address(process: "subprocess.Popen[str]") -> str:
    """Return where a worker listens."""
    line = await asyncio.to_thread(read_until, process.stdout, lambda line: "/metrics" in line)
    found = re.search(r"http://[\d.:]+", line)
    assert found is not None
    return found[0]


async def get(url: str) -> tuple[int, str]:
    """Ask as Prometheus does."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_two_workers_share_the_work(queue: Place) -> None:
    """More processes are how a queue is drained faster; each event goes to one of them."""
    async with Collector(faults=[SLOW]) as server:
        extra = storing.variables(server)
        with ExitStack() as stack:
            line = ("worker", *storing.arguments(queue))
            workers = [stack.enter_context(started(*line, extra=extra)) for _ in range(2)]
            for worker in workers:
                await seen(f"{await address(worker)}/healthz", lambda status, _: status == 200)
            ids = await storing.write(queue, 1_000)
            await until(server, 1_000)
            tables = [(await end(worker))[0] for worker in workers]
        arrived = server.message_ids("rudderstack")
    shares = [number(table["delivered"]) for table in tables]
    assert sum(shares) == 1_000
    assert min(shares) > 100
    assert set(arrived) == ids
    assert set(arrived.values()) == {1}


async def test_sigterm_under_load_loses_nothing_and_sends_nothing_twice(queue: Place) -> None:
    """What happens when a container is replaced? What is in hand is finished, the rest stays."""
    ids = await storing.write(queue, 800)
    async with Collector(faults=[SLOW]) as server:
        extra = storing.variables(server)
        line = ("worker", *storing.arguments(queue), "--concurrency", "4")
        with started(*line, extra=extra) as first:
            await until(server, 100)
            table, said = await end(first)
        assert 0 < number(table["delivered"]) < 800
        assert storing.SECRET not in said
        ended = await run_beside(*line, "--until-empty", extra=extra)
        arrived = server.message_ids("rudderstack")
    assert ended.returncode == 0, ended.stderr
    assert number(table["delivered"]) + number(rows(ended.stdout)["delivered"]) == 800
    assert set(arrived) == ids
    assert set(arrived.values()) == {1}


async def test_a_second_signal_ends_it_at_once(queue: Place) -> None:
    """Whoever asks twice does not want to wait for a server that does not answer; nothing is lost."""
    ids = await storing.write(queue, 20)
    async with Collector(faults=[Fault(kind="hang")]) as server:
        extra = storing.variables(server)
        with started("worker", *storing.arguments(queue), extra=extra) as worker:
            url = await address(worker)
            sent = 'requests_total{destination="there"} 1'
            await seen(f"{url}/metrics", lambda _, text: sent in text)
            worker.send_signal(signal.SIGTERM)
            await seen(f"{url}/healthz", lambda status, _: status == 503)
            worker.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.wait, 10) == 130
    async with Collector() as server:
        extra = storing.variables(server)
        line = ("worker", *storing.arguments(queue), "--until-empty")
        ended = await run_beside(*line, extra=extra)
        assert ended.returncode == 0, ended.stderr
        assert set(server.message_ids("rudderstack")) == ids


async def test_unknown_names_are_reported_and_kept(queue: Place) -> None:
    """What happens to events of a destination that was renamed? They wait for a worker that has it."""
    ids = await storing.write(queue, 5, name="renamed")
    async with Collector() as server:
        with started(
            "worker", *storing.arguments(queue), extra=storing.variables(server)
        ) as worker:
            url = await address(worker)
            unclaimed = 'asyncsdk_unclaimed{destination="renamed"} 5'
            await seen(f"{url}/metrics", lambda _, text: unclaimed in text)
            told = "5 events are for 'renamed', which is no destination of this worker"
            await asyncio.to_thread(read_until, worker.stderr, lambda line: told in line)
            table, _ = await end(worker)
        assert table["unclaimed"] == "5"
        assert not server.events
        extra = storing.variables(server, "renamed")
        await run_beside("worker", *storing.arguments(queue), "--until-empty", extra=extra)
        assert set(server.message_ids("rudderstack")) == ids


async def test_who_watches_sees_counts_and_whether_redis_is_there() -> None:
    """An orchestrator asks /healthz, Prometheus asks /metrics; both on loopback only."""
    with running("7", *DURABLE) as own:
        place = storing.queue(own.url)
        await storing.write(place, 40)
        async with Collector() as server:
            extra = {**storing.variables(server), "REDIS_URL": own.url}
            line = ("worker", "--queue-name", place.queue)
            with started(*line, extra=extra) as worker:
                url = await address(worker)
                await until(server, 40)
                sent = 'settled_total{destination="there",fate="delivered"} 40'
                _, text = await seen(f"{url}/metrics", lambda _, text: sent in text)
                health = await get(f"{url}/healthz")
                missing = await get(f"{url}/elsewhere")
                own.kill()
                sick = await seen(f"{url}/healthz", lambda status, _: status != 200)
                own.start()
                await end(worker)
    assert url.startswith("http://127.0.0.1:")
    assert health == (200, "ok\n")
    assert missing[0] == 404
    assert "cannot be reached" in sick[1]
    assert "asyncsdk_store_up 1\n" in text
    assert "# TYPE asyncsdk_settled_total counter\n" in text
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(
        re.fullmatch(r'asyncsdk_\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+', one) for one in samples
    )


async def test_a_queue_that_cannot_be_reached_is_not_empty() -> None:
    """A job that drains a queue must not end well because Redis is away; somebody should hear why."""
    with running("7", *DURABLE) as own:
        place = storing.queue(own.url)
        await storing.write(place, 5)
        own.kill()
        async with Collector() as server:
            line = ("worker", *storing.arguments(place), "--until-empty")
            with started(*line, extra=storing.variables(server)) as worker:
                away = "Redis is away"
                await asyncio.to_thread(read_until, worker.stderr, lambda said: away in said)
                with pytest.raises(subprocess.TimeoutExpired):
                    await asyncio.to_thread(worker.wait, 2.0)
                own.start()
                said, complained = await asyncio.to_thread(worker.communicate, timeout=30)
    assert worker.returncode == 0
    assert rows(said)["delivered"] == "5"
    assert "Redis is back" in complained


async def test_a_spool_folder_is_drained_to_several_destinations(tmp_path: Path) -> None:
    """Without Redis: what processes of this machine have left, for all that they send to."""
    place = Place(where=str(tmp_path / "spool"))
    ids = await storing.write(place, 30, name="one")
    ids |= await storing.write(place, 40, name="two")
    async with Collector() as server:
        extra = {**_named("ONE", server), **_named("TWO", server)}
        line = ("worker", *storing.arguments(place), "--env", "ONE_", "--env", "TWO_")
        ended = await run_beside(*line, "--until-empty", extra=extra)
        arrived = server.message_ids("rudderstack")
    assert ended.returncode == 0, ended.stderr
    assert rows(ended.stdout)["delivered"] == "70"
    assert dict(arrived) == dict.fromkeys(ids, 1)


def _named(prefix: str, server: Collector) -> dict[str, str]:
    """Return the variables of the destination of that name."""
    return {
        name.replace("ASYNCSDK", prefix): value
        for name, value in storing.variables(server, prefix.lower()).items()
    }


async def test_an_option_is_of_all_destinations() -> None:
    """Two that say different things are asked which is meant."""
    async with Collector() as server:
        extra = {**_named("ONE", server), **_named("TWO", server), "TWO_RETRY_BASE": "1"}
    with pytest.raises(ConfigurationError, match="TWO_RETRY_BASE: another destination's says"):
        read_destinations(["ONE_", "TWO_"], extra)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "--store PLACE is needed, or REDIS_URL"),
        (("--store", "spool"), "ASYNCSDK_WRITE_KEY: is not set"),
        (("--store", "spool", "--listen", "here"), "'here' is no [HOST:]PORT"),
        (("--store", "spool", "--concurrency", "0"), "not a whole number from 1"),
    ],
)
def test_what_cannot_work_is_said_at_once(given: tuple[str, ...], told: str) -> None:
    """Exit code 2 and one line, before anything is touched."""
    ended = run("worker", *given)
    assert ended.returncode == 2
    assert told in ended.stderr


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """Exit code 1: the orchestrator shows it."""
    async with Collector() as server:
        port = server.url.rpartition(":")[2]
        line = ("worker", "--store", str(tmp_path / "spool"), "--listen", port)
        ended = await run_beside(*line, extra=storing.variables(server))
    assert ended.returncode == 1
    assert "asyncsdk worker: cannot listen" in ended.stderr


async def test_a_folder_that_cannot_be_used_is_not_empty(tmp_path: Path) -> None:
    """What is no folder is said at once; one that goes away later is named by /healthz."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError, match="file is no folder"):
        drained(Place(where=str(file)))
    store = drained(Place(where=str(tmp_path / "spool")))
    assert "no folder that can be written" in store.away
    (tmp_path / "spool").mkdir()
    assert not store.away


async def test_web_processes_that_live_only_write_to_a_folder(tmp_path: Path) -> None:
    """What is the worker for, if files are held by who writes them? They hand them over."""
    place = Place(where=str(tmp_path / "spool"))
    destination = RudderStack(storing.SECRET, "http://127.0.0.1:1", name="there")
    async with Collector() as server:
        with started("worker", *storing.arguments(place), extra=storing.variables(server)) as one:
            await address(one)
            store = storing.store_at(place)
            web = AsyncAnalytics(destination, store=store, deliver=False, flush_interval=0.1)
            async with web:
                receipts = [web.track("Step", user_id="u", properties={"n": 0})]
                await until(server, 1)
                receipts += [web.track("Step", user_id="u", properties={"n": n}) for n in (1, 2)]
                await until(server, 3)
            await end(one)
        arrived = server.message_ids("rudderstack")
    assert dict(arrived) == {receipt.message_id: 1 for receipt in receipts}


def test_what_is_said_of_a_queue_is_what_its_store_is_told() -> None:
    """Several share the work unless order is asked for; a password in the environment is enough."""
    url = "redis://:secret@there/0"
    options = parse(["worker", "--shards", "4", "--in-order"], {"REDIS_URL": url})
    others = parse(["worker", "--queue-name", "orders"], {"REDIS_URL": url})
    assert isinstance(options, WorkerOptions)
    assert isinstance(others, WorkerOptions)
    told = options.place.redis_options()
    assert (told["shards"], told["multi_processor"]) == (4, False)
    assert others.place.redis_options()["multi_processor"]
    assert others.place.masked == "redis://***@there/0 orders"
    assert "secret" not in repr(others)
