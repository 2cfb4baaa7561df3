# ruff: noqa: ARG002 - a seam's methods are told what any system may need
"""A destination that keeps every promise, to be broken one promise at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from msgspec import structs

from asyncsdk import Delivery, Message, Secret
from asyncsdk.destinations import encode
from asyncsdk.seams import (
    Destination,
    Encoded,
    Fate,
    HttpRequest,
    HttpResponse,
    RouteLimits,
    Unsupported,
    Verdict,
)

KEY = "planted-write-key-1234567890"
EVENTS = "events"
SINGLE = "single"
LIMITS = RouteLimits(max_events=100, max_bytes=500_000)


@dataclass(frozen=True)
class Honest:
    """Two routes: one for many events, one for an alias."""

    key: Secret = Secret(KEY)  # noqa: RUF009 - it never changes
    name: str = "honest"

    @property
    def wire_key(self) -> bool:
        """The key is on the wire."""
        return True

    @property
    def routes(self) -> Mapping[str, RouteLimits]:
        """Many events, or one alias."""
        return {EVENTS: LIMITS, SINGLE: structs.replace(LIMITS, max_events=1)}

    @property
    def delivery(self) -> Delivery:
        """Nothing of its own."""
        return Delivery()

    @property
    def defaults(self) -> Delivery:
        """Nothing of its own."""
        return Delivery()

    def encode(self, message: Message) -> Encoded | Unsupported:
        """Write down all that was said."""
        if message.type == "group_identify":
            return Unsupported("group_identify: there is no form for it")
        said = {name: value for name, value in structs.asdict(message).items() if value}
        return Encoded(SINGLE if message.type == "alias" else EVENTS, encode(said)[:-1])

    def body(self, route: str, events: Sequence[bytes], *, sent_at: str) -> bytes:
        """Make a list of them, or send the one that there is."""
        return events[0] + b"}" if route == SINGLE else b"[" + b"},".join(events) + b"}]"

    def request(
        self,
        route: str,
        packed: bytes,
        *,
        encoding: str | None,
        key: str,
        attempt: int,
    ) -> HttpRequest:
        """Address it."""
        headers = {"Authorization": f"Bearer {self.key.reveal()}", "Idempotency-Key": key}
        headers["Content-Type"] = "application/json"
        if encoding:
            headers["Content-Encoding"] = encoding
        return HttpRequest(url=f"https://example.com/{route}", headers=headers, body=packed)

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Go by the status."""
        status = response.status
        fate = Fate.SPLIT
        if 200 <= status < 300:
            is_page = "text/html" in response.headers.get("content-type", "")
            fate = Fate.AGAIN if is_page else Fate.DELIVERED
        elif status == 401:
            fate = Fate.STOP
        elif status == 429 or status >= 500:
            fate = Fate.AGAIN
        wait = response.headers.get("retry-after", "")
        return Verdict(
            fate=fate, status=status, retry_after=float(wait) if wait.isdigit() else None
        )

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Read both."""
        said = json.loads(event + b"}")
        return said["message_id"], said["original_timestamp"]


def changed(*, name: str = "honest", **members: Any) -> Destination:
    """Return a destination that is honest but for its *name* and these *members*."""
    kind = type("Changed", (Honest,), members)
    return cast("Destination", kind(name=name))
