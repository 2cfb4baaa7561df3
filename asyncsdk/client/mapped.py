"""Mapped: a client's mappings and its lanes; and a client that is made of a mapping alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from asyncsdk.client.pushing import Pusher, Pushing
from asyncsdk.client.running import Runner
from asyncsdk.client.saying import Shared
from asyncsdk.client.settings import Options
from asyncsdk.delivery.lane import Lane
from asyncsdk.destinations import RudderStack
from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping import Mapping as EventMapping
from asyncsdk.options import Delivery

#: The RudderStack SDK's options, and ours. Their times are milliseconds.
_DELIVERY = {
    "flushAt": "flush_at",
    "flushInterval": "flush_interval",
    "maxQueueSize": "max_batch_bytes",
    "maxInternalQueueSize": "max_queue_events",
    "retryCount": "max_retries",
    "gzip": "gzip",
}
_LEVELS = {"silly": "DEBUG", "debug": "DEBUG", "info": "INFO", "error": "ERROR"}


def make_pushing(
    mapping: EventMapping | Mapping[str, EventMapping],
    shared: Shared,
    lanes: Sequence[Lane],
    runner: Runner,
) -> Pushing:
    """Return what pushes events: one mapping for all *lanes*, or one for each that is named.

    Raises:
        ConfigurationError: A name is no destination's.
    """
    if isinstance(mapping, EventMapping):
        return Pushing([Pusher(shared, lanes, runner, mapping, lanes)])
    by_name = {lane.name: lane for lane in lanes}
    for name in mapping:
        if name not in by_name:
            raise ConfigurationError(
                f"mapping: no destination is named {name!r}; there are {', '.join(by_name)}"
            )
    return Pushing(
        [Pusher(shared, (by_name[name],), runner, one, lanes) for name, one in mapping.items()]
    )


def from_mapping(options: Options) -> tuple[tuple[RudderStack], Options]:
    """Return the destination that a mapping's own settings describe, and the client's options.

    What *options* say themselves wins.

    Raises:
        ConfigurationError: The settings have no key or no URL.
    """
    mapping = options.get("mapping")
    settings = mapping.plan.settings.delivery if isinstance(mapping, EventMapping) else {}
    for name in ("writeKey", "dataPlaneUrl"):
        if name not in settings:
            raise ConfigurationError(
                f"destinations: none is given, and the mapping has no settings.{name} to make one of"
            )
    chosen: dict[str, Any] = {
        ours: settings[theirs] for theirs, ours in _DELIVERY.items() if theirs in settings
    }
    if "flush_interval" in chosen:
        chosen["flush_interval"] /= 1000
    delivery = Delivery(**{name: one for name, one in chosen.items() if name not in options})
    destination = RudderStack(
        settings["writeKey"],
        settings["dataPlaneUrl"],
        path=settings.get("path", "/v1/batch"),
        name=cast(EventMapping, mapping).plan.id,
        delivery=delivery,
    )
    more: Options = {}
    if "enable" in settings:
        more["enabled"] = settings["enable"]
    if "logLevel" in settings:
        more["log_level"] = _LEVELS[settings["logLevel"]]
    return (destination,), {**more, **options}
