"""OpenTelemetry's own SDK hears of every request once, and of nothing that it caused itself."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.collector import Collector, Fault
from asyncsdk.integrations.opentelemetry import OpenTelemetry, trace_context
from tests.integrations.clients import one_retry


class Heard:
    """An SDK that keeps what it is told."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.telemetry = OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that ended."""
        return list(self.exporter.get_finished_spans())

    def metrics(self) -> dict[tuple[str, str], Any]:
        """Collect; return the points by metric and by the label that tells them apart."""
        collected = self.reader.get_metrics_data()
        if collected is None:
            return {}
        return {
            (metric.name, str((point.attributes or {}).get("reason", ""))): point
            for resource in collected.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        }


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Run an SDK of this test's own."""
    one = Heard()
    yield one
    one.tracers.shutdown()
    one.meters.shutdown()


async def test_each_request_is_one_client_span(heard: Heard) -> None:
    """What went where, how much of it, and how it ended; a failure is an error."""
    async with Collector(faults=[Fault(kind="status", status=503, times=1)]) as server:
        await one_retry(server, heard.telemetry)
        port = int(server.url.rpartition(":")[2])
    failed, fine = heard.spans
    assert {span.kind for span in (failed, fine)} == {SpanKind.CLIENT}
    assert failed.parent is fine.parent is None
    attributes = dict(fine.attributes or {})
    assert 0 < int(str(attributes.pop("http.request.body.size"))) < 1000
    assert attributes == {
        "asyncsdk.destination": "here",
        "asyncsdk.fate": "delivered",
        "http.request.method": "POST",
        "http.request.resend_count": 1,
        "http.response.status_code": 200,
        "messaging.batch.message_count": 2,
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.full": f"http://127.0.0.1:{port}/v1/batch",
    }
    assert (failed.status.status_code, fine.status.status_code) == (
        StatusCode.ERROR,
        StatusCode.UNSET,
    )
    assert (failed.attributes or {})["error.type"] == "503"


async def test_no_answer_is_an_error_with_its_code(heard: Heard) -> None:
    """There is no status then."""
    telemetry = heard.telemetry
    nobody = RudderStack("WRITE_KEY", "http://127.0.0.1:9", name="here")
    async with AsyncAnalytics(
        nobody, on_request=telemetry.on_request, max_retries=0, shutdown_timeout=5
    ) as analytics:
        analytics.track("E", user_id="u")
    (span,) = heard.spans
    assert (span.attributes or {})["error.type"] == "network_error"
    assert "http.response.status_code" not in (span.attributes or {})


async def test_an_instrumented_aiohttp_makes_no_spans_of_our_requests(heard: Heard) -> None:
    """Else events about requests would make requests for ever; the application's own are told."""
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=heard.tracers, meter_provider=heard.meters)
    try:
        async with Collector() as server:
            async with aiohttp.ClientSession() as session, session.get(f"{server.url}/health"):
                pass
            await one_retry(server, heard.telemetry)
            async with aiohttp.ClientSession() as session, session.get(f"{server.url}/health"):
                pass
    finally:
        instrumentor.uninstrument()
    assert [span.name for span in heard.spans] == ["GET", "asyncsdk.send", "GET"]
    headers = [seen.headers for seen in server.requests if seen.path == "/v1/batch"]
    assert not [one for one in headers if "traceparent" in {name.lower() for name in one}]


