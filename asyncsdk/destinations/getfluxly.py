"""GetFluxly: its wire form, field by field as its Python package sends it, with its Node README.

Where the two differ, what works end to end is sent: an identify is an event `identify` with both
ids and its traits under `properties.traits`, since the backend acts on nothing else; `occurred_at`
is the time, since the backend ignores `timestamp`; context says who sends. The package's own form
of an identify can be asked for. Different on purpose: a batch keeps its idempotency key until it
is settled, `user_id` and `external_id` are one id, and ids are texts.

Unverified: whether a KB has 1,000 or 1,024 bytes (the defaults keep to the smaller), and where a
session belongs (here `context.session_id`).

Source: getfluxly 0.1.4 for Python, recorded; docs.getfluxly.com and the README of @getfluxly/node
0.2.1, read (checked 2026-11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, structs

from asyncsdk.destinations.addresses import (
    check_delivery,
    check_name,
    default_name,
    endpoint,
)
from asyncsdk.destinations.contexts import context_form
from asyncsdk.destinations.getfluxly_answers import judge
from asyncsdk.destinations.headers import SDK, bearer, check_bearer, packed_as
from asyncsdk.destinations.identities import (
    IdentityReader,
    Tag,
    check_field,
    identity_reader,
)
from asyncsdk.destinations.secrets import Secret, check_key
from asyncsdk.messages import Message
from asyncsdk.options import Delivery, check_choice
from asyncsdk.seams import (
    Encoded,
    HttpRequest,
    HttpResponse,
    RouteLimits,
    Unsupported,
    Verdict,
)
from asyncsdk.wire.encoding import encode
from asyncsdk.wire.ids import given_id
from asyncsdk.wire.joining import enclose

IdentifyForm = Literal["identify", "$identify"]

EVENTS = "events"
ALIAS = "alias"

_context = context_form({"library": SDK, "runtime": "python"}, session="session_id")
_tag = Tag("user_id")
_alias_identity = identity_reader("message_id", "occurred_at")


class _Event(Struct, omit_defaults=True):
    """The wire form of an event; its time is added under the name that is asked for."""

    event: Any
    message_id: str
    anonymous_id: str | None = None
    external_id: str | None = None
    properties: Any = None
    traits: Any = None
    context: Any = None


_TAKEN = frozenset(one.name for one in structs.fields(_Event))


class _Alias(Struct, omit_defaults=True):
    """The body of an alias."""

    user_id: str | None
    anonymous_id: str | None = None
    previous_id: str | None = None


# Documented: 256 KB a batch, 32 KB an event, 100 events; the Node SDK splits at 50.
_ROUTES: Mapping[str, RouteLimits] = {
    EVENTS: RouteLimits(
        max_events=50,
        max_bytes=256 * 1024,
        event_overhead=len("},"),
        body_overhead=len('{"events":[]}'),
        warn_event_bytes=32_000,
    ),
    ALIAS: RouteLimits(max_events=1, max_bytes=256 * 1024, gives_way=True),
}
_DEFAULTS = Delivery(
    flush_interval=5.0,
    max_batch_events=50,
    max_batch_bytes=256_000,
    max_queue_events=1_000,
    overflow="raise",
    max_retries=2,
    exhausted="requeue",
    timeout=5.0,
    gzip=False,
)


@dataclass(frozen=True)
class GetFluxly:
    """Deliver to GetFluxly.

    `track`, `identify` and `alias` have a form. An alias is a request of its own, sent at once;
    ``await analytics.alias(…).delivered()`` gives its answer. It needs a server key.

    Attributes:
        token: The API key, ``gflux_secret_…`` for servers; a `Secret`, masked wherever it is shown.
        api_host: Absolute; a path in it is kept.
        path: Of the events, under `api_host`.
        alias_path: Of an alias, under `api_host`.
        timestamp_field: The name under which an event's time is sent. The public documentation
            says ``timestamp``, which the backend ignores.
        identify_form: ``"identify"`` works and needs both ids. ``"$identify"`` is what the
            vendor's Python package sends, with whatever ids there are; it has no effect there.
        allow_insecure_http: Whether plain http may leave this machine.
        name: The lane's name; by default the kind and a short hash of key and URL.
        delivery: Options for this destination alone.

    Raises:
        ConfigurationError: The token is empty, or the URL is not absolute http(s), or would send
            events unprotected, or a field has a value that it cannot have.

    Source: getfluxly 0.1.4 for Python, @getfluxly/node 0.2.1 (checked 2026-11).
    """

    token: str | Secret
    _: KW_ONLY
    api_host: str = "https://api.getfluxly.com"
    path: str = "/v1/events/batch"
    alias_path: str = "/v1/identify/alias"
    timestamp_field: str = "occurred_at"
    identify_form: IdentifyForm = "identify"
    allow_insecure_http: bool = False
    name: str = ""
    delivery: Delivery = field(default=Delivery(), repr=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        key = check_key("token", self.token)
        check_bearer("token", key)
        check_delivery(self.delivery)
        check_choice("identify_form", self.identify_form, ("identify", "$identify"))
        check_field("timestamp_field", self.timestamp_field, _TAKEN)
        urls = self._urls  # checked here, whether or not the name needs them
        put = object.__setattr__
        put(self, "token", key)
        put(self, "name", self.name or default_name("getfluxly", key, urls[EVENTS]))
        check_name(self.name)

    # What every event and request repeats, made once. No fields: a dump of those must not show
    # the key.

    @cached_property
    def _urls(self) -> Mapping[str, str]:
        insecure = self.allow_insecure_http
        return {
            route: endpoint("api_host", self.api_host, path, allow_insecure_http=insecure)
            for route, path in ((EVENTS, self.path), (ALIAS, self.alias_path))
        }

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        return {**bearer(Secret(self.token)), "X-GFlux-SDK": SDK}

    @cached_property
    def _time(self) -> bytes:
        return b',%s:"%%s"' % encode(self.timestamp_field).replace(b"%", b"%%")

    @cached_property
    def _identity(self) -> IdentityReader:
        return identity_reader("message_id", self.timestamp_field)

    @property
    def wire_key(self) -> bool:
        """A batch's key is on the wire: a request carries one batch."""
        return True

    @property
    def routes(self) -> Mapping[str, RouteLimits]:
        """The limits of events and of an alias."""
        return _ROUTES

    @property
    def defaults(self) -> Delivery:
        """What the vendor's SDKs do where nobody says otherwise."""
        return _DEFAULTS

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Turn *message* into GetFluxly's form: an event, or an alias.

        Raises whatever encoding raises: the event is then cleaned up first.
        """
        kind = message.type
        if message.personless and not (message.user_id or message.anonymous_id):
            return Unsupported("user_id, anonymous_id: track() needs one of them for GetFluxly")
        if kind == "track":
            return self._event(message, message.event, message.properties)
        if kind == "identify":
            return self._identify(message)
        if kind == "alias":
            return _encode_alias(message)
        return Unsupported(f"{kind}: GetFluxly has no form for it; call track() or identify()")

    def _identify(self, message: Message) -> Encoded | Unsupported:
        if self.identify_form == "$identify":
            return self._event(message, "$identify", traits=message.traits)
        if not (message.user_id and message.anonymous_id):
            return Unsupported(
                "user_id, anonymous_id: GetFluxly needs both for identify(), which joins them"
            )
        traits = {} if message.traits is None else message.traits
        return self._event(message, "identify", {"traits": traits})

    def _event(
        self, message: Message, event: str | None, properties: Any = None, traits: Any = None
    ) -> Encoded:
        data = encode(
            _Event(
                event,
                message.message_id,
                given_id(message.anonymous_id),
                given_id(message.user_id),
                properties,
                traits,
                _context(message),
            )
        )
        time = message.timestamp or message.original_timestamp
        return Encoded(EVENTS, data[:-1] + self._time % time.encode())

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Join *events*, or give an alias its own form back."""
        if route == ALIAS:
            return _tag.cut(events[0]) + b"}"
        return enclose(b'{"events":[', b"},", events, b"}]}")

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Address *packed*, with the key by which the server knows a repeat for a day."""
        headers = {**packed_as(encoding, self._headers), "X-Idempotency-Key": _as_uuid(key)}
        return HttpRequest(url=self._urls[route], headers=headers, body=packed)

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Say what *response* means.

        An alias is answered for itself: a refusal of it, a wrong key included, stops no event.
        """
        return judge(response, count, Secret(self.token), alias=route == ALIAS)

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Return the message id and the time of an encoded *event*."""
        return _alias_identity(event) if route == ALIAS else self._identity(event)


def _encode_alias(message: Message) -> Encoded:
    alias = _Alias(
        given_id(message.user_id), given_id(message.anonymous_id), given_id(message.previous_id)
    )
    made = {"message_id": message.message_id, "occurred_at": message.original_timestamp}
    return Encoded(ALIAS, _tag.put(encode(alias)[:-1], **made))


def _as_uuid(key: str) -> str:
    """Write a key as the vendor's SDKs do: as a random UUID."""
    try:
        return str(UUID(hex=key, version=4))
    except ValueError:
        return key
