"""Workers: real ones of Celery, arq and taskiq, on a real Redis."""

import importlib
import os
from collections.abc import Iterable
from signal import SIGTERM
from types import ModuleType
from typing import cast

import pytest

from asyncsdk import AsyncAnalytics
from asyncsdk.collector import Collector
from tests.client.street import rudder
from tests.promises.children import TIDY, WHOLE_WAY, numbers, started
from tests.stores.redis.servers import Server

pytestmark = WHOLE_WAY


def users(collector: Collector, name: str) -> dict[int, str]:
    """Return by number whose the events of this *name* are."""
    return {
        event.body["properties"]["n"]: event.body["userId"]
        for event in collector.events
        if event.body["event"] == name
    }


def everyone(which: Iterable[int]) -> dict[int, str]:
    """Return by number who should have done it."""
    return {number: f"user-{number}" for number in which}


def happened(collector: Collector, name: str) -> int:
    """Return how often something happened."""
    return sum(event.body["event"] == name for event in collector.events)


def bring_arq() -> ModuleType:
    """Return arq's connections; without it the test is skipped, on CI it fails."""
    if os.environ.get("CI"):
        return importlib.import_module("arq.connections")
    return cast("ModuleType", pytest.importorskip("arq.connections"))


async def test_celery_workers_deliver_what_their_tasks_say_once(collector: Collector) -> None:
    """What of Celery's prefork? Each child delivers its own, whose it is, once, at its end."""
    worker = ("-m", "celery", "-A", "tests.workers.celery_app", "worker", "--concurrency", "2")
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    async with started(*worker, *alone, "--loglevel", "ERROR", flags=TIDY) as child:
        await child.until("ready;")
        async with started("-m", "tests.workers.celery_app", flags=TIDY) as sender:
            assert await sender.ended() == (0, "", "")
        for number in range(20):
            await child.until(f"done {number};")
        for number in range(1, 20, 2):
            await child.until(f"charged {number};")
        assert happened(collector, "Bought") == 0
        child.send(SIGTERM)
        ended = await child.ended()
    assert (ended.code, "asyncsdk" in ended.said) == (0, False)
    assert users(collector, "Bought") == everyone(range(20))
    assert users(collector, "Charged") == everyone(range(1, 20, 2))
    bought = [event.body for event in collector.events if event.body["event"] == "Bought"]
    assert {body["context"]["ip"] for body in bought} == {"192.0.2.1"}
    assert sorted(numbers(collector.events, name="Bought")) == list(range(20))
    assert happened(collector, "Loaded") == 2  # by the worker and by the sender
    assert set(collector.message_ids().values()) == {1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of arq, by a newer redis-py
async def test_an_arq_worker_delivers_what_its_jobs_say_once(
    collector: Collector, redis: Server
) -> None:
    """What of arq? The same; jobs that are tried again, and jobs of jobs, are still somebody's."""
    connections = bring_arq()
    from asyncsdk.integrations.arq import job_serializer

    async with AsyncAnalytics(rudder(collector)) as client:
        pool = await connections.create_pool(
            connections.RedisSettings.from_dsn(redis.url), job_serializer=job_serializer(client)
        )
        for number in range(20):
            with client.bind(user_id=f"user-{number}"):
                await pool.enqueue_job("buy", number)
        await pool.aclose()
    worker = ("-m", "arq", "tests.workers.arq_app.WorkerSettings", "--burst")
    async with started(*worker, flags=TIDY) as child:
        ended = await child.ended()
    assert (ended.code, "asyncsdk" in ended.said) == (0, False), ended
    assert users(collector, "Bought") == everyone(range(20))
    assert users(collector, "Charged") == everyone(range(1, 20, 2))
    assert happened(collector, "Bought") == 20
    assert happened(collector, "Job") == 20 + 7 + 10  # each try
    assert happened(collector, "Begun") == happened(collector, "Ended") == 1
    assert set(collector.message_ids().values()) == {1}


async def test_a_taskiq_worker_delivers_what_its_tasks_say_once(
    collector: Collector, redis: Server
) -> None:
    """What of taskiq? The same, in coroutines and in threads."""
    from taskiq.kicker import AsyncKicker
    from taskiq_redis import ListQueueBroker

    from asyncsdk.integrations.taskiq import AnalyticsMiddleware

    worker = ("-m", "taskiq", "worker", "tests.workers.taskiq_app:broker", "--workers", "1")
    async with started(*worker, flags=TIDY) as child:
        await child.until("ready;")
        async with AsyncAnalytics(rudder(collector)) as client:
            broker = ListQueueBroker(redis.url).with_middlewares(AnalyticsMiddleware(client))
            await broker.startup()
            for number in range(20):
                with client.bind(user_id=f"user-{number}"):
                    kicker: AsyncKicker[[int], None] = AsyncKicker("buy", broker, {})
                    await kicker.kiq(number)
            await broker.shutdown()
            assert client.track("Sent", user_id="u").message_id  # it is the application's still
        for number in range(20):
            await child.until(f"done {number};")
        for number in range(1, 20, 2):
            await child.until(f"charged {number};")
        assert happened(collector, "Bought") == 0
        child.send(SIGTERM)
        ended = await child.ended()
    assert ended.code == 0, ended
    assert users(collector, "Bought") == everyone(range(20))
    assert users(collector, "Charged") == everyone(range(1, 20, 2))
    assert (happened(collector, "Bought"), happened(collector, "Sent")) == (20, 1)
    assert set(collector.message_ids().values()) == {1}
