"""OpenTelemetry: spans of the requests, and metrics, through its API alone.

Without an SDK in the application nothing happens here, at hardly any cost. Counters and queues are
read when the SDK collects; calls cost nothing more. One span is made for each request, which carries a
batch, and instrumented HTTP clients are told to make none of their own meanwhile: else sending events
about requests would make requests to be told about.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, Context
except ImportError as _missing:
    raise ImportError(
        "asyncsdk.integrations.opentelemetry needs opentelemetry-api: pip install 'asyncsdk[otel]'"
    ) from _missing

from asyncsdk.client import AsyncAnalytics, counters_of
from asyncsdk.hosting.totalling import Totals
from asyncsdk.ledger import LaneStatistics, Statistics
from asyncsdk.messages import Message
from asyncsdk.reporting import Sending, Sent, SentHook
from asyncsdk.version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
    from opentelemetry.trace import Span, TracerProvider

Read = Callable[[LaneStatistics], Mapping[str, float]]
#: A destination's name, and a reason or "".
Line: TypeAlias = tuple[str, str]

_NAME = "asyncsdk"

# Counters by name: unit, what they count, and the number at each value of `reason` ("" for none).
_COUNTERS: dict[str, tuple[str, str, Read]] = {
    "asyncsdk.events.accepted": ("{event}", "Taken from calls", lambda one: {"": one.accepted}),
    "asyncsdk.events.delivered": ("{event}", "At the server", lambda one: {"": one.delivered}),
    "asyncsdk.events.rejected": ("{event}", "Refused for good", lambda one: {"": one.rejected}),
    "asyncsdk.events.dead": ("{event}", "Given up", lambda one: {"": one.dead}),
    "asyncsdk.events.dropped": ("{event}", "Let go of", lambda one: one.dropped_reasons),
    "asyncsdk.requests": ("{request}", "Requests sent", lambda one: {"": one.requests}),
    "asyncsdk.retries": ("{request}", "Of these, sent again", lambda one: {"": one.retries}),
    "asyncsdk.failures": ("{request}", "Of these, in vain", lambda one: {"": one.failures}),
    "asyncsdk.sent": ("By", "Bytes of bodies on the wire", lambda one: {"": one.bytes_sent}),
}
_LEVELS: dict[str, tuple[str, str, Read]] = {
    "asyncsdk.queue.size": ("{event}", "Events not settled", lambda one: {"": one.pending}),
    "asyncsdk.queue.bytes": ("By", "Bytes of these", lambda one: {"": one.queue_bytes}),
    "asyncsdk.stopped": ("1", "1 while it stands still", lambda one: {"": int(bool(one.stopped))}),
}


#: Clients that ended and are still to be read; the oldest are forgotten where nobody collects.
_MOST_ENDED = 100


class OpenTelemetry:
    """Tell OpenTelemetry about clients: one object for all clients of a process.

        telemetry = OpenTelemetry()
        analytics = AsyncAnalytics(…, on_request=telemetry.on_request)
        telemetry.watch(analytics)

    Args:
        tracer_provider: Another one than the process's own.
        meter_provider: Another one than the process's own.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        meter = metrics.get_meter(_NAME, __version__, meter_provider)
        self._sizes = meter.create_histogram(
            "asyncsdk.batch.size", unit="{event}", description="Events of a request"
        )
        self._durations = meter.create_histogram(
            "asyncsdk.send.duration", unit="s", description="From the request to its answer"
        )
        # This is all that changes.
        self._lock = threading.RLock()  # to look at a client may be what ends it
        self._process = os.getpid()
        self._watched: dict[int, _Watched] = {}
        self._numbers = count()
        self._observe(meter)

    def watch(self, analytics: AsyncAnalytics) -> None:
        """Read the counters of *analytics* whenever metrics are collected.

        Once more after its end, so that what it counted last is not lost: the exporter of a short
        job collects when the job's clients are gone. What was read of them stays counted
        afterwards: a counter never goes back.
        """
        with self._lock:
            if all(one.client() is not analytics for one in self._watched.values()):
                watched = _Watched(weakref.ref(analytics), counters_of(analytics))
                self._watched[next(self._numbers)] = watched
            ended = [number for number, one in self._watched.items() if one.client() is None]
            for number in ended[:-_MOST_ENDED]:  # nobody collects
                del self._watched[number]

    def on_request(self, sending: Sending) -> SentHook:
        """Make a span of a request; for the client's option of the same name."""
        span = self._tracer.start_span(
            "asyncsdk.send",
            Context(),  # a root: the loop that sends began with whichever call was the first
            kind=trace.SpanKind.CLIENT,
            attributes=_attributes(sending),
        )
        inside = context.set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, value=True)
        token = context.attach(trace.set_span_in_context(span, inside))
        began = time.perf_counter()

        def sent(outcome: Sent) -> None:
            seconds = time.perf_counter() - began
            context.detach(token)
            labels = {"destination": sending.destination, "fate": outcome.fate}
            self._sizes.record(sending.events, labels)
            self._durations.record(seconds, labels)
            _end(span, outcome)

        return sent

    def _observe(self, meter: Meter) -> None:
        for name, (unit, text, read) in _COUNTERS.items():
            seen = self._reader(name, read, counts=True)
            meter.create_observable_counter(name, [seen], unit=unit, description=text)
        for name, (unit, text, read) in _LEVELS.items():
            seen = self._reader(name, read, counts=False)
            meter.create_observable_up_down_counter(name, [seen], unit=unit, description=text)

    def _reader(
        self, name: str, read: Read, *, counts: bool
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        # Clients may have destinations of the same name: they are one line of a chart.
        totals: Totals[Line] = Totals()

        def observe(_options: CallbackOptions) -> Iterator[Observation]:
            watched = self._to_count(name) if counts else self._living()
            found = (totals if counts else Totals()).add(partial(_look, watched, read))
            for (destination, reason), value in found.items():
                labels = {"destination": destination, **({"reason": reason} if reason else {})}
                yield metrics.Observation(value, labels)

        return observe

    def _to_count(self, counter: str) -> dict[int, _Watched]:
        """Return all that are watched; who ended is forgotten once all its counters were read."""
        with self._lock:
            if self._process != os.getpid():  # what ended before a fork is counted by the parent
                self._process, self._watched = os.getpid(), self._living()
            watched = dict(self._watched)
            for number, one in watched.items():
                if one.client() is None:
                    one.read.add(counter)
                    if len(one.read) == len(_COUNTERS):
                        del self._watched[number]
        return watched

    def _living(self) -> dict[int, _Watched]:
        with self._lock:
            return {
                number: one for number, one in self._watched.items() if one.client() is not None
            }


class _Watched:
    """A client's counters, which outlive it, and what was read of them since its end."""

    def __init__(
        self, client: weakref.ref[AsyncAnalytics], counters: Callable[[], Statistics]
    ) -> None:
        self.client = client
        self.counters = counters
        self.read: set[str] = set()


def _look(watched: Mapping[int, _Watched], read: Read) -> dict[tuple[int, Line], float]:
    return {
        (number, (name, reason)): value
        for number, one in watched.items()
        for name, lane in one.counters().destinations.items()
        for reason, value in read(lane).items()
    }


def trace_context(message: Message) -> Message:
    """Put the ids of the current span into the event's context; a hook for `before_send`."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        ids = {
            "trace_id": trace.format_trace_id(span.trace_id),
            "span_id": trace.format_span_id(span.span_id),
        }
        message.context = {**(message.context or {}), **ids}
    return message


def _attributes(sending: Sending) -> dict[str, str | int]:
    parts = urlsplit(sending.url)
    return {
        "asyncsdk.destination": sending.destination,
        "http.request.body.size": sending.bytes,
        "http.request.method": sending.method,
        "http.request.resend_count": sending.attempt - 1,
        "messaging.batch.message_count": sending.events,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        "url.full": f"{parts.scheme}://{parts.netloc}{parts.path}",
    }


def _end(span: Span, outcome: Sent) -> None:
    span.set_attribute("asyncsdk.fate", outcome.fate)
    if outcome.status is not None:
        span.set_attribute("http.response.status_code", outcome.status)
    if outcome.fate != "delivered":
        error = outcome.code or (str(outcome.status) if outcome.status else outcome.fate)
        span.set_attribute("error.type", error)
        span.set_status(trace.StatusCode.ERROR)
    span.end()
