"""Prometheus reads the counters at each scrape, from a thread of its own."""

from pathlib import Path

import anyio.to_thread
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from asyncsdk import AsyncAnalytics, RudderStack, SQLiteStore, Statistics
from asyncsdk.collector import Collector, Fault
from asyncsdk.integrations.prometheus import AnalyticsCollector


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """Return the samples of a scrape, in Prometheus' own text form, by name and labels."""
    lines = generate_latest(registry).decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def client(url: str, name: str = "here", *, enabled: bool = True) -> AsyncAnalytics:
    """Make a client of one destination."""
    there = RudderStack("WRITE_KEY", url, name=name)
    return AsyncAnalytics(there, enabled=enabled, retry_base=0.01, before_send=lambda one: one)


async def test_a_scrape_shows_the_statistics() -> None:
    """Of each destination; a scrape comes from another thread than the loop's."""
    registry = CollectorRegistry()
    failing = Fault(kind="status", status=503, times=1)
    async with Collector(faults=[failing]) as server, client(server.url) as analytics:
        registry.register(AnalyticsCollector(analytics))
        analytics.track("E", user_id="u")
        waiting = await anyio.to_thread.run_sync(scraped, registry)
        assert waiting['asyncsdk_pending{destination="here"}'] == 1
        await analytics.flush()
        found = await anyio.to_thread.run_sync(scraped, registry)
    label = '{destination="here"}'
    assert found[f"asyncsdk_accepted_total{label}"] == 1
    assert found['asyncsdk_settled_total{destination="here",fate="delivered"}'] == 1
    assert found['asyncsdk_settled_total{destination="here",fate="dead"}'] == 0
    assert found[f"asyncsdk_requests_total{label}"] == 2
    assert found[f"asyncsdk_retries_total{label}"] == 1
    assert found[f"asyncsdk_pending{label}"] == 0
    assert found[f"asyncsdk_sent_bytes_total{label}"] == analytics.statistics().bytes_sent


def test_drops_have_their_reasons_and_clients_are_summed_up() -> None:
    """Two clients with a destination of one name are one line; two names are two."""
    clients = [client("http://127.0.0.1:9", name, enabled=False) for name in ("a", "a", "b")]
    registry = CollectorRegistry()
    registry.register(AnalyticsCollector(*clients, prefix="shop"))
    for one in clients:
        one.track("E", user_id="u")
    found = scraped(registry)
    assert found['shop_dropped_total{destination="a",reason="disabled"}'] == 2
    assert found['shop_dropped_total{destination="b",reason="disabled"}'] == 1
    assert found['shop_stopped{destination="a"}'] == 0


async def test_what_a_store_keeps_for_nobody_is_shown(tmp_path: Path) -> None:
    """A destination that was renamed leaves events behind, which somebody should know."""
    for name in ("old", "new"):
        there = RudderStack("WRITE_KEY", "http://127.0.0.1:9", name=name)
        async with AsyncAnalytics(
            there, store=SQLiteStore(tmp_path), shutdown_timeout=0.1
        ) as analytics:
            if name == "old":
                await analytics.track("E", user_id="u").stored()
            else:
                registry = CollectorRegistry()
                registry.register(AnalyticsCollector(analytics))
                assert scraped(registry)['asyncsdk_unclaimed{destination="old"}'] == 1


def test_registering_reads_nothing_and_the_same_names_twice_are_refused() -> None:
    """As Prometheus asks of collectors."""
    collector = AnalyticsCollector(client("http://127.0.0.1:9"))
    assert [metric.samples for metric in collector.describe()] == [[]] * 20
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(AnalyticsCollector(client("http://127.0.0.1:9")))


def test_every_counter_is_shown() -> None:
    """A counter that is new in `statistics()` is missed by nobody."""
    shown = {metric.name.removeprefix("asyncsdk_") for metric in AnalyticsCollector().describe()}
    ends = {"delivered", "rejected", "dead", "dropped_reasons", "destinations", "taken"}
    renamed = {
        "bytes_sent": "sent_bytes",
        "paused": "paused_seconds",
        "flags_age": "flags_age_seconds",
    }
    fields = {renamed.get(name, name) for name in Statistics.__struct_fields__} - ends
    assert fields <= shown


async def test_counters_never_go_back_when_a_tenants_lane_ends() -> None:
    """Two clients send to one tenant; the lane of one ends, comes again, and begins at nothing."""
    registry = CollectorRegistry()
    seen: list[float] = []
    async with Collector() as server:
        tenant = RudderStack("WRITE_KEY", server.url, name="tenant")
        first, second = client(server.url), client(server.url)
        registry.register(AnalyticsCollector(first, second))
        for one in (first, second, first):
            one.to(tenant).track("E", user_id="u")
            await one.shutdown()
            scraped(registry)
            for _ in range(2):  # runs in which nobody speaks to the tenant
                await one.start()
                await one.shutdown()
            assert "tenant" not in one.statistics().destinations
            seen.append(scraped(registry)['asyncsdk_accepted_total{destination="tenant"}'])
            one.to(tenant).track("E", user_id="u")
            found = scraped(registry)
            seen.append(found['asyncsdk_accepted_total{destination="tenant"}'])
            await one.shutdown()
    assert seen == [1, 2, 3, 4, 5, 6]
