"""Segment: its wire form, field by field as the vendor's Node SDK sends it.

Different on purpose: `context.library` names this SDK, `_metadata` is left out, bodies are
compressed, big integers stay exact, numeric ids become text instead of being refused.

Source: @segment/analytics-node 3.1.0, recorded (checked 2026-11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any

from msgspec import Struct

from asyncsdk.destinations.addresses import (
    check_delivery,
    check_name,
    default_name,
    endpoint,
)
from asyncsdk.destinations.answers import judge_status
from asyncsdk.destinations.contexts import LIBRARY, context_form
from asyncsdk.destinations.headers import basic, packed_as
from asyncsdk.destinations.identities import identity_reader
from asyncsdk.destinations.secrets import MAX_KEY, Secret, check_key
from asyncsdk.messages import Id, Message
from asyncsdk.options import Delivery
from asyncsdk.seams import Encoded, HttpRequest, HttpResponse, RouteLimits, Unsupported, Verdict
from asyncsdk.wire.encoding import encode
from asyncsdk.wire.ids import number_text
from asyncsdk.wire.joining import enclose

_context = context_form(LIBRARY, session="sessionId")
_identity = identity_reader("messageId", "timestamp")
_EMPTY: Mapping[str, Any] = {}


class _Event(Struct, omit_defaults=True):
    """The wire form of an event, in the vendor's spelling; what is absent is left out."""

    type: str
    context: Any
    messageId: str  # noqa: N815 - wire spelling
    timestamp: str
    integrations: Any
    userId: Any = None  # noqa: N815
    anonymousId: Any = None  # noqa: N815
    event: Any = None
    properties: Any = None
    traits: Any = None
    name: str | None = None
    category: str | None = None
    groupId: Any = None  # noqa: N815
    previousId: Any = None  # noqa: N815


# Segment documents 500 KB a batch and 32 KB an event; its own SDKs aim at 475,000 bytes.
# Source: Segment HTTP API (checked 2026-11).
_ROUTES: Mapping[str, RouteLimits] = {
    "batch": RouteLimits(
        max_events=50_000,
        max_bytes=500_000,
        event_overhead=len("},"),
        body_overhead=4 * MAX_KEY + 100,
        warn_event_bytes=32 * 1024,
    )
}
_DEFAULTS = Delivery(max_batch_bytes=475_000)


@dataclass(frozen=True)
class Segment:
    """Deliver to Segment.

    Attributes:
        write_key: The source's write key; a `Secret`, masked wherever it is shown.
        host: Absolute; a path in it is kept.
        path: Of the batch route, under `host`.
        allow_insecure_http: Whether plain http may leave this machine.
        name: The lane's name; by default the kind and a short hash of key and URL.
        delivery: Options for this destination alone.

    Raises:
        ConfigurationError: The key is empty, or the URL is not absolute http(s), or would send
            events unprotected.

    Source: Segment Node SDK 3.1.0, Segment HTTP API (checked 2026-11).
    """

    write_key: str | Secret
    _: KW_ONLY
    host: str = "https://api.segment.io"
    path: str = "/v1/batch"
    allow_insecure_http: bool = False
    name: str = ""
    delivery: Delivery = field(default=Delivery(), repr=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        key = check_key("write_key", self.write_key)
        check_delivery(self.delivery)
        url = self._url  # checked here, whether or not the name needs it
        put = object.__setattr__
        put(self, "write_key", key)
        put(self, "name", self.name or default_name("segment", key, url))
        check_name(self.name)

    # What every request repeats, made once. No fields: a dump of those must not show the key.

    @cached_property
    def _url(self) -> str:
        return endpoint(
            "host",
            self.host,
            self.path,
            allow_insecure_http=self.allow_insecure_http,
        )

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        return basic(Secret(self.write_key))

    @cached_property
    def _head(self) -> bytes:
        return b'{"writeKey":%s,"sentAt":"' % encode(Secret(self.write_key).reveal())

    @property
    def wire_key(self) -> bool:
        """A request may carry several batches: no key is on the wire."""
        return False

    @property
    def routes(self) -> Mapping[str, RouteLimits]:
        """The batch route's limits."""
        return _ROUTES

    @property
    def defaults(self) -> Delivery:
        """What the vendor's SDK does where nobody says otherwise."""
        return _DEFAULTS

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Turn *message* into Segment's form.

        Its `timestamp` is the caller's, or the time of the call; `properties` and `traits` are
        there even when empty; a page's category is repeated in its properties.

        Raises whatever encoding raises: the event is then cleaned up first.
        """
        kind = message.type
        if kind == "group_identify":
            return Unsupported("Segment has no group_identify; call group() with an id")
        if kind == "exception":
            return Unsupported("Segment has no capture_exception; call track()")
        if message.personless and not (message.user_id or message.anonymous_id):
            return Unsupported("user_id, anonymous_id: track() needs one of them for Segment")
        if kind == "alias" and not (message.user_id and message.previous_id):
            return Unsupported("alias: Segment needs user_id and previous_id")
        integrations = message.integrations
        event = _Event(
            kind,
            _context(message),
            message.message_id,
            message.timestamp or message.original_timestamp,
            _EMPTY if integrations is None else integrations,
            _id(message.user_id),
            None if kind == "alias" else _id(message.anonymous_id),
            message.event,
            _properties(message),
            _traits(message),
            message.name,
            message.category,
            message.group_id,
            message.previous_id,
        )
        return Encoded("batch", encode(event)[:-1])

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Join *events* under the envelope, which carries the key and `sentAt`."""
        head = b'%s%s","batch":[' % (self._head, sent_at.encode())
        return enclose(head, b"},", events, b"}]}")

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Address *packed*; a repeat says which one it is, as the Node SDK does."""
        headers = packed_as(encoding, self._headers)
        if attempt > 1:
            headers = {**headers, "X-Retry-Count": str(attempt - 1)}
        return HttpRequest(url=self._url, headers=headers, body=packed)

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Say what *response* means: Segment answers 400 to a whole batch, or 200."""
        return judge_status(response, Secret(self.write_key))

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Return the message id and the time of the call of an encoded *event*."""
        return _identity(event)


def _id(value: Id | None) -> Id | None:
    """Return an id as text: Segment takes nothing else, not even a zero."""
    return value if value is None or isinstance(value, str) else number_text(value)


def _properties(message: Message) -> Any:
    if message.type not in _WITH_PROPERTIES:
        return None
    properties = _EMPTY if message.properties is None else message.properties
    if message.type == "page" and message.category is not None:
        return {**properties, "category": message.category}
    return properties


def _traits(message: Message) -> Any:
    if message.type not in _WITH_TRAITS:
        return None  # the Node SDK drops an alias's traits
    return _EMPTY if message.traits is None else message.traits


_WITH_PROPERTIES = frozenset({"track", "page", "screen"})
_WITH_TRAITS = frozenset({"identify", "group"})
