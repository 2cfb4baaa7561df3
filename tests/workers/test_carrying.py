"""What travels with a job, and what is made of it where it arrives."""

import importlib
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from asyncsdk import AsyncAnalytics, ConfigurationError
from asyncsdk.client.carrying import lend
from asyncsdk.integrations.taskiq import AnalyticsMiddleware
from tests.client.street import NOWHERE, rudder


@pytest.fixture
def client() -> AsyncAnalytics:
    """Make a client that is only asked what is bound."""
    return AsyncAnalytics(rudder(NOWHERE))


def test_what_travels_is_plain_json(client: AsyncAnalytics) -> None:
    """What if my context holds a date? It travels as it would be sent: any serializer takes it."""
    facts = {"at": datetime(2026, 1, 2, tzinfo=UTC), "sum": Decimal("1.5"), "nan": float("nan")}
    with client.bind(user_id="u-1", context=facts, groups={"company": 5}, consent={"ads": False}):
        bound = client.bound()
    assert msgspec.json.decode(msgspec.json.encode(bound)) == bound
    assert bound == {
        "user_id": "u-1",
        "context": {"at": "2026-01-02T00:00:00.000Z", "sum": 1.5, "nan": None},
        "groups": {"company": 5},
        "consent": {"ads": False},
    }
    assert client.bound() == {}


@pytest.mark.parametrize("cargo", [None, "text", 5, [], {}, {"from": "a later version"}])
def test_what_says_nothing_binds_nothing(client: AsyncAnalytics, cargo: object) -> None:
    """What of jobs from before, or of a later version? They run; nothing is bound."""
    with lend(client, cargo):
        assert client.bound() == {}


def test_what_cannot_be_read_is_said_and_binds_nothing(
    client: AsyncAnalytics, caplog: pytest.LogCaptureFixture
) -> None:
    """What if somebody tampers with a header? The job runs; the log says what was wrong."""
    with lend(client, {"user_id": ["planted"], "context": {}}):
        assert client.bound() == {}
    assert "was not bound (user_id" in caplog.text
    assert "planted" not in caplog.text


async def test_a_label_that_is_no_json_binds_nothing(client: AsyncAnalytics) -> None:
    """What of a label that somebody else has set? The task runs all the same."""
    from taskiq import InMemoryBroker

    broker = InMemoryBroker(await_inplace=True).with_middlewares(AnalyticsMiddleware(client))
    seen: list[dict[str, Any]] = []

    @broker.task
    async def look() -> None:
        seen.append(client.bound())

    await broker.startup()
    with client.bind(user_id="u"):
        await look.kiq()
        await look.kicker().with_labels(asyncsdk="{no json").kiq()
    await look.kiq()
    await broker.shutdown()
    assert seen == [{"user_id": "u"}, {"user_id": "u"}, {}]


def test_arqs_jobs_carry_and_its_results_do_not(client: AsyncAnalytics) -> None:
    """What does an older worker see? The job as ever: what is carried stands beside it."""
    pytest.importorskip("arq")
    from asyncsdk.integrations.arq import job_serializer

    write = job_serializer(client, msgspec.json.encode)
    job: dict[str, Any] = {"t": None, "f": "buy", "a": [1], "k": {}, "et": 1}
    assert msgspec.json.decode(write(job)) == job
    with client.bind(user_id="u"):
        assert msgspec.json.decode(write(job)) == {**job, "asyncsdk": {"user_id": "u"}}
        assert msgspec.json.decode(write({**job, "s": True})) == {**job, "s": True}


def test_celery_wants_a_client_for_code_without_a_loop(client: AsyncAnalytics) -> None:
    """What if I give Celery the client that awaits? It is said at once, not task by task."""
    from asyncsdk.integrations.celery import setup_celery

    with pytest.raises(ConfigurationError, match="SyncAnalytics is needed"):
        setup_celery(client)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["arq", "celery", "taskiq"])
def test_a_package_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What if the queue is not installed? The error says which extra to install."""
    monkeypatch.delitem(sys.modules, f"asyncsdk.integrations.{name}", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"needs {name}: pip install 'asyncsdk\[{name}\]'"):
        importlib.import_module(f"asyncsdk.integrations.{name}")
