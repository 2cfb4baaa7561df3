"""Inslytic: its wire form, as its API reference has it.

Nothing of it could be recorded: the vendor's Node SDK was not obtainable, and of the API reference
and the OpenAPI document only excerpts were read. So this form is documented, not measured.

Unverified: where the traits of an identify belong (here `properties`, the only place that the
schema offers; `identify_traits_in` says otherwise), whether properties other than texts are refused
(here all go as text; `stringify_properties=False` sends them as they are), whether one bad event
has its whole batch refused (here it is looked for by halves), how many bytes a request may have
(here 1,000,000), and all fields of an event that the excerpt does not show, such as the device.

Different on purpose: 429 is tried again, although it is a 4xx and the vendor's SDK does not retry
those: the API documents a token bucket, so the same events are welcome a moment later. The queue
that events return to is bounded, in events, in bytes and, by `max_age`, in time.

The schema has no event id: a repeat after an answer that was lost may count twice, and nothing can
be done about it on the wire.

Source: inslytic.com/docs/api-reference, api.inslytic.com/openapi.json, the documentation page of
@inslytic/sdk-node (excerpts, checked 2026-11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from asyncsdk.destinations.addresses import (
    check_delivery,
    check_name,
    default_name,
)
from asyncsdk.destinations.addresses import endpoint as joined
from asyncsdk.destinations.answers import judge_status, with_words
from asyncsdk.destinations.headers import bearer, check_bearer, packed_as
from asyncsdk.destinations.identities import Tag, check_field, identity_reader
from asyncsdk.destinations.secrets import Secret, check_key
from asyncsdk.destinations.texts import object_of, text_of, texts_of
from asyncsdk.messages import Consent, Message
from asyncsdk.options import Delivery, check_bool
from asyncsdk.seams import (
    Encoded,
    Fate,
    HttpRequest,
    HttpResponse,
    RouteLimits,
    Unsupported,
    Verdict,
)
from asyncsdk.wire.encoding import encode
from asyncsdk.wire.ids import given_id
from asyncsdk.wire.joining import enclose

_tag = Tag("eventName")
_identity = identity_reader("messageId", "timestamp")

#: Of the statuses below 500 only this one passes by itself.
_AGAIN = frozenset({429})

_ROUTES: Mapping[str, RouteLimits] = {
    "ingest": RouteLimits(
        max_events=1_000,
        max_bytes=1_000_000,
        event_overhead=len("},"),
        body_overhead=len('{"events":[]}'),
    )
}
_DEFAULTS = Delivery(max_batch_events=20, max_retries=3, exhausted="requeue", gzip=False)


class _Event(Struct, omit_defaults=True):
    """The wire form of an event, in the vendor's spelling; what is absent is left out."""

    eventName: Any  # noqa: N815 - wire spelling
    timestamp: str
    anonymousId: str  # noqa: N815
    sessionId: str  # noqa: N815
    consentGiven: bool  # noqa: N815
    properties: Any
    userId: str | None = None  # noqa: N815
    pageUrl: str | None = None  # noqa: N815
    pageTitle: str | None = None  # noqa: N815
    referrer: str | None = None
    utmSource: str | None = None  # noqa: N815
    utmMedium: str | None = None  # noqa: N815
    utmCampaign: str | None = None  # noqa: N815


_TAKEN = frozenset(one.name for one in structs.fields(_Event)) | {"messageId"}

# Which of an event's fields are filled from where in its context.
_FACTS = (
    ("page", (("pageUrl", "url"), ("pageTitle", "title"), ("referrer", "referrer"))),
    ("campaign", (("utmSource", "source"), ("utmMedium", "medium"), ("utmCampaign", "name"))),
)


