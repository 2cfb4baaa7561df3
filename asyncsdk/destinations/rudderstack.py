"""RudderStack: its wire form, field by field as the vendor's Node SDK sends it.

Different on purpose: `context.library` names this SDK, `_metadata` is left out, bodies are
`application/json`, big integers stay exact, and `sentAt` is stamped afresh on each attempt: the
server computes an event's time as `receivedAt - (sentAt - originalTimestamp)` from the event's
own `sentAt`, so a frozen one would shift the time of every event that was retried.

Source: @rudderstack/rudder-sdk-node 3.0.13, recorded (checked 2026-11).
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
from asyncsdk.destinations.secrets import Secret, check_key
from asyncsdk.messages import Message
from asyncsdk.options import Delivery
from asyncsdk.seams import Encoded, HttpRequest, HttpResponse, RouteLimits, Unsupported, Verdict
from asyncsdk.wire.encoding import encode
from asyncsdk.wire.ids import id_text
from asyncsdk.wire.joining import enclose

_context = context_form(LIBRARY, session="sessionId")
_identity = identity_reader("messageId", "originalTimestamp")

_STAMP = b',"sentAt":"%s"'
_TIME_LENGTH = len("2026-11-21T09:00:00.000Z")


class _Event(Struct, omit_defaults=True):
    """The wire form of an event, in the vendor's spelling; what is absent is left out."""

    type: str
    channel: str
    context: Any
    messageId: str  # noqa: N815 - wire spelling
    originalTimestamp: str  # noqa: N815
    userId: Any = None  # noqa: N815
    anonymousId: Any = None  # noqa: N815
    event: Any = None
    properties: Any = None
    traits: Any = None
    integrations: Any = None
    timestamp: str | None = None
    name: str | None = None
    category: str | None = None
    groupId: Any = None  # noqa: N815
    previousId: Any = None  # noqa: N815


# The gateway's own limit is 4,096,000 bytes of the body before compression, and there is none
# on the number of events. The Node SDK names events above 32 KB in its log and sends them.
# Source: rudder-server f2655fb, gateway (checked 2026-11).
_ROUTES: Mapping[str, RouteLimits] = {
    "batch": RouteLimits(
        max_events=50_000,
        max_bytes=4_000_000,
        event_overhead=len(_STAMP % b"") + _TIME_LENGTH + len("},"),
        body_overhead=120,
        warn_event_bytes=32 * 1024,
    )
}
_DEFAULTS = Delivery(max_batch_bytes=460_800)


@dataclass(frozen=True)
class RudderStack:
    """Deliver to a RudderStack data plane.

    Attributes:
        write_key: The source's write key; a `Secret`, masked wherever it is shown.
        data_plane_url: Absolute; a path in it is kept.
        path: Of the batch route, under `data_plane_url`.
        allow_insecure_http: Whether plain http may leave this machine.
        name: The lane's name; by default the kind and a short hash of key and URL.
        delivery: Options for this destination alone.

    Raises:
        ConfigurationError: The key is empty, or the URL is not absolute http(s), or would send
            events unprotected.

    Source: RudderStack Node SDK 3.0.13 (checked 2026-11).
    """

    write_key: str | Secret
    data_plane_url: str
    _: KW_ONLY
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
        put(self, "name", self.name or default_name("rudderstack", key, url))
        check_name(self.name)

    # What every request repeats, made once. No fields: a dump of those must not show the key.

    @cached_property
    def _url(self) -> str:
        return endpoint(
            "data_plane_url",
            self.data_plane_url,
            self.path,
            allow_insecure_http=self.allow_insecure_http,
        )

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        return basic(Secret(self.write_key))

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
        """Turn *message* into the gateway's form.

        `session_id` becomes `context.sessionId`, where the vendor's other SDKs put it; an
        identify's traits are copied to `context.traits`, as the Node SDK does it.

        Raises whatever encoding raises: the event is then cleaned up first.
        """
        kind = message.type
        if kind == "group_identify":
            return Unsupported("RudderStack has no group_identify; call group() with an id")
        if kind == "exception":
            return Unsupported("RudderStack has no capture_exception; call track()")
        if message.personless and not (message.user_id or message.anonymous_id):
            return Unsupported("user_id, anonymous_id: track() needs one of them for RudderStack")
        if kind == "alias" and not (message.user_id and message.previous_id):
            return Unsupported("alias: RudderStack needs user_id and previous_id")
        user_id = message.user_id
        anonymous_id = message.anonymous_id
        event = _Event(
            kind,
            "server",
            _context(message, message.traits if kind == "identify" else None),
            message.message_id,
            message.original_timestamp,
            user_id if type(user_id) is str else id_text(user_id),
            None if anonymous_id is None else id_text(anonymous_id),
            message.event,
            message.properties,
            message.traits,
            message.integrations,
            message.timestamp,
            message.name,
            message.category,
            message.group_id,
            message.previous_id,
        )
        return Encoded("batch", encode(event)[:-1])

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Join *events*; the separator closes each one with its `sentAt`."""
        stamp = _STAMP % sent_at.encode()
        tail = b'%s}],"timestamp":"%s","sentAt":"%s"}' % (
            stamp,
            sent_at.encode(),
            sent_at.encode(),
        )
        return enclose(b'{"batch":[', stamp + b"},", events, tail)

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Address *packed*; the key is not on RudderStack's wire, message ids are."""
        headers = packed_as(encoding, self._headers)
        return HttpRequest(url=self._url, headers=headers, body=packed)

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Say what *response* means: the gateway refuses a whole batch for one bad event."""
        return judge_status(response, Secret(self.write_key))

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Return the message id and the time of the call of an encoded *event*."""
        return _identity(event)
