"""Wires: where each system's clients post, and how to find the ids of the events in a body."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct


class _Item(Struct):
    messageId: str  # noqa: N815 - wire spelling


class _Batch(Struct):
    batch: list[_Item]


class _PosthogItem(Struct):
    uuid: str


class _PosthogBatch(Struct):
    batch: list[_PosthogItem]


class _GetfluxlyItem(Struct):
    message_id: str


class _GetfluxlyBatch(Struct):
    events: list[_GetfluxlyItem]


class _SnowplowItem(Struct):
    eid: str


class _SnowplowBatch(Struct):
    data: list[_SnowplowItem]


def _rudderstack(body: bytes) -> list[str]:
    return [item.messageId for item in msgspec.json.decode(body, type=_Batch).batch]


def _posthog(body: bytes) -> list[str]:
    return [item.uuid for item in msgspec.json.decode(body, type=_PosthogBatch).batch]


def _getfluxly(body: bytes) -> list[str]:
    return [item.message_id for item in msgspec.json.decode(body, type=_GetfluxlyBatch).events]


def _snowplow(body: bytes) -> list[str]:
    return [item.eid for item in msgspec.json.decode(body, type=_SnowplowBatch).data]


#: How to find the ids in a body, by the path that it was posted to. Segment posts like RudderStack.
WIRES: dict[bytes, Callable[[bytes], list[str]]] = {
    b"/v1/batch": _rudderstack,
    b"/batch/": _posthog,
    b"/v1/events/batch": _getfluxly,
    b"/com.snowplowanalytics.snowplow/tp2": _snowplow,
}