@dataclass(frozen=True)
class Inslytic:
    """Deliver to Inslytic.

    `track` needs an `anonymous_id`, `identify` a `user_id`; other calls have no form here. Of the
    context, `page.url`, `page.title`, `page.referrer`, and `campaign.source`, `campaign.medium`,
    `campaign.name` are sent. See the module for what of all this is unverified.

    Attributes:
        api_key: The project's key; a `Secret`, masked wherever it is shown.
        endpoint: Absolute; a path in it is kept.
        path: Of the ingest route, under `endpoint`.
        stringify_properties: Whether properties and traits are sent as texts, which is the type
            that the API documents; else they go as they are.
        identify_traits_in: The field of an event that carries an identify's traits; empty sends
            none. Unverified.
        allow_insecure_http: Whether plain http may leave this machine.
        name: The lane's name; by default the kind and a short hash of key and URL.
        delivery: Options for this destination alone.

    Raises:
        ConfigurationError: The key is empty, or the URL is not absolute http(s), or would send
            events unprotected, or a field has a value that it cannot have.

    Source: inslytic.com/docs/api-reference, not measured (checked 2026-11).
    """

    api_key: str | Secret
    _: KW_ONLY
    endpoint: str = "https://api.inslytic.com"
    path: str = "/v1/ingest"
    stringify_properties: bool = True
    identify_traits_in: str = "properties"
    allow_insecure_http: bool = False
    name: str = ""
    delivery: Delivery = field(default=Delivery(), repr=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        key = check_key("api_key", self.api_key)
        check_bearer("api_key", key)
        check_delivery(self.delivery)
        check_bool("stringify_properties", self.stringify_properties)
        if self.identify_traits_in not in ("", "properties"):
            check_field("identify_traits_in", self.identify_traits_in, _TAKEN)
        url = self._url  # checked here, whether or not the name needs it
        put = object.__setattr__
        put(self, "api_key", key)
        put(self, "name", self.name or default_name("inslytic", key, url))
        check_name(self.name)

    # What every request repeats, made once. No fields: a dump of those must not show the key.

    @cached_property
    def _url(self) -> str:
        return joined(
            "endpoint", self.endpoint, self.path, allow_insecure_http=self.allow_insecure_http
        )

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        return bearer(Secret(self.api_key))

    @property
    def wire_key(self) -> bool:
        """A request may carry several batches: no key is on the wire."""
        return False

    @property
    def routes(self) -> Mapping[str, RouteLimits]:
        """The ingest route's limits."""
        return _ROUTES

    @property
    def defaults(self) -> Delivery:
        """What the vendor's SDK does where nobody says otherwise."""
        return _DEFAULTS

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Turn *message* into Inslytic's form, with its message id in front as long as it is here.

        Raises whatever encoding raises, and ValidationError for what is no plain JSON value: the
        event is then cleaned up first.
        """
        kind = message.type
        if kind == "track":
            return self._track(message)
        if kind == "identify":
            return self._identify(message)
        return Unsupported(f"{kind}: Inslytic has no form for it; call track() or identify()")

    def _track(self, message: Message) -> Encoded | Unsupported:
        anonymous_id = given_id(message.anonymous_id)
        if anonymous_id is None:
            return Unsupported("anonymous_id: Inslytic needs one for track(), given or bound")
        event = self._event(message, message.event, anonymous_id, given_id(message.user_id))
        event.properties = self._object("properties", message.properties)
        return _encoded(message, encode(event)[:-1])

    def _identify(self, message: Message) -> Encoded | Unsupported:
        user_id = given_id(message.user_id)
        if user_id is None:
            return Unsupported("user_id: Inslytic needs one for identify(), given or bound")
        event = self._event(message, "$identify", user_id, user_id)
        place = self.identify_traits_in
        if not place:
            return _encoded(message, encode(event)[:-1])
        traits = self._object("traits", message.traits)
        if place != "properties":
            return _encoded(message, b"%s,%s" % (encode(event)[:-1], encode({place: traits})[1:-1]))
        event.properties = traits
        return _encoded(message, encode(event)[:-1])

    def _event(
        self, message: Message, name: str | None, anonymous_id: str, user_id: str | None
    ) -> _Event:
        return _Event(
            name,
            message.timestamp or message.original_timestamp,
            anonymous_id,
            given_id(message.session_id) or "",
            _is_given(message.consent),
            {},
            user_id,
            **_facts_of(message.context),
        )

    def _object(self, field_name: str, values: Any) -> Any:
        if self.stringify_properties:
            return texts_of(field_name, values)
        return {} if values is None else values

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Join *events*, without the ids that have no field here."""
        return enclose(b'{"events":[', b"},", map(_tag.cut, events), b"}]}")

    def request(
        self, route: str, packed: bytes, *, encoding: str | None, key: str, attempt: int
    ) -> HttpRequest:
        """Address *packed*; nothing on Inslytic's wire tells a repeat."""
        headers = packed_as(encoding, self._headers)
        return HttpRequest(url=self._url, headers=headers, body=packed)

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Say what *response* means: any 2xx is a yes to all; of 4xx, 429 alone comes again."""
        key = Secret(self.api_key)
        verdict = judge_status(response, key, again=_AGAIN)
        if verdict.fate is Fate.DELIVERED or verdict.code is not None:
            return verdict
        return with_words(verdict, response, key)

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Return the message id and the time of an encoded *event*."""
        return _identity(event)


def _encoded(message: Message, event: bytes) -> Encoded:
    return Encoded("ingest", _tag.put(event, messageId=message.message_id))


def _facts_of(context: Any) -> dict[str, str]:
    """Return the fields of an event that its context fills."""
    facts: dict[str, str] = {}
    if context is None:
        return facts
    around = object_of("context", context)
    for part, names in _FACTS:
        values = object_of(f"context.{part}", around.get(part))
        for name, of in names:
            text = text_of(f"context.{part}.{of}", values.get(of))
            if text is not None:
                facts[name] = text
    return facts


def _is_given(consent: Consent | None) -> bool:
    """Say whether the user agreed: to all purposes, if they are told apart; by default, yes."""
    if isinstance(consent, Mapping):
        return all(consent.values())
    return consent is None or consent
