"""Servers of GetFluxly and Inslytic in a few lines, and clients in a hurry before them."""

from __future__ import annotations

from typing import Any, Unpack

import msgspec

from asyncsdk import AsyncAnalytics, Delivery, GetFluxly, Inslytic
from asyncsdk.client.settings import Options
from tests.destinations.recorder import Recorded, Recorder, Reply, said_json
from tests.street.walking import adds_up

TOKEN = "gflux_secret_that-must-never-be-shown"
ALIAS = "/v1/identify/alias"


def hurried(**options: Unpack[Options]) -> Options:
    """Return *options* with short pauses where they say nothing else."""
    quick: Options = {"retry_base": 0.01, "retry_cap": 0.05, "timeout": 2.0, "flush_interval": 0.05}
    quick.update(options)
    return quick


def fluxly(server: Recorder, **options: Unpack[Options]) -> AsyncAnalytics:
    """Make a client of GetFluxly that is in a hurry."""
    return AsyncAnalytics(GetFluxly(TOKEN, api_host=server.url, name="here"), **hurried(**options))


def inslytic(server: Recorder, *, name: str = "here", delivery: Delivery | None = None) -> Inslytic:
    """Point an Inslytic destination at *server*."""
    return Inslytic(TOKEN, endpoint=server.url, name=name, delivery=delivery or Delivery())


def taken(request: Recorded) -> bytes:
    """Take all events of a request, or join the ids of an alias."""
    if request.path == ALIAS:
        return said_json(200, {"alias": {**request.json, "merged_at": "2026-05-16T07:00:00Z"}})
    count = len(request.json["events"])
    return said_json(202, {"accepted": count, "rejected": 0, "errors": []})


def refused(status: int, code: str, **headers: str) -> bytes:
    """Refuse a request in the vendor's form."""
    return said_json(status, {"error": code, "detail": "words"}, **headers)


DOWN = refused(503, "server_error")


def in_turn(*answers: bytes | None, then: Reply = taken) -> Reply:
    """Give these answers, one a request, then those of *then*."""
    left = list(answers)

    def reply(request: Recorded) -> bytes | None:
        """Give the next one."""
        return left.pop(0) if left else then(request)

    return reply


def always(answer: bytes | None) -> Reply:
    """Give one answer for ever."""
    return lambda _: answer


def by_path(*, events: Reply = taken, alias: Reply = taken) -> Reply:
    """Answer events and aliases differently."""
    return lambda request: (alias if request.path == ALIAS else events)(request)


def seen(server: Recorder) -> list[Any]:
    """List what came, request by request: an alias's user, or the numbers of its events."""
    return [
        request.json["user_id"] if request.path == ALIAS else numbers(request)
        for request in server.requests
    ]


def numbers(request: Recorded) -> list[int]:
    """List the places of a request's events; Inslytic gets them as texts."""
    return [int(event["properties"]["n"]) for event in request.json["events"]]


def keys(server: Recorder, path: str | None = None) -> list[str]:
    """List the idempotency keys of the requests, or of those to *path*."""
    return [
        request.headers["x-idempotency-key"]
        for request in server.requests
        if path is None or request.path == path
    ]


def in_order(analytics: AsyncAnalytics) -> bool:
    """Say whether every event of each lane is in exactly one place, and in the sum."""
    total = analytics.statistics()
    return adds_up(total) and all(map(adds_up, total.destinations.values()))


def answer_in(answer: bytes | None) -> Any:
    """Return what a receipt's answer says."""
    return None if answer is None else msgspec.json.decode(answer)
