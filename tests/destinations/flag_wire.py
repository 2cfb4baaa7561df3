"""Recorded questions about flags of PostHog's SDKs, asked again through our API.

A fixture says what was called, what was asked and answered, and what came of it. What is ours on
purpose in every case stands in `asked_as_ours` and `told_as_ours`; what is so in a single case in the
table of the tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct, structs

from asyncsdk import AsyncAnalytics, Delivery, PostHog
from tests.client.street import until
from tests.destinations.comparing import compare
from tests.destinations.posthog_wire import HogFixture, as_ours
from tests.destinations.recorder import Recorded, Recorder, recording, said_json
from tests.destinations.wire import FIXTURES, snake

FLAGS = FIXTURES / "posthog_flags"


class Answered(Struct, frozen=True):
    """One answer of the recording server."""

    status: int
    body: Any = None
    headers: dict[str, str] | None = None


class FlagFixture(HogFixture, frozen=True, kw_only=True):
    """What the real SDK asked, was answered, and returned."""

    responses_given: list[Answered]
    result: Any = None


def load_flags() -> Iterator[FlagFixture]:
    """Yield every fixture about flags, by SDK."""
    for path in sorted(FLAGS.glob("*/*.json")):
        fixture = msgspec.json.decode(path.read_bytes(), type=FlagFixture)
        yield structs.replace(fixture, sdk=path.parent.name, case=path.stem)


class FlagSeen(Struct, frozen=True):
    """What ours asked, told and returned."""

    requests: list[Recorded]
    result: Any

    def of(self, path: str) -> list[Recorded]:
        """The requests to an address that begins like this."""
        return [one for one in self.requests if one.path.startswith(path)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that were sent, in order."""
        return [event for one in self.of("/batch/") for event in one.json["batch"]]


class Answering:
    """Answers each address as it was answered then, the last answer again and again."""

    def __init__(self, fixture: FlagFixture) -> None:
        self._slow = "timeout" in fixture.case
        self._answers: dict[str, list[Answered]] = {}
        for sent, answer in zip(fixture.requests, fixture.responses_given, strict=True):
            self._answers.setdefault(sent.path, []).append(answer)

    async def __call__(self, request: Recorded) -> bytes:
        """Return the next answer; in a case about time-outs it comes too late."""
        path = request.path.partition("?")[0]
        answers = self._answers.get(path, [Answered(200, {"status": "Ok"})])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if self._slow and path == "/flags/":
            await asyncio.sleep(1.0)
        headers = answer.headers or {}
        return said_json(answer.status, answer.body, **headers)


async def repeat_flags(fixture: FlagFixture) -> FlagSeen:
    """Do what the fixture did, through our API."""
    options = fixture.options
    secret = options.get("secretKey") or options.get("secret_key")
    async with recording(Answering(fixture)) as server:
        hog = PostHog(
            options["api_key"],
            host=server.url,
            personal_api_key=secret,
            feature_flags_polling_interval=_interval(fixture),
            flags_timeout=0.2 if "timeout" in fixture.case else 3.0,
            delivery=Delivery(jitter=0),
        )
        async with AsyncAnalytics(hog) as client:
            result = await _do(fixture, client, server)
        return FlagSeen(server.requests, result)


def _interval(fixture: FlagFixture) -> float | None:
    """Return the seconds between polls; without one there where nothing was polled for."""
    if any(sent.path == "/flags/definitions" for sent in fixture.requests):
        return 0.1 if "_then_" in fixture.case else 30.0
    return None


async def _do(fixture: FlagFixture, client: AsyncAnalytics, server: Recorder) -> Any:
    method = fixture.call.method
    flags = client.flags
    if "definitions" in fixture.case or "etag" in fixture.case:
        return await _poll(fixture, client, server)
    if method == "reloadFeatureFlags":
        await flags.reload()
        return None
    if "snapshot" in fixture.case or "evaluate_flags" in fixture.case:
        return await _snapshot(fixture, client)
    if method == "capture":
        client.capture("e", "user-1", send_feature_flags=True)
        return None
    if "dedupe" in fixture.case:
        persons = ["user-1"] * 3 + ["user-2"]
        return [await flags.get("variant-flag", person) for person in persons]
    return await _ask(method, client, *_arguments(fixture))


def _arguments(fixture: FlagFixture) -> tuple[list[Any], dict[str, Any]]:
    """Return the recorded arguments: key and person in a row, the rest by our names."""
    if isinstance(fixture.call.args, list):
        plain = [one for one in fixture.call.args if isinstance(one, str)]
        given = next((one for one in fixture.call.args if isinstance(one, dict)), {})
    else:
        given = dict(fixture.args)
        plain = [given.pop(name) for name in ("key", "distinct_id") if name in given]
    named = {snake(name): value for name, value in given.items()}
    return plain, {_NAMES.get(name, name): value for name, value in named.items()}


_NAMES = {"send_feature_flag_events": "send_events"}