async def test_counters_queues_and_durations_are_collected(heard: Heard) -> None:
    """Read when they are asked for; the sums are those of `statistics()`."""
    async with Collector(faults=[Fault(kind="status", status=503, times=1)]) as server:
        analytics = await one_retry(server, heard.telemetry, drop="Debug")
        points = heard.metrics()
        found = {key: point.value for key, point in points.items() if hasattr(point, "value")}
        assert found == {
            ("asyncsdk.events.accepted", ""): 3,
            ("asyncsdk.events.delivered", ""): 2,
            ("asyncsdk.events.rejected", ""): 0,
            ("asyncsdk.events.dead", ""): 0,
            ("asyncsdk.events.dropped", "before_send"): 1,
            ("asyncsdk.requests", ""): 2,
            ("asyncsdk.retries", ""): 1,
            ("asyncsdk.failures", ""): 1,
            ("asyncsdk.sent", ""): analytics.statistics().bytes_sent,
            ("asyncsdk.queue.size", ""): 0,
            ("asyncsdk.queue.bytes", ""): 0,
            ("asyncsdk.stopped", ""): 0,
        }
        size, took = points["asyncsdk.batch.size", ""], points["asyncsdk.send.duration", ""]
        assert (size.count, size.sum, size.attributes["fate"]) == (1, 2, "delivered")
        assert 0 < took.sum < 10


async def test_clients_are_summed_up_and_what_they_counted_outlives_them(heard: Heard) -> None:
    """One line in a chart per destination, which never goes back; a meter keeps no client alive."""
    first, second = (
        AsyncAnalytics(RudderStack("K", "http://127.0.0.1:9", name="a"), enabled=False)
        for _ in range(2)
    )
    for client in (first, second):
        heard.telemetry.watch(client)
        heard.telemetry.watch(client)
        client.track("E", user_id="u")
    assert heard.metrics()["asyncsdk.events.dropped", "disabled"].value == 2
    gone = weakref.ref(first)
    del first, client
    gc.collect()
    assert gone() is None
    second.track("E", user_id="u")
    assert heard.metrics()["asyncsdk.events.dropped", "disabled"].value == 3
    assert ("asyncsdk.queue.size", "") in heard.metrics()
    del second
    gc.collect()
    left = heard.metrics()
    assert left["asyncsdk.events.dropped", "disabled"].value == 3
    assert ("asyncsdk.queue.size", "") not in left  # a level ends with whose it was


async def test_what_a_client_counted_last_is_read_after_its_end(heard: Heard) -> None:
    """A job's client is gone when the exporter collects; without one nobody's counters pile up."""
    async with Collector() as server:
        for _ in range(2):
            async with AsyncAnalytics(RudderStack("WRITE_KEY", server.url)) as client:
                heard.telemetry.watch(client)
                for _ in range(5):
                    client.track("E", user_id="u")
            del client
        gc.collect()
        assert heard.metrics()["asyncsdk.events.delivered", ""].value == 10
        assert heard.metrics()["asyncsdk.events.delivered", ""].value == 10
    for _ in range(300):
        heard.telemetry.watch(AsyncAnalytics(RudderStack("K", "http://127.0.0.1:9")))
    gc.collect()
    assert len(heard.telemetry._watched) <= 102


async def test_the_trace_id_is_in_the_context_of_what_is_said_in_a_span(heard: Heard) -> None:
    """And nothing is where there is no span."""
    async with Collector() as server:
        there = RudderStack("WRITE_KEY", server.url)
        async with AsyncAnalytics(there, before_send=trace_context) as analytics:
            with heard.tracers.get_tracer("test").start_as_current_span("request") as span:
                analytics.track("Inside", user_id="u", context={"a": 1})
            analytics.track("Outside", user_id="u")
        inside, outside = (event.body["context"] for event in server.events)
    assert inside["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert inside["span_id"] == f"{span.get_span_context().span_id:016x}"
    assert inside["a"] == 1
    assert "trace_id" not in outside


async def test_without_an_sdk_events_go_their_way() -> None:
    """The API alone does nothing."""
    async with Collector() as server:
        await one_retry(server, OpenTelemetry())
        assert len(server.events) == 2


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("opentelemetry", "opentelemetry", "asyncsdk[otel]"),
        ("prometheus", "prometheus_client", "asyncsdk[prometheus]"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(module: str, package: str, extra: str) -> None:
    """Whoever reads the error knows what to type."""
    program = f"import sys; sys.modules['{package}'] = None\nimport asyncsdk.integrations.{module}"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert f"pip install '{extra}'" in ended.stderr
