"""Recorded calls of GetFluxly's Python package, and the same calls made through our API.

These recordings tell more than those of `wire`: what the server answered, what became of the call,
what the following flush gave, and how much was left in the queue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from asyncsdk import AsyncAnalytics, FlushResult, GetFluxly, Receipt
from asyncsdk.destinations.getfluxly import IdentifyForm
from asyncsdk.errors import AnalyticsError, DeliveryError
from tests.destinations.recorder import Recorded, Reply, recording, said, said_json
from tests.destinations.wire import FIXTURES, Call, Sent, decode

TOKEN = "gflux_secret_test"


class Trouble(Struct, frozen=True):
    """An error of theirs, in the fields that ours have too."""

    code: str
    status: int | None = None
    retryable: bool = False
    retry_after_ms: float | None = None


class Answered(Struct, frozen=True):
    """An answer of the server; a text is sent as it is."""

    status: int
    body: Any = None
    headers: dict[str, str] = {}


class Flushed(Struct, frozen=True):
    """What a flush of theirs gave."""

    returned: dict[str, Any] | None = None
    raised: Trouble | None = None


class Came(Struct, frozen=True, rename={"left": "left_in_queue"}):
    """What came of a recorded call."""

    flush: Flushed
    left: int
    raised: Trouble | list[Trouble | None] | None = None
    returned: Any = None


class FluxFixture(Struct, frozen=True):
    """What their package did."""

    case: str
    options: dict[str, Any]
    outcome: Came
    volatile: list[str]
    requests: list[Sent]
    server: list[Answered] = []
    call: Call | None = None
    calls: list[Call] = []

    def every_call(self) -> list[Call]:
        """Return its calls, in order."""
        return self.calls if self.call is None else [self.call]


class FluxSeen(Struct, frozen=True):
    """What ours did for the same calls."""

    raised: list[Exception]
    receipts: list[Receipt]
    flushed: FlushResult
    left: int
    requests: list[Recorded]


def load_flux() -> Iterator[FluxFixture]:
    """Yield every fixture."""
    for path in sorted((FIXTURES / "getfluxly").glob("*.json")):
        yield msgspec.json.decode(path.read_bytes(), type=FluxFixture)


def replying(fixture: FluxFixture) -> Reply:
    """Answer as the server did; the last answer stays, and without any all is taken."""
    answers = list(fixture.server)

    def reply(request: Recorded) -> bytes:
        """Give the next answer."""
        if not answers:
            count = len(request.json["events"])
            return said_json(202, {"accepted": count, "rejected": 0, "errors": []})
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        headers = {name.replace("-", "_"): value for name, value in answer.headers.items()}
        if isinstance(answer.body, str):
            return said(answer.status, answer.body.encode(), **headers)
        return said_json(answer.status, answer.body, **headers)

    return reply


_OPTIONS = {"flush_at": "flush_at", "max_queue_size": "max_queue_events", "max_retries": None}


def flux_client(fixture: FluxFixture, url: str, form: IdentifyForm) -> AsyncAnalytics:
    """Make the client that the fixture's options describe, in a hurry to try again."""
    options = dict(fixture.options)
    host = url + options.pop("hostSuffix", "")
    ours: Any = {_OPTIONS[name] or name: value for name, value in options.items()}
    destination = GetFluxly(TOKEN, api_host=host, identify_form=form)
    return AsyncAnalytics(destination, retry_base=0.01, **ours)


async def repeat_flux(fixture: FluxFixture, form: IdentifyForm = "identify") -> FluxSeen:
    """Make the fixture's calls and a flush through our API, against a server that records."""
    raised: list[Exception] = []
    receipts: list[Receipt] = []
    async with recording(replying(fixture)) as server:
        client = flux_client(fixture, server.url, form)
        await client.start()
        for call in fixture.every_call():
            given = {name: decode(value) for name, value in call.args.items()}
            given = {name: value for name, value in given.items() if value is not UNSET}
            try:
                receipts.append(getattr(client, call.method)(**given))
            except (AnalyticsError, TypeError) as error:
                raised.append(error)
        flushed = await client.flush()
        seen = FluxSeen(raised, receipts, flushed, client.pending, list(server.requests))
        await client.shutdown(0)
        return seen


def trouble_of(error: DeliveryError) -> Trouble:
    """Return an error of ours in their words: the server's own code, if it gave one."""
    wait = error.retry_after
    return Trouble(
        code=str(error.details.get("code", error.code)),
        status=error.status,
        retryable=error.retryable,
        retry_after_ms=None if wait is None else wait * 1_000,
    )