async def _ask(method: str, client: AsyncAnalytics, plain: list[Any], named: dict[str, Any]) -> Any:
    flags = client.flags
    if snake(method) in ("get_feature_flag", "get_feature_flag_result"):
        if method.endswith("Result"):
            found = await flags.result(*plain, **named)
            return {
                "key": found.key,
                "enabled": found.enabled,
                "variant": found.variant,
                "payload": found.payload,
                "reason": found.reason,
                "reasonCode": found.code,
            }
        return await flags.get(*plain, **named)
    if snake(method) in ("is_feature_enabled", "feature_enabled"):
        return await flags.is_enabled(*plain, **named)
    if snake(method) == "get_feature_flag_payload":
        return await flags.payload(*plain, **named)
    if method == "get_remote_config_payload":
        return await flags.remote_config(*(plain or ["cfg"]))
    if method == "get_all_flags":
        return await flags.all(*plain, **named)
    found_all = await flags.all_with_payloads(*plain, **named)
    assert found_all is not None
    return {"featureFlags": found_all.values, "featureFlagPayloads": found_all.payloads}


async def _snapshot(fixture: FlagFixture, client: AsyncAnalytics) -> Any:
    flags = await client.flags.snapshot("user-1")
    if fixture.call.method == "evaluate_flags":
        return sorted(flags)
    read: list[Any] = [flags.is_enabled("simple-flag"), flags.get("variant-flag")]
    read += [flags.payload("simple-flag"), flags.get("no-such"), sorted(flags)]
    client.capture("e", "user-1", flags=flags)
    return read


async def _poll(fixture: FlagFixture, client: AsyncAnalytics, server: Recorder) -> Any:
    flags = client.flags
    await flags.ready()
    before = await flags.get("simple-flag", "user-1", only_evaluate_locally=True)
    polls = len([one for one in fixture.requests if one.path == "/flags/definitions"])
    if "etag" in fixture.case:
        for _ in range(polls - 1):
            await flags.reload()
        return before
    await until(lambda: len(server.requests) >= 2)
    await flags.reload()
    after = await flags.get("simple-flag", "user-1", only_evaluate_locally=True)
    return {"before_error": before, "after_error": after}


def asked_as_ours(fixture: FlagFixture) -> list[dict[str, Any]]:
    """Return the bodies of the questions with what is ours in every one: the Node SDK's form."""
    found: list[dict[str, Any]] = []
    for sent in fixture.requests:
        if sent.path == "/flags/":
            body = dict(sent.body)
            if fixture.sdk != "node":
                body["token"] = body.pop("api_key", None) or body["token"]
                body["evaluation_runtime"] = "server"
                for name in ("sent_at", "device_id"):
                    body.pop(name)
            found.append(body)
    return found


def told_as_ours(fixture: FlagFixture) -> list[dict[str, Any]]:
    """Return the events with what is ours in every one.

    The Node SDK's, which leaves out what is null and the payload; of flags that were decided here
    the version is said as well, as the Python one does.
    """
    found: list[dict[str, Any]] = []
    for event in fixture.events:
        own = {
            name: value
            for name, value in event["properties"].items()
            if value is not None and name != "$feature_flag_payload"
        }
        if own.get("locally_evaluated") is True:
            own |= {
                "$feature_flag_evaluated_at": "<ms>",
                "$feature_flag_definitions_loaded_at": "<ms>",
                "$feature_flag_version": 3,
                "$feature_flag_reason": "Evaluated locally",
            }
        found.append(as_ours({**event, "properties": own}, {}))
    return found


def problems_of(
    fixture: FlagFixture, seen: FlagSeen, asked: list[dict[str, Any]], told: list[dict[str, Any]]
) -> list[str]:
    """Return where ours did not ask, tell or return the same."""
    ours = [one.json for one in seen.of("/flags/?")]
    found = list(compare(asked, ours, "asked"))
    found += compare(told, [_without_moments(event) for event in seen.events], "told")
    found += compare(fixture.result, seen.result, "result")
    found += _problems_of_polls(fixture, seen)
    packed = any("content-encoding" in one.headers for one in seen.of("/flags/"))
    return [*found, "a question was packed"] if packed else found


def _problems_of_polls(fixture: FlagFixture, seen: FlagSeen) -> Iterator[str]:
    key = fixture.options["api_key"]
    theirs = [sent for sent in fixture.requests if sent.method == "GET"]
    ours = [one for one in seen.requests if one.method == "GET"]
    if bool(theirs) != bool(ours):
        yield f"{len(theirs)} fetched expected, {len(ours)} found"
    for sent, one in zip(theirs[:2], ours[:2], strict=True):
        more = "&send_cohorts" if sent.path == "/flags/definitions" else ""
        expected = {"path": f"{sent.path}?token={key}{more}"}
        said = {"path": one.path}
        for name in ("authorization", "if-none-match"):
            expected[name] = sent.headers.get(name, "none")
            said[name] = one.headers.get(name, "none")
        yield from compare(expected, said, "fetched")


def _without_moments(event: dict[str, Any]) -> dict[str, Any]:
    own = dict(event["properties"])
    if own.get("locally_evaluated") is True:
        for name in ("$feature_flag_evaluated_at", "$feature_flag_definitions_loaded_at"):
            assert abs(own[name] / 1000 - time.time()) < 60
            own[name] = "<ms>"
    return {**event, "properties": own}
