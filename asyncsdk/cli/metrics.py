"""Metrics: counters as text, in the form that Prometheus reads (version 0.0.4). Pure.

The names are those of docs/observability.md: one dashboard for clients and workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from asyncsdk.ledger import LaneStatistics, Statistics
from asyncsdk.seams import Stock

#: The content type of the text.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Those that only grow while the process lives, and what they count.
_COUNTERS: Mapping[str, str] = {
    "taken": "Events taken from the store that another process wrote.",
    "requests": "Requests sent.",
    "retries": "Requests sent again after a failure.",
    "failures": "Requests without an answer, or with one that does not move on.",
}
_GAUGES: Mapping[str, tuple[str, Callable[[LaneStatistics], float]]] = {
    "pending": ("Events in this process's hands.", lambda lane: lane.pending),
    "in_store": ("Events in the store.", lambda lane: lane.in_store),
    "paused_seconds": ("Seconds until the next attempt.", lambda lane: lane.paused),
    "stopped": (
        "1 while the destination is at a standstill, such as for a refused key.",
        lambda lane: float(bool(lane.stopped)),
    ),
}

_FATES = ("delivered", "rejected", "dead", "dropped")

_Sample = tuple[Mapping[str, str], float]


def metrics(view: Statistics, stock: Mapping[str, Stock], *, up: bool) -> str:
    """Write the counters of a client, and what its store holds.

    Args:
        view: The counters.
        stock: What is kept, by destination.
        up: Whether the store can be reached.
    """
    lanes = view.destinations
    lines = [*_family("store_up", "gauge", "1 while the store can be reached.", [({}, float(up))])]
    for name, text in _COUNTERS.items():
        samples = [(_of(lane), float(getattr(one, name))) for lane, one in lanes.items()]
        lines += _family(f"{name}_total", "counter", text, samples)
    settled = [
        ({**_of(lane), "fate": fate}, float(getattr(one, fate)))
        for lane, one in lanes.items()
        for fate in _FATES
    ]
    lines += _family("settled_total", "counter", "Events with a final outcome.", settled)
    sent = [(_of(lane), float(one.bytes_sent)) for lane, one in lanes.items()]
    lines += _family("sent_bytes_total", "counter", "Bytes of bodies on the wire.", sent)
    dropped = [
        ({**_of(lane), "reason": reason}, float(count))
        for lane, one in lanes.items()
        for reason, count in one.dropped_reasons.items()
    ]
    lines += _family("dropped_total", "counter", "Events dropped.", dropped)
    for name, (text, read) in _GAUGES.items():
        lines += _family(
            name, "gauge", text, [(_of(lane), float(read(one))) for lane, one in lanes.items()]
        )
    letters = [(_of(lane), float(one.letters)) for lane, one in list(stock.items())]
    lines += _family("dead_letters", "gauge", "Dead letters in the store.", letters)
    unclaimed = [(_of(lane), float(count)) for lane, count in view.unclaimed.items()]
    unclaimed_text = "Events in the store for destinations that this process does not have."
    lines += _family("unclaimed", "gauge", unclaimed_text, unclaimed)
    return "\n".join(lines) + "\n"


def _of(lane: str) -> dict[str, str]:
    return {"destination": lane}


def _family(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> list[str]:
    full = f"asyncsdk_{name}"
    lines = [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
    return lines + [f"{full}{_labels(labels)} {value:.17g}" for labels, value in samples]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
