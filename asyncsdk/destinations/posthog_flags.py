"""PostHog's flags on the wire: questions about them, and what the answers mean.

    POST /flags/?v=2                       the flags of one person, or some of them
    GET  /flags/definitions                all definitions, for local evaluation
    GET  /api/…/<key>/remote_config        the payload of a remote configuration

The form is posthog-node's (v 2, `token`), with the words of posthog-python for what went wrong, as
these say more. Both shapes of an answer are read: records, and the older values.

Source: posthog-node 5.70.0 and posthog 7.91.1 for Python, recorded (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from asyncsdk.destinations.answers import is_page, json_in, retry_after
from asyncsdk.destinations.headers import bearer, keyless
from asyncsdk.destinations.posthog import PostHog, flag_properties
from asyncsdk.destinations.secrets import Secret
from asyncsdk.flag_seams import Poll, Question, RemoteFlag, RemoteFlags, Value
from asyncsdk.seams import HttpRequest, HttpResponse
from asyncsdk.wire.encoding import decode, encode, looks_foreign
from asyncsdk.wire.values import clean

#: Bytes of an answer about one person's flags: thousands of them, with payloads.
MAX_ANSWER = 2 * 1024 * 1024
#: Seconds for an answer with all definitions, as both of the vendor's SDKs have it.
DEFINITIONS_TIMEOUT = 10.0
#: After these the same question is asked once more.
_PASSING = frozenset({502, 504})

_NOTHING: Mapping[str, Any] = {}


class PostHogFlags(Struct, frozen=True):
    """Word questions about flags to PostHog, and read its answers; a `FlagWire`."""

    destination: PostHog

    @property
    def may_poll(self) -> bool:
        """Definitions are given out for a personal key only."""
        return self.destination.personal_api_key is not None

    @property
    def interval(self) -> float | None:
        """Seconds between two questions for definitions."""
        return self.destination.feature_flags_polling_interval

    @property
    def only_locally(self) -> bool:
        """Whether flags are never asked of the server, unless a call says so."""
        return self.destination.only_evaluate_locally

    @property
    def given(self) -> Path | bytes | None:
        """Definitions to start from."""
        given = self.destination.flag_definitions
        return given if given is None or isinstance(given, bytes) else Path(given)

    @property
    def timeout(self) -> float:
        """Seconds for a question about flags."""
        return self.destination.flags_timeout

    @property
    def max_remembered(self) -> int:
        """Persons of whom it is remembered what was reported."""
        return self.destination.max_cache_size

    @property
    def max_definitions_bytes(self) -> int:
        """Definitions above this are refused."""
        return self.destination.max_definitions_bytes

    def ask(self, question: Question) -> HttpRequest:
        """Word *question*; what JSON cannot carry goes as text."""
        return HttpRequest(
            url=self.destination.address("/flags") + "/?v=2",
            headers=keyless(),
            body=_body(self._fields(question)),
            timeout=self.timeout,
            max_answer_bytes=MAX_ANSWER,
        )

    def _fields(self, question: Question) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "token": Secret(self.destination.api_key).reveal(),
            "distinct_id": question.distinct_id,
            "groups": question.groups,
            "person_properties": question.person_properties,
            "group_properties": question.group_facts(),
        }
        if self.destination.disable_geoip:
            fields["geoip_disable"] = True
        if question.keys is not None:
            fields["flag_keys_to_evaluate"] = question.keys
        if question.device is not None:
            fields["$device_id"] = question.device
        fields["evaluation_runtime"] = "server"
        return fields

    def read(self, response: HttpResponse) -> RemoteFlags:
        """Say what the answer to a question means."""
        status = response.status
        if not 200 <= status < 300:
            return RemoteFlags(error=f"api_error_{status}", failed=True, again=status in _PASSING)
        try:
            content = json_in(response)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return RemoteFlags(error="unknown_error", failed=True)
        limited = content.get("quotaLimited")
        if isinstance(limited, list) and "feature_flags" in limited:
            return RemoteFlags(error="quota_limited", failed=True)
        computing = content.get("errorsWhileComputingFlags") is True
        return RemoteFlags(
            flags=dict(_flags(content)),
            error="errors_while_computing_flags" if computing else "",
            request_id=_text(content.get("requestId")),
            evaluated_at=_number(content.get("evaluatedAt")),
            minimal=content.get("minimalFlagCalledEvents") is True,
        )

    def add_flags(self, data: bytes, flags: Mapping[str, Value]) -> bytes:
        """Return an encoded event with *flags* among its properties; its own ones stay.

        What else is in it stays as it is, byte for byte.
        """
        event = msgspec.json.decode(data + b"}", type=dict[str, Raw])
        own = msgspec.json.decode(event["properties"], type=dict[str, Raw])
        event["properties"] = Raw(encode({**flag_properties(flags), **own}))
        return encode(event)[:-1]

    def ask_definitions(self, etag: str | None) -> HttpRequest:
        """Ask for the definitions, packed if the server likes, unless they are those of *etag*."""
        known = {} if etag is None else {"If-None-Match": etag}
        return self._get("/flags/definitions", "&send_cohorts", self.max_definitions_bytes, known)

    def ask_config(self, key: str) -> HttpRequest:
        """Ask for the payload of the remote configuration *key*."""
        path = f"/api/projects/@current/feature_flags/{quote(key, safe='')}/remote_config"
        return self._get(path, "", MAX_ANSWER, _NOTHING)

    def _get(self, path: str, query: str, most: int, more: Mapping[str, str]) -> HttpRequest:
        token = quote(Secret(self.destination.api_key).reveal(), safe="")
        headers = {"Accept-Encoding": "gzip", **more}
        if self.destination.personal_api_key is not None:
            headers |= bearer(Secret(self.destination.personal_api_key))
            del headers["Content-Type"]
        return HttpRequest(
            url=f"{self.destination.address(path)}?token={token}{query}",
            headers=headers,
            body=b"",
            method="GET",
            timeout=DEFINITIONS_TIMEOUT,
            max_answer_bytes=most + 1,  # so that one byte too much can be seen
        )

    def read_definitions(self, response: HttpResponse) -> Poll:
        """Say what the answer to the question for definitions means."""
        status, etag = response.status, response.headers.get("etag")
        if status == 304:
            return Poll(same=True, etag=etag)
        if status == 402:
            return Poll(clear=True, error="HTTP 402, the quota is used up")
        if not 200 <= status < 300:
            return Poll(error=f"HTTP {status}", retry_after=retry_after(response.headers))
        if is_page(response):
            return Poll(error="an HTML page instead of definitions")
        if len(response.body) > self.max_definitions_bytes:
            return Poll(error=self.too_large)
        return Poll(body=response.body, packed=is_packed(response), etag=etag)

    @property
    def too_large(self) -> str:
        """What is said of definitions that are refused for their size."""
        return f"over {self.max_definitions_bytes} bytes; max_definitions_bytes bounds them"

    def read_config(self, response: HttpResponse) -> Any:
        """Return the payload: JSON in a JSON text.

        Raises:
            ValueError: The answer is none.
        """
        if not 200 <= response.status < 300 or is_page(response):
            raise ValueError(f"HTTP {response.status}")
        found = json_in(response)
        if not isinstance(found, str):
            return found
        try:
            return decode(found.encode())
        except (ValueError, RecursionError):
            return found


def is_packed(response: HttpResponse) -> bool:
    """Say whether the body of *response* is gzip."""
    return response.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip")


def _body(fields: dict[str, Any]) -> bytes:
    with suppress(Exception):  # what a foreign object raises is met by cleaning up
        body = encode(fields)
        if not looks_foreign(body):
            return body
    return encode(clean(fields, "flags")[0])


def _flags(content: Mapping[str, Any]) -> Iterator[tuple[str, RemoteFlag]]:
    """Yield the flags of an answer of either shape; what has no known form is left out."""
    records = content.get("flags")
    if isinstance(records, dict):
        for key, record in records.items():
            if isinstance(record, dict):
                yield key, _flag(record)
        return
    values, payloads = content.get("featureFlags"), content.get("featureFlagPayloads")
    if isinstance(values, list):  # older still: those that are on
        values = {key: True for key in values if isinstance(key, str)}
    known = payloads if isinstance(payloads, dict) else _NOTHING
    for key, value in (values if isinstance(values, dict) else _NOTHING).items():
        if isinstance(value, bool | str):
            yield key, RemoteFlag(value=value, payload=payload_of(known.get(key)))


def _flag(record: Mapping[str, Any]) -> RemoteFlag:
    variant, enabled = record.get("variant"), record.get("enabled") is True
    reason, about = _object(record.get("reason")), _object(record.get("metadata"))
    experiment = about.get("has_experiment")
    return RemoteFlag(
        value=variant if isinstance(variant, str) and variant else enabled,
        failed=record.get("failed") is True,
        payload=payload_of(about.get("payload")),
        reason=_text(reason.get("description")),
        code=_text(reason.get("code")),
        id=_number(about.get("id")),
        version=_number(about.get("version")),
        has_experiment=experiment if isinstance(experiment, bool) else None,
    )


def payload_of(text: object) -> Any:
    """Return a payload, which comes as JSON in a text; None for one that is no JSON."""
    if not isinstance(text, str):
        return text
    try:
        return decode(text.encode())
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
