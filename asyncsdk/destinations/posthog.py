"""PostHog: its wire form, field by field as the vendor's Node SDK sends it.

Where posthog-node and posthog-python differ, docs/posthog.md says what is sent and why. Different
from both on purpose: `$lib` names this SDK, big integers stay exact, an event that is larger than
PostHog takes is sent and named in a warning, and a message id that is no UUID keeps its event
recognisable: the same id always becomes the same UUID.

Source: posthog-node 5.70.0 and posthog 7.91.1 for Python, recorded (checked 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from msgspec import Struct

from asyncsdk.destinations.addresses import (
    check_delivery,
    check_name,
    default_name,
    endpoint,
)
from asyncsdk.destinations.headers import check_bearer, keyless, packed_as
from asyncsdk.destinations.identities import Tag, identity_reader
from asyncsdk.destinations.posthog_answers import judge
from asyncsdk.destinations.posthog_context import properties_of
from asyncsdk.destinations.posthog_events import said_by
from asyncsdk.destinations.secrets import MAX_KEY, Secret, check_key
from asyncsdk.errors import ConfigurationError
from asyncsdk.flag_seams import FlagWire
from asyncsdk.messages import Message
from asyncsdk.options import Delivery, check_bool, check_count, check_seconds
from asyncsdk.seams import (
    Encoded,
    HttpRequest,
    HttpResponse,
    RouteLimits,
    Unsupported,
    Verdict,
)
from asyncsdk.version import __version__
from asyncsdk.wire.encoding import encode
from asyncsdk.wire.ids import given_id
from asyncsdk.wire.joining import enclose

EVENTS = "events"

US_HOST = "https://us.i.posthog.com"
EU_HOST = "https://eu.i.posthog.com"
# Those of the web pages, which people copy from their browsers.
_INGESTION = {
    "https://app.posthog.com": US_HOST,
    "https://us.posthog.com": US_HOST,
    "https://eu.posthog.com": EU_HOST,
}

# Message ids that are no UUID are hashed within this one, so that the same id means the same event.
_MESSAGE_IDS = UUID("5c1b8f52-6f0b-5d0e-9f4a-6a1f2f8f3a10")
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch

_tag = Tag("event")
_identity = identity_reader("uuid", "timestamp")
_tagged_identity = identity_reader("message_id", "timestamp")
_TAGGED = b'{"message_id":'


class _Event(Struct):
    """The wire form of an event."""

    event: str
    properties: Any
    timestamp: str
    uuid: str
    distinct_id: str


# posthog-python drops events above 900 KiB and closes a batch at 5 MiB; both SDKs send 100 events
# at most. A request of a megabyte is quick to pack and to repeat, and far from every limit.
_ROUTES: Mapping[str, RouteLimits] = {
    EVENTS: RouteLimits(
        max_events=100,
        max_bytes=5 * 1024 * 1024,
        event_overhead=len("},"),
        body_overhead=4 * MAX_KEY + 120,
        warn_event_bytes=900 * 1024,
    )
}
_DEFAULTS = Delivery(max_batch_events=100, max_batch_bytes=1_000_000)


@dataclass(frozen=True)
class PostHog:
    """Deliver to PostHog, and evaluate its feature flags.

    Attributes:
        api_key: The project's key, ``phc_…``; a `Secret`, masked wherever it is shown.
        host: Absolute; a path in it is kept. Addresses of PostHog's web pages become those that
            take events.
        personal_api_key: ``phx_…`` or ``phs_…``: fetches flag definitions, for local evaluation.
        feature_flags_polling_interval: Seconds between fetches of the definitions; None fetches
            them only when told to.
        flags_timeout: Seconds for one request of flags.
        max_cache_size: Users of whom it is remembered which flags were reported.
        max_definitions_bytes: Definitions above this are refused.
        flag_definitions: Definitions to start from: the path of a file, or what is in one.
        only_evaluate_locally: Whether flags are never asked of the server, unless a call says so.
        historical_migration: Whether the events are a history to be imported.
        disable_geoip: Whether PostHog is not to look up the address of a server, where a call does
            not say otherwise.
        is_server: Whether to say that the events come from a server.
        path: Of the events, under `host`.
        allow_insecure_http: Whether plain http may leave this machine.
        name: The lane's name; by default the kind and a short hash of key and URL.
        delivery: Options for this destination alone.

    Raises:
        ConfigurationError: A key is empty, or the URL is not absolute http(s), or would send
            events unprotected, or a field has a value that it cannot have.

    Source: posthog-node 5.70.0 and posthog 7.91.1 for Python (checked 2026-11).
    """

    api_key: str | Secret
    _: KW_ONLY
    host: str = US_HOST
    personal_api_key: str | Secret | None = None
    feature_flags_polling_interval: float | None = 30.0
    flags_timeout: float = 3.0
    max_cache_size: int = 50_000
    max_definitions_bytes: int = 8 * 1024 * 1024
    flag_definitions: str | PathLike[str] | bytes | None = field(default=None, repr=False)
    only_evaluate_locally: bool = False
    historical_migration: bool = False
    disable_geoip: bool = True
    is_server: bool = True
    path: str = "/batch/"
    allow_insecure_http: bool = False
    name: str = ""
    delivery: Delivery = field(default=Delivery(), repr=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        put = object.__setattr__
        put(self, "api_key", check_key("api_key", self.api_key))
        if self.personal_api_key is not None:
            secret = check_key("personal_api_key", self.personal_api_key)
            check_bearer("personal_api_key", secret)
            put(self, "personal_api_key", secret)
        if isinstance(self.host, str):
            put(self, "host", _INGESTION.get(self.host.rstrip("/").lower(), self.host))
        put(self, "flag_definitions", _definitions(self.flag_definitions))
        self._check_numbers()
        check_delivery(self.delivery)
        url = self._url  # checked here, whether or not the name needs it
        put(self, "name", self.name or default_name("posthog", Secret(self.api_key), url))
        check_name(self.name)

    def _check_numbers(self) -> None:
        if self.feature_flags_polling_interval is not None:
            interval = self.feature_flags_polling_interval
            check_seconds("feature_flags_polling_interval", interval, least=0.1)
        check_seconds("flags_timeout", self.flags_timeout, least=0.001)
        check_count("max_cache_size", self.max_cache_size)
        check_count("max_definitions_bytes", self.max_definitions_bytes)
        for name in ("only_evaluate_locally", "historical_migration", "disable_geoip", "is_server"):
            check_bool(name, getattr(self, name))

    def address(self, path: str) -> str:
        """Return the address of *path* at this host, without a slash at its end."""
        return endpoint("host", self.host, path, allow_insecure_http=self.allow_insecure_http)

    # What every event and request repeats, made once. No fields: a dump of those must not show
    # the key.

    @cached_property
    def _url(self) -> str:
        # PostHog's address ends in a slash, and redirects whoever leaves it out.
        return self.address(self.path) + ("/" if self.path.endswith("/") else "")

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        return keyless()

    @property
    def _keys(self) -> tuple[Secret, ...]:
        own = self.personal_api_key
        return (Secret(self.api_key), *(() if own is None else (Secret(own),)))

    @cached_property
    def _head(self) -> bytes:
        return b'{"api_key":%s,"batch":[' % encode(Secret(self.api_key).reveal())

    @cached_property
    def _tail(self) -> bytes:
        migration = b',"historical_migration":true' if self.historical_migration else b""
        return b'}],"sent_at":"%%s"%s}' % migration

    @cached_property
    def _about_us(self) -> Mapping[bool, Mapping[str, Any]]:
        """What we say of ourselves, by whether the address is not to be looked up."""
        about: dict[str, Any] = {"$lib": "asyncsdk", "$lib_version": __version__}
        if self.is_server:
            about["$is_server"] = True
        return {False: about, True: {**about, "$geoip_disable": True}}

    @property
    def wire_key(self) -> bool:
        """A request may carry several batches: no key is on the wire."""
        return False

    @property
    def routes(self) -> Mapping[str, RouteLimits]:
        """The limits of events."""
        return _ROUTES

    @property
    def defaults(self) -> Delivery:
        """What the vendor's SDKs do where nobody says otherwise."""
        return _DEFAULTS

    def flag_wire(self) -> FlagWire:
        """Return how PostHog is asked about its flags; loaded by whoever asks."""
        from asyncsdk.destinations.posthog_flags import PostHogFlags

        return PostHogFlags(self)

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Turn *message* into an event of PostHog's.

        The user's id is the `distinct_id`, else the anonymous one. An event of nobody, as `capture`
        may make it, has its own id there, and asks for no person.

        Raises whatever encoding raises: the event is then cleaned up first.
        """
        said = said_by(message)
        if isinstance(said, Unsupported):
            return said
        message_id = message.message_id
        plain = _is_uuid(message_id) is not None
        uuid = message_id if plain else _uuid_of(message_id)
        properties = self._properties(message, said.properties)
        if said.distinct_id is None:
            properties["$process_person_profile"] = False
        event = _Event(
            said.event,
            properties,
            message.timestamp or message.original_timestamp,
            uuid,
            said.distinct_id or uuid,
        )
        data = encode(event)[:-1]
        return Encoded(EVENTS, data if plain else _tag.put(data, message_id=message_id))

    def _properties(self, message: Message, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event's *own* properties, over what its context says, under what we say."""
        disable_geoip = message.disable_geoip
        about = self._about_us[self.disable_geoip if disable_geoip is None else disable_geoip]
        around = _around(message)
        return {**around, **own, **about} if around else {**own, **about}

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Join *events* under the envelope, which carries the key and the time of sending."""
        plain = (_tag.cut(one) if one.startswith(_TAGGED) else one for one in events)
        return enclose(self._head, b"},", plain, self._tail % sent_at.encode())

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Address *packed*; PostHog knows a repeat by the `uuid` of each event."""
        headers = packed_as(encoding, self._headers)
        return HttpRequest(url=self._url, headers=headers, body=packed)

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Say what *response* means: PostHog takes a request whole, or refuses it whole."""
        return judge(response, *self._keys)

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Return the message id and the time of an encoded *event*."""
        return _tagged_identity(event) if event.startswith(_TAGGED) else _identity(event)


