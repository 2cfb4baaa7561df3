"""Prometheus: a collector that reads `statistics()` at each scrape; calls cost nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as _missing:
    raise ImportError(
        "asyncsdk.integrations.prometheus needs prometheus-client: "
        "pip install 'asyncsdk[prometheus]'"
    ) from _missing

from asyncsdk.client import AsyncAnalytics
from asyncsdk.hosting.totalling import Totals
from asyncsdk.ledger import LaneStatistics, Statistics, add_up

Read = Callable[[LaneStatistics], Mapping[str, float]]
#: A metric's name, a destination's, and the value of the label beside it or "".
_Line: TypeAlias = tuple[str, str, str]
_Family = type[CounterMetricFamily] | type[GaugeMetricFamily]


def _field(name: str) -> Read:
    return lambda lane: {"": getattr(lane, name)}


def _fates(lane: LaneStatistics) -> Mapping[str, float]:
    fates = ("delivered", "rejected", "dead", "dropped")
    return {fate: getattr(lane, fate) for fate in fates}


def _flags_age(lane: LaneStatistics) -> Mapping[str, float]:
    return {} if lane.flags_age is None else {"": lane.flags_age}


# Each metric: its kind, what it says, the label beside `destination`, and how it is read.
_METRICS: dict[str, tuple[_Family, str, str, Read]] = {
    "accepted": (CounterMetricFamily, "Events taken from calls.", "", _field("accepted")),
    "settled": (CounterMetricFamily, "Events by the end they came to.", "fate", _fates),
    "dropped": (
        CounterMetricFamily,
        "Events dropped, by reason.",
        "reason",
        lambda lane: lane.dropped_reasons,
    ),
    "refused": (CounterMetricFamily, "Calls that raised, the queue full.", "", _field("refused")),
    "unsupported": (CounterMetricFamily, "Calls without a form.", "", _field("unsupported")),
    "coerced": (CounterMetricFamily, "Values that went as text.", "", _field("coerced")),
    "replayed": (CounterMetricFamily, "Dead letters put back.", "", _field("replayed")),
    "requests": (CounterMetricFamily, "Requests sent.", "", _field("requests")),
    "retries": (CounterMetricFamily, "Requests sent again.", "", _field("retries")),
    "failures": (CounterMetricFamily, "Requests in vain.", "", _field("failures")),
    "flag_failures": (CounterMetricFamily, "Vain questions on flags.", "", _field("flag_failures")),
    "sent_bytes": (CounterMetricFamily, "Bytes of bodies on the wire.", "", _field("bytes_sent")),
    "pending": (GaugeMetricFamily, "Events not settled.", "", _field("pending")),
    "stored": (GaugeMetricFamily, "Events in a store.", "", _field("stored")),
    "in_store": (GaugeMetricFamily, "Events in the store, of anybody.", "", _field("in_store")),
    "queue_bytes": (GaugeMetricFamily, "Bytes of pending events.", "", _field("queue_bytes")),
    "paused_seconds": (GaugeMetricFamily, "Until the next attempt.", "", _field("paused")),
    "flags_age_seconds": (GaugeMetricFamily, "Age of flag definitions.", "", _flags_age),
    "stopped": (
        GaugeMetricFamily,
        "1 while the destination stands still.",
        "",
        lambda lane: {"": float(bool(lane.stopped))},
    ),
}


class AnalyticsCollector(Collector):
    """Show the counters of clients to Prometheus: ``REGISTRY.register(AnalyticsCollector(…))``.

    Each metric has the label ``destination``. Clients of one process whose destinations have the
    same name are summed up, and what lanes counted that are gone stays counted.

    Args:
        clients: Whose counters; they live as long as this does.
        prefix: What the metrics' names begin with.
    """

    def __init__(self, *clients: AsyncAnalytics, prefix: str = "asyncsdk") -> None:
        self._clients = clients
        self._prefix = prefix
        self._totals: Totals[_Line] = Totals()  # this is all that changes

    def describe(self) -> Iterator[Metric]:
        """Yield the metrics without their values, so that registering reads nothing."""
        yield from self._metrics({})
        yield self._unclaimed({})

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now; any thread may ask."""
        looks: list[Statistics] = []

        def look() -> dict[tuple[int, _Line], float]:
            looks.extend(client.statistics() for client in self._clients)
            return {
                (number, line): value
                for number, one in enumerate(looks)
                for name, lane in one.destinations.items()
                for line, value in _lines(CounterMetricFamily, name, lane)
            }

        values = self._totals.add(look)
        lanes: dict[str, list[LaneStatistics]] = {}
        unclaimed: dict[str, int] = {}
        for one in looks:
            unclaimed.update(one.unclaimed)
            for name, lane in one.destinations.items():
                lanes.setdefault(name, []).append(lane)
        for name, several in lanes.items():
            values.update(_lines(GaugeMetricFamily, name, _sum(several)))
        yield from self._metrics(values)
        yield self._unclaimed(unclaimed)

    def _unclaimed(self, found: Mapping[str, int]) -> Metric:
        text = "Events that the store keeps for destinations that are not here."
        family = GaugeMetricFamily(f"{self._prefix}_unclaimed", text, labels=["destination"])
        for destination, count in found.items():
            family.add_metric([destination], count)
        return family

    def _metrics(self, values: Mapping[_Line, float]) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for name, (kind, text, label, _) in _METRICS.items():
            labels = ["destination", label] if label else ["destination"]
            families[name] = kind(f"{self._prefix}_{name}", text, labels=labels)
        for (name, destination, value_of), value in values.items():
            labels = [destination, value_of] if _METRICS[name][2] else [destination]
            families[name].add_metric(labels, value)
        yield from families.values()


def _lines(
    family: _Family, destination: str, lane: LaneStatistics
) -> Iterator[tuple[_Line, float]]:
    """Yield the values of those metrics of *lane* that are of one *family*."""
    for name, (kind, _, _, read) in _METRICS.items():
        if kind is family:
            for value_of, value in read(lane).items():
                yield (name, destination, value_of), value


def _sum(lanes: Sequence[LaneStatistics]) -> LaneStatistics:
    if len(lanes) == 1:
        return lanes[0]
    return add_up({str(number): lane for number, lane in enumerate(lanes)})
