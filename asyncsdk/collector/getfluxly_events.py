"""What GetFluxly asks of one event. Pure: no clock, no network.

Documented: the names, types and bounds of the fields, that one of three ids is there, and that the
name is snake_case; the package's source adds that an identify has both ids and that `timestamp` is
not read. Unverified, and chosen here: that a name may begin with `$`, as the SDKs' own do; that ids
of other types and times that are none are refused; the texts, but for that of the name.

Source: docs.getfluxly.com/ingest/single and /ingest/batch, getfluxly 0.1.4, checked 2026-11.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec

from asyncsdk.collector.answers import Taken

_NAME = re.compile(r"\$?[a-z0-9_]+")

_Named = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Properties = Annotated[dict[str, Any], msgspec.Meta(max_length=32)]


class _Event(msgspec.Struct):
    event: _Named
    message_id: str | None = None
    anonymous_id: str | None = None
    external_id: str | None = None
    user_id: str | None = None
    properties: _Properties | None = None
    context: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    occurred_at: datetime | None = None


msgspec.json.Decoder(_Event)  # makes it ready while one thread is here, see `client.gate`


def problem_with(event: object) -> str:
    """Say what is wrong with *event*, empty if nothing is."""
    try:
        known = msgspec.convert(event, _Event)
    except msgspec.ValidationError as error:
        return str(error)
    if not _NAME.fullmatch(known.event):
        return "event name must be snake_case"
    if not (known.anonymous_id or known.external_id or known.user_id):
        return "one of anonymous_id, external_id, user_id is needed"
    if known.event == "identify" and not (known.anonymous_id and known.external_id):
        return "identify needs anonymous_id and external_id"
    return ""


def take(event: dict[str, Any], fresh_id: Callable[[], str]) -> Taken:
    """Take an event that has no problem; one without an id is known by a fresh one."""
    kind = "identify" if event["event"] in ("identify", "$identify") else "track"
    return Taken(event.get("message_id") or fresh_id(), kind, event)