def _around(message: Message) -> dict[str, Any] | None:
    """Return what a call says beside its properties; None, as most say nothing."""
    context, session_id, groups, flags = (
        message.context,
        given_id(message.session_id),
        message.groups,
        message.flags,
    )
    if not (context or session_id or groups or flags):
        return None
    found: dict[str, Any] = {} if context is None else properties_of(context)
    if session_id:
        found["$session_id"] = session_id
    if groups:
        found["$groups"] = groups
    if flags:
        found.update(flag_properties(flags))
    return found


def _uuid_of(message_id: str) -> str:
    """Return the UUID that a message id which is none stands for, always the same one."""
    return str(uuid5(_MESSAGE_IDS, message_id))


def flag_properties(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return feature flags as properties; what is in such a form already stays as it is."""
    found = {
        name if name.startswith("$") else f"$feature/{name}": value for name, value in flags.items()
    }
    active = [name for name, value in flags.items() if value and not name.startswith("$")]
    found.setdefault("$active_feature_flags", active)
    return found


def _definitions(given: object) -> Path | bytes | None:
    """Return the definitions to start from, or the path of their file.

    Raises:
        ConfigurationError: It is neither.
    """
    if given is None or isinstance(given, bytes):
        return given
    try:
        path = fspath(given)  # type: ignore[call-overload]  # this is the check of it
    except TypeError:
        path = None
    if not isinstance(path, str) or not path:
        raise ConfigurationError(
            "flag_definitions: the path of a file, or its bytes, is needed, "
            f"this is {type(given).__name__}"
        )
    return Path(path)
